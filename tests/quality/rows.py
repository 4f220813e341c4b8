"""Generated histories through the populated walks: `python -m tests.quality.rows`, which writes docs/quality-rows.md.

Faults that take rows to show, each with the path and the rows that are known to show it, and correct histories, whose
operations work on any rows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.path import commands, written
from alembic_gauntlet.settings import Settings
from strategies.faults import PlantedFault
from tests.quality.cases import KINDS_BY_ROWS, Case, correct, spread
from tests.quality.trials import MAX_COMMANDS, seeded

PAGE = Path(__file__).parents[2] / "docs" / "quality-rows.md"


@dataclass(frozen=True)
class RowTrial:
    """What came of one history.

    Attributes:
        findings: what the populated walks have reported.
        commands: how many Alembic commands were run; `rows`: how many rows were inserted; `refused`: not inserted.
        history: its revisions, for whoever has to find out what went wrong.
    """

    case: Case
    fault: PlantedFault | None
    findings: tuple[Finding, ...]
    seconds: float
    commands: int
    rows: int
    refused: int
    history: str

    @property
    def about(self) -> list[Finding]:
        """What has been reported of the planted fault, the shortest path first."""
        theirs = [each for each in self.findings if self.fault and each.revision == self.fault.revision]
        return sorted(theirs, key=lambda each: len(each.path))

    @property
    def false(self) -> list[Finding]:
        """What has been reported and is not there."""
        return [each for each in self.findings if each not in self.about]

    @property
    def is_minimal(self) -> bool:
        """Whether the path has no command too many."""
        return bool(self.about and self.fault) and len(commands(self.about[0].path)) == self.fault.minimal_length  # type: ignore[union-attr]

    @property
    def has_minimal_rows(self) -> bool:
        """Whether the path has no row too many."""
        if not (self.about and self.fault):
            return False
        path = self.about[0].path
        return len(path) - len(commands(path)) == self.fault.minimal_rows

    def text(self) -> str:
        """Return all of it in lines."""
        lines = [f"{self.case} (seed {self.case.seed})"]
        if self.fault is not None:
            lines.append(f"  planted in {self.fault.revision}: {written(self.fault.minimal_path)} | {self.fault.row}")
        lines += [
            f"  {each.invariant} {each.revision} `{written(each.path)}`\n  {each.message}" for each in self.findings
        ]
        return "\n".join([*lines, self.history])


def tried(server: Server, case: Case, profile: settings) -> RowTrial:
    """Run the populated walks over one history."""
    history, fault = case.draw()
    chosen = Settings(expected_heads=len(history.graph.heads))
    with TemporaryDirectory() as folder, Gauntlet(history.config(Path(folder)), server, chosen) as gauntlet:
        started = time.monotonic()
        with seeded(case.key), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Did not recognize type")
            walks = gauntlet.populated_walks(profile, MAX_COMMANDS, str(case))
        seconds = time.monotonic() - started
        ran = gauntlet.take_coverage().commands
    assert walks.rows is not None
    refused = walks.rows.tried - walks.rows.taken
    return RowTrial(case, fault, walks.findings, seconds, ran, walks.rows.taken, refused, history.describe())


def _all_tried(examples: int, clean_examples: int, cases: Sequence[Case]) -> list[RowTrial]:
    """Try cases on a server of their own; tell of those that are not as they should be."""
    profiles.register()
    base = settings(settings.get_profile("gauntlet"), database=None)
    trials: list[RowTrial] = []
    with EmbeddedServer() as embedded, Server(embedded.url, throwaway=True) as server:
        for case in cases:
            trial = tried(server, case, settings(base, max_examples=examples if case.kind else clean_examples))
            trials.append(trial)
            print(f"{len(trials)} of {len(cases)}: {case}, {trial.seconds:.1f} s", file=sys.stderr, flush=True)
            if trial.false or (trial.fault and not (trial.is_minimal and trial.has_minimal_rows)):
                print(trial.text(), flush=True)
    return trials


def main(arguments: Sequence[str]) -> int:
    """Try so many of each; return 0 where every fault is found and nothing else is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=7, help="histories of each kind of fault")
    parser.add_argument("--clean", type=int, default=500, help="correct histories")
    parser.add_argument("--examples", type=int, default=30, help="as in the profile: a third of them walk at random")
    parser.add_argument("--clean-examples", type=int, default=6, help="for the correct histories")
    parser.add_argument("--workers", type=int, default=2, help="processes, each with a server of its own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true")
    chosen = parser.parse_args(arguments)
    cases = spread("faulty", chosen.each * len(KINDS_BY_ROWS), chosen.seed, KINDS_BY_ROWS)
    cases += correct("rows clean", chosen.clean, chosen.seed)
    work = partial(_all_tried, chosen.examples, chosen.clean_examples)
    with ProcessPoolExecutor(chosen.workers) as pool:
        shares = pool.map(work, [cases[number :: chosen.workers] for number in range(chosen.workers)])
        trials = [trial for share in shares for trial in share]
    text = "\n".join(page(trials, chosen.examples, chosen.clean_examples))
    if chosen.page:
        PAGE.write_text(text + "\n")
    print(text)
    return int(any(trial.false or (trial.fault and not trial.about) for trial in trials))


def page(trials: Sequence[RowTrial], examples: int, clean_examples: int) -> Iterator[str]:
    """Yield the lines of the page."""
    faulty = [each for each in trials if each.fault is not None]
    clean = [each for each in trials if each.fault is None]
    yield "# Quality of the populated walks\n"
    yield "Written by `python -m tests.quality.rows --page`: generated histories, the faults planted in them, and what"
    yield f"`test_populated_walks` reports, with {examples} examples, a third of which walk at random.\n"
    yield "| kind | histories | found | minimal path | minimal rows | false reports | median seconds |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for kind in KINDS_BY_ROWS:
        yield _line(kind, [each for each in faulty if each.fault and each.fault.kind == kind])
    yield _line(f"all {len(KINDS_BY_ROWS)}", faulty)
    yield ""
    if clean:
        taken, refused = sum(each.rows for each in clean), sum(each.refused for each in clean)
        alarms = sum(bool(each.findings) for each in clean)
        yield f"{len(clean)} correct histories, with {clean_examples} examples: {alarms} alarms;"
        yield f"{sum(each.commands for each in clean)} commands, {taken} rows inserted, {refused} refused;"
        yield f"median {statistics.median(each.seconds for each in clean):.1f} s."


def _line(name: str, trials: Sequence[RowTrial]) -> str:
    columns = [
        len(trials),
        sum(bool(each.about) for each in trials),
        sum(each.is_minimal for each in trials),
        sum(each.has_minimal_rows for each in trials),
        sum(len(each.false) for each in trials),
        f"{statistics.median(each.seconds for each in trials):.1f}" if trials else "-",
    ]
    return f"| {name} | {' | '.join(map(str, columns))} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
