"""The rows that a walk has put into a database, and what a command makes of them.

A row is known by its primary key, the database's own rows (those that migrations insert) are nobody's concern. What
is compared is compared within one database and its clones, where the OID of a table and the number of a column stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import psycopg

from alembic_gauntlet.graph import Verb
from alembic_gauntlet.path import Insert, quoted
from alembic_gauntlet.tables import Table

Texts = tuple[str | None, ...]
Connection = psycopg.Connection[Any]

_MOST = 2000
"""So many rows of a table are read; beyond that nothing is said of it."""


@dataclass(frozen=True)
class Stock:
    """All rows of one table at one moment.

    Attributes:
        oid: of the table; `table` its qualified name.
        numbers: its columns, and their numbers in the table.
        key: the names of the columns by which rows are known: the primary key, or all.
        rows: the values as text, in the order of `numbers`.
    """

    oid: int
    table: str
    numbers: Mapping[str, int]
    key: tuple[str, ...]
    has_key: bool
    rows: tuple[Texts, ...]

    def keys(self, columns: Sequence[str] | None = None) -> dict[Texts, Texts]:
        """Return the rows by the values of `columns`; default: those of the key."""
        names = [*self.numbers]
        places = [names.index(each) for each in (self.key if columns is None else columns)]
        return {tuple(row[place] for place in places): row for row in self.rows}

    def value(self, row: Texts, column: str) -> str | None:
        """Return the value of a column in a row."""
        return row[[*self.numbers].index(column)]

    def counterpart(self, column: str, other: Stock) -> str | None:
        """Return what a column of `other`, the table at another moment, is called here; None where it is not there."""
        by_number = {number: name for name, number in self.numbers.items()}
        same = by_number.get(other.numbers[column]) if self.oid == other.oid else None
        if same is not None and (same == column or column not in self.numbers):
            return same
        return column if column in self.numbers else None


Stocks = Mapping[int, Stock]


@dataclass(frozen=True)
class Loss:
    """A row that is not there any more, or a value that is not what it was.

    Attributes:
        table: the qualified name of the table.
        row: the key of the row, by column.
        column: the column whose value has changed; empty where the row is lost.
        before: its value; `after`: what it has become.
        by: the function that has changed it.
    """

    table: str
    row: tuple[tuple[str, str | None], ...]
    column: str = ""
    before: str | None = None
    after: str | None = None
    by: Verb = "upgrade"


@dataclass(frozen=True)
class Behind:
    """A sequence whose next value is there already, in the column that takes its default from it."""

    sequence: str
    column: str


@dataclass(frozen=True)
class Fate:
    """What a command has made of the rows.

    Attributes:
        lost: rows that are not there any more, though their table is.
        rewritten: values that a round trip over one revision has changed.
        behind: sequences that collide with a row, and have not before the command.
    """

    lost: tuple[Loss, ...] = ()
    rewritten: tuple[Loss, ...] = ()
    behind: tuple[Behind, ...] = ()

    @property
    def by(self) -> Verb | None:
        """The function that has changed values in a round trip; None where none has."""
        return self.rewritten[0].by if self.rewritten and not self.lost else None

    def __bool__(self) -> bool:
        return bool(self.lost or self.rewritten or self.behind)


@dataclass(frozen=True)
class Trip:
    """One revision up, from `start`, to where the tables are `tops`."""

    revision: str
    start: Stocks
    tops: Stocks


@dataclass(frozen=True)
class Population:
    """The rows of a walk in one database.

    Attributes:
        ours: their tables' OIDs and keys.
        trip: the last command, where it has upgraded one revision.
    """

    ours: Mapping[int, frozenset[Texts]] = field(default_factory=dict)
    trip: Trip | None = None

    def with_row(self, oid: int, key: Texts) -> Population:
        """Return the population with one row more."""
        keys = self.ours.get(oid, frozenset())
        return Population({**self.ours, oid: keys | {key}}, self.trip)


Counters = tuple[tuple[str, int, bool], ...]
"""Where sequences stand: the name, the last value, and whether it has been given out."""


@dataclass(frozen=True)
class Inserted:
    """A row that the database has taken.

    Attributes:
        oid: of its table; `key` its key.
        counters: where the sequences of the table stand now; None where more may have moved them than the row.
    """

    oid: int
    key: Texts
    counters: Counters | None = None


@dataclass(frozen=True)
class Refused:
    """Why the database has not taken a row."""

    reason: str


def insert(connection: Connection, row: Insert, table: Table, counters: Counters | None = None) -> Inserted | Refused:
    """Insert a row; say where it is now, or why it is refused. A refusal leaves no trace.

    Args:
        connection: to the database.
        row: for the table.
        table: as `reflect` returns it.
        counters: where its sequences stand, which advance for a row that is refused, too. Default: they are asked.
    """
    names = [column.sequence for column in table.columns if column.sequence is not None]
    if counters is None:
        counters = _counters(connection, names)
    key = ", ".join(f"{quoted(each)}::text" for each in table.key or (column.name for column in table.columns))
    stand = "".join(f", {part}" for name in names for part in (f"(SELECT {each} FROM {name})" for each in _COUNTER))
    statement = f"{row.sql()} RETURNING {_literal(table.name)}::regclass::oid::int8, ARRAY[{key}]::text[]{stand}"
    try:
        # A statement by itself is a transaction; within one, a savepoint keeps a refusal from ending it.
        with nullcontext() if connection.autocommit else connection.transaction():
            # No row is like another: the statement is not worth preparing.
            found = connection.execute(statement.encode(), prepare=False).fetchone()
            if found is not None:
                oid, values, *stands = found
                now = None if table.may_do_more else tuple(zip(names, stands[::2], stands[1::2], strict=True))
                return Inserted(oid, tuple(values), now)
            raise psycopg.errors.TriggeredActionException("a trigger has suppressed it")
    except psycopg.Error as error:
        if connection.broken or isinstance(error, psycopg.errors.DiskFull):
            raise
        for sequence, last, is_called in counters:
            connection.execute("SELECT setval(%s::regclass, %s, %s)", (sequence, last, is_called))
        return Refused(str(error).splitlines()[0])


_COUNTER = ("last_value", "is_called")


def _counters(connection: Connection, sequences: Iterable[str]) -> Counters:
    found = []
    for name in sequences:
        last, is_called = connection.execute(f"SELECT {', '.join(_COUNTER)} FROM {name}".encode()).fetchall()[0]
        found.append((name, last, is_called))
    return tuple(found)


def take_stock(connection: Connection, oids: Iterable[int], names: Iterable[str] = ()) -> Stocks:
    """Return the rows of the tables of these OIDs, and of those of these names; those that exist."""
    wanted = {"oids": list(oids), "names": list(names)}
    tables = connection.execute(_TABLES, wanted).fetchall() if wanted["oids"] or wanted["names"] else []
    if not tables:
        return {}
    parts = []
    for position, (_, name, columns, _, whole) in enumerate(tables):
        texts = ", ".join(f"{quoted(column)}::text" for column in columns)
        source = name if whole else f"ONLY {name}"
        parts.append(f"(SELECT {position}, ARRAY[{texts}]::text[] FROM {source} LIMIT {_MOST + 1})")
    rows: dict[int, list[Texts]] = {position: [] for position in range(len(tables))}
    for position, texts in connection.execute(" UNION ALL ".join(parts).encode()):
        rows[position].append(tuple(texts))
    return {
        oid: Stock(oid, name, columns, tuple(key or columns), key is not None, tuple(rows[position]))
        for position, (oid, name, columns, key, _) in enumerate(tables)
        if len(rows[position]) <= _MOST
    }


def compare(population: Population, before: Stocks, after: Stocks) -> tuple[tuple[Loss, ...], Population]:
    """Return which of our rows are lost, of tables that have outlived a command, and which are left.

    A table outlives a command as itself, under whatever name, or as another one of its name.
    """
    names = {stock.table: stock for stock in after.values()}
    lost: list[Loss] = []
    ours: dict[int, frozenset[Texts]] = {}
    for oid, keys in population.ours.items():
        old = before.get(oid)
        new = after.get(oid) or (names.get(old.table) if old is not None else None)
        if old is not None and new is not None:
            gone, left = _survivors(keys, old, new)
            lost += gone
            ours[new.oid] = ours.get(new.oid, frozenset()) | left
    return tuple(lost), Population(ours)


def _survivors(keys: frozenset[Texts], old: Stock, new: Stock) -> tuple[list[Loss], frozenset[Texts]]:
    columns = [new.counterpart(column, old) for column in old.key]
    found = {} if None in columns else new.keys([each for each in columns if each is not None])
    present = {key for key in keys if key in found}
    if present != keys and (not old.has_key or None in columns or not present or _has_new_key(old, new)):
        # They may be there under another key: only their number tells.
        if len(new.rows) >= len(old.rows):
            return [], frozenset(new.keys()) if len(keys) == len(old.rows) == len(new.rows) else frozenset()
        if len(keys) < len(old.rows) and len(new.rows) >= len(old.rows) - len(keys) and not old.has_key:
            return [], frozenset()
    lost = [Loss(old.table, tuple(zip(old.key, key, strict=True))) for key in sorted(keys - present, key=str)]
    places = [[*new.numbers].index(each) for each in new.key]
    return lost, frozenset(tuple(found[key][place] for place in places) for key in present)


def _has_new_key(old: Stock, new: Stock) -> bool:
    """Whether a column of the key was dropped, and another of its name was added: its values are not the old ones."""
    return old.oid == new.oid and any(new.numbers.get(column, 0) not in (0, old.numbers[column]) for column in old.key)


def rewritten(trip: Trip, after: Stocks, ours: Mapping[int, frozenset[Texts]]) -> tuple[Loss, ...]:
    """Return which values of our rows are not what they were before a revision was upgraded and downgraded again.

    A column counts where it has existed throughout. What was NULL and has a value now is a backfill: nothing is lost.
    """
    found: list[Loss] = []
    for new in after.values():
        old, top = _same(new, trip.start), _same(new, trip.tops)
        if old is not None and top is not None and old.has_key and old.key == new.key:
            found += _differences(old, top, new, ours.get(new.oid, frozenset()))
    return tuple(found)


def _same(stock: Stock, stocks: Stocks) -> Stock | None:
    """Return what a table was at another moment."""
    named = (each for each in stocks.values() if each.table == stock.table)
    return stocks.get(stock.oid) or next(named, None)


def _differences(old: Stock, top: Stock, new: Stock, ours: frozenset[Texts]) -> list[Loss]:
    columns = {column: top.counterpart(column, old) for column in old.numbers if column in new.numbers}
    keys = [columns.get(column) for column in old.key]
    at_top = {} if None in keys else top.keys([each for each in keys if each is not None])
    before, found = old.keys(), []
    for key, row in new.keys().items():
        # One that was lost on the way may have come back with the same key as another row.
        if key in ours and key in before and key in at_top:
            known = tuple(zip(old.key, key, strict=True))
            for column, there in columns.items():
                was, now = old.value(before[key], column), new.value(row, column)
                if there is not None and was is not None and was != now:
                    kept = top.value(at_top[key], there) == was
                    found.append(Loss(old.table, known, column, was, now, "downgrade" if kept else "upgrade"))
    return found


def sequences_behind(connection: Connection) -> frozenset[Behind]:
    """Return the sequences whose next value a row of their column has already, where that has to be unique."""
    found = connection.execute(_SEQUENCES).fetchall()
    parts = [
        f"SELECT {position} WHERE EXISTS (SELECT FROM {table} t, {sequence} s WHERE t.{quoted(column)} = "
        f"s.last_value + CASE WHEN s.is_called THEN {increment} ELSE 0 END)"
        for position, (sequence, table, column, increment) in enumerate(found)
    ]
    rows = connection.execute(" UNION ALL ".join(parts).encode()) if parts else ()
    behind = (found[position] for (position,) in rows)
    return frozenset(Behind(sequence, f"{table}.{quoted(column)}") for sequence, table, column, _ in behind)


def key_values(
    connection: Connection, population: Population, table: str, columns: Sequence[str], most: int = 20
) -> tuple[Texts, ...]:
    """Return the values of some columns in our rows of a table, without NULL: what a foreign key may refer to.

    Not those of rows that migrations have inserted: their keys may be others in the next database.
    """
    found: set[Texts] = set()
    for oid, stock in take_stock(connection, (), [table]).items():
        ours = population.ours.get(oid, frozenset())
        places = [[*stock.numbers].index(column) for column in columns]
        found |= {tuple(row[place] for place in places) for key, row in stock.keys().items() if key in ours}
    return tuple(sorted(values for values in found if None not in values))[:most]


def row_count(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    count: int = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0]
    return count


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))


_NAME = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"

_TABLES = f"""\
SELECT c.oid::int8, {_NAME},
    (SELECT json_object_agg(attname, attnum ORDER BY attnum) FROM pg_attribute
     WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
    (SELECT array_agg(a.attname::text ORDER BY k.position)
     FROM pg_constraint p, unnest(p.conkey) WITH ORDINALITY AS k (number, position)
         JOIN pg_attribute a ON a.attnum = k.number
     WHERE p.conrelid = c.oid AND p.contype = 'p' AND a.attrelid = c.oid),
    c.relkind = 'p'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (c.oid = ANY (%(oids)s::int8[]::oid[]) OR {_NAME} = ANY (%(names)s))
  AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)"""

_SEQUENCES = f"""\
SELECT quote_ident(sn.nspname) || '.' || quote_ident(s.relname), {_NAME}, a.attname, q.seqincrement
FROM pg_sequence q JOIN pg_class s ON s.oid = q.seqrelid JOIN pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
        AND d.classid = 'pg_attrdef'::regclass
    JOIN pg_attrdef f ON f.oid = d.objid
    JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
    JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
WHERE c.relkind IN ('r', 'p') AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
UNION
SELECT quote_ident(sn.nspname) || '.' || quote_ident(s.relname), {_NAME}, a.attname, q.seqincrement
FROM pg_sequence q JOIN pg_class s ON s.oid = q.seqrelid JOIN pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype = 'i'
        AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class c ON c.oid = d.refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
ORDER BY 1, 2, 3"""
