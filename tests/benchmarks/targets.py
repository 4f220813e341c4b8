"""The targets, each with what was measured in one run, and whether that meets it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks import figures, parallel, startup, walks
from tests.benchmarks.contenders import OURS
from tests.benchmarks.five import LIMIT, cell_name
from tests.benchmarks.peers import PEERS
from tests.benchmarks.samples import Cell, Run, Sample, newest

GAUNTLET03, PYTEST_ALEMBIC = (peer.title for peer in PEERS)
AT = 200
LONG = 1000
SHORT = 100


@dataclass(frozen=True)
class Target:
    """One target.

    Attributes:
        text: what is asked for.
        bound: the number that counts.
        at_least: whether more is better; less otherwise.
        value: what was measured; None where it was not, or cannot be.
        note: why there is no number, or what the number leaves out.
        unit: behind the number.
    """

    text: str
    bound: float
    at_least: bool
    value: float | None
    note: str = ""
    unit: str = ""
    strictly: bool = False

    @property
    def verdict(self) -> str:
        """Whether it is met, by the number as it was measured."""
        if self.value is None:
            return self.note or "not measured"
        if self.strictly and self.value == self.bound:
            return "missed"
        return "met" if (self.value >= self.bound if self.at_least else self.value <= self.bound) else "missed"

    @property
    def measured(self) -> str:
        """The number, rounded so that it looks no better than it is."""
        if self.value is None:
            return "-"
        number = figures.down(self.value) if self.at_least else figures.up(self.value)
        return f"{number}{self.unit}" + (f" {self.note}" if self.note else "")


def targets(runs: Sequence[Run]) -> Iterator[Target]:
    """Yield all of them."""
    yield _times_faster(runs, f"five tests, {AT} linear: at least 10 times faster than 0.3.1", AT, GAUNTLET03, 10)
    yield _times_faster(runs, f"five tests, {AT} linear: no slower than pytest-alembic", AT, PYTEST_ALEMBIC, 1)
    for what, name in (("whole processes", "whole"), ("the tests' durations to the loop alone", "own")):
        yield _at_most_the_limit(runs, f"five tests, {AT} linear: at most 7 times the plain SQL, {what}", name)
    for peer in (GAUNTLET03, PYTEST_ALEMBIC):
        yield _times_faster(runs, f"five tests, {LONG:,} linear: faster than {peer}", LONG, peer, 1, strictly=True)
    for shape in ("linear", "branched"):
        for what, name in (("whole process", "whole"), ("the tests' durations", "own")):
            text = f"time per revision at {LONG:,} {shape}: at most 1.5 times that at {SHORT}, {what}"
            yield Target(text, 1.5, False, growth(runs, LONG, shape, name))
    yield from _of_walks(runs)
    yield Target("start-up: the plugin costs less than 30 ms", 30, False, plugin_cost(runs), unit=" ms", strictly=True)


def _times_faster(
    runs: Sequence[Run], text: str, count: int, peer: str, bound: float, *, strictly: bool = False
) -> Target:
    name = cell_name(count, "linear")
    run = newest(runs, (name, OURS), (name, peer))
    value, note = times(run.cells[name], peer) if run is not None else (None, "")
    return Target(text, bound, True, value, note, " times" if value is not None else "", strictly)


def times(cell: Cell, peer: str, name: str = "whole") -> tuple[float | None, str]:
    """Return how many times as long as ours a peer takes, and a note: it was stopped, or it fails."""
    if (broken := figures.failed(cell[peer])) is not None:
        return None, broken.outcome
    found = figures.ratios(cell, (peer, name), (OURS, name))
    if found:
        return statistics.median(found), ""
    end = figures.stopped(cell[peer])
    ours = figures.values(cell[OURS], "whole")
    if end is None or not ours:
        return None, ""
    # It would have taken longer yet. Of ours the slowest round, since the bound has had fewer rounds to go by.
    return end.values["whole"] / max(ours), "and more (stopped)"


def _at_most_the_limit(runs: Sequence[Run], text: str, name: str) -> Target:
    cell = cell_name(AT, "linear")
    run = newest(runs, (cell, OURS), (cell, LIMIT))
    found = figures.ratios(run.cells[cell], (OURS, name), (LIMIT, name)) if run is not None else []
    return Target(text, 7, False, statistics.median(found) if found else None, unit=" times" if found else "")


def growth(runs: Sequence[Run], count: int, shape: str, name: str) -> float | None:
    """Return the time per revision to that at 100, in one run; None where no run has both."""
    many, few = cell_name(count, shape), cell_name(SHORT, shape)
    run = newest(runs, (many, OURS), (few, OURS))
    if run is None:
        return None
    long, short = (figures.values(run.cells[cell][OURS], name) for cell in (many, few))
    return statistics.median(long) / count / (statistics.median(short) / SHORT) if long and short else None


def _of_walks(runs: Sequence[Run]) -> Iterator[Target]:
    for name in (walks.COLD, walks.SHRINKING):
        run = newest(runs, (walks.CELL, name))
        found = figures.values(run.cells[walks.CELL][name], "commands per second") if run is not None else []
        text = f"walks, 50 revisions, {name}: at least 100 commands a second"
        yield Target(text, 100, True, statistics.median(found) if found else None)
    yield from _of_rows(runs)
    for group in walks.GROUPS:
        cell = cell_of_kinds(runs, group)
        medians = [middle for samples in cell.values() if (middle := median_ratio(samples)) is not None]
        text = (
            f'walks, "{group}": the minimal path within 10 times the first failure, the worst of {len(medians)} kinds'
        )
        yield Target(text, 10, False, max(medians, default=None), _besides(cell, medians), " times" if medians else "")


def _of_rows(runs: Sequence[Run]) -> Iterator[Target]:
    run = newest(runs, (walks.ROWS, walks.EMPTY), (walks.ROWS, walks.POPULATED))
    cell = run.cells[walks.ROWS] if run is not None else {}
    rates = figures.values(cell.get(walks.INSERTED, []), "rows per second")
    yield Target("rows: at least 5,000 inserted a second", 5000, True, statistics.median(rates) if rates else None)
    for what, name in (("a command of a walk", "command"), ("all walks over a history", "whole")):
        found = figures.ratios(cell, (walks.POPULATED, name), (walks.EMPTY, name)) if cell else []
        text = f"rows: {what} takes at most 3 times as long with them"
        yield Target(text, 3, False, statistics.median(found) if found else None, unit=" times" if found else "")


def _besides(cell: Cell, medians: Sequence[float]) -> str:
    """Tell how many kinds are over the bound, and how many have a fault that was not found."""
    over = sum(middle > 10 for middle in medians)
    lost = sum(figures.failed(samples) is not None for samples in cell.values())
    notes = [f"{over} over"] * bool(over) + [f"{lost} with a fault not found"] * bool(lost)
    return f"({', '.join(notes)})" if notes else ""


def cell_of_kinds(runs: Sequence[Run], group: str) -> Cell:
    """Return the last measurement of the kinds of faults in a group; empty where there is none."""
    name = walks.kinds_cell(group)
    return next((run.cells[name] for run in reversed(runs) if name in run.cells), {})


def median_ratio(samples: Sequence[Sample]) -> float | None:
    """Return the median of minimal to first; None where nothing was found."""
    found = figures.values(samples, "ratio")
    return statistics.median(found) if found else None


def plugin_cost(runs: Sequence[Run]) -> float | None:
    """Return by how many milliseconds the plugin delays a session; the median of the rounds' differences."""
    name = startup.COLLECT
    run = newest(runs, (name, startup.WITH), (name, startup.WITHOUT))
    found = differences(run.cells[name]) if run is not None else []
    return statistics.median(found) if found else None


def differences(cell: Cell) -> list[float]:
    """Return the milliseconds between both sides of each round."""
    without = {each.round: each.values["whole"] for each in cell[startup.WITHOUT] if not each.outcome}
    both = (each for each in cell[startup.WITH] if not each.outcome and each.round in without)
    return [1000 * (each.values["whole"] - without[each.round]) for each in both]


def parallel_cells(runs: Sequence[Run]) -> Iterator[tuple[str, Cell]]:
    """Yield what has been measured of two processes, by name, the newest of each."""
    names = dict.fromkeys(name for run in reversed(runs) for name in run.cells if name.startswith("parallel "))
    for name in sorted(names):
        run = newest(runs, (name, parallel.ONE), (name, parallel.TWO))
        if run is not None:
            yield name, run.cells[name]
