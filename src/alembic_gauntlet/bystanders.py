"""Connections of psycopg2 that are open before a command, to other databases: cut off from their server for its time.

psycopg2 is written in C, and nothing of what a connection sends can be seen from Python. So another socket is put in
the place of its own for the time of a command, one that nobody answers at, and taken away again after it. Nothing is
sent, whatever cursor is used. A connection that is used all the same is broken then, for psycopg2 as well.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import socket
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

_CLOSED = 1
"""What psycopg2 says of a connection that was closed by `close`, and was not lost."""
_GOODBYE = b"X\0\0\0\4"
_ROLLBACK = b"Q\0\0\0\rROLLBACK\0"
"""The messages of PostgreSQL's protocol by which a connection is closed, and its transaction undone."""


class Bystanders:
    """Knows the connections of psycopg2 that this process has, from now until `close`.

    What is there already is found among all objects, once. A connection that is made later by calling its class, and
    not `psycopg2.connect`, stays unknown.
    """

    def __init__(self) -> None:
        self._known: weakref.WeakSet[Any] = weakref.WeakSet(_open_by_now())
        self._module: Any = None
        if importlib.util.find_spec("psycopg2") is not None:
            with suppress(Exception):
                self._module = importlib.import_module("psycopg2")
                self._connect = self._module._connect
                self._module._connect = self._noting

    def _noting(self, *arguments: Any, **keywords: Any) -> Any:
        connection = self._connect(*arguments, **keywords)
        self._known.add(connection)
        return connection

    def close(self) -> None:
        """Note no more of them. Where somebody has put a function of theirs over ours, ours stays below it."""
        if self._module is not None and self._module._connect == self._noting:
            self._module._connect = self._connect

    @contextmanager
    def cut_off(self, stays: Callable[[str], bool]) -> Iterator[Cuts]:
        """Cut off those for the time of the block that are to no database that `stays` knows."""
        with ExitStack() as stack:
            yield Cuts(
                tuple(
                    stack.enter_context(_cut(connection))
                    for connection in [*self._known]
                    if not connection.closed and not stays(connection.info.dbname)
                )
            )


class Cuts:
    """The connections that are cut off."""

    def __init__(self, cuts: tuple[_Cut, ...]) -> None:
        self._cuts = cuts

    def used(self) -> str | None:
        """Return the database of a connection that something has been sent on, but to be done with it."""
        return next((cut.database for cut in self._cuts if cut.is_used()), None)


class _Cut:
    """One connection, with what would have been sent on it."""

    def __init__(self, connection: Any, sent: socket.socket) -> None:
        self.database: str = connection.info.dbname
        self._connection = connection
        self._is_encrypted: bool = connection.info.ssl_in_use
        self._sent = sent

    def is_used(self) -> bool:
        """Tell whether it was; of what is encrypted, only that it was not just closed."""
        with suppress(BlockingIOError):
            sent = self._sent.recv(1024, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            if self._is_encrypted:
                return bool(self._connection.closed != _CLOSED)
            return bool(sent.replace(_ROLLBACK, b"").replace(_GOODBYE, b""))
        return False


@contextmanager
def _cut(connection: Any) -> Iterator[_Cut]:
    place = connection.fileno()
    kept = os.dup(place)
    near, far = socket.socketpair()
    with far:
        with near:
            os.dup2(near.fileno(), place, inheritable=False)
        # Whoever waits for an answer is told at once that there is none.
        far.shutdown(socket.SHUT_WR)
        try:
            yield _Cut(connection, far)
        finally:
            # Where it is closed or broken, its place may be another file's by now.
            if not connection.closed and connection.fileno() == place:
                os.dup2(kept, place, inheritable=False)
            os.close(kept)


def _open_by_now() -> list[Any]:
    extensions = sys.modules.get("psycopg2.extensions")
    if extensions is None:
        return []
    return [thing for thing in gc.get_objects() if isinstance(thing, extensions.connection)]
