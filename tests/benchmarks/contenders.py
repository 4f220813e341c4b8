"""Contenders, and rounds in which each of them has its turn on the same history and the same server."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import processes
from tests.benchmarks.processes import Done
from tests.benchmarks.samples import Cell, Sample
from tests.benchmarks.server import SharedServer

BOUND = 12
"""A peer is stopped after so many times what ours takes."""

OURS = "ours"


@dataclass(frozen=True)
class Contender:
    """What is run in each round.

    Attributes:
        command: run in the folder of the project.
        environment: all of it.
        own: returns what the process says of itself, by name, and what did not pass.
        rounds: the most rounds that it has; None for as many as all.
        is_bounded: whether it is stopped where ours has long been done.
        takes_database: whether it works in a database that it is given, as $BENCH_URL.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    own: Callable[[Done], tuple[Mapping[str, float], Sequence[str]]]
    rounds: int | None = None
    is_bounded: bool = False
    takes_database: bool = False


def pytest(
    name: str, python: str, file: str, project: Path, environment: Mapping[str, str], options: Sequence[str] = ()
) -> Contender:
    """Return a pytest of one test file; what it says of itself is the sum of its tests' durations, and each of them."""
    junit = project / f"{name.replace(' ', '_')}.xml"
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={junit}", *options, file]

    def own(done: Done) -> tuple[Mapping[str, float], Sequence[str]]:
        each = processes.durations(junit)
        found = {"own": sum(each.values()), **each}, processes.not_passed(junit)
        junit.unlink(missing_ok=True)
        return found

    return Contender(name, command, environment, own)


@dataclass
class Rounds:
    """Measures contenders on one project. `tell` is called with each sample."""

    server: SharedServer
    project: Path
    contenders: Sequence[Contender]
    count: int
    tell: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def measure(self) -> Cell:
        """Measure all; the order is another one in each round, but ours is the first in the first."""
        for round in range(self.count):
            start = round % len(self.contenders)
            for contender in (*self.contenders[start:], *self.contenders[:start]):
                if self._has_turn(contender, round):
                    sample = self._sample(contender, round)
                    self.samples.setdefault(contender.name, []).append(sample)
                    self.tell(f"    {contender.name}: {sample.values['whole']:.2f} s {sample.outcome}")
        return self.samples

    def _has_turn(self, contender: Contender, round: int) -> bool:
        """What has failed or was stopped once would be so again."""
        before = self.samples.get(contender.name, [])
        enough = contender.rounds is not None and round >= contender.rounds
        return not enough and all(not sample.outcome for sample in before)

    def _sample(self, contender: Contender, round: int) -> Sample:
        bound = self._bound() if contender.is_bounded else None
        with self.server.quiet(), self.server.database() as url:
            given = {"BENCH_URL": url if contender.takes_database else self.server.sqlalchemy_url}
            done = processes.run(contender.command, self.project, {**contender.environment, **given}, bound)
        own, failed = contender.own(done)
        outcome = done.outcome
        if done.status and not done.stopped:
            outcome = f"fails: {', '.join(failed)}" if failed else f"{outcome}: {_last_line(done.output)}"
        elif failed and not done.stopped:
            outcome = f"not passed: {', '.join(failed)}"
        whole = bound if done.stopped and bound is not None else done.seconds
        return Sample(round, {"whole": whole, "peak": done.peak, **own}, outcome)

    def _bound(self) -> float | None:
        ours = [sample.values["whole"] for sample in self.samples.get(OURS, []) if not sample.outcome]
        return BOUND * statistics.median(ours) if ours else None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:100]
