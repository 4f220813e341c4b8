"""What the drivers themselves open, SQLAlchemy or not: seen for the time of a command, before its first statement.

Each driver has one function of its own that every connection passes, whatever it is called by (its pools, other
libraries, SQLAlchemy). That one is replaced, since `psycopg.connect` and the like may have been imported by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import Any

Check = Callable[[str], None]
"""Is given the name of a database, and raises if that must not be used."""


@contextmanager
def watched(check: Check) -> Iterator[None]:
    """Have `check` called for every connection that psycopg, psycopg2, asyncpg and pg8000 open in the block.

    What it raises is raised to whoever wanted to connect, and the connection is closed again.
    """
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
    for path in ("info.dbname", "_params.database"):
        found = connection
        for name in path.split("."):
            found = getattr(found, name, None)
        if isinstance(found, str):
            return found
    return None


def _psycopg(original: Any, check: Check) -> Any:
    def connect(cls: Any, *arguments: Any, **keywords: Any) -> Generator[Any, Any, Any]:
        connection = yield from original.__func__(cls, *arguments, **keywords)
        try:
            check(connection.info.dbname)
        except BaseException:
            connection.pgconn.finish()
            raise
        return connection

    return classmethod(connect)


def _psycopg2(original: Any, check: Check) -> Callable[..., Any]:
    def connect(*arguments: Any, **keywords: Any) -> Any:
        connection = original(*arguments, **keywords)
        try:
            check(connection.info.dbname)
        except BaseException:
            connection.close()
            raise
        return connection

    return connect


def _asyncpg(original: Any, check: Check) -> Callable[..., Awaitable[Any]]:
    async def connect(*arguments: Any, **keywords: Any) -> Any:
        connection = await original(*arguments, **keywords)
        try:
            check(database_of(connection) or await connection.fetchval("SELECT current_database()"))
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
        check(name.decode() if isinstance(name, bytes) else name)
        original(*arguments, **keywords)

    return init


_DRIVERS: tuple[tuple[str, str, Callable[[Any, Check], Any]], ...] = (
    ("psycopg.connection", "BaseConnection._connect_gen", _psycopg),
    ("psycopg2", "_connect", _psycopg2),
    ("asyncpg.connect_utils", "_connect", _asyncpg),
    ("pg8000.core", "CoreConnection.__init__", _pg8000),
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
