"""One backend for the commands on a sandbox: each gets what a new connection gives, without paying for one.

A new backend costs more than most commands: it starts with empty caches, and fills them. So the backend is kept, and
what a command has left on it is discarded. Where that is not all that a new connection would change, a new one is made:
custom parameters stay known to a session, and settings of the database or the role reach only new ones.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import AdaptersMap
from sqlalchemy.engine import Dialect

from alembic_gauntlet.answers import Answers
from alembic_gauntlet.drivers import statement_text

LIBPQ_KEYWORDS = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())

_WHAT_STAYS = r"""
SELECT EXISTS (SELECT FROM pg_proc WHERE oid >= 16384 AND (array_to_string(proconfig, ' ') LIKE '%.%'
        OR prosrc ~* 'set_config|\mset\s+((session|local)\s+)?[^\s.;=]+\s*\.')),
    (SELECT string_agg(each, ' ' ORDER BY each) FROM (
        SELECT row(setdatabase = 0, setrole, setconfig)::text AS each FROM pg_db_role_setting
        WHERE setdatabase IN (0, d.oid)) s),
    (SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM pg_event_trigger t WHERE t.evtevent = 'login'),
    (SELECT row(rolcanlogin, rolconnlimit, rolvaliduntil)::text FROM pg_roles WHERE rolname = session_user),
    d.datacl::text, d.datallowconn, d.datconnlimit,
    current_schema()::text, current_setting('default_transaction_isolation'),
    current_setting('standard_conforming_strings'), to_regtype('hstore')::text
FROM pg_database d WHERE d.datname = current_database()"""
"""What a new connection would notice and `DISCARD ALL` leaves alone; first, if a function may do as `_CUSTOM` says;
last, what `Dialect.initialize` asks for (`answers`).

A library that a session has loaded stays loaded, too: nothing tells of it cheaply, and it takes SHOW to see it.
"""
_CUSTOM = re.compile(r"set_config|\bset\s+(?:(?:session|local)\s+)?[^\s.;=]+\s*\.", re.IGNORECASE)
"""A statement that may give a session a custom parameter, which it knows ever after, and shows in no list."""
_DISCARD = f"""\
CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; DEALLOCATE ALL; UNLISTEN *; SELECT pg_advisory_unlock_all();
DISCARD PLANS; DISCARD TEMP; DISCARD SEQUENCES; {_WHAT_STAYS}"""
"""`DISCARD ALL`, which the manual spells out so, and a look, in one message: together they may not be sent."""

_Release = Callable[["_Lease"], None]


class _Cursor(psycopg.Cursor[Any]):
    """Looks at the statements of a lease."""

    def execute(self, query: Any, *arguments: Any, **keywords: Any) -> _Cursor:
        connection = self.connection
        if isinstance(connection, _Lease) and _CUSTOM.search(statement_text(query, connection)):
            connection.is_marked = True
        return super().execute(query, *arguments, **keywords)


class _Lease(psycopg.Connection[Any]):
    """A connection on a kept backend: new in all that Python sees of it; closing it gives the backend back.

    `is_marked`: it may have a custom parameter by now.
    """

    def __init__(self, pgconn: pq.abc.PGconn, context: psycopg.abc.AdaptContext | None, release: _Release) -> None:
        super().__init__(pgconn)
        self._leased_adapters = AdaptersMap(context.adapters if context else psycopg.adapters)
        self._release: _Release | None = release
        self.cursor_factory = _Cursor
        self.is_marked = False

    @property
    def adapters(self) -> AdaptersMap:
        return self._leased_adapters

    def close(self) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            self.pgconn = _closed()
            release(self)


def _closed() -> pq.abc.PGconn:
    pgconn = pq.PGconn.connect_start(b"host=/")
    pgconn.finish()
    return pgconn


def is_alive(connection: psycopg.Connection[Any]) -> bool:
    """Return whether an idle connection is of use still, without asking the server.

    What there is to be read on it is the server's farewell: the backend was terminated, or the server has stopped.
    """
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


class Backend:
    """The backend of one sandbox. It serves one connection at a time. `answers` are those of its server."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._root: psycopg.Connection[Any] | None = None
        self._key: Any = None
        self._stays: Any = None
        self._is_settled = True
        self._lease: _Lease | None = None

    def connection(self, dialect: Dialect, parameters: Mapping[str, Any]) -> psycopg.Connection[Any] | None:
        """Return a connection; None where the parameters ask for more than libpq's, or the backend is in use.

        Args:
            dialect: for which the connection is.
            parameters: what `psycopg.connect` would be given.

        Raises:
            psycopg.Error: there is no connecting.
        """
        context, keywords = parameters.get("context"), {k: v for k, v in parameters.items() if k != "context"}
        if self._lease is not None or not keywords.keys() <= LIBPQ_KEYWORDS:
            return None
        key = (keywords, {name: value for name, value in os.environ.items() if name.startswith("PG")})
        if key != self._key or not self._settle():
            self._connect(keywords)
            self._key = key
        assert self._root is not None
        self._answers.give(dialect, self._stays)
        self._lease = _Lease(self._root.pgconn, context, self._take_back)
        return self._lease

    @property
    def pid(self) -> int | None:
        """The process of the backend, as the server counts; None where none is kept."""
        return None if self._root is None or self._root.closed else self._root.info.backend_pid

    def close(self) -> None:
        """Close the connection, whoever uses it."""
        if self._root is not None:
            self._root.close()
        self._root = self._lease = None
        self._is_settled = True

    def _connect(self, keywords: Mapping[str, Any]) -> None:
        self.close()
        self._root = psycopg.connect(autocommit=True, prepare_threshold=None, **keywords)
        self._stays = _row(self._root.pgconn.exec_(_WHAT_STAYS.encode()))

    def _take_back(self, lease: _Lease) -> None:
        if lease is not self._lease:
            return
        self._lease = None
        try:
            is_discarding = not lease.is_marked and self._discard()
        except psycopg.Error:
            is_discarding = False
        if not is_discarding:
            self.close()

    def _discard(self) -> bool:
        """Have the server discard what the session holds, while we go on; return whether that can be done."""
        root = self._root
        if root is None or root.closed or root.pgconn.pipeline_status != pq.PipelineStatus.OFF:
            return False
        if root.pgconn.transaction_status != pq.TransactionStatus.IDLE:
            root.execute("ROLLBACK")
        root.pgconn.send_query(_DISCARD.encode())
        root.pgconn.flush()
        self._is_settled = False
        return True

    def _settle(self) -> bool:
        """Wait until all is discarded; return whether the session is as a new one now."""
        root = self._root
        if root is None or root.closed:
            return False
        if self._is_settled:
            return is_alive(root)
        self._is_settled = True
        stays = None
        while (result := root.pgconn.get_result()) is not None:
            stays = _row(result)
        return stays is not None and stays == self._stays and stays[0] == b"f" and is_alive(root)


def _row(result: pq.abc.PGresult) -> tuple[bytes | None, ...] | None:
    """Return the one row of a result; None where there is none."""
    if result.status != pq.ExecStatus.TUPLES_OK or result.ntuples != 1:
        return None
    return tuple(result.get_value(0, column) for column in range(result.nfields))
