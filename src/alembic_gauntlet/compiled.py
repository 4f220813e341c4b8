"""What SQLAlchemy asks the catalogue in each command, compiled once, for engines that are alike.

env.py makes an engine for each command, and each engine compiles anew what Alembic asks first: whether the version
table is there. That takes longer than asking it. SQLAlchemy keeps compiled statements by engine; the execution option
`compiled_cache` names another place. Statements on tables of the user stay where they are: migrations may change the
tables between two commands.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.sql import visitors
from sqlalchemy.sql.selectable import Select, TableClause

_OPTION = "compiled_cache"
_CATALOGUE = "pg_catalog"
_OF_EACH = frozenset({
    "_psycopg_adapters_map", "dispatch", "identifier_preparer", "initialize", "type_compiler", "type_compiler_instance"
})  # fmt: skip
"""Attributes that every dialect makes for itself, by its class and its other attributes."""

_Kept = MutableMapping[Any, Any]


class Compiled:
    """Statements compiled for the last engine, and for those like it."""

    def __init__(self) -> None:
        self._alike: Any = None
        self._kept: _Kept = {}

    @contextmanager
    def given(self) -> Iterator[None]:
        """Have the connections of new engines find them, for the time of the block."""
        event.listen(Engine, "engine_connect", self._give)
        try:
            yield
        finally:
            event.remove(Engine, "engine_connect", self._give)

    def forget(self) -> None:
        """Have what engines of the past have left be freed.

        SQLAlchemy keeps the last 128 dialects in `lru_cache`s of PGDialect's methods, and each knows the tables of its
        migration: Python would search all that for garbage, time and again, before the process ends.
        """
        self._alike, self._kept = None, {}
        for method in vars(PGDialect).values():
            if hasattr(method, "cache_clear"):
                method.cache_clear()

    def _give(self, connection: Connection, *branch: bool) -> None:
        """Have a connection find them; not where its engine's owner has named another place, or wants none.

        Before SQLAlchemy 2.0, the event tells whether the connection is a branch of another one, too.
        """
        dialect, own = connection.dialect, connection.engine._compiled_cache
        if type(dialect).__module__ != "sqlalchemy.dialects.postgresql.psycopg":
            return
        if own is None or _OPTION in connection.get_execution_options():
            return
        alike = type(dialect), _options(dialect)
        if alike != self._alike:
            self._alike, self._kept = alike, {}
        connection.execution_options(compiled_cache=_Places(own, self._kept))


class _Places(MutableMapping[Any, Any]):
    """The engine's own place, and behind it the one for the catalogue, whose keys have no dialect."""

    def __init__(self, own: _Kept, kept: _Kept) -> None:
        self._own = own
        self._kept = kept

    def __getitem__(self, key: Any) -> Any:
        found = self._own.get(key)
        return self._kept[_without_dialect(key)] if found is None else found

    def __setitem__(self, key: Any, value: Any) -> None:
        self._own[key] = value
        if _asks_the_catalogue(value.statement):
            self._kept[_without_dialect(key)] = value

    def __delitem__(self, key: Any) -> None:
        del self._own[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


def _without_dialect(key: Any) -> Any:
    return tuple(each for each in key if not isinstance(each, Dialect))


def _asks_the_catalogue(statement: Any) -> bool:
    """Tell whether a statement reads tables of the catalogue, and nothing else."""
    if not isinstance(statement, Select):
        return False
    tables = [each for each in visitors.iterate(statement) if isinstance(each, TableClause)]
    return bool(tables) and all(getattr(each, "schema", None) == _CATALOGUE for each in tables)


def _options(dialect: Dialect) -> dict[str, Any]:
    """Return what tells dialects apart, as long as they are new: later they remember more."""
    return {name: type(value) if name in _OF_EACH else value for name, value in vars(dialect).items()}
