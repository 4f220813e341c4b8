"""Measure the library on generated histories: `make quality`, `make quality-nightly`.

Usage: python -m tests.quality.measure [--seed N] [--faulty N] [--long N] [--wide N] [--clean N] [--small N]
                                       [--keep FILE] [--page]
       python -m tests.quality.measure [--seed N] CASE ...

The default is what docs/quality.md is made of; `--page` writes it. With `--keep`, what a run has tried is kept in FILE,
and the next run with that file goes on from there. A CASE is a name as printed, such as "faulty/forgotten index/3".
Exit status 1 where a fault is not found, or is found and was not planted.
"""

from __future__ import annotations

import argparse
import os
import pickle
import platform
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from datetime import date
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import psycopg
from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import EmbeddedServer
from tests.quality.cases import Case, correct, named, spread
from tests.quality.page import Measured, page, terminal
from tests.quality.plain import PlainAlembic
from tests.quality.trials import Laboratory, Trial

PAGE = Path(__file__).parents[2] / "docs" / "quality.md"

_resources = ExitStack()
_laboratory: list[Laboratory] = []


def main(arguments: list[str]) -> int:
    """Measure; return the exit status."""
    chosen = _parser().parse_args(arguments)
    seed = random.randrange(2**32) if chosen.seed == "random" else int(chosen.seed)
    cases = [named(name, seed) for name in chosen.cases] or [
        *spread("faulty", chosen.faulty, seed),
        *spread("long", chosen.long, seed),
        *spread("wide", chosen.wide, seed),
        *correct("clean", chosen.clean, seed),
        *correct("small clean", chosen.small, seed),
    ]
    print(f"{len(cases)} histories, seed {seed}", file=sys.stderr)
    kept = _kept(chosen.keep) if chosen.keep else {}
    for trial in _tried([case for case in cases if case not in kept], chosen.workers):
        kept[trial.case] = trial
        if chosen.keep:
            with chosen.keep.open("ab") as file:
                pickle.dump(trial, file)
    trials = tuple(kept[case] for case in cases)
    measured = Measured(trials, seed, _versions(), date.today())
    print(terminal(measured) if not chosen.cases else "\n".join(trial.text() for trial in trials))
    if chosen.page:
        PAGE.write_text(page(measured))
    return 0 if measured.good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.quality.measure", allow_abbrev=False)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--seed", default="0", help="a number, or `random`")
    for group, count in {"faulty": 200, "long": 4, "wide": 0, "clean": 0, "small": 1000}.items():
        parser.add_argument(f"--{group}", type=int, default=count, metavar="N")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="go on from the trials in FILE, and add to them")
    parser.add_argument("--page", action="store_true", help="write docs/quality.md")
    return parser


def _kept(file: Path) -> dict[Case, Trial]:
    """Return the trials in a file, as far as they were written."""
    kept: dict[Case, Trial] = {}
    with suppress(FileNotFoundError, EOFError), file.open("rb") as stream:
        while trial := pickle.load(stream):
            kept[trial.case] = trial
    return kept


def _tried(cases: list[Case], workers: int) -> Iterator[Trial]:
    """Try all cases, in processes with a server of their own; tell of each that did not go well at once."""
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin) as pool:
        for count, trial in enumerate(pool.map(_try, cases), 1):
            if not trial.good:
                print(f"\n{trial.text()}", file=sys.stderr)
            print(f"\r{count} of {len(cases)}", end="", file=sys.stderr, flush=True)
            yield trial
    print(file=sys.stderr)


def _begin() -> None:
    embedded = _resources.enter_context(EmbeddedServer())
    server = _resources.enter_context(Server(embedded.url, throwaway=True))
    _laboratory.append(Laboratory(server, PlainAlembic(embedded.url), settings(profiles.current(), database=None)))


def _try(case: Case) -> Trial:
    return _laboratory[0].tried(case)


def _versions() -> str:
    with EmbeddedServer() as embedded, psycopg.connect(embedded.url) as connection:
        server = connection.info.parameter_status("server_version")
    packages = {"alembic": "Alembic", "sqlalchemy": "SQLAlchemy", "hypothesis": "Hypothesis", "psycopg": "psycopg"}
    named = (f"{name} {version(package)}" for package, name in packages.items())
    return ", ".join([f"PostgreSQL {server}", *named, f"Python {platform.python_version()}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
