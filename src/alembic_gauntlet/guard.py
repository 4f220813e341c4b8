"""The guard: while an Alembic command runs, only its sandbox can be connected to, and only it is migrated.

An env.py that ignores the URL it is given, and takes the developer's own database down to base, is the worst thing
this library could do. So these gates are closed while env.py runs:

- every connection that any SQLAlchemy engine opens or takes from its pool must be one to the sandbox;
- so must every one that a driver opens without SQLAlchemy (`drivers`);
- every statement on a connection that was opened earlier is refused, unless that is on a sandbox (psycopg2's own are
  cut off: `bystanders`);
- so is a statement that names another database of a server that is not our own (`ALTER DATABASE shop ...`);
- the connection that env.py passes to `context.configure`, before Alembic writes anything, must be on the sandbox.

Not seen is what the server or another program does for a migration (`dblink`, a foreign table, `psql`), what is done to
roles, and what is done below a driver's cursors.
"""

from __future__ import annotations

import re
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
from alembic_gauntlet.bystanders import Cuts
from alembic_gauntlet.database import Sandbox, describe
from alembic_gauntlet.drivers import database_of, watched
from alembic_gauntlet.errors import GauntletError

_SEEN = "alembic_gauntlet.guard"
_NAMED = "alembic_gauntlet.guard.named"
_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_OF_A_DATABASE = re.compile(
    rf"""(?:^|;)\s*(?:(?:create|alter|drop|comment\s+on|security\s+label\b[^;]*?\bon)
    |(?:grant|revoke)\b[^;]*?\bon
    |alter\s+(?:role|user)\b[^;]*?\bin)
    \s+database\s+(?:if\s+exists\s+)?({_NAME}(?:\s*,\s*{_NAME})*)""",
    re.IGNORECASE | re.VERBOSE,
)
"""A statement on a database as a whole, at the beginning of a statement; its group has the names."""
_BLOCK = re.compile(r"(?:^|;)\s*do\b", re.IGNORECASE)
_IN_A_BLOCK = re.compile(
    rf"""\b(?:(?:alter|in)\s+database\s+(?={_NAME}\s+(?:set|reset|owner|rename|with|is_template|allow_connections|
        connection|tablespace|refresh)\b)
    |on\s+database\s+(?={_NAME}(?:\s*,\s*{_NAME})*\s+(?:to|from|is)\b))({_NAME}(?:\s*,\s*{_NAME})*)""",
    re.IGNORECASE | re.VERBOSE,
)
"""The same anywhere in the body of a DO block, also in the text that it executes, as long as that names a database."""

_ENV = """\
env.py was about to use {database}, which is not the gauntlet's sandbox.{location}
Refused: nothing was written there. env.py has to take the URL that Alembic's Config carries; two lines mend it:
    url = context.config.get_main_option("sqlalchemy.url")
    connectable = create_engine(url, poolclass=pool.NullPool)
Where env.py reads its URL from an environment variable, name that variable on the test class instead:
    migration_url_env = "DATABASE_URL\""""

_UNUSED = """
(${given} carried the sandbox's URL, as migration_url_env says, and env.py has not used it.)"""

_MIGRATION = """\
A migration was about to use {database}, which is not the gauntlet's sandbox.{location}
Refused: nothing was written there. A migration gets the connection to its own database from op.get_bind()."""

_STATEMENT = """\
A migration was about to change {database}, which is not the gauntlet's sandbox.{location}
Refused: nothing was written there. A database has another name in each place; this takes the one that is migrated:
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ...', current_database()); END $$"""


class GuardError(GauntletError):
    """env.py or a migration reached for a database that is not the sandbox. Nothing was written there."""

    def __init__(self, database: str, *, by_statement: bool = False) -> None:
        super().__init__(database)
        self.database = database
        self.by_statement = by_statement
        self.location: Location | None = None
        self.in_migration = False
        self.given: str | None = None
        """The environment variable that env.py was given the URL by, besides the option."""

    def __str__(self) -> str:
        location = f"\n    {self.location}" if self.location else ""
        text = _STATEMENT if self.by_statement else _MIGRATION if self.in_migration else _ENV
        unused = _UNUSED.format(given=self.given) if self.given and text is _ENV else ""
        return text.format(database=self.database, location=location) + unused


