"""`pytest -n 2` against one process: the five tests, and the walks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

from tests.benchmarks import processes
from tests.benchmarks.contenders import Rounds, pytest
from tests.benchmarks.five import OUR_FILE, written
from tests.benchmarks.samples import Cell
from tests.benchmarks.server import SharedServer

ONE, TWO = "one process", "-n 2"
WALKED = 50


def five_cell(count: int) -> str:
    """Return the name of what is measured of the five tests."""
    return f"parallel five {count}"


def walks_cell() -> str:
    """Return the name of what is measured of the walks."""
    return f"parallel walks {WALKED}"


def cells(server: SharedServer, rounds: int, count: int) -> Iterator[tuple[str, Callable[[], Cell]]]:
    """Yield what is to be measured, by name."""
    yield five_cell(count), lambda: _measure(server, rounds, count, ())
    walks = ("-m", "fuzz", "-k", "random_walks", "--hypothesis-seed", "0")
    yield walks_cell(), lambda: _measure(server, rounds, WALKED, walks)


def _measure(server: SharedServer, rounds: int, count: int, options: Sequence[str]) -> Cell:
    environment = processes.environment()
    with written(count) as project:
        contenders = [
            pytest(ONE, sys.executable, OUR_FILE, project, environment, (*options, "-p", "no:xdist")),
            pytest(TWO, sys.executable, OUR_FILE, project, environment, (*options, "-n", "2")),
        ]
        return Rounds(server, project, contenders, rounds).measure()
