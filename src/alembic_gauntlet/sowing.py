"""Rows for a place of a walk: parents first, with the user's own strategies, and how many of them are taken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alembic_gauntlet.path import Insert, Path, Value
from alembic_gauntlet.population import Refused
from alembic_gauntlet.rows import Keys, Row, as_value, distinct, numbered, samples, without_null
from alembic_gauntlet.rows import rows as rows_of
from alembic_gauntlet.schema import matches_table, split_name
from alembic_gauntlet.tables import Column, ForeignKey, Table
from alembic_gauntlet.walk import Explorer

Strategy = st.SearchStrategy[Any]
RowStrategies = Mapping[str, Strategy | Callable[[Mapping[str, list[Row]]], Strategy]]
"""By `table.column` a strategy for its values, by `table` one for whole rows, as mappings; or a function that is given
the rows so far, by table, and returns one. What a row of the user's leaves out is drawn only where it has to be there;
what the table does not have yet, or no more, is left out."""

_DEPTH = 12
_POOL = 10
_QUIET = settings(
    max_examples=_POOL, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@dataclass
class Tally:
    """What has become of the rows of one table. `reason`: why the last one was refused that was."""

    tried: int = 0
    taken: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Sower:
    """Plants rows at the end of paths of one explorer.

    Attributes:
        explorer: inserts them.
        strategies: the user's.
        ignore: names or shell patterns of tables that get none.
        tallies: what has become of them, by table.
    """

    explorer: Explorer
    strategies: RowStrategies = field(default_factory=dict)
    ignore: Sequence[str] = ()
    tallies: dict[str, Tally] = field(default_factory=dict)
    _pools: dict[int, tuple[Strategy, tuple[Any, ...]]] = field(default_factory=dict)

    def tables(self, path: Path) -> dict[str, Table]:
        """Return the tables at the end of a path that may get rows, by name."""
        found = {table.name: table for table in self.explorer.tables(path)}
        allowed = {name: table for name, table in found.items() if not matches_table(name, self.ignore)}
        for name in allowed:
            self.tallies.setdefault(name, Tally())
        return allowed

    def insert(self, path: Path, table: Table, row: Row) -> Path:
        """Return the path with a row more; as it was, where the row is refused."""
        insert = Insert.of(table.name, row)
        is_new = not self.explorer.has_tried(path, insert)
        refused = self.explorer.insert(path, insert)
        if is_new:
            tally = self.tallies.setdefault(table.name, Tally())
            tally.tried += 1
            tally.taken += refused is None
            tally.reason = refused.reason if refused is not None else tally.reason
        return path if isinstance(refused, Refused) else (*path, insert)

    # Plain rows: the same ones every time

    def plant(self, path: Path, table: Table, place: int = 0, fixed: Mapping[str, Value] | None = None) -> Path:
        """Return the path with a plain row more, and the parents that it needs.

        `place` says which of the samples of its type each column gets; -1 the last one, -2 NULL where that may be.
        """
        path = self._with_parents(path, table, fixed or {}, frozenset())
        return self._insert_plain(path, table, place, fixed or {})

    def _insert_plain(self, path: Path, table: Table, place: int, fixed: Mapping[str, Value]) -> Path:
        """Insert a plain row; where it is refused, one a little less plain."""
        for each in (place, 1, 2, 3) if place == 0 else (place,):
            inserted = self.insert(path, table, self._plain(path, table, each, fixed))
            if inserted != path:
                return inserted
        return path

    def _with_parents(self, path: Path, table: Table, fixed: Mapping[str, Value], above: frozenset[str]) -> Path:
        known = self.tables(path)
        for foreign in table.foreign_keys:
            parent = known.get(foreign.table)
            if parent is None or parent.name in above or parent.name == table.name or len(above) > _DEPTH:
                continue
            if fixed.keys().isdisjoint(foreign.columns) and not self._has_parent(path, table, foreign):
                path = self._with_parents(path, parent, {}, above | {table.name})
                path = self._insert_plain(path, parent, 0, {})
        return path

    def _has_parent(self, path: Path, table: Table, foreign: ForeignKey) -> bool:
        """Whether there is a parent that a new row of a table may refer to."""
        keys = len(self.explorer.references(path, foreign.table, foreign.referred))
        return keys > (self.explorer.count(path, table.name) if foreign.columns in table.uniques else 0)

    def _plain(self, path: Path, table: Table, place: int, fixed: Mapping[str, Value]) -> Row:
        count = self.explorer.count(path, table.name)
        given = {name: self._pooled(each, count) for name, each in self._of_columns(path, table).items()}
        row: Row = {**self._own(path, table, count), **given, **fixed}
        for name, value in table.bounds[count % len(table.bounds)] if table.bounds else ():
            row.setdefault(name, value)
        for foreign in table.foreign_keys:
            self._refer(path, table, foreign, count, row)
        unique = {name for names in table.uniques for name in names}
        own = bool(self._own(path, table, count))
        for column in table.columns:
            if column.name not in row and not column.is_filled and not (own and not column.is_required):
                row[column.name] = _cell(column, place, count if column.name in unique else None)
        return without_null(table, row)

    def _refer(self, path: Path, table: Table, foreign: ForeignKey, count: int, row: Row) -> None:
        if not row.keys().isdisjoint(foreign.columns):
            return
        keys = self.explorer.references(path, foreign.table, foreign.referred)
        columns = [table.column(name) for name in foreign.columns]
        nullable = all(column is not None and column.nullable for column in columns)
        if keys:
            row.update(zip(foreign.columns, keys[count % len(keys)], strict=True))
        elif nullable:
            row.update(dict.fromkeys(foreign.columns))
        elif foreign.table == table.name and set(foreign.columns).isdisjoint(foreign.referred):
            for name, referred in zip(foreign.columns, foreign.referred, strict=True):
                column = table.column(referred)
                row[referred] = distinct(column.type, count) if column is not None else None
                row[name] = row[referred]

    # Random rows

    def draw(self, data: st.DataObject, path: Path, table: Table, fixed: Mapping[str, Value]) -> Path:
        """Return the path with a row more that Hypothesis draws, and the parents that it needs."""
        path = self._with_parents(path, table, fixed, frozenset())
        count = self.explorer.count(path, table.name)
        keys: Keys = {each: self.explorer.references(path, each.table, each.referred) for each in table.foreign_keys}
        given = {**self._of_columns(path, table), **dict.fromkeys(fixed, st.nothing())}
        own = {name: as_value(value) for name, value in self._drawn_own(data, path, table).items()}
        columns = {name: each for name, each in given.items() if name not in fixed and name not in own}
        whole = replace(
            table, columns=tuple(each for each in table.columns if not own or each.is_required or each.name in own)
        )
        row = data.draw(rows_of(whole, keys, count, columns, {**own, **fixed}), label=f"a row of {table.name}")
        return self.insert(path, table, without_null(table, row))

    def _drawn_own(self, data: st.DataObject, path: Path, table: Table) -> dict[str, Any]:
        strategy = self._of_table(path, table)
        return {} if strategy is None else _known(table, data.draw(strategy))

    # The user's strategies

    def _of_columns(self, path: Path, table: Table) -> dict[str, Strategy]:
        found = {}
        for name, strategy in self.strategies.items():
            parts = split_name(name)
            if len(parts) > 1 and _is_called(table, parts[:-1]) and table.column(parts[-1]) is not None:
                found[parts[-1]] = self._strategy(strategy, path)
        return found

    def _of_table(self, path: Path, table: Table) -> Strategy | None:
        named = (each for name, each in self.strategies.items() if _is_called(table, split_name(name)))
        strategy = next(named, None)
        return None if strategy is None else self._strategy(strategy, path)

    def _strategy(self, strategy: Any, path: Path) -> Strategy:
        if isinstance(strategy, st.SearchStrategy):
            return strategy
        so_far: dict[str, list[Row]] = {}
        for each in path:
            if isinstance(each, Insert):
                so_far.setdefault(each.table, []).append(dict(each.row))
        made: Strategy = strategy(so_far)
        return made

    def _own(self, path: Path, table: Table, count: int) -> dict[str, Value]:
        strategy = self._of_table(path, table)
        drawn = {} if strategy is None else self._pooled(strategy, count, raw=True)
        return {name: as_value(value) for name, value in _known(table, drawn).items()}

    def _pooled(self, strategy: Strategy, number: int, raw: bool = False) -> Any:
        """Return one of the first values of a strategy, which are the same ones every time."""
        if id(strategy) not in self._pools:
            # With the strategy, so that no other one comes to have its id.
            self._pools[id(strategy)] = strategy, _first_values(strategy)
        pool = self._pools[id(strategy)][1]
        value = pool[number % len(pool)]
        return value if raw else as_value(value)

    @property
    def barren(self) -> list[str]:
        """The tables that never got a row."""
        return sorted(name for name, tally in self.tallies.items() if not tally.taken)

    @property
    def total(self) -> Tally:
        """The tallies of all tables together."""
        return Tally(
            sum(each.tried for each in self.tallies.values()), sum(each.taken for each in self.tallies.values())
        )


def _first_values(strategy: Strategy) -> tuple[Any, ...]:
    found: list[Any] = []

    @_QUIET
    @given(strategy)
    def collect(value: Any) -> None:
        found.append(value)

    collect()
    return tuple(found)


def _known(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if table.column(name) is not None}


def _is_called(table: Table, parts: Collection[str]) -> bool:
    name = split_name(table.name)
    return tuple(parts) in (name, name[-1:])


def _cell(column: Column, place: int, count: int | None) -> Value:
    if place == -2 and column.nullable:
        return None
    if column.below is not None:
        return numbered(column, count or 0)
    if count is not None and (place >= 0 or count):
        return distinct(column.type, count)
    known = (*column.hints, *samples(column.type))
    return known[max(-len(known), min(place if place != -2 else 0, len(known) - 1))] if known else None
