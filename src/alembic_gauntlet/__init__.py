"""Tests Alembic migrations on PostgreSQL: five fixed tests, and walks that shrink to a minimal path.

The names below are the public API. They are imported on first use, since pytest imports this package in every session
to reach the plugin, also where no migration is tested. PYTEST_DONT_REWRITE: no assertion here is a test's, and the
command line has imported the package before pytest looks at it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic_gauntlet.database import Server
    from alembic_gauntlet.embedded import EmbeddedServer
    from alembic_gauntlet.errors import GauntletError
    from alembic_gauntlet.findings import Failure, Finding
    from alembic_gauntlet.gauntlet import Gauntlet
    from alembic_gauntlet.settings import Settings
    from alembic_gauntlet.suite import MigrationTestBase

_HOMES = {
    "EmbeddedServer": "embedded",
    "Failure": "findings",
    "Finding": "findings",
    "Gauntlet": "gauntlet",
    "GauntletError": "errors",
    "MigrationTestBase": "suite",
    "Server": "database",
    "Settings": "settings",
}

__all__ = [
    "EmbeddedServer",
    "Failure",
    "Finding",
    "Gauntlet",
    "GauntletError",
    "MigrationTestBase",
    "Server",
    "Settings",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
