"""The server that all share, and databases on it; what a stopped process leaves there is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql

from alembic_gauntlet.embedded import EmbeddedServer

_LEFT = re.compile(r"(bench|gauntlet)_\w+")


class SharedServer:
    """An embedded server, started once. Use it as a context manager."""

    def __init__(self) -> None:
        self._embedded = EmbeddedServer()

    @property
    def url(self) -> str:
        """The URL of its maintenance database."""
        return self._embedded.url

    @property
    def sqlalchemy_url(self) -> str:
        """The same with the driver named."""
        return self.url.replace("postgresql://", "postgresql+psycopg://")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Drop what is left of others, write what is to be written, and then let something be measured."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall():
                if _LEFT.fullmatch(name):
                    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                    connection.execute(drop)
            connection.execute("CHECKPOINT")
        yield

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a database, and drop it; yield its SQLAlchemy URL."""
        self._execute("CREATE DATABASE bench_own")
        try:
            yield self.sqlalchemy_url.replace("/postgres?", "/bench_own?")
        finally:
            self._execute("DROP DATABASE bench_own WITH (FORCE)")

    def version(self) -> str:
        """The version of PostgreSQL."""
        with psycopg.connect(self.url) as connection:
            return connection.info.parameter_status("server_version") or ""

    def _execute(self, statement: LiteralString) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def __enter__(self) -> SharedServer:
        self._embedded.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._embedded.stop()