class Guard:
    """Watches one command on one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._refusal: GuardError | None = None
        self._cuts = Cuts(())

    @property
    def refusal(self) -> GuardError | None:
        """What was reached for besides the sandbox; where a connection was cut off, it was not raised."""
        if self._refusal is None:
            used = self._cuts.used()
            self._refusal = None if used is None else GuardError(f"the database {used}")
        return self._refusal

    @contextmanager
    def cutting_off(self) -> Iterator[None]:
        """Cut off the connections of psycopg2 that are to another database, for the time of the block."""
        server = self._sandbox.server
        with server.bystanders.cut_off(server.owns) as self._cuts:
            yield

    def check(self, connection: Connection) -> None:
        """Check the connection that env.py passes to `context.configure`.

        Raises:
            GuardError: it is on another database.
        """
        if connection.dialect.name != "postgresql" or _database_of(connection) != self._sandbox.name:
            self._refuse(describe(connection.engine.url))

    def _refuse(self, database: str, *, by_statement: bool = False) -> None:
        self._refusal = GuardError(database, by_statement=by_statement)
        raise self._refusal

    def on_driver(self, database: str) -> None:
        """Refuse a connection that a driver opens; earlier sandboxes of ours are nobody's data."""
        if not self._sandbox.server.owns(database):
            self._refuse(f"the database {database}")

    def on_driver_statement(self, database: str | None, statement: str) -> None:
        """Refuse what a driver sends to a database that it was connected to before this command, or about one."""
        if database is None:
            self._refuse("a connection that does not tell its database")
        else:
            self.on_driver(database)
        self._check_statement(statement)

    def on_do_connect(self, dialect: Dialect, record: Any, cargs: Any, cparams: dict[str, Any]) -> Any:
        """Refuse to connect elsewhere, before the server there even notices; return a connection where one is kept."""
        if dialect.name != "postgresql":
            if dialect.name != "sqlite" or not _is_throw_away(cargs[0] if cargs else None):
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
                    return self._sandbox.backend.connection(dialect, cparams)
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
        """Refuse a statement on a connection that was taken from its pool before this command, or on a database."""
        if connection.info.get(_SEEN) is not self:
            self._check_database(_raw(connection))
            connection.info[_SEEN] = self
        if connection.dialect.name == "postgresql":
            self._check_statement(statement)

    def _check_statement(self, statement: str) -> None:
        if not self._sandbox.server.throwaway:
            for name in databases_changed(statement):
                if name != self._sandbox.name:
                    self._refuse(f"the database {name}", by_statement=True)

    def _check_database(self, dbapi_connection: Any) -> None:
        if _is_sqlite(dbapi_connection):
            for file in _asked(dbapi_connection, "PRAGMA database_list", column=2):
                if file and not _is_throw_away(file):
                    self._refuse(f"sqlite:///{file}")
            return
        name = database_of(_driver_connection(dbapi_connection))
        if name is None:
            try:
                (name,) = _asked(dbapi_connection, "SELECT current_database()")
            except Exception:
                self._refuse("a connection that does not tell its database")
        if name != self._sandbox.name:
            self._refuse(f"the database {name}")


def databases_changed(statement: str) -> list[str]:
    """Return the databases that SQL creates, alters, drops or grants on, as far as the text itself names them."""
    if "database" not in statement.lower():
        return []
    text = _COMMENT.sub(" ", statement)
    found = _OF_A_DATABASE.findall(text)
    if _BLOCK.search(text):
        found += _IN_A_BLOCK.findall(text)
    names = [name for group in found for name in re.findall(_NAME, group)]
    return [name[1:-1].replace('""', '"') if name.startswith('"') else name.lower() for name in names]


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
        with watched(guard), guard.cutting_off():
            yield guard
    finally:
        for target, name, listener in listeners:
            event.remove(target, name, listener)


def _is_throw_away(name: Any) -> bool:
    """Tell whether SQLite has it in memory, or as a file that a test has made: temporary, outside of the project."""
    if not name or ":memory:" in str(name):
        return True
    file = Path(str(name).removeprefix("file:").partition("?")[0]).resolve()
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


def _driver_connection(dbapi_connection: Any) -> Any:
    """Return the driver's own connection, below SQLAlchemy's adapters."""
    return getattr(dbapi_connection, "driver_connection", dbapi_connection)


def _is_sqlite(dbapi_connection: Any) -> bool:
    return "sqlite" in type(_driver_connection(dbapi_connection)).__module__.partition(".")[0]


def _asked(dbapi_connection: Any, statement: str, column: int = 0) -> list[Any]:
    cursor = dbapi_connection.cursor()
    cursor.execute(statement)
    values = [row[column] for row in cursor.fetchall()]
    cursor.close()
    return values


def _raw(connection: Connection) -> Any:
    raw = connection.connection
    return getattr(raw, "dbapi_connection", raw)


def _database_of(connection: Connection) -> str | None:
    known = database_of(_driver_connection(_raw(connection)))
    if known is not None:
        return known
    # A statement begins a transaction in SQLAlchemy 2, and Alembic never commits one that it finds begun.
    began_before = connection.in_transaction()
    name: str | None = connection.exec_driver_sql("SELECT current_database()").scalar()
    if not began_before and connection.in_transaction():
        connection.rollback()
    return name
