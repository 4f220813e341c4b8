"""What one pytest session keeps: the embedded server, a `Server` for each URL, a `Gauntlet` for each history."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from alembic.config import Config

from alembic_gauntlet.config import fingerprint
from alembic_gauntlet.database import Server, parse_url
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.shared import SharedServer
from alembic_gauntlet.suite import MigrationTestBase, settings_of


class GauntletSession:
    """Makes each of them once, on first use; `close` drops every database and stops the server.

    Args:
        run: what the processes of a test run call it, where several share the embedded server.
    """

    def __init__(self, run: str | None = None) -> None:
        self._resources = ExitStack()
        self._run = run
        self._embedded: EmbeddedServer | SharedServer | None = None
        self._servers: dict[str, Server] = {}
        self._gauntlets: dict[Any, Gauntlet] = {}

    def embedded_url(self) -> str:
        """Return the URL of the embedded server, which is launched on first use."""
        if self._embedded is None:
            self._embedded = EmbeddedServer() if self._run is None else SharedServer(self._run)
            self._resources.enter_context(self._embedded)
        return self._embedded.url

    def gauntlet(self, config: Config, url: Any, test: Any, since: str | None = None) -> Gauntlet:
        """Return the gauntlet of a history as a test instance (or None) configures it; the same one every time."""
        __tracebackhide__ = True  # pytest shows local variables on request, and `url` holds the password
        settings = settings_of(type(test))
        key = (type(test), fingerprint(config), str(parse_url(url)), repr(settings), since)
        if key not in self._gauntlets:
            prepare = test.prepare_database if self._prepares(test) else None
            gauntlet = Gauntlet(config, self._server(url), settings, prepare, since)
            self._gauntlets[key] = self._resources.enter_context(gauntlet)
        return self._gauntlets[key]

    def _prepares(self, test: Any) -> bool:
        own = getattr(type(test), "prepare_database", MigrationTestBase.prepare_database)
        return own is not MigrationTestBase.prepare_database

    def _server(self, url: Any) -> Server:
        __tracebackhide__ = True
        parsed = parse_url(url)
        key = parsed.render_as_string(hide_password=False)
        if key not in self._servers:
            throwaway = self._embedded is not None and str(url) == self._embedded.url
            self._servers[key] = self._resources.enter_context(Server(parsed, throwaway=throwaway))
        return self._servers[key]

    def close(self) -> None:
        """Drop all databases, then stop the server."""
        self._resources.close()
