"""The databases of the walks: where the walk is, and places to go on from. A row of a walk is part of the place."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from alembic_gauntlet.canonical import Canonical
from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Command
from alembic_gauntlet.leftovers import Watch
from alembic_gauntlet.path import Insert, Path, has_rows
from alembic_gauntlet.population import (
    Behind,
    Counters,
    Fate,
    Loss,
    Population,
    Refused,
    Texts,
    Trip,
    compare,
    insert,
    key_values,
    rewritten,
    sequences_behind,
    take_stock,
)
from alembic_gauntlet.runner import Outcome, Runner
from alembic_gauntlet.tables import Table

_CHECKPOINTS = 24

_POPULATED = 8
"""So many of them have rows at most, where there are others to keep."""

_SAVED = 3
"""So many that were saved last are not dropped: where an aimed walk begins, and where its simpler ones do."""


class Irreproducible(GauntletError):
    """What has passed on a path fails on the same path from a new database."""


@dataclass
class Place:
    """A database at the end of a path, the rows that the path has put there, and what is known of its sequences.

    Attributes:
        sandbox: the database.
        population: the rows.
        behind: the sequences that collide with a row; None where that is not known.
        counters: the table of the last row, where nothing has happened since, and where its sequences stand, if known.
    """

    sandbox: Sandbox
    population: Population
    behind: frozenset[Behind] | None = None
    counters: tuple[str, Counters | None] | None = None

    def clone(self) -> Place:
        """Return another one like it."""
        return replace(self, sandbox=self.sandbox.clone())

    def drop(self) -> None:
        """Drop the database."""
        self.sandbox.drop()

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.drop()


class Checkpoints:
    """The databases of one history's walks.

    Args:
        canonical: makes the first one, and reads them.
        runner: runs the commands.
        lossy: revisions that may lose rows and change values.
        populated: whether the walks are about rows.
    """

    def __init__(
        self, canonical: Canonical, runner: Runner, lossy: Collection[str] = (), populated: bool = False
    ) -> None:
        self._canonical = canonical
        self._runner = runner
        self._lossy = frozenset(lossy)
        self._populated = populated
        self._kept: OrderedDict[Path, Place] = OrderedDict()
        self._saved: deque[Path] = deque(maxlen=_SAVED)
        self._live: tuple[Path, Place] | None = None
        self.irreproducible: dict[str, None] = {}
        """What has passed on a path and has failed on the same path from a new database: actions, written."""
        self._tables: dict[Path, Table] = {}
        """The table of each row that has been inserted, by the path to it."""

    # Actions

    def run(self, place: Place, command: Command, watch: Watch | None = None) -> tuple[Outcome, Fate]:
        """Run a command at a place; return what came of it, and of the rows there."""
        was_behind = self._behind(place)
        outcome, fate = self._run(place, command, watch)
        if outcome.error is not None:
            return outcome, fate
        return outcome, replace(fate, behind=tuple(sorted(self._behind(place) - was_behind, key=str)))

    def _run(self, place: Place, command: Command, watch: Watch | None = None) -> tuple[Outcome, Fate]:
        """Run a command at a place, without a look at the sequences."""
        population, connection = place.population, place.sandbox
        before = take_stock(connection.connection, population.ours) if population.ours else {}
        outcome = self._runner.run(place.sandbox, command, watch)
        place.behind = place.counters = None
        if outcome.error is not None:
            return outcome, Fate()
        names = [stock.table for stock in before.values()]
        after = take_stock(connection.connection, population.ours, names) if population.ours else {}
        lost, left = compare(population, before, after)
        trip, changed = population.trip, tuple[Loss, ...]()
        only = outcome.revisions[0] if len(outcome.revisions) == 1 else None
        if trip is not None and command.verb == "downgrade" and only == trip.revision:
            changed = rewritten(trip, after, left.ours)
        trip = Trip(only, before, after) if only is not None and command.verb == "upgrade" and before else None
        place.population = Population(left.ours, trip)
        return outcome, Fate(lost, changed) if self._lossy.isdisjoint(outcome.revisions) else Fate()

    def _behind(self, place: Place) -> frozenset[Behind]:
        if not self._populated:
            return frozenset()
        if place.behind is None:
            place.behind = sequences_behind(place.sandbox.connection)
        return place.behind

    def insert(self, place: Place, path: Path, table: Table | None) -> Refused | None:
        """Insert the row at the end of a path, at the place before it; return why it is refused, if it is."""
        row = path[-1]
        assert isinstance(row, Insert)
        if table is None:
            return Refused(f"there is no table {row.table}")
        known = place.counters[1] if place.counters is not None and place.counters[0] == table.name else None
        inserted = insert(place.sandbox.connection, row, table, known)
        if isinstance(inserted, Refused):
            return inserted
        self._tables[path] = table
        if any(column.sequence for column in table.columns):
            place.behind = None
        place.counters = table.name, inserted.counters
        place.population = place.population.with_row(inserted.oid, inserted.key)
        return None

    def key_values(self, place: Place, table: str, columns: Sequence[str]) -> tuple[Texts, ...]:
        """Return what a foreign key to some columns of a table may refer to at a place."""
        return key_values(place.sandbox.connection, place.population, table, columns)

    def _take(self, place: Place, path: Path) -> None:
        action = path[-1]
        if isinstance(action, Insert):
            refused = self.insert(place, path, self._tables[path])
            reason = refused.reason if refused is not None else None
        else:
            error = self._run(place, action)[0].error
            reason = error.explanation.summary if error is not None else None
        if reason is not None:
            self.irreproducible[str(action)] = None
            raise Irreproducible(
                f"`{action.shell()}` has passed before and fails now, on the same path from a new database:\n"
                f"    {reason}\n"
                "A trigger or a migration depends on something else: the time, random values, or other sessions."
            )

    # Places

    def standing_at(self, path: Path) -> Place:
        """Return a place where a path has led; it is the caller's."""
        if self._live is not None and self._live[0] == path:
            place, self._live = self._live[1], None
            return place
        length, place = self._nearest(path)
        try:
            for taken in range(length, len(path)):
                self._take(place, path[: taken + 1])
        except BaseException:
            place.drop()
            raise
        if length < len(path):
            self._keep(path, place.clone())
        return place

    def go_on_from(self, path: Path, place: Place) -> None:
        """Stand at the end of a path; where the walk stood before is a checkpoint for nothing."""
        if self._live is not None:
            self._keep(*self._live)
        self._live = path, place

    def save(self, path: Path) -> None:
        """Keep a place where a path has led, until some others are saved at the least."""
        self._saved.append(path)
        if path not in self._kept:
            place = self.standing_at(path)
            if path not in self._kept:
                self._keep(path, place.clone())
            self.go_on_from(path, place)

    def _nearest(self, path: Path) -> tuple[int, Place]:
        places = {**self._kept, **dict([self._live] if self._live else [])}
        on_the_way = [each for each in places if each == path[: len(each)]]
        if not on_the_way:
            return 0, Place(self._canonical.fresh(), Population())
        nearest = max(on_the_way, key=len)
        if nearest in self._kept:
            self._kept.move_to_end(nearest)
        return len(nearest), places[nearest].clone()

    def _keep(self, path: Path, place: Place) -> None:
        place.sandbox.close()
        if path in self._kept:
            place.drop()
            return
        self._kept[path] = place
        while len(self._kept) > _CHECKPOINTS:
            self._kept.pop(self._spare()).drop()

    def _spare(self) -> Path:
        """Return a path whose place may go: where many have rows, one of these, since rows are soon inserted again."""
        places = [path for path in self._kept if path not in self._saved]
        populated = [path for path in places if has_rows(path)]
        return populated[0] if len(populated) > _POPULATED else places[0]

    def close(self) -> None:
        """Drop the databases of the walks."""
        kept = [*self._kept.values(), *([self._live[1]] if self._live else [])]
        self._kept.clear()
        self._live = None
        for place in kept:
            place.drop()
