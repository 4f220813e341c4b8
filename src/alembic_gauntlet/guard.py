"""The guard: while an Alembic command runs, only its sandbox can be connected to, and only it is migrated.

An env.py that ignores the URL it is given, and takes the developer's own database down to base, is the worst thing
this library could do. So three gates are closed while env.py runs:

- every connection that any SQLAlchemy engine opens or takes from its pool must be one to the sandbox;
- every statement on a connection that was taken from its pool earlier is refused, unless that is on the sandbox;
- the connection that env.py passes to `context.configure`, before Alembic writes anything, must be on the sandbox.

What goes past SQLAlchemy altogether (`psycopg.connect` in a migration) is not seen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DisconnectionError, MissingGreenlet
from sqlalchemy.pool import Pool

from alembic_gauntlet.blame import Location
from alembic_gauntlet.database import Sandbox, describe
from alembic_gauntlet.errors import GauntletError

_SEEN = "alembic_gauntlet.guard"
_NAMED = "alembic_gauntlet.guard.named"
_ASKED = ("asyncpg", "pg8000")
"""Drivers whose connections do not tell the name of their database."""

_ENV = """\
env.py was about to use {database}, which is not the gauntlet's sandbox.{location}
Refused: nothing was written there. env.py has to take the URL that Alembic's Config carries; two lines mend it:
    url = context.config.get_main_option("sqlalchemy.url")
    connectable = create_engine(url, poolclass=pool.NullPool)
Where env.py reads its URL from an environment variable, name that variable on the test class instead:
    migration_url_env = "DATABASE_URL\""""

_MIGRATION = """\
A migration was about to use {database}, which is not the gauntlet's sandbox.{location}
Refused: nothing was written there. A migration gets the connection to its own database from op.get_bind()."""


class GuardError(GauntletError):
    """env.py or a migration reached for a database that is not the sandbox. Nothing was written there."""

    def __init__(self, database: str) -> None:
        super().__init__(database)
        self.database = database
        self.location: Location | None = None
        self.in_migration = False

    def __str__(self) -> str:
        location = f"\n    {self.location}" if self.location else ""
        return (_MIGRATION if self.in_migration else _ENV).format(database=self.database, location=location)


