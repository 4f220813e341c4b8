"""One server for all generated histories, and how many of them are tried."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import EmbeddedServer
from tests.quality.plain import PlainAlembic

settings.register_profile(
    "quality",
    deadline=None,
    database=None,
    # The same histories every time, unless more of them are asked for.
    derandomize="GAUNTLET_QUALITY" not in os.environ,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedServer]:
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(scope="session")
def server(embedded: EmbeddedServer) -> Iterator[Server]:
    with Server(embedded.url, throwaway=True) as connected:
        yield connected


@pytest.fixture(scope="session")
def plain(embedded: EmbeddedServer) -> PlainAlembic:
    return PlainAlembic(embedded.url)
