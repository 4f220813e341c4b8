"""The shortest path that shows a fault again: candidates, each of them run from an empty database.

A fault is judged by the canonical path, and a path is reported only after it has shown the fault, or is itself what
was run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from alembic_gauntlet.canonical import Canonical
from alembic_gauntlet.diff import Change, diff
from alembic_gauntlet.graph import Command, State
from alembic_gauntlet.runner import CommandError, Runner
from alembic_gauntlet.schema import Schema

Path = tuple[Command, ...]

_SHORTENED = 20
"""For so many faults shorter paths are looked for; it takes a run of each candidate."""


@dataclass(frozen=True)
class Symptom:
    """What is wrong at the end of a path: its last command fails, or leaves another schema than `expected`."""

    error: CommandError | None = None
    expected: Schema | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Reproduction:
    """A path that shows a fault; empty where none did.

    Attributes:
        trip: the revision whose round trip it takes, if any.
        symptom: what the path shows, where that is not what was asked for: a fault that looks different each time.
    """

    path: Path = ()
    trip: str | None = None
    symptom: Symptom | None = None


class Reproducer:
    """Looks for short paths, with sandboxes of its own."""

    def __init__(self, canonical: Canonical, runner: Runner) -> None:
        self._canonical = canonical
        self._runner = runner
        self._to_shorten = _SHORTENED

    def reproduce(self, trail: Path, state: State, tail: Path, symptom: Symptom) -> Reproduction:
        """Return the shortest path found.

        Args:
            trail: what has led to `state`, round trips included.
            state: the state in which `tail` has begun.
            tail: the commands that have shown the symptom there.
            symptom: what they have shown.
        """
        parents = self._canonical.straight_to(state)
        singles = self._canonical.way(state)
        observed = (*trail, *tail)
        if self._to_shorten <= 0:
            return Reproduction(observed)
        self._to_shorten -= 1
        straight = (*_with_round_trips(trail, 0), *tail)
        shorter = dict.fromkeys([tail, (*parents, *tail), (*singles, *tail)])
        for candidate in (*(each for each in shorter if each != straight), straight):
            if candidate == observed:
                return Reproduction(candidate)
            shown = self._shown(candidate, symptom.expected)
            if shown is not None and _is_same(shown, symptom):
                return Reproduction(candidate)
        # The last one was the way without round trips: where it shows anything, none of them is to blame.
        return Reproduction(straight, None, shown) if shown else self._after_a_round_trip(trail, tail, symptom)

    def _after_a_round_trip(self, trail: Path, tail: Path, symptom: Symptom) -> Reproduction:
        """Find, by halving, the round trip that it takes."""
        trips = [after.target for before, after in pairwise(trail) if before.verb == "downgrade"]
        if not self.shows((*trail, *tail), symptom):
            return Reproduction()
        too_few, enough = 0, len(trips)
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if self.shows((*_with_round_trips(trail, middle), *tail), symptom):
                enough = middle
            else:
                too_few = middle
        trip = trips[enough - 1]
        up = Command("upgrade", trip)
        down = trail[_trips(trail)[enough - 1]]
        alone = (*_with_round_trips(trail, enough, only=True), *tail)
        for candidate in ((up, down, up, *tail), alone):
            if self.shows(candidate, symptom):
                return Reproduction(candidate, trip)
        return Reproduction((*_with_round_trips(trail, enough), *tail), trip)

    def shows(self, path: Path, symptom: Symptom) -> bool:
        """Run a path from an empty database, and return whether its end shows the symptom."""
        shown = self._shown(path, symptom.expected)
        return shown is not None and _is_same(shown, symptom)

    def _shown(self, path: Path, expected: Schema | None) -> Symptom | None:
        """Run a path from an empty database; return what is wrong at its end, None where it does not get there."""
        with self._canonical.fresh() as sandbox:
            for command in path[:-1]:
                if self._runner.run(sandbox, command).error is not None:
                    return None
            error = self._runner.run(sandbox, path[-1]).error
            if error is not None or expected is None:
                return None if error is None else Symptom(error)
            changes = diff(expected, self._canonical.read(sandbox))
            return Symptom(None, expected, changes) if changes else None


def _is_same(one: Symptom, other: Symptom) -> bool:
    if one.error is None or other.error is None:
        return one.error is other.error and _kinds(one.changes) == _kinds(other.changes)
    return are_alike(one.error, other.error)


def _trips(trail: Path) -> list[int]:
    """Return where the round trips of a trail begin: each is a downgrade and the upgrade after it."""
    return [position for position, command in enumerate(trail) if command.verb == "downgrade"]


def _with_round_trips(trail: Path, count: int, only: bool = False) -> Path:
    """Return a trail with its first round trips alone, or with `only` that of number `count` alone."""
    positions = _trips(trail)
    kept = positions[count - 1 : count] if only else positions[:count]
    left_out = {each for position in positions if position not in kept for each in (position, position + 1)}
    return tuple(command for position, command in enumerate(trail) if position not in left_out)


def are_alike(one: CommandError, other: CommandError) -> bool:
    """Return whether two errors are the same one; their texts may differ in values and generated names."""
    if _kind(one) != _kind(other):
        return False
    # At COMMIT after several revisions, none of them is known to be the guilty one.
    unknown = _kind(one).startswith("at COMMIT") and None in (one.revision, other.revision)
    return unknown or _place(one) == _place(other)


def _kind(error: CommandError) -> str:
    found = re.match(r"(at COMMIT: )?\w*", error.explanation.summary)
    return found[0] if found else ""


def _place(error: CommandError) -> tuple[object, ...]:
    return error.revision, error.explanation.location


def _kinds(changes: Iterable[Change]) -> list[tuple[str, str, str]]:
    """What differs, less the names of objects in a table: some migrations generate them anew each time."""
    return sorted((change.change, change.kind, change.table or change.name) for change in changes)
