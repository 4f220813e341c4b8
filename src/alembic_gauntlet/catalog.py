"""Reads the schema of a database as PostgreSQL prints it, and the next time only what has changed since.

A first statement, the survey, tells which kinds of objects exist at all, and which tables, sequences and enum types
have a new row in any catalogue; only their statements are then sent, together, in one transaction with an empty
search_path, so that every name in a definition is qualified. What can be named in the definition of a table but is
not one of these three, such as a function or a schema, is read as a whole; where that differs, or where one of the
three has another name, everything is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from alembic_gauntlet import statements
from alembic_gauntlet.schema import Key, Part, PartKey, Row, Schema, part_of
from alembic_gauntlet.statements import VersionTable

Connection = psycopg.Connection[TupleRow]
Oids = Collection[int]
Query = tuple[str, Mapping[str, object] | None]

_NAMED_NOWHERE = frozenset({
    "view", "materialized view", "trigger", "rule", "policy", "statistics object", "comment", "grant",
    "default privilege", "event trigger", "publication", "table setting",
})  # fmt: skip
"""Kinds that no definition of a table, a sequence or an enum type names."""


def read(connection: Connection, *, version_table: VersionTable | None = None) -> Schema:
    """Everything in the database of `connection`, from one snapshot.

    The connection is in autocommit and idle; its settings are as before when this returns, and it holds no locks.
    `version_table` and all that belongs to it are left out.

    Raises:
        psycopg.Error: the connection is lost, or a transaction is open on it.
    """
    return Reader(version_table).read(connection)


class _Survey(NamedTuple):
    """A row of `statements.survey`."""

    present: list[str]
    now: str
    apart: str
    classes: int
    new_classes: list[tuple[int, int]] | None
    constraints: int
    new_constraints: list[tuple[int, int]] | None
    enums: int
    new_enums: list[tuple[int, int]] | None
    tables: list[int] | None
    sequences: list[int] | None
    labelled: list[int] | None


class _Stale(Exception):
    """What was read before does not tell what else has changed."""


class _Known:
    """The rows of one catalogue by OID, each with the OID of what it belongs to."""

    def __init__(self, owners: Mapping[int, int] = MappingProxyType({})) -> None:
        self.owners = dict(owners)

    def learn(self, count: int, new: Iterable[tuple[int, int]] | None, all_oids: Callable[[], Oids]) -> set[int]:
        """Take in the new rows; return the owners of what is new, has changed or is gone."""
        rows = dict(new or ())
        touched = {*rows.values(), *(self.owners[oid] for oid in rows if oid in self.owners)}
        self.owners.update(rows)
        if len(self.owners) != count:
            gone = self.owners.keys() - set(all_oids())
            touched.update(self.owners.pop(oid) for oid in gone)
        return touched


class Reader:
    """Reads one database again and again.

    Args:
        version_table: Alembic's, which is left out with all that belongs to it.
    """

    def __init__(self, version_table: VersionTable | None = None) -> None:
        self._version_table = version_table
        self._forget()

    def _forget(self) -> None:
        self._since: str | None = None
        self._apart = ""
        self._present: tuple[str, ...] = ()
        self._known = [_Known() for _ in statements.ALL_OIDS]
        self._names: dict[int, PartKey] = {}
        self._parts: dict[PartKey, Part] = {}

    def copy(self) -> Reader:
        """Return a reader for a clone of the database, made after it was last read."""
        made = Reader(self._version_table)
        made._since, made._apart, made._present, made._parts = self._since, self._apart, self._present, self._parts
        made._known = [_Known(each.owners) for each in self._known]
        made._names = dict(self._names)
        return made

    def read(self, connection: Connection) -> Schema:
        """Everything in the database of `connection`, from one snapshot. See the function `read`.

        Raises:
            psycopg.Error: the connection is lost, or a transaction is open on it.
        """
        if connection.info.transaction_status != TransactionStatus.IDLE:
            raise psycopg.ProgrammingError("a schema is read on an idle connection, outside any transaction")
        try:
            self._parts = self._read(connection)
        except BaseException:
            self._forget()
            raise
        finally:
            if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute("COMMIT")  # psycopg forgets prepared statements on ROLLBACK
        return Schema.of_parts(self._parts)

    def _read(self, connection: Connection) -> dict[PartKey, Part]:
        try:
            return self._changed(connection, *statements.BEGIN)
        except _Stale:
            self._forget()
            return self._changed(connection)

    def _changed(self, connection: Connection, *first: str) -> dict[PartKey, Part]:
        """Return the parts as they are now; those that nothing has touched are those of the last time."""
        seen, others = self._look(connection, first)
        if self._since is not None and not self._is_alike(seen, others):
            raise _Stale
        touched = self._touched(seen, connection)
        kept = {key: part for key, part in self._parts.items() if key[1] is not None}
        if self._since is None or touched:
            self._read_tracked(connection, kept, touched)
        self._since, self._apart, self._present = seen.now, seen.apart, tuple(seen.present)
        return kept | others

    def _look(self, connection: Connection, first: Sequence[str]) -> tuple[_Survey, dict[PartKey, Part]]:
        """Return what a survey says, and what is read as a whole: in one go, where that is of the same kinds again."""
        survey = (statements.survey(), {"since": self._since})
        guess = self._others(connection, self._present)
        results = list(_results(connection, [*((text, None) for text in first), survey, *guess]))[len(first) :]
        seen = _Survey._make(results[0][0])
        if tuple(seen.present) == self._present:
            return seen, _parts(results[1:])
        return seen, _parts(_results(connection, self._others(connection, tuple(seen.present))))

    def _others(self, connection: Connection, present: tuple[str, ...]) -> list[Query]:
        return [(text, None) for text in statements.others(present, _major(connection), self._version_table)]

    def _is_alike(self, seen: _Survey, others: dict[PartKey, Part]) -> bool:
        """Return whether all that a definition may name is as it was."""
        before, now = (
            {key: part for key, part in parts.items() if key[1] is None and key[0] not in _NAMED_NOWHERE}
            for parts in (self._parts, others)
        )
        return seen.apart == self._apart and before == now

    def _touched(self, seen: _Survey, connection: Connection) -> set[int]:
        """Return the OIDs of the tables, sequences and enum types that are new, have changed or are gone."""
        counted = zip(
            self._known,
            (seen.classes, seen.constraints, seen.enums),
            (seen.new_classes, seen.new_constraints, seen.new_enums),
            statements.ALL_OIDS,
            strict=True,
        )
        touched: set[int] = set()
        for known, count, new, all_oids in counted:
            touched |= known.learn(count, new, lambda query=all_oids: _oids(connection, query))  # type: ignore[misc]
        owners = self._known[0].owners
        for oid in (*(seen.tables or ()), *(seen.sequences or ()), *(seen.labelled or ())):
            touched.add(owners.get(oid, oid))
        return touched

    def _read_tracked(self, connection: Connection, parts: dict[PartKey, Part], touched: set[int]) -> None:
        """Put into `parts` what is there now of the touched ones; everything, the first time."""
        named, *tracked = _results(connection, self._tracked(connection, None if self._since is None else touched))
        names = {oid: (kind, name) for oid, kind, name in named}
        if any(self._names.get(oid, name) != name for oid, name in names.items()):
            raise _Stale
        before = {oid: parts.pop(self._names.pop(oid), None) for oid in touched & self._names.keys()}
        self._names.update(names)
        parts.update(_parts(tracked))
        common = before.keys() & names.keys()
        narrowed = [oid for oid in common if _columns(before[oid]) - _columns(parts.get(names[oid]))]
        if narrowed:
            # What mentions a column of them: it may have another name now.
            dependents = set(_oids(connection, statements.DEPENDENTS, _given(narrowed))) - touched
            parts.update(_parts(list(_results(connection, self._tracked(connection, dependents)))[1:]))

    def _tracked(self, connection: Connection, only: Oids | None) -> list[Query]:
        given = None if only is None else _given(only)
        texts = statements.tracked(_major(connection), self._version_table, only is not None)
        return [(text, given) for text in (statements.names(self._version_table, only is not None), *texts)]


def _given(only: Oids) -> Mapping[str, list[int]]:
    """The parameters for some tables and sequences, and some types, which have negative OIDs here."""
    return {"of": [oid for oid in only if oid > 0], "types": [-oid for oid in only if oid < 0]}


def _major(connection: Connection) -> int:
    return connection.info.server_version // 10000


def _columns(part: Part | None) -> set[Key]:
    return {key for key in part or () if key[0] == "column"}


def _parts(results: Iterable[list[TupleRow]]) -> dict[PartKey, Part]:
    parts: dict[PartKey, Part] = {}
    for result in results:
        for row in cast(list[Row], result):
            parts.setdefault(part_of(row), Part())[row[0], row[1]] = row
    return parts


def _oids(connection: Connection, text: str, given: Mapping[str, list[int]] | None = None) -> list[int]:
    return next(_results(connection, [(text, given)]))[0][0] or []


def _results(connection: Connection, queries: Sequence[Query]) -> Iterator[list[TupleRow]]:
    """Yield the rows of each of some queries, which are sent together."""
    if len(queries) == 1 or not psycopg.Pipeline.is_supported():
        for text, given in queries:
            yield _fetched(connection.execute(text, given, prepare=True))
        return
    with connection.pipeline():
        cursors = [connection.execute(text, given, prepare=True) for text, given in queries]
    yield from map(_fetched, cursors)


def _fetched(cursor: psycopg.Cursor[TupleRow]) -> list[TupleRow]:
    return cursor.fetchall() if cursor.description else []
