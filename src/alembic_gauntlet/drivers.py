"""What the drivers themselves open and send, SQLAlchemy or not: seen for the time of a command, before it happens.

Each driver has a few functions of its own that every connection and every statement passes, whatever they are called
by (its pools, other libraries, SQLAlchemy). Those are replaced, since `psycopg.connect` and the like may have been
imported by name. A connection of psycopg2 is written in C: only one that is opened in the block is seen to send
(`bystanders` has the others).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import Any, Protocol

from psycopg import sql

_DATABASE = "_gauntlet_database"
"""The attribute that tells the database of a connection of pg8000, which does not remember it."""


class Check(Protocol):
    """What is asked; it raises where something must not be done, and that is raised to whoever wanted to."""

    def on_driver(self, database: str) -> None:
        """A connection to this database has been opened, or is about to be; where refused, it is closed again."""

    def on_driver_statement(self, database: str | None, statement: str) -> None:
        """A statement is about to be sent; the database is None where the driver does not tell it."""


@contextmanager
def watched(check: Check) -> Iterator[None]:
    """Have `check` asked for all that psycopg, psycopg2, asyncpg and pg8000 open and send in the block."""
    with ExitStack() as stack:
        for module, path, wrap in _DRIVERS:
            owner = _owner(module, path)
            if owner is not None:
                name = path.rpartition(".")[2]
                original = vars(owner)[name]
                setattr(owner, name, wrap(original, check))
                stack.callback(setattr, owner, name, original)
        yield


def database_of(connection: Any) -> str | None:
    """Return the database of a driver's own connection where it can be told without a statement."""
    for path in ("info.dbname", "_params.database", _DATABASE):
        found = connection
        for name in path.split("."):
            found = getattr(found, name, None)
        if isinstance(found, str):
            return found
    return None


def statement_text(statement: Any, connection: Any = None) -> str:
    """Return the text of what a driver is given: a string, bytes, psycopg's `sql.Composable`, or nothing."""
    if isinstance(statement, sql.Composable):
        return statement.as_string(connection)
    return statement.decode(errors="replace") if isinstance(statement, bytes) else str(statement or "")


def _psycopg(original: Any, check: Check) -> Any:
    def connect(cls: Any, *arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        connection = yield from original.__func__(cls, *arguments, **keywords)
        try:
            check.on_driver(connection.info.dbname)
        except BaseException:
            connection.pgconn.finish()
            raise
        return connection

    return classmethod(connect)


def _psycopg2(original: Any, check: Check) -> Callable[..., Any]:
    def connect(dsn: Any, connection_factory: Any = None, **keywords: Any) -> Any:
        kind = connection_factory or importlib.import_module("psycopg2.extensions").connection
        connection = original(dsn, connection_factory=_watching(kind, check), **keywords)
        try:
            check.on_driver(connection.info.dbname)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _asyncpg(original: Any, check: Check) -> Callable[..., Awaitable[Any]]:
    async def connect(*arguments: Any, **keywords: Any) -> Any:
        connection = await original(*arguments, **keywords)
        try:
            check.on_driver(database_of(connection) or await connection.fetchval("SELECT current_database()"))
        except BaseException:
            connection.terminate()
            raise
        return connection

    return connect


def _pg8000(original: Any, check: Check) -> Callable[..., None]:
    def init(*arguments: Any, **keywords: Any) -> None:
        given = inspect.signature(original).bind(*arguments, **keywords).arguments
        # Where no database is given, PostgreSQL takes the one that has the name of the role.
        name = given.get("database") or given["user"]
        name = name.decode() if isinstance(name, bytes) else name
        check.on_driver(name)
        original(*arguments, **keywords)
        setattr(given["self"], _DATABASE, name)

    return init


def _psycopg_statement(original: Any, check: Check) -> Callable[..., Any]:
    def start_query(cursor: Any, query: Any = None) -> Any:
        check.on_driver_statement(cursor.connection.info.dbname, statement_text(query, cursor.connection))
        return original(cursor, query)

    return start_query


def _statement(original: Any, check: Check) -> Callable[..., Any]:
    """Watch a method of a connection whose first argument is the statement."""

    def send(connection: Any, statement: Any, *arguments: Any, **keywords: Any) -> Any:
        check.on_driver_statement(database_of(connection), statement_text(statement))
        return original(connection, statement, *arguments, **keywords)

    return send


def _watching(kind: Any, check: Check) -> Any:
    """Return a class of psycopg2's connections that watches their cursors, whatever those are made by."""

    class Watching(kind):  # type: ignore[misc]
        def cursor(self, *arguments: Any, **keywords: Any) -> Any:
            given = dict(zip(("name", "cursor_factory", "scrollable", "withhold"), arguments, strict=False)) | keywords
            made = type(super().cursor(**given))
            return super().cursor(**given | {"cursor_factory": _watching_cursor(made, check)})

    return Watching


def _watching_cursor(kind: Any, check: Check) -> Any:
    class Watching(kind):  # type: ignore[misc]
        def execute(self, query: Any, *arguments: Any, **keywords: Any) -> Any:
            self._look(query)
            return super().execute(query, *arguments, **keywords)

        def executemany(self, query: Any, *arguments: Any, **keywords: Any) -> Any:
            self._look(query)
            return super().executemany(query, *arguments, **keywords)

        def _look(self, query: Any) -> None:
            text = query.as_string(self) if hasattr(query, "as_string") else statement_text(query)
            check.on_driver_statement(self.connection.info.dbname, text)

    return Watching


_DRIVERS: tuple[tuple[str, str, Callable[[Any, Check], Any]], ...] = (
    ("psycopg.connection", "BaseConnection._connect_gen", _psycopg),
    ("psycopg.cursor", "BaseCursor._start_query", _psycopg_statement),
    ("psycopg2", "_connect", _psycopg2),
    ("asyncpg.connect_utils", "_connect", _asyncpg),
    ("asyncpg.connection", "Connection.execute", _statement),
    ("asyncpg.connection", "Connection._get_statement", _statement),
    ("asyncpg.connection", "Connection._copy_in", _statement),
    ("asyncpg.connection", "Connection._copy_out", _statement),
    ("pg8000.core", "CoreConnection.__init__", _pg8000),
    ("pg8000.core", "CoreConnection.execute_simple", _statement),
    ("pg8000.core", "CoreConnection.execute_unnamed", _statement),
    ("pg8000.core", "CoreConnection.prepare_statement", _statement),
    ("pg8000.core", "CoreConnection.execute_named", _statement),
)


@cache
def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _owner(module: str, path: str) -> Any:
    """Return what has the function as an attribute, if the driver is installed.

    Imported now: a migration may do so in its function, and connect at once.
    """
    if not _is_installed(module.partition(".")[0]):
        return None
    with suppress(Exception):
        owner: Any = importlib.import_module(module)
        for name in path.split(".")[:-1]:
            owner = getattr(owner, name)
        return owner if path.rpartition(".")[2] in vars(owner) else None
    return None
