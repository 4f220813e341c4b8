"""Measure speed: `make bench`.

Usage: python -m tests.benchmarks [--only PART,...] [--rounds N] [--sizes N,...] [--shapes linear,branched] ...

Parts: five (the five tests, and the peers), limit (the same DDL as plain SQL), walks, rows, kinds (of faults),
startup, parallel. What has been measured is kept in .cache/bench/results.json, and docs/benchmarks.md is written from
all that is there; ratios are those of one run. `--page` writes the page alone.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from tests.benchmarks import machine, page, parallel, samples, startup, walks
from tests.benchmarks.five import SHAPES, Five, History
from tests.benchmarks.peers import CACHE, ROOT
from tests.benchmarks.samples import Cell, Run
from tests.benchmarks.server import SharedServer

PARTS = ("five", "limit", "walks", "rows", "kinds", "startup", "parallel")
RESULTS = CACHE / "results.json"
PAGE = ROOT / "docs" / "benchmarks.md"

Measured = tuple[str, Callable[[], Cell]]


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for, keep it, and write the page."""
    chosen = _parser().parse_args(arguments)
    if not chosen.page:
        _measure(chosen, arguments)
    text = page.page(samples.load(RESULTS))
    print(text)
    PAGE.write_text(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", allow_abbrev=False)
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="PART,...", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--peer-rounds", type=int, default=2, metavar="N", help="of the peers from 1,000 revisions on")
    parser.add_argument("--sizes", type=_numbers, default=(10, 100, 200, 1000), metavar="N,...")
    parser.add_argument("--shapes", type=lambda text: text.split(","), default=SHAPES, metavar="SHAPE,...")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="histories of each kind of fault")
    parser.add_argument("--long-seeds", type=int, default=1, metavar="N", help="the same for long histories")
    parser.add_argument("--groups", type=lambda text: text.split(","), default=walks.GROUPS, metavar="GROUP,...")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=(), metavar="KIND,...", help="not all")
    parser.add_argument("--starts", type=int, default=15, metavar="N", help="rounds of start-up")
    parser.add_argument("--histories", type=int, default=20, metavar="N", help="to walk over with rows and without")
    parser.add_argument("--parallel-size", type=int, default=200, metavar="N")
    parser.add_argument("--page", action="store_true", help="measure nothing, write the page")
    return parser


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(unknown)}")
    return parts


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _measure(chosen: argparse.Namespace, arguments: Sequence[str]) -> None:
    machine.warn_where_busy()
    with SharedServer() as server:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        command = shlex.join(["python", "-m", "tests.benchmarks", *arguments])
        run = Run(started, command, machine.describe(), machine.versions(server))
        for name, measure in _cells(chosen, server):
            print(f"{name}", file=sys.stderr, flush=True)
            run = run.with_cell(name, measure())
            # At once: what comes next may be interrupted.
            samples.save(RESULTS, samples.kept(samples.load(RESULTS), run))


def _cells(chosen: argparse.Namespace, server: SharedServer) -> Iterator[Measured]:
    """Yield what is to be measured, by name."""
    if {"five", "limit"}.intersection(chosen.only):
        five = Five(server, chosen.rounds, chosen.peer_rounds, "five" in chosen.only, "limit" in chosen.only)
        for history in (History(count, shape) for count in chosen.sizes for shape in chosen.shapes):
            yield str(history), lambda history=history: five.measure(history)  # type: ignore[misc]
    if "startup" in chosen.only:
        yield from startup.cells(server, chosen.starts)
    if "parallel" in chosen.only:
        yield from parallel.cells(server, chosen.rounds, chosen.parallel_size)
    if "walks" in chosen.only:
        yield walks.CELL, lambda: walks.speed(chosen.rounds)
    if "rows" in chosen.only:
        yield walks.ROWS, lambda: walks.rows(chosen.histories)
    if "kinds" in chosen.only:
        for group in chosen.groups:
            seeds = chosen.long_seeds if group == walks.LONG else chosen.seeds
            name = walks.kinds_cell(group)
            yield name, lambda group=group, seeds=seeds: walks.kinds(group, seeds, chosen.kinds)  # type: ignore[misc]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
