"""The shortest path that shows a fault of which a small model is known: searched, breadth first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TypeVar

from alembic.script.revision import Revision, RevisionMap

from alembic_gauntlet.graph import Command, Graph, IllegalCommand, State, Step

Memory = TypeVar("Memory", bound=Hashable)


def shortest(
    graph: Graph,
    start: Memory,
    run: Callable[[Memory, Step], Memory],
    canonical: Callable[[State], Memory],
) -> tuple[Command, ...]:
    """Return the shortest path at whose end the memory of a database is not the canonical one of its state.

    Args:
        graph: the revision graph.
        start: what an empty database remembers.
        run: what it remembers after one revision more, in one direction.
        canonical: what it remembers where the state was reached by one revision per command.
    """
    revisions = alembic_revisions(graph)
    frontier: list[tuple[tuple[Command, ...], State, Memory]] = [((), frozenset(), start)]
    seen = {(frozenset[str](), start)}
    while frontier:
        next_frontier = []
        for path, state, memory in frontier:
            for command, after in legal(graph, state):
                reached = memory
                for step in steps(revisions, graph, state, command):
                    reached = run(reached, step)
                if reached != canonical(after):
                    return (*path, command)
                if (after, reached) not in seen:
                    seen.add((after, reached))
                    next_frontier.append(((*path, command), after, reached))
        frontier = next_frontier
    raise AssertionError("no path shows the fault")


def legal(graph: Graph, state: State) -> Iterator[tuple[Command, State]]:
    """Yield the commands with absolute targets that change a state, those that change the least first."""
    targets = ["heads", "base", *graph.order]
    commands = [Command("upgrade", target) for target in targets] + [Command("downgrade", target) for target in targets]
    commands += [
        Command("downgrade", f"{id}@{below}") for id in graph.order for below in (graph[id].down_revisions or ("base",))
    ]
    found = []
    for command in commands:
        try:
            after = graph.after(state, command)
        except IllegalCommand:
            continue
        if after != state:
            found.append((command, after))
    yield from sorted(found, key=lambda pair: len(pair[1] ^ state))


def alembic_revisions(graph: Graph) -> RevisionMap:
    """Return the graph as Alembic itself holds it."""
    made = [
        Revision(each.id, each.down_revisions, each.depends_on or None, each.labels or None) for each in graph.revisions
    ]
    return RevisionMap(lambda: made)


def steps(revisions: RevisionMap, graph: Graph, state: State, command: Command) -> tuple[Step, ...]:
    """Return what a command runs, in Alembic's own order, which is not always the canonical one."""
    rows = tuple(sorted(graph.version_heads(state)))
    if command.verb == "upgrade":
        found = list(revisions.iterate_revisions(command.target, rows, implicit_base=True))[::-1]
    else:
        found = list(revisions.iterate_revisions(rows, command.target, select_for_downgrade=True))
    return tuple((each.revision, command.verb) for each in found)
