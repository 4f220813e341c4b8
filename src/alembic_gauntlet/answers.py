"""What SQLAlchemy asks a server about itself when an engine first connects: asked once, for engines that are alike.

env.py makes an engine for each command, whose `Dialect.initialize` then sends six queries. The answers are the same as
long as the session is, and take a sixth of the time of a command. What is remembered is what `initialize` has set on
the dialect; where that is more than plain values (adapters for hstore), the server is asked each time.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from sqlalchemy.engine import Connection, Dialect


class Answers:
    """The answers of one server."""

    def __init__(self) -> None:
        self._known: dict[Hashable, dict[str, Any]] = {}

    def give(self, dialect: Dialect, session: Hashable) -> None:
        """Have a dialect take what one with the same options was answered; let it ask where none was.

        Args:
            dialect: that of an engine which is about to connect, perhaps for the first time.
            session: all that the answers depend on.
        """
        if type(dialect).__module__ != "sqlalchemy.dialects.postgresql.psycopg" or "initialize" in vars(dialect):
            return
        options = _plain(dialect)
        key = session, frozenset(options.items())

        def initialize(connection: Connection) -> None:
            if key in self._known:
                vars(dialect).update(self._known[key])
                return
            type(dialect).initialize(dialect, connection)
            if not vars(dialect).get("_has_native_hstore"):
                self._known[key] = dict(_plain(dialect).items() - options.items())

        vars(dialect)["initialize"] = initialize


def _plain(dialect: Dialect) -> dict[str, Hashable]:
    return {name: value for name, value in vars(dialect).items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    return isinstance(value, bool | int | str | None) or (type(value) is tuple and all(map(_is_plain, value)))
