"""What has been measured: samples of contenders in cells, of one run; kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        round: in which round; ratios are those of one round.
        values: numbers by name; `whole` and `own` are seconds.
        outcome: empty where all went well; "stopped" where `whole` is all the time that there was; or what failed.
    """

    round: int
    values: Mapping[str, float]
    outcome: str = ""


Cell = Mapping[str, Sequence[Sample]]
"""Samples by the name of the contender: alternating, on the same history and the same server."""


@dataclass(frozen=True)
class Run:
    """One run of the benchmarks, or of parts of them.

    Attributes:
        started: when, in UTC; it identifies the run.
        command: the arguments.
        machine, versions: where and with what.
        cells: by the name of what was measured.
    """

    started: str
    command: str
    machine: str
    versions: str
    cells: Mapping[str, Cell] = field(default_factory=dict)

    def with_cell(self, name: str, cell: Cell) -> Run:
        """Return the run with one cell more."""
        return Run(self.started, self.command, self.machine, self.versions, {**self.cells, name: cell})

    @property
    def contents(self) -> frozenset[tuple[str, str]]:
        """Each cell and contender that there is."""
        return frozenset((name, contender) for name, cell in self.cells.items() for contender in cell)


def newest(runs: Sequence[Run], *needed: tuple[str, str]) -> Run | None:
    """Return the last run that has all of these cells and contenders; None where no single one has."""
    return next((run for run in reversed(runs) if run.contents.issuperset(needed)), None)


def kept(runs: Sequence[Run], new: Run) -> tuple[Run, ...]:
    """Return the runs with a new one; those that have nothing that it has not go."""
    others = (run for run in runs if run.started != new.started and not run.contents <= new.contents)
    return (*others, new)


def load(file: Path) -> tuple[Run, ...]:
    """Return the runs in a file."""
    if not file.exists():
        return ()
    return tuple(Run(**{**run, "cells": _cells(run["cells"])}) for run in json.loads(file.read_text()))


def save(file: Path, runs: Iterable[Run]) -> None:
    """Write the runs, all or none of them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    unfinished.rename(file)


def _cells(cells: Mapping[str, Mapping[str, Sequence[dict[str, object]]]]) -> dict[str, Cell]:
    return {
        name: {contender: [Sample(**each) for each in samples] for contender, samples in cell.items()}  # type: ignore[arg-type]
        for name, cell in cells.items()
    }
