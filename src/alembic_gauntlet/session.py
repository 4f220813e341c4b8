"""What one pytest session keeps: its throw-away servers, a `Server` for each URL, a `Gauntlet` for each history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol, Self

from alembic.config import Config

from alembic_gauntlet.config import fingerprint
from alembic_gauntlet.database import Server, parse_url
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.shared import SharedServer
from alembic_gauntlet.suite import MigrationTestBase, settings_of


class ThrowawayServer(Protocol):
    """A PostgreSQL server that runs while its context is entered, and keeps nothing."""

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the server's maintenance database."""

    def __enter__(self) -> Self:
        """Launch it."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""


class GauntletSession:
    """Makes each of them once, on first use; `close` drops every database and stops the servers.

    Args:
        run: what the processes of a test run call it, where several share the embedded server.
    """

    def __init__(self, run: str | None = None) -> None:
        self._resources = ExitStack()
        self._run = run
        self._throwaway: dict[str, ThrowawayServer | GauntletError] = {}
        self._servers: dict[str, Server] = {}
        self._gauntlets: dict[Any, Gauntlet] = {}

    def embedded_url(self) -> str:
        """Return the URL of the embedded server, which is launched on first use."""
        run = self._run
        return self.throwaway_url("embedded", EmbeddedServer if run is None else lambda: SharedServer(run))

    def throwaway_url(self, name: str, make: Callable[[], ThrowawayServer]) -> str:
        """Return the URL of the server of this name, which is launched on first use; only once, if that fails.

        Raises:
            GauntletError: it cannot be launched.
        """
        __tracebackhide__ = True
        if name not in self._throwaway:
            try:
                self._throwaway[name] = self._resources.enter_context(make())
            except GauntletError as error:
                self._throwaway[name] = error
        server = self._throwaway[name]
        if isinstance(server, GauntletError):
            raise server
        return server.url

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
            self._servers[key] = self._resources.enter_context(Server(parsed, throwaway=self._is_throwaway(url)))
        return self._servers[key]

    def _is_throwaway(self, url: Any) -> bool:
        servers = self._throwaway.values()
        return any(not isinstance(server, GauntletError) and str(url) == server.url for server in servers)

    def close(self) -> None:
        """Drop all databases, then stop the servers."""
        self._resources.close()
