"""Walks: their speed, and how soon they find what is planted; each measured in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence

from tests.benchmarks import processes
from tests.benchmarks.peers import ROOT
from tests.benchmarks.samples import Cell, Sample

CELL = "walks"
COLD, SHRINKING = "cold", "shrinking"
LONG = "long"
GROUPS = ("faulty", LONG)
"""Of tests/quality: small histories, of which walks take every transition, and those where they walk at random."""


def kinds_cell(group: str) -> str:
    """Return the name of what is measured of the kinds of faults in a group of histories."""
    return f"kinds {group}"


def speed(rounds: int) -> Cell:
    """Measure how many commands they run in a second."""
    found: dict[str, list[Sample]] = {}
    for round in range(rounds):
        for name, sample in _printed("speed", str(round)):
            found.setdefault(name, []).append(sample)
    return found


def kinds(group: str, seeds: int, kinds: Sequence[str] = ()) -> Cell:
    """Measure how soon faults are found, by kind; default: all kinds, of long histories those that take no rows."""
    found: dict[str, list[Sample]] = {}
    for name, sample in _printed("kinds", group, str(seeds), *kinds):
        found.setdefault(name, []).append(sample)
    return found


def _printed(*arguments: str) -> Iterator[tuple[str, Sample]]:
    command = [sys.executable, "-m", "tests.benchmarks.walking", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=processes.environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            name, sample = json.loads(line)
            print(f"    {name}: {sample['values'].get('whole', 0):.2f} s {sample['outcome']}", file=sys.stderr)
            yield name, Sample(**sample)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)}: exit status {process.returncode}")
