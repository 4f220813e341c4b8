"""Servers and the sandbox databases made on them.

A sandbox is a database that this session created. Its name carries the session's token, and the session holds a
connection whose `application_name` carries the same token: a sandbox whose token no connection shows belongs to a
session that is gone, and the next session drops it.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from textwrap import shorten
from types import TracebackType
from typing import Any

import psycopg
from psycopg import pq, sql
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from alembic_gauntlet.answers import Answers
from alembic_gauntlet.backend import LIBPQ_KEYWORDS, Backend, is_alive
from alembic_gauntlet.blame import explain, sqlstate
from alembic_gauntlet.bystanders import Bystanders
from alembic_gauntlet.catalog import Reader
from alembic_gauntlet.compiled import Compiled
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.process import environment
from alembic_gauntlet.secrets import Secrets

_SANDBOX_NAME = re.compile(r"gauntlet_([0-9a-f]{16})_[0-9]+")
MARK = 1_906_711_973
"""The connection limit of every sandbox: as good as none, and nobody's choice. CREATE DATABASE sets it, so that there
is no moment in which a sandbox is not marked."""
_OURS = sql.SQL("""
SELECT datname FROM pg_database
WHERE datname ~ '^gauntlet_[0-9a-f]{{16}}_[0-9]+$' AND datname <> current_database()
    AND datconnlimit IN ({}, -2) AND pg_get_userbyid(datdba) = current_user""").format(MARK)
"""What a session of this role has made; -2 is what an interrupted DROP DATABASE leaves."""
_STAY = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
_KNOWN_BY_URL = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGDATABASE")
_OF_THE_SESSION = ("PGOPTIONS", "PGAPPNAME", "PGCLIENTENCODING", "PGCONNECT_TIMEOUT")
_MEANT_FOR_ANOTHER_SERVER = frozenset(
    option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar
) - {*_KNOWN_BY_URL, *_OF_THE_SESSION}
"""Variables such as PGHOSTADDR and PGSSLMODE, which libpq takes for a server that the user has in mind."""
_APPLICATION = "alembic-gauntlet "
_FILE_COPY_SINCE = 150000
_CONNECTED = sql.SQL("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = {})")
_LOOKS = 20

# What belongs to a database as a whole is not copied by CREATE DATABASE. Settings that are lists of names are kept
# quoted by PostgreSQL, and a quoted list would be one name: pg_dump tells them apart in the same way.
_NOT_CLONED = """
WITH source AS (SELECT oid, datacl FROM pg_database WHERE datname = %(source)s)
SELECT format('REVOKE ALL ON DATABASE %%I FROM PUBLIC', %(target)s::text) FROM source WHERE datacl IS NOT NULL
UNION ALL
SELECT format('GRANT %%s ON DATABASE %%I TO %%s%%s', privilege_type, %(target)s::text,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM source, aclexplode(datacl)
UNION ALL
SELECT format('ALTER %%s SET %%I TO %%s',
              CASE setrole WHEN 0 THEN format('DATABASE %%I', %(target)s::text)
                           ELSE format('ROLE %%s IN DATABASE %%I', setrole::regrole, %(target)s::text) END,
              name, CASE WHEN name = ANY (%(lists)s) THEN value ELSE quote_literal(value) END)
FROM source JOIN pg_db_role_setting ON setdatabase = oid, unnest(setconfig) AS setting,
     LATERAL (SELECT split_part(setting, '=', 1) AS name, substr(setting, strpos(setting, '=') + 1) AS value) AS pair
"""
_LISTS = ["search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries"]


_FULL = {
    "53100": ("has no room left on its disk", "Free some there"),
    "53300": ("has no connection left", "Raise its max_connections, or end other sessions"),
    "58030": ("cannot read or write its files", "Its log says more"),
}
"""Conditions of a server that are no fault of a statement, by SQLSTATE, and their remedies."""
_GONE = (
    "was stopped or restarted, has crashed, or takes no more connections",
    "See that it runs and has connections left",
)
SESSION_ENDED = ("", "08001", "08003", "08006", "57P01", "57P02", "57P03")
"""SQLSTATEs of a session that has ended, alone or with its server; the empty one: it has broken off."""


class ServerLost(GauntletError):
    """The server is gone, was restarted, or is full: what has failed meanwhile is no fault of a migration."""


class Server:
    """A PostgreSQL server on which sandbox databases are made; the maintenance database itself is never written to.

    Args:
        url: a SQLAlchemy PostgreSQL URL with any driver, naming the server and a maintenance database.
        throwaway: the server is our own and keeps nothing, so that databases are cloned by file copy (on a server
            with fsync on, that is slow to drop), and the environment's PGHOSTADDR and the like are not meant for it.

    Raises:
        GauntletError: the URL is no PostgreSQL URL, or the server does not let us in.
    """

    def __init__(self, url: str | URL, *, throwaway: bool = False) -> None:
        self.url = parse_url(url)
        self.token = secrets.token_hex(8)
        self.answers = Answers()
        self.compiled = Compiled()
        self.bystanders = Bystanders()
        self.throwaway = throwaway
        self._numbers = itertools.count(1)
        self._sandboxes: dict[str, Sandbox] = {}
        self._lost: ServerLost | None = None
        self._connection = self._connect()
        self._sweep()
        self._shared = self._shared_by_all()

    @property
    def hidden(self) -> Mapping[str, None]:
        """Environment variables that are to be removed while this server is connected to."""
        return dict.fromkeys(_MEANT_FOR_ANOTHER_SERVER) if self.throwaway else {}

    def connect(self, database: str) -> psycopg.Connection[Any]:
        """Return a new connection to one of its databases, in autocommit."""
        __tracebackhide__ = True
        with environment(self.hidden):
            return _connect(self.url.set(database=database), application_name="")

    def _connect(self) -> psycopg.Connection[Any]:
        """Connect to the maintenance database, to stay: this connection shows that the session is alive."""
        __tracebackhide__ = True
        with environment(self.hidden):
            connection = _connect(self.url, application_name=_APPLICATION + self.token)
        connection.execute(_STAY)
        return connection

    def create(self, template: Sandbox | None = None, settings: Mapping[str, str] | None = None) -> Sandbox:
        """Create a sandbox: empty, or a clone of `template`, whose connections are closed first.

        Args:
            template: the sandbox to clone, with the run-time settings and the privileges of the database itself.
            settings: further run-time settings of the new database, as `ALTER DATABASE ... SET` takes them.

        Raises:
            GauntletError: the role may not create databases.
            ServerLost: the server is gone, or full.
        """
        sandbox = Sandbox(self, f"gauntlet_{self.token}_{next(self._numbers)}")
        if template is not None:
            template.disconnect()
            self._wait_until_left(template)
        # Before it exists: a Ctrl-C that comes while it is created must not leave it behind.
        self._sandboxes[sandbox.name] = sandbox
        try:
            self._execute(self._create_statement(sandbox, template))
        except psycopg.errors.InsufficientPrivilege as error:
            del self._sandboxes[sandbox.name]
            raise GauntletError(_NO_CREATEDB.format(role=self.url.username, server=describe(self.url))) from error
        except psycopg.errors.ObjectInUse as error:
            del self._sandboxes[sandbox.name]
            raise GauntletError(_IN_USE.format(template=template.name if template else "template1")) from error
        self._apply(sandbox, template, settings or {})
        if template is not None and template.reader is not None:
            sandbox.reader = template.reader.copy()
        return sandbox

    def _create_statement(self, sandbox: Sandbox, template: Sandbox | None) -> sql.Composed:
        source = sql.Identifier(template.name if template else "template1")
        name = sql.Identifier(sandbox.name)
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} CONNECTION LIMIT {}").format(name, source, MARK)
        if self.throwaway and self._connection.info.server_version >= _FILE_COPY_SINCE:
            statement += sql.SQL(" STRATEGY file_copy")
        return statement

    def _apply(self, sandbox: Sandbox, template: Sandbox | None, settings: Mapping[str, str]) -> None:
        name = sql.Identifier(sandbox.name)
        statements: list[sql.Composable] = [
            sql.SQL("ALTER DATABASE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
            for setting, value in settings.items()
        ]
        if template is not None:
            names = {"source": template.name, "target": sandbox.name, "lists": _LISTS}
            statements += [sql.SQL(text) for (text,) in self._connection.execute(_NOT_CLONED, names)]
        if statements:
            self._execute(sql.SQL("; ").join(statements))

    def drop(self, sandbox: Sandbox) -> None:
        """Drop a sandbox of this server, whoever is connected to it; where the server is lost, leave it to `close`."""
        if sandbox.name in self._sandboxes:
            sandbox.close()
            with suppress(ServerLost):
                self._wait_until_left(sandbox)
                self._execute(_drop_statement(sandbox.name))
                # Not before: a Ctrl-C while it is dropped must not leave it behind.
                self._sandboxes.pop(sandbox.name, None)

    def left_on_it(self) -> list[str]:
        """Return the roles and tablespaces that the server has got since: they belong to no database, and stay.

        None on a server of our own.
        """
        return [] if self.throwaway else sorted(self._shared_by_all() - self._shared)

    def _shared_by_all(self) -> set[str]:
        query = "SELECT 'role ' || rolname FROM pg_roles UNION ALL SELECT 'tablespace ' || spcname FROM pg_tablespace"
        return {name for (name,) in self._execute(sql.SQL(query))}

    def owns(self, database: str | None) -> bool:
        """Return whether `database` is the name of a sandbox that this session has made, dropped by now or not."""
        found = _SANDBOX_NAME.fullmatch(database or "")
        return found is not None and found[1] == self.token

    def terminate_connections(self, sandbox: Sandbox) -> None:
        """End every session on a sandbox, such as those a user's connection pool keeps."""
        self._execute(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(
                sql.Literal(sandbox.name)
            )
        )

    def end_strays(self, sandbox: Sandbox) -> None:
        """End the sessions on a sandbox that are not ours: what a migration has opened by itself, and never closed.

        From the command line they end with the process, and let go of their locks.
        """
        self._execute(
            sql.SQL(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {} AND usename = current_user "
                "AND pid <> ALL ({}::int[])"
            ).format(sql.Literal(sandbox.name), sql.Literal(sandbox.pids))
        )

    def trouble(self, error: BaseException, meanwhile: str = "") -> ServerLost | None:
        """Return what is wrong with the server, where an error comes of that; None where it does not.

        Args:
            error: whatever has failed.
            meanwhile: what was being done, as a sentence to be told.
        """
        __tracebackhide__ = True
        state = sqlstate(error)
        if state in _FULL:
            return self._tell(_FULL[state], error, meanwhile)
        if state not in SESSION_ENDED:
            return None
        try:
            if is_alive(self._connection):
                self._connection.execute("SELECT 1")
                # That one lives; but a server may take no new connections.
                _connect(self.url, application_name="").close()
                return None
        except (psycopg.Error, GauntletError):
            pass
        return self._tell(_GONE, error, meanwhile)

    def _tell(self, condition: tuple[str, str], error: BaseException, meanwhile: str) -> ServerLost:
        what, remedy = condition
        reason = shorten(explain(error, ()).summary, 200)
        return ServerLost(
            f"The PostgreSQL server {describe(self.url)} {what}:\n    {reason}\n{meanwhile}"
            f"This is no fault of a migration. {remedy}, and run the tests again."
        )

    def _wait_until_left(self, sandbox: Sandbox) -> None:
        """Wait a moment for closed connections to go: PostgreSQL looks for them every 100 ms only."""
        for _ in range(_LOOKS):
            found = self._execute(_CONNECTED.format(sql.Literal(sandbox.name))).fetchone()
            if found == (False,):
                return
            time.sleep(0.001)

    def close(self) -> None:
        """Drop all sandboxes that are left, and disconnect; those of a server that is gone go with it."""
        self._lost = None  # it may be back
        try:
            self._drop_all()
        except KeyboardInterrupt:
            self._drop_all()  # a second one is obeyed
            raise
        finally:
            self.bystanders.close()
            self.compiled.forget()
            self._connection.close()

    def _drop_all(self) -> None:
        for sandbox in list(self._sandboxes.values()):
            self.drop(sandbox)

    def _execute(self, statement: sql.SQL | sql.Composed) -> psycopg.Cursor[Any]:
        __tracebackhide__ = True
        self._reconnect()
        try:
            return self._connection.execute(statement)
        except psycopg.OperationalError as error:
            if not self._connection.broken:
                trouble = self.trouble(error)
                if trouble is None:
                    raise
                raise trouble from error
        # Its backend was terminated, or the server restarted: by then the statement was not run, or can be run again.
        self._reconnect()
        return self._connection.execute(statement)

    def _reconnect(self) -> None:
        """Connect anew where the connection is lost: Ctrl-C in a statement can cost it, and sandboxes must still go.

        Raises:
            ServerLost: there is no connecting; it is raised ever after, at once.
        """
        if self._lost is not None:
            raise self._lost
        if is_alive(self._connection):
            return
        self._connection.close()
        try:
            self._connection = self._connect()
        except GauntletError as error:
            self._lost = ServerLost(str(error))
            raise self._lost from None

    def _sweep(self) -> None:
        """Drop the sandboxes of sessions that are gone: by their name, their mark and their owner."""
        names = [name for (name,) in self._connection.execute(_OURS)]
        # Read after the databases: a session connects before it creates its first one.
        living = {row[0] for row in self._connection.execute("SELECT application_name FROM pg_stat_activity")}
        for name in names:
            token = _SANDBOX_NAME.fullmatch(name)[1]  # type: ignore[index]
            if _APPLICATION + token not in living:
                # Another session that starts now was faster.
                with suppress(psycopg.errors.InvalidCatalogName):
                    self._connection.execute(_drop_statement(name))

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Sandbox:
    """A database that this session created, and drops. Use it as a context manager, or call `drop`."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.backend = Backend(server.answers)
        self.reader: Reader | None = None
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """Our own connection to the sandbox, in autocommit; opened on first use and kept."""
        if self._connection is None or not is_alive(self._connection):
            self._connection = self.server.connect(self.name)
        return self._connection

    @property
    def pids(self) -> list[int]:
        """The backends of our own connection and of the one that is kept for commands."""
        own = self._connection
        return [pid for pid in (own.info.backend_pid if own and not own.closed else None, self.backend.pid) if pid]

    def url(self, drivername: str) -> URL:
        """Return the SQLAlchemy URL of the sandbox for a driver such as `postgresql+asyncpg`."""
        return _for_driver(self.server.url.set(database=self.name), drivername)

    def clone(self) -> Sandbox:
        """Return a new sandbox with the same content, settings and privileges."""
        return self.server.create(self)

    def close(self) -> None:
        """Close our own connection, and the backend that is kept for commands."""
        self.backend.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def disconnect(self) -> None:
        """Close our own connection and end everyone else's."""
        self.close()
        self.server.terminate_connections(self)

    def drop(self) -> None:
        """Drop the database. Harmless when it is dropped already."""
        self.server.drop(self)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()


_NO_CREATEDB = """\
The role {role} may not create databases on {server}, and every test gets one of its own. One of these helps:
    ALTER ROLE {role} CREATEDB;       as a superuser, once
    --gauntlet-url with a role that has CREATEDB
    pip install 'alembic-gauntlet[embedded]' and no URL: an embedded server"""

_IN_USE = """\
{template} cannot be copied, because somebody is connected to it: every sandbox is a copy of a database, and PostgreSQL
copies none that is in use. `SELECT * FROM pg_stat_activity WHERE datname = '{template}'` tells who it is."""


def parse_url(url: str | URL) -> URL:
    """Return a SQLAlchemy URL.

    Raises:
        GauntletError: `url` is not a PostgreSQL URL; the message holds no password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise GauntletError(
            "The database URL cannot be parsed. It reads postgresql://user:password@host:5432/database,\n"
            "with special characters of the password percent-encoded.\n"
            "It comes from --gauntlet-url, $GAUNTLET_DATABASE_URL or the fixture migration_db_url."
        ) from None  # its text is the URL, with the password
    if parsed.drivername == "postgres":  # libpq's other spelling, which hosting services hand out
        parsed = parsed.set(drivername="postgresql")
    if parsed.get_backend_name() != "postgresql":
        raise GauntletError(
            f"The database URL is for {parsed.get_backend_name()}; the gauntlet tests migrations on PostgreSQL only.\n"
            "Give a URL postgresql://user:password@host:5432/database by --gauntlet-url, $GAUNTLET_DATABASE_URL or\n"
            "the fixture migration_db_url."
        )
    return parsed


def remember_password(secrets: Secrets, url: str | URL) -> None:
    """Have the passwords of a URL taken out of what is shown; of one that cannot be parsed, nothing is shown."""
    with suppress(GauntletError):
        parsed = parse_url(url)
        words = (parsed.username, parsed.database, parsed.host)
        for password in (parsed.password, *(parsed.query.get(name) for name in ("password", "sslpassword"))):
            for each in (password,) if isinstance(password, str) or password is None else password:
                secrets.add(str(each or ""), *words)


def written_url(url: URL) -> str:
    """Return a URL with its password, and without a percent sign where none is needed.

    Env.py may pass it on to a ConfigParser, which takes percent signs for its own. A socket's directory needs none.
    """
    text = url.render_as_string(hide_password=False)
    plain = text.replace("%2F", "/")
    return plain if make_url(plain) == url else text


def describe(url: URL) -> str:
    """Return a URL for people to read: driver, role, server and database, never the password or the query."""
    return str(URL.create(url.drivername, url.username, None, url.host or None, url.port, url.database))


def _connect(url: URL, *, application_name: str) -> psycopg.Connection[Any]:
    __tracebackhide__ = True  # pytest shows local variables on request, and these hold the password
    try:
        parameters = _libpq_parameters(url)
        if application_name:
            parameters["application_name"] = application_name
        parameters.setdefault("connect_timeout", "10")
        return psycopg.connect(autocommit=True, **parameters)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        raise GauntletError(_cannot_connect(url, error)) from None


def _cannot_connect(url: URL, error: psycopg.Error) -> str:
    reason = "\n".join(f"    {line.strip()}" for line in str(error).strip().splitlines()[:4])
    return (
        f"Cannot connect to {describe(url)}:\n{reason}\n"
        "The URL comes from --gauntlet-url, $GAUNTLET_DATABASE_URL or the fixture migration_db_url. It names a\n"
        "running server, a role and its password, and an existing database to connect to (nothing is written there).\n"
        "Without a URL, and with pip install 'alembic-gauntlet[embedded]', a server of our own is used."
    )


def _libpq_parameters(url: URL) -> dict[str, str]:
    """Translate a URL for any driver into the parameters of libpq, which psycopg takes."""
    found: dict[str, str | None] = {
        "host": url.host, "port": str(url.port) if url.port else None, "user": url.username,
        "password": None if url.password is None else str(url.password), "dbname": url.database,
    }  # fmt: skip
    return {key: value for key, value in (found | _libpq_query(url)).items() if value is not None}


def _libpq_query(url: URL) -> dict[str, str]:
    """Translate the query of a URL for any driver into parameters of libpq."""
    query = {key: value if isinstance(value, str) else ",".join(value) for key, value in url.query.items()}
    if "ssl" in query:  # asyncpg's name
        query.setdefault("sslmode", query["ssl"])
    if "unix_sock" in query:  # pg8000's
        directory, _, port = query["unix_sock"].rpartition("/.s.PGSQL.")
        query.update(host=directory, port=port)
    return {key: value for key, value in query.items() if key in LIBPQ_KEYWORDS}


def _for_driver(url: URL, drivername: str) -> URL:
    driver = drivername.partition("+")[2]
    if drivername == url.drivername and not (driver == "pg8000" and "host" in url.query):
        return url
    query = _libpq_query(url)
    if driver == "asyncpg":
        names = {"host": "host", "port": "port", "sslmode": "ssl"}
        query = {names[key]: value for key, value in query.items() if key in names}
    elif driver == "pg8000":
        socket = f"{query.get('host')}/.s.PGSQL.{query.get('port', url.port or 5432)}"
        query = {"unix_sock": socket} if query.get("host", "").startswith("/") else {}
    return url.set(drivername=drivername, query=query)


def _drop_statement(name: str) -> sql.Composed:
    return sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
