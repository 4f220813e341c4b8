"""What a command is about to demand of the rows: the difference between the tables before and after it.

An aim is a row that the tables take now and that the coming ones may not: NULL where NOT NULL comes, a duplicate
where UNIQUE comes, an orphan, a value at the limit of a type that shrinks, a label that goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alembic_gauntlet.path import Insert, Path, Value
from alembic_gauntlet.rows import samples
from alembic_gauntlet.tables import Column, Table, Type

_TRIED = 6
"""So many values of a column are tried at most."""


@dataclass(frozen=True)
class Aim:
    """A row worth a try.

    Attributes:
        table: the table.
        values: what it has to have; the rest is as plain as can be.
        twin: the columns in which it repeats the last row of the table before it, besides.
    """

    table: str
    values: tuple[tuple[str, Value], ...] = ()
    twin: tuple[str, ...] = ()

    def fixed(self, path: Path) -> dict[str, Value]:
        """Return what a row at the end of a path has to have; of a twin nothing where it has no row to repeat."""
        rows = (dict(each.row) for each in reversed(path) if isinstance(each, Insert) and each.table == self.table)
        last = next(rows, {}) if self.twin else {}
        return {**{name: last[name] for name in self.twin if name in last}, **dict(self.values)}


def aims(before: Sequence[Table], after: Sequence[Table]) -> tuple[Aim, ...]:
    """Return the aims of a command that makes of the tables `before` those `after`; of tables it touches, no others."""
    later = {table.name: table for table in after}
    found = [aim for table in before for aim in _of_table(table, later.get(table.name))]
    return tuple(dict.fromkeys(found))


def _of_table(before: Table, after: Table | None) -> Iterator[Aim]:
    if after == before:
        return
    yield Aim(before.name)
    if after is None:  # dropped, or renamed
        return
    new = {column.name: column for column in after.columns}
    for column in before.columns:
        if column.name in new and not column.is_filled:
            yield from _of_column(before, column, new[column.name])
    yield from _of_constraints(before, after)


def _of_column(table: Table, before: Column, after: Column) -> Iterator[Aim]:
    if before.nullable and not after.nullable:
        yield Aim(table.name, ((before.name, None),))
    if before.type != after.type:
        for value in _endangered(before.type, after.type):
            yield Aim(table.name, ((before.name, value),))


def _endangered(before: Type, after: Type) -> Sequence[Value]:
    """Return values of a type that another one may not take."""
    if before.kind == "enum" and after.kind == "enum":
        return tuple(label for label in before.labels if label not in after.labels)
    known = samples(before)
    return dict.fromkeys((*known[: _TRIED - 2], *known[-2:]))  # type: ignore[return-value]


def _of_constraints(before: Table, after: Table) -> Iterator[Aim]:
    names = [column.name for column in before.columns if not column.is_filled]
    for columns in after.uniques:
        if not any(set(columns).issuperset(unique) for unique in before.uniques) and {*names}.issuperset(columns):
            yield Aim(before.name, twin=columns)
    for foreign in after.foreign_keys:
        if foreign not in before.foreign_keys:
            for column in filter(None, map(before.column, foreign.columns)):
                yield from (Aim(before.name, ((column.name, value),)) for value in samples(column.type)[::-1][:2])
    for check in after.checks:
        if check not in before.checks:
            if not check.startswith("CHECK"):
                unique = {name for columns in before.uniques for name in columns}
                yield Aim(before.name, twin=tuple(name for name in names if name not in unique))
            for column in before.columns:
                if column.name in check and not column.is_filled:
                    yield from (Aim(before.name, ((column.name, value),)) for value in samples(column.type)[:_TRIED])


def touched(before: Sequence[Table], after: Sequence[Table]) -> Mapping[str, None]:
    """Return the names of the tables that are not there after the command as they were before it."""
    later = {table.name: table for table in after}
    return {table.name: None for table in before if later.get(table.name) != table}
