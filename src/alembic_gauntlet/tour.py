"""Every transition of the state graph once, each taken from where the last one has led.

What a transition does is known afterwards, however it is asked for: the explorer knows equal databases as the same.
"""

from __future__ import annotations

from alembic_gauntlet.graph import Command, State
from alembic_gauntlet.path import Path
from alembic_gauntlet.walk import Explorer

_NAME = "transitions"
_Left = dict[State, dict[Command, State]]
"""For each state that is reached, the commands not taken from there yet, and where the graph says that they lead."""


def tour(explorer: Explorer, transitions: int) -> dict[State, Path]:
    """Take every transition, so many of them; return a path to each state: of those without a fault the first.

    That is, breadth first.

    Raises:
        Irreproducible: a migration behaves differently on the same database.
    """
    ways, left = _discovered(explorer, transitions)
    state = explorer.floor
    while any(left.values()):
        if not left[state]:
            state = next(each for each, commands in left.items() if commands)
        command, _ = max(left[state].items(), key=lambda each: len(left.get(each[1], ())))
        del left[state][command]
        explorer.reach(_NAME, 1 - sum(map(len, left.values())) / transitions)
        seen = explorer.observe((*ways[state], command))
        if seen.after in ways and explorer.is_same(seen.path, ways[seen.after]):
            state = seen.after
    return ways


def _discovered(explorer: Explorer, transitions: int) -> tuple[dict[State, Path], _Left]:
    """Return a path to each state that can be reached without a fault, and the commands from there not taken yet."""
    ways: dict[State, Path] = {explorer.floor: ()}
    left: _Left = {}
    todo = [explorer.floor]
    for state in todo:
        left[state] = {}
        for command in explorer.candidates(state):
            after = explorer.graph.after(state, command)
            if after in ways:
                left[state][command] = after
                continue
            explorer.reach(_NAME, len(ways) / transitions)
            seen = explorer.observe((*ways[state], command))
            if seen.is_clean and explorer.is_judged(seen.after):
                ways[seen.after] = seen.path
                todo.append(seen.after)
    return ways, left
