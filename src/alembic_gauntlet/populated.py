"""The populated walks: every revision with rows that aim at it, then random walks with random rows.

What shows on empty tables too is left to the other walks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar

from hypothesis import strategies as st

from alembic_gauntlet.aims import Aim, aims, touched
from alembic_gauntlet.canonical import Unreachable
from alembic_gauntlet.checkpoints import Irreproducible
from alembic_gauntlet.findings import Failure, Finding
from alembic_gauntlet.graph import Command, State
from alembic_gauntlet.machine import Walker, WalkMachine, nearest, signature
from alembic_gauntlet.path import Insert, Path, commands
from alembic_gauntlet.share import WHOLE, Share
from alembic_gauntlet.simpler import simplest
from alembic_gauntlet.sowing import Sower
from alembic_gauntlet.tables import Table
from alembic_gauntlet.walk import Explorer, Observation

_ROUNDS = 4
"""So many faults are looked for in one function of a revision: each hides the next."""

_BYSTANDERS = 12
"""So many tables that a command does not touch get a row, for what it does to their rows."""

_UNKNOWN = 40
"""So many, where it is not known which tables it reads and writes."""

_PLACES = (1, 2, 3, -1, -2)
"""Which samples a table gets besides the plainest ones: see `Sower.plant`."""

_MOST_AIMS = 24
"""So many aims of one command are planted at most."""


@dataclass(frozen=True)
class PopulatedWalker(Walker):
    """A walker that leaves aside what shows without rows, too."""

    def _failures(self, seen: Observation, known: frozenset[tuple[str, str | None, str]]) -> Iterator[Failure]:
        for failure in super()._failures(seen, known):
            if _is_about_rows(failure) or not self._shows_without_rows(seen, failure):
                yield failure

    def _shows_without_rows(self, seen: Observation, failure: Failure) -> bool:
        bare = commands(seen.path)
        if bare == seen.path:
            return True
        for count in range(1, len(bare)):
            if self.explorer.observe(bare[:count]).error is not None:
                return True
        found = super()._failures(self.explorer.observe(bare), frozenset())
        kinds = {signature(each) for other in found for each in other.findings}
        return any(signature(each) in kinds for each in failure.findings)


def _is_about_rows(failure: Failure) -> bool:
    return all(each.invariant in ("rows-survive", "row-round-trip", "sequences-ahead") for each in failure.findings)


# Every revision


def sow_every_revision(walker: Walker, sower: Sower, budget: int, share: Share = WHOLE) -> tuple[list[Finding], int]:
    """Take every revision up and down with rows; return each distinct fault, and how many revisions were tried.

    Each starts from the canonical way to its parents. `budget` is the number of commands; where it is too small, the
    oldest revisions are left out.
    """
    graph, floor = walker.explorer.graph, walker.explorer.floor
    recent = [revision for revision in graph.order if revision not in floor][-max(1, budget // 3) :]
    found: list[Finding] = []
    tried = 0
    for number, (revision, is_ours) in enumerate(share.of_each(recent)):
        walker.explorer.reach("revisions with rows", number / len(recent))
        if not is_ours:
            continue
        way = _way(walker, graph.ancestors(revision) - {revision} | floor)
        if way is not None:
            # A trigger or a migration that makes keys at random: nothing can be said that would hold again.
            with suppress(Irreproducible):
                new = _sow(walker, sower, way, revision)
                walker = walker.knowing(new)
                found += new
                tried += 1
    return found, tried


def _way(walker: Walker, state: State) -> Path | None:
    """Return a path of upgrades to a state, on which nothing goes wrong."""
    explorer = walker.explorer
    for way in (explorer.way(state), explorer.straight_to(state)):
        if all(explorer.observe(way[: count + 1]).is_clean for count in range(len(way))):
            return way
    return None


def _sow(walker: Walker, sower: Sower, way: Path, revision: str) -> list[Finding]:
    explorer, up = walker.explorer, Command("upgrade", revision)
    if not explorer.may_take(explorer.state(way), up):
        return []
    top = explorer.graph.after(explorer.state(way), up)
    down = explorer.graph.one_step_downgrade(revision, top)
    back = [down] if down is not None and explorer.may_take(top, down) else []
    explorer.save(way)
    found, path = _sown(walker, sower, way, up, *back)
    if path is None or not back:
        return found
    more, _ = _sown(walker.knowing(found), sower, path, *back)
    return [*found, *more]


def _sown(
    walker: Walker, sower: Sower, path: Path, command: Command, *coming: Command
) -> tuple[list[Finding], Path | None]:
    """Take a command on rows that aim at it; return the faults, and the path past it, less what fails.

    `coming`: what is going to be taken after it, on the same rows.
    """
    found: list[Finding] = []
    spared: frozenset[str] = frozenset()
    for _ in range(_ROUNDS):
        sown = _populated(_sparing(sower, spared), path, command, coming)
        seen = walker.explorer.observe((*sown, command))
        new = [_simplest(walker, each) for each in walker.findings((*sown, command))]
        walker = walker.knowing(new)
        found += new
        if seen.error is None:
            return found, (*sown, command)
        guilty = {each.table for finding in new for each in finding.path if isinstance(each, Insert)} - spared
        if not guilty:
            break
        spared |= guilty
    return found, None


def _simplest(walker: Walker, finding: Finding) -> Finding:
    """Return the simplest form of a finding; itself where a simpler path does not end the same way each time."""
    try:
        return simplest(walker, finding)
    except Irreproducible:
        return finding


def _sparing(sower: Sower, spared: Iterable[str]) -> Sower:
    """Return a sower that puts no rows into some tables."""
    return replace(sower, ignore=(*sower.ignore, *spared))


def _populated(sower: Sower, path: Path, command: Command, coming: Sequence[Command]) -> Path:
    """Return the path with rows in the tables that a command touches, and one row in others."""
    tables = sower.tables(path)
    before, after = _tables_around(sower, path, command)
    changed = [name for name in touched(before, after) if name in tables]
    used = sorted(_used(sower.explorer, commands(path), (command, *coming)))
    for name in changed:
        for place in (0, 0):
            path = sower.plant(path, tables[name], place)
    for aim in aims(before, after)[:_MOST_AIMS]:
        if aim.table in tables:
            path = sower.plant(path, tables[aim.table], 0, aim.fixed(path))
    for name in changed:
        for place in _PLACES:
            path = sower.plant(path, tables[name], place)
    for name in (name for name in used if name in tables and name not in changed):
        for sample in (0, *_PLACES):
            path = sower.plant(path, tables[name], sample)
    rest = [table for name, table in tables.items() if name not in changed and name not in used]
    # Rows that refer to what is deleted go with it.
    rest.sort(key=lambda table: not any(foreign.table in used for foreign in table.foreign_keys))
    for table in rest[: _BYSTANDERS if used else _UNKNOWN]:
        path = sower.plant(path, table, 0)
    return path


def _used(explorer: Explorer, path: Path, coming: Sequence[Command]) -> set[str]:
    """Return the tables that commands read or write behind a path without rows, as their locks tell."""
    used: set[str] = set()
    for command in coming:
        path = (*path, command)
        seen = explorer.observe(path)
        used |= seen.locked
        if seen.error is not None:
            break
    return used


def _tables_around(sower: Sower, path: Path, command: Command) -> tuple[Sequence[Table], Sequence[Table]]:
    """Return the tables before a command, and those that it leads to, as far as that is known."""
    explorer = sower.explorer
    before = explorer.tables(path)
    try:
        return before, explorer.tables_of(explorer.graph.after(explorer.state(path), command))
    except Unreachable:
        return before, before


# Random walks


class PopulatedMachine(WalkMachine):
    """Walks at random, and puts random rows before each command into the tables that it touches, or any."""

    sower: ClassVar[Sower]
    with_rows: ClassVar[dict[Path, bool]]

    def prepare(self, data: st.DataObject, command: Command) -> None:
        """Insert rows."""
        # Decided once for each path: Hypothesis has to be asked for the same choices after the same walk.
        path = (*self.path, command)
        if self.is_lost or not self.with_rows.setdefault(path, not self.walker.explorer.is_spent(path)):
            return
        for _ in range(data.draw(st.integers(0, 3), label="rows")):
            tables = self.sower.tables(self.path)
            if not tables:
                return
            before, after = _tables_around(self.sower, self.path, command)
            wanted = [each for each in aims(before, after) if each.table in tables]
            first = [*dict.fromkeys(each.table for each in wanted)]
            names = [*first, *(name for name in tables if name not in first)]
            table = tables[names[data.draw(nearest(len(names)))]]
            aimed = [each for each in wanted if each.table == table.name] or [Aim(table.name)]
            fixed = data.draw(st.sampled_from(aimed)).fixed(self.path)
            self.path = self.sower.draw(data, self.path, table, fixed)

    def _shrink_on(self, failure: Failure, seen: Observation) -> None:
        # Once, since rows and commands are left out afterwards, too.
        if type(failure) not in self.simplest:
            super()._shrink_on(failure, seen)


def simplified(walker: Walker, findings: Iterable[Finding]) -> list[Finding]:
    """Return findings with minimal paths, the shortest first."""
    return sorted((_simplest(walker, each) for each in findings), key=lambda each: len(each.path))
