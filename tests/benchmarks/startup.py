"""Start-up: what the plugin costs a session that does not use it, imports, and the embedded server."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from alembic_gauntlet.embedded import EmbeddedServer
from tests.benchmarks import processes
from tests.benchmarks.contenders import Contender, Rounds
from tests.benchmarks.processes import Done
from tests.benchmarks.samples import Cell, Sample
from tests.benchmarks.server import SharedServer

COLLECT, IMPORTS, SERVER = "startup collect", "startup imports", "startup server"
WITH, WITHOUT = "with the plugin", "without"
START = "start"
PLUGIN, BASE_CLASS = "the plugin, pytest being there", "MigrationTestBase, nothing being there"

_SUITE = """\
import pytest


@pytest.mark.parametrize("number", range(20))
def test_{name}(number):
    assert number >= 0
"""
_FILES = 5
_IMPORT = "import time{first}; started = time.perf_counter(); {then}; print(time.perf_counter() - started)"
_SERVERS = 5


def cells(server: SharedServer, rounds: int) -> Iterator[tuple[str, Callable[[], Cell]]]:
    """Yield what is to be measured, by name."""
    yield COLLECT, lambda: _collect(server, rounds)
    yield IMPORTS, lambda: _imports(server, rounds)
    yield SERVER, _servers


def _collect(server: SharedServer, rounds: int) -> Cell:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only"]
    with TemporaryDirectory() as folder:
        project = Path(folder)
        for number in range(_FILES):
            (project / f"test_{number}.py").write_text(_SUITE.format(name=f"number_{number}"))
        contenders = [
            _contender(WITH, command),
            _contender(WITHOUT, [*command, "-p", "no:alembic_gauntlet"]),
        ]
        # The first pytest rewrites the tests for all.
        processes.run(command, project, processes.environment())
        return Rounds(server, project, contenders, rounds).measure()


def _imports(server: SharedServer, rounds: int) -> Cell:
    scripts = {
        PLUGIN: _IMPORT.format(first=", pytest", then="import alembic_gauntlet.plugin"),
        BASE_CLASS: _IMPORT.format(first="", then="from alembic_gauntlet import MigrationTestBase"),
    }
    contenders = [_contender(name, [sys.executable, "-c", script], _printed) for name, script in scripts.items()]
    with TemporaryDirectory() as folder:
        return Rounds(server, Path(folder), contenders, rounds).measure()


def _servers() -> Cell:
    return {START: [_started(round) for round in range(_SERVERS)]}


def _started(round: int) -> Sample:
    started = time.perf_counter()
    with EmbeddedServer():
        seconds = time.perf_counter() - started
    return Sample(round, {"whole": seconds, "own": seconds})


def _contender(
    name: str, command: list[str], own: Callable[[Done], tuple[dict[str, float], list[str]]] = lambda done: ({}, [])
) -> Contender:
    return Contender(name, command, processes.environment(), own)


def _printed(done: Done) -> tuple[dict[str, float], list[str]]:
    return {"own": float(done.output)}, []
