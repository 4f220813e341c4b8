"""Where in a graph a fault can be planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alembic_gauntlet.graph import Graph
from strategies.graphs import LETTERS, MigrationScript

Scripts = tuple[MigrationScript, ...]
Roles = tuple[str, ...]
"""The revisions that a fault concerns, lower ones first."""


def anywhere(graph: Graph) -> list[Roles]:
    """Return every revision."""
    return [(revision,) for revision in graph.order]


def above(graph: Graph) -> list[Roles]:
    """Return every revision with something below it: (below, revision)."""
    return [(low, high) for high in graph.order for low in sorted(graph.ancestors(high) - {high})]


def adjacent(graph: Graph) -> list[Roles]:
    """Return revisions with one parent alone: nothing comes between the two in any command that runs both."""
    return [(*graph.parents(id), id) for id in graph.order if len(graph.parents(id)) == 1]


def three(graph: Graph) -> list[Roles]:
    """Return runs of three, each the only parent of the next, and its `down_revision`: a downgrade can aim at it."""
    pairs = [pair for pair in adjacent(graph) if graph[pair[1]].down_revisions]
    return [(low, middle, high) for low, middle in pairs for other, high in pairs if other == middle]


def parallel(graph: Graph) -> list[Roles]:
    """Return pairs of which neither is an ancestor of the other."""
    return [
        (one, other)
        for one in graph.order
        for other in graph.order
        if one not in graph.ancestors(other) and other not in graph.ancestors(one)
    ]


def merges(graph: Graph) -> list[Roles]:
    """Return merges, each with one of its parents."""
    return [(parent, merge) for merge in graph.merges for parent in graph[merge].down_revisions]


Place = Callable[[Graph], list[Roles]]


def with_room(drawn: Scripts, place: Place) -> Scripts:
    """Return a history in which there is such a place, extended by a few revisions where there is none."""
    for extend in (_same, _longer, lambda given: _longer(_longer(given)), _wider, _merged):
        extended = extend(drawn)
        if place(Graph.from_scripts(extended)):
            return extended
    raise AssertionError("every place is found in a line of three or in a merge")


def _same(drawn: Scripts) -> Scripts:
    return drawn


def _new(drawn: Scripts, *down: str) -> MigrationScript:
    used = {script.revision[0] for script in drawn}
    letter = next(letter for letter in LETTERS if letter not in used)
    return MigrationScript(f"{letter}{LETTERS.index(letter):03d}", down or None)


def _longer(drawn: Scripts) -> Scripts:
    return (*drawn, _new(drawn, drawn[-1].revision))


def _wider(drawn: Scripts) -> Scripts:
    return (*drawn, replace(_new(drawn), down_revision=drawn[-1].down_revision))


def _merged(drawn: Scripts) -> Scripts:
    wide = _wider(drawn)
    return (*wide, _new(wide, drawn[-1].revision, wide[-1].revision))
