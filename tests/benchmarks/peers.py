"""The peers: an environment for each, and the test file that has it do what our five tests do."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
_PINS = Path(__file__).with_name("peers.toml")

OURS = """\
from alembic_gauntlet import MigrationTestBase


class TestMigrations(MigrationTestBase):
    pass
"""

_GAUNTLET03 = """\
import os

import pytest
from alembic_gauntlet import MigrationTestBase
from alembic_gauntlet.fixtures import alembic_config, migration_engine
from models import metadata


class TestMigrations(MigrationTestBase):
    @pytest.fixture
    def orm_metadata(self):
        return metadata

    @pytest.fixture
    def migration_db_url(self):
        return os.environ["BENCH_URL"]
"""

_PYTEST_ALEMBIC = """\
import os
import uuid

import pytest
import sqlalchemy as sa
from pytest_alembic.tests import (
    test_model_definitions_match_ddl,
    test_single_head_revision,
    test_up_down_consistency,
    test_upgrade,
)

URL = sa.make_url(os.environ["BENCH_URL"])


@pytest.fixture
def alembic_engine():
    name = "bench_" + uuid.uuid4().hex[:16]
    server = sa.create_engine(URL, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine = sa.create_engine(URL.set(database=name))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
"""


@dataclass(frozen=True)
class Peer:
    """A tool of the same purpose. `name` is that of its environment, `package` what is measured in it."""

    name: str
    package: str
    test: str
    options: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The pinned version."""
        return _pins(self.name)[self.package]

    @property
    def title(self) -> str:
        """What the tables call it."""
        return f"{self.package} {self.version}"

    @property
    def file(self) -> str:
        """The name of its test file."""
        return f"test_{self.name.replace('-', '_')}.py"


PEERS = (
    # Of its seven tests the five of the same names; ours compare what the other two do, too.
    Peer(
        "gauntlet03",
        "alembic-gauntlet",
        _GAUNTLET03,
        ("-o", "asyncio_mode=auto", "-k", "not check_constraints_match and not enum_values_match"),
    ),
    Peer("pytest-alembic", "pytest-alembic", _PYTEST_ALEMBIC),
)


def ensure_ours() -> tuple[Path, tuple[str, ...]]:
    """Return the Python of an environment with what this tree needs, and pytest's options to load its plugin there.

    An environment for developers has other plugins, which pytest loads as well.
    """
    python = ensure("ours")
    (packages,) = python.parents[1].glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(f"{ROOT / 'src'}\n")
    return python, ("-p", "alembic_gauntlet.plugin")


def ensure(name: str) -> Path:
    """Return the Python of an environment, which is made where it lacks a pin."""
    folder = CACHE / name
    python, pins = folder / "bin" / "python", _pins(name)
    if not (python.exists() and _installed(python, pins) == pins):
        # Without pip in it: Debian's python3 has no ensurepip. Ours installs from outside.
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
        _run([*pip, *(f"{name}=={version}" for name, version in pins.items())])
    return python


def _pins(name: str) -> dict[str, str]:
    return dict(tomllib.loads(_PINS.read_text())[name])


def _installed(python: Path, names: Mapping[str, str]) -> dict[str, str]:
    script = (
        "import importlib.metadata as m, json, sys\n"
        "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
    )
    done = subprocess.run([str(python), "-I", "-c", script], capture_output=True, text=True, check=False)
    found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
    return {name: found[name] for name in names if name in found}


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit("\n".join((done.stdout + done.stderr).strip().splitlines()[-10:]))