class Guard:
    """Watches one command on one sandbox; `refusal` is set when something else was reached for."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.refusal: GuardError | None = None

    def check(self, connection: Connection) -> None:
        """Check the connection that env.py passes to `context.configure`.

        Raises:
            GuardError: it is on another database.
        """
        if connection.dialect.name != "postgresql" or _database_of(connection) != self._sandbox.name:
            self._refuse(describe(connection.engine.url))

    def _refuse(self, database: str) -> None:
        self.refusal = GuardError(database)
        raise self.refusal

    def on_do_connect(self, dialect: Dialect, record: Any, cargs: Any, cparams: dict[str, Any]) -> Any:
        """Refuse to connect elsewhere, before the server there even notices; return a connection where one is kept."""
        if dialect.name != "postgresql":
            if not _is_throw_away(dialect, cargs):
                self._refuse(_describe_parameters(dialect, cargs, cparams))
            return None
        if dialect.is_async and _is_outside_greenlets():
            # SQLAlchemy would say so too, but only after it has made a coroutine that nobody awaits.
            raise MissingGreenlet(f"the driver {dialect.driver} works in an async env.py only")
        key = "dbname" if "dbname" in cparams else "database"
        name = cparams.get(key)
        if self._sandbox.server.owns(name):
            # An engine that the application made when it was first imported still names an earlier sandbox.
            cparams[key] = self._sandbox.name
            # What other listeners do to the parameters comes after this one.
            if sum(1 for _ in dialect.dispatch.do_connect) == 1:
                if record is not None:
                    record.info[_NAMED] = self
                if dialect.driver == "psycopg" and not dialect.is_async and not cargs:
                    return self._sandbox.backend.connection(cparams)
        elif name is not None or not _has_dsn(cargs, cparams):
            self._refuse(_describe_parameters(dialect, cargs, cparams))
        return None

    def on_connect(self, dbapi_connection: Any, record: Any) -> None:
        """Mark a new connection as one of this command, once it is known to be on the sandbox.

        An engine with a `creator` of its own, or a DSN in its `connect_args`, is told by its connection alone.
        """
        if record.info.get(_NAMED) is not self:
            self._check_database(dbapi_connection)
        record.info[_SEEN] = self

    def on_checkout(self, dbapi_connection: Any, record: Any, proxy: Any) -> None:
        """Let no pooled connection of an earlier time be used: a command starts as from the command line."""
        if record.info.get(_SEEN) is not self and not _is_sqlite(dbapi_connection):
            raise DisconnectionError("a connection from before this command")

    def on_checkin(self, dbapi_connection: Any, record: Any) -> None:
        """Close what goes back to a pool: the event loop that a connection belongs to ends with the command."""
        if record.info.get(_SEEN) is self and not _is_sqlite(dbapi_connection):
            record.close()

    def on_execute(
        self, connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        """Refuse a statement on a connection that was taken from its pool before this command."""
        if connection.info.get(_SEEN) is not self:
            self._check_database(_raw(connection))
            connection.info[_SEEN] = self

    def _check_database(self, dbapi_connection: Any) -> None:
        name = _known_database(dbapi_connection) or _asked_database(dbapi_connection)
        if name is not None and name != self._sandbox.name:
            self._refuse(f"the database {name}")


@contextmanager
def guarded(sandbox: Sandbox) -> Iterator[Guard]:
    """Close the gates for the time of the block."""
    guard = Guard(sandbox)
    listeners: list[tuple[Any, str, Any]] = [
        (Engine, "do_connect", guard.on_do_connect),
        (Pool, "connect", guard.on_connect),
        (Pool, "checkout", guard.on_checkout),
        (Pool, "checkin", guard.on_checkin),
        (Engine, "before_cursor_execute", guard.on_execute),
    ]
    for target, name, listener in listeners:
        event.listen(target, name, listener)
    try:
        yield guard
    finally:
        for target, name, listener in listeners:
            event.remove(target, name, listener)


def _is_throw_away(dialect: Dialect, cargs: Any) -> bool:
    """In memory, or a file that a test has made: in the temporary directory, outside of the project."""
    if dialect.name != "sqlite" or not cargs or not cargs[0] or ":memory:" in str(cargs[0]):
        return dialect.name == "sqlite"
    file = Path(str(cargs[0]).removeprefix("file:").partition("?")[0]).resolve()
    temporary, project = Path(tempfile.gettempdir()).resolve(), Path.cwd().resolve()
    return file.is_relative_to(temporary) and not file.is_relative_to(project)


def _is_outside_greenlets() -> bool:
    import greenlet  # type: ignore[import-untyped] # installed only with SQLAlchemy's asyncio extension

    return greenlet.getcurrent().parent is None


def _has_dsn(cargs: Any, cparams: dict[str, Any]) -> bool:
    return any(cargs) or any(name in cparams for name in ("dsn", "conninfo", "service"))


def _describe_parameters(dialect: Dialect, cargs: Any, cparams: dict[str, Any]) -> str:
    if dialect.name == "sqlite":
        return f"sqlite:///{cargs[0]}"
    host, port = cparams.get("host") or "localhost", cparams.get("port")
    name = cparams.get("dbname") or cparams.get("database") or " (the default database there)"
    return f"{dialect.name}+{dialect.driver}://{host}{f':{port}' if port else ''}/{name}"


def _driver(dbapi_connection: Any) -> tuple[Any, str]:
    """Return the driver's own connection, below SQLAlchemy's adapters, and the name of its package."""
    connection = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    return connection, type(connection).__module__.partition(".")[0]


def _is_sqlite(dbapi_connection: Any) -> bool:
    return "sqlite" in _driver(dbapi_connection)[1]


def _known_database(dbapi_connection: Any) -> str | None:
    """Return the database of a DBAPI connection where the driver says so without a statement."""
    return getattr(getattr(_driver(dbapi_connection)[0], "info", None), "dbname", None)


def _asked_database(dbapi_connection: Any) -> str | None:
    if _driver(dbapi_connection)[1] not in _ASKED:
        return None
    cursor = dbapi_connection.cursor()
    cursor.execute("SELECT current_database()")
    name: str = cursor.fetchone()[0]
    cursor.close()
    return name


def _raw(connection: Connection) -> Any:
    raw = connection.connection
    return getattr(raw, "dbapi_connection", raw)


def _database_of(connection: Connection) -> str | None:
    known = _known_database(_raw(connection))
    if known is not None:
        return known
    # A statement begins a transaction in SQLAlchemy 2, and Alembic never commits one that it finds begun.
    began_before = connection.in_transaction()
    name: str | None = connection.exec_driver_sql("SELECT current_database()").scalar()
    if not began_before and connection.in_transaction():
        connection.rollback()
    return name
