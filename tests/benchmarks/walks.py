"""Walks: their speed, and how soon they find what is planted; each measured in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence

from tests.benchmarks import processes
from tests.benchmarks.peers import ROOT
from tests.benchmarks.samples import Cell, Sample

CELL = "walks"
COLD, SHRINKING = "cold", "shrinking"
ROWS = "rows"
INSERTED, EMPTY, POPULATED = "rows inserted", "walks without rows", "walks with rows"
LONG = "long"
GROUPS = ("faulty", LONG)
"""Of tests/quality: small histories, of which walks take every transition, and those where they walk at random."""


def kinds_cell(group: str) -> str:
    """Return the name of what is measured of the kinds of faults in a group of histories."""
    return f"kinds {group}"


def speed(rounds: int) -> Cell:
    """Measure how many commands they run in a second."""
    return _gathered(sample for round in range(rounds) for sample in _printed("walking", "speed", str(round)))


def rows(rounds: int) -> Cell:
    """Measure how many rows are inserted in a second, and what rows make of the time of walks."""
    return _gathered(_printed("rowing", str(rounds)))


def kinds(group: str, seeds: int, kinds: Sequence[str] = ()) -> Cell:
    """Measure how soon faults are found, by kind; default: all kinds, of long histories those that take no rows."""
    return _gathered(_printed("walking", "kinds", group, str(seeds), *kinds))


def _gathered(samples: Iterable[tuple[str, Sample]]) -> Cell:
    found: dict[str, list[Sample]] = {}
    for name, sample in samples:
        found.setdefault(name, []).append(sample)
    return found


def _printed(module: str, *arguments: str) -> Iterator[tuple[str, Sample]]:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=processes.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            name, sample = json.loads(line)
            print(f"    {name}: {sample['values'].get('whole', 0):.2f} s {sample['outcome']}", file=sys.stderr)
            yield name, Sample(**sample)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit status {process.returncode}")
