"""Walks in a process of their own, which prints each sample: `python -m tests.benchmarks.walking`.

speed ROUND: a history of 50 revisions, cold, and with a fault planted in it.
kinds GROUP SEEDS [KIND ...]: generated histories with a planted fault of each kind, as tests/quality draws them.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import settings

from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.graph import State
from alembic_gauntlet.invariants import INVARIANTS, Invariant
from alembic_gauntlet.settings import Settings
from alembic_gauntlet.walk import Observation
from strategies.faults import FAULT_KINDS, PlantedFault
from tests.benchmarks import histories
from tests.benchmarks.samples import Sample
from tests.benchmarks.walks import COLD, LONG, SHRINKING
from tests.quality.cases import KINDS_BY_COMMANDS, Case
from tests.quality.trials import MAX_COMMANDS, seeded

REVISIONS = 50
_FORGOTTEN = '    op.execute("DROP TYPE kind19")\n'
_PROFILE = settings(settings.get_profile("gauntlet"), database=None)


@dataclass(frozen=True)
class Mark:
    """How far walks had come.

    Attributes:
        commands: how many commands of Alembic had been run, those that tell what a state should be included.
        judged: how many the walks had taken, those that were only recalled included.
        revisions: how many revisions those had run that were not recalled.
        alembic: the seconds in Alembic: env.py, the migrations, and PostgreSQL meanwhile.
    """

    seconds: float
    commands: int
    judged: int
    revisions: int = 0
    alembic: float = 0.0


@dataclass
class Watch:
    """Watches walks through what anybody may give them: their invariants, and a call after each command.

    Attributes:
        failing: when each path was first seen to fail.
        transitions: what the commands have led from and to.
        revisions: how many revisions each path has run with its last command.
        alembic: the seconds in Alembic.
    """

    started: float = 0.0
    commands: int = 0
    judged: int = 0
    failing: dict[Any, Mark] = field(default_factory=dict)
    transitions: set[tuple[State, State]] = field(default_factory=set)
    revisions: dict[Any, int] = field(default_factory=dict)
    alembic: float = 0.0

    @property
    def now(self) -> Mark:
        """How far they have come."""
        revisions = sum(self.revisions.values())
        return Mark(time.perf_counter() - self.started, self.commands, self.judged, revisions, self.alembic)

    def invariants(self) -> list[Invariant]:
        """Return all invariants, watched."""
        return [self._noting, *map(self._watched, INVARIANTS)]

    def count(self, coverage: Coverage) -> None:
        """Take note of a command."""
        self.commands = coverage.commands

    def _noting(self, seen: Observation) -> None:
        self.judged += 1
        self.transitions.add((seen.before, seen.after))
        self.revisions[seen.path] = len(seen.revisions)

    def _watched(self, invariant: Invariant) -> Invariant:
        @wraps(invariant)
        def watched(seen: Observation) -> None:
            try:
                invariant(seen)
            except AssertionError:
                self.failing.setdefault(seen.path, self.now)
                raise

        return watched

    def walk(self, gauntlet: Gauntlet, seed: int, populated: bool = False) -> Sequence[Finding]:
        """Walk; return what is found."""
        gauntlet.on_command(self.count)
        take = gauntlet.populated_walks if populated else gauntlet.walks
        with seeded(seed), self._alembic_timed(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Did not recognize type")
            self.started = time.perf_counter()
            return take(_PROFILE, MAX_COMMANDS, f"benchmark {seed}", self.invariants()).findings

    @contextmanager
    def _alembic_timed(self) -> Iterator[None]:
        run_env = ScriptDirectory.run_env

        def timed(script: ScriptDirectory) -> None:
            started = time.perf_counter()
            try:
                run_env(script)
            finally:
                self.alembic += time.perf_counter() - started

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ScriptDirectory, "run_env", timed)
            yield


def speed(server: Server, round: int) -> dict[str, Sample]:
    """Walk over the same history without a fault and with one."""
    with TemporaryDirectory() as folder:
        project = Path(folder)
        histories.write(project, REVISIONS)
        sys.path.insert(0, str(project))
        found = {COLD: _cold(project, server, round)}
        _forget_a_type(project)
        return {**found, SHRINKING: _shrinking(project, server, round)}


def _forget_a_type(project: Path) -> None:
    (file,) = (each for each in project.glob("migrations/versions/*.py") if _FORGOTTEN in each.read_text())
    file.write_text(file.read_text().replace(_FORGOTTEN, ""))


def _cold(project: Path, server: Server, round: int) -> Sample:
    watch = Watch()
    with Gauntlet(Config(str(project / "alembic.ini")), server) as gauntlet:
        found = watch.walk(gauntlet, round)
    assert not found, found
    return Sample(round, _rates(Mark(0.0, 0, 0), watch.now, len(watch.transitions)))


def _shrinking(project: Path, server: Server, round: int) -> Sample:
    """What comes after the first failure, until Hypothesis has nothing shorter to try."""
    watch = Watch()
    with Gauntlet(Config(str(project / "alembic.ini")), server) as gauntlet:
        (finding,) = watch.walk(gauntlet, round)
    end = watch.now
    first = min(watch.failing.values(), key=lambda mark: mark.seconds)
    times = {"first": first.seconds, "minimal": watch.failing[finding.path].seconds, "length": len(finding.path)}
    return Sample(round, {**_rates(first, end), **times})


def _rates(first: Mark, last: Mark, transitions: int | None = None) -> dict[str, float]:
    seconds, commands, judged = last.seconds - first.seconds, last.commands - first.commands, last.judged - first.judged
    values = {
        "whole": seconds,
        "commands": commands,
        "commands per second": commands / seconds,
        "judged": judged,
        "judged per second": judged / seconds,
        "revisions per second": (last.revisions - first.revisions) / seconds,
        "alembic per command": 1000 * (last.alembic - first.alembic) / commands,
    }
    if transitions is not None:
        values |= {"transitions": transitions, "transitions per second": transitions / seconds}
    return values


def one(server: Server, case: Case) -> Sample:
    """Walk over one generated history with a fault."""
    history, fault = case.draw()
    assert fault is not None
    watch = Watch()
    chosen = Settings(expected_heads=len(history.graph.heads))
    with TemporaryDirectory() as folder, Gauntlet(history.config(Path(folder)), server, chosen) as gauntlet:
        findings = watch.walk(gauntlet, case.key, fault.takes_rows)
        end = watch.now
    values: dict[str, float] = {"whole": end.seconds, "commands": end.commands, "revisions": len(history.graph)}
    about = _about(findings, fault)
    if not about or not watch.failing:
        return Sample(case.number, values, "not found")
    first = min(watch.failing.values(), key=lambda mark: mark.seconds)
    # A path that was made shorter in another way than by walking it is known in the end alone.
    minimal = watch.failing.get(about[0].path, end)
    values |= {"first": first.seconds, "first commands": first.commands, "end": end.seconds / first.seconds}
    values |= {"minimal": minimal.seconds, "minimal commands": minimal.commands}
    return Sample(case.number, {**values, "ratio": minimal.seconds / first.seconds})


def _about(findings: Sequence[Finding], fault: PlantedFault) -> list[Finding]:
    theirs = [each for each in findings if each.revision == fault.revision or each.revision in fault.sharing]
    return sorted(theirs, key=lambda each: len(each.path))


def _each(server: Server, case: Case) -> Sample:
    try:
        return one(server, case)
    except Exception as error:
        return Sample(case.number, {}, f"{type(error).__name__}: {str(error)[:100]}")


def main(what: str, *arguments: str) -> None:
    """Print a line for each sample: the contender's name, and the sample."""
    with EmbeddedServer() as embedded, Server(embedded.url, throwaway=True) as server:
        if what == "speed":
            for name, sample in speed(server, int(arguments[0])).items():
                _print(name, sample)
            return
        group, seeds, *kinds = arguments
        # Populated walks take each revision in turn first, whatever the length.
        for kind in kinds or (KINDS_BY_COMMANDS if group == LONG else FAULT_KINDS):
            for number in range(int(seeds)):
                _print(kind, _each(server, Case(group, number, kind)))


def _print(name: str, sample: Sample) -> None:
    print(json.dumps([name, asdict(sample)]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
