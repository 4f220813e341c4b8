"""Numbers for people: medians and ranges, and ratios of one run that are never rounded in our favour."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.samples import Cell, Sample

Write = Callable[[float, int], str]
"""`up` or `down`."""


@dataclass(frozen=True)
class Spread:
    """A median and what it lies between."""

    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return that of some numbers; None of none."""
        return cls(statistics.median(values), min(values), max(values), len(values)) if values else None


def values(samples: Sequence[Sample], name: str) -> list[float]:
    """Return one number of each sample that went well."""
    return [sample.values[name] for sample in samples if not sample.outcome and name in sample.values]


def ratios(cell: Cell, one: tuple[str, str], other: tuple[str, str]) -> list[float]:
    """Return, of each round that both went well in, what the first of two contenders takes for one of the other's."""
    (over, name), (under, below) = one, other
    by_round = {each.round: each.values[below] for each in cell.get(under, []) if not each.outcome}
    return [
        each.values[name] / by_round[each.round]
        for each in cell.get(over, [])
        if not each.outcome and each.round in by_round
    ]


def stopped(samples: Sequence[Sample]) -> Sample | None:
    """Return the sample that was stopped, if one was."""
    return next((sample for sample in samples if sample.outcome == "stopped"), None)


def failed(samples: Sequence[Sample]) -> Sample | None:
    """Return the sample that failed, if one did."""
    return next((sample for sample in samples if sample.outcome not in ("", "stopped")), None)


def up(value: float, digits: int = 2) -> str:
    """Round up: what is the better the less, of ours."""
    return _written(math.ceil, value, digits)


def down(value: float, digits: int = 2) -> str:
    """Round down: what is the better the more, of ours; and what is the better the less, of others."""
    return _written(math.floor, value, digits)


def _written(rounded: Callable[[float], int], value: float, digits: int) -> str:
    # Of 0.1 + 0.2 and the like, what lies beyond nine digits is nobody's time.
    return f"{rounded(round(value * 10**digits, 9)) / 10**digits:,.{digits}f}"


def told(spread: Spread | None, write: Write = up, digits: int = 2) -> str:
    """Tell a median and its range."""
    if spread is None:
        return "-"
    if spread.count == 1:
        return f"{write(spread.median, digits)} (one round)"
    return f"{write(spread.median, digits)} ({down(spread.least, digits)} to {up(spread.most, digits)})"
