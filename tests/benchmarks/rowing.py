"""Rows in a process of their own, which prints each sample: `python -m tests.benchmarks.rowing ROUNDS`.

How many rows a second are inserted, each by itself, as walks do it; and walks with rows beside walks without, on the
same correct histories.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings

from alembic_gauntlet import profiles, rows
from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.path import Insert
from alembic_gauntlet.settings import Settings
from tests.benchmarks.samples import Sample
from tests.benchmarks.walks import EMPTY, INSERTED, POPULATED
from tests.quality.cases import Case, correct
from tests.quality.trials import MAX_COMMANDS, seeded

_ROWS = 5000
_USERS = "CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE, age integer CHECK (age > 0), born date)"


def inserted(server: Server, round: int) -> Sample:
    """Insert rows into a table with a sequence, a unique column and a CHECK."""
    with server.create() as sandbox:
        sandbox.connection.execute(_USERS)
        (table,) = rows.reflect(sandbox.connection)
        given = [Insert.of(table.name, {"email": f"user {n}", "age": 1, "born": "2000-01-01"}) for n in range(_ROWS)]
        started = time.perf_counter()
        counters = None
        for row in given:
            inserted = rows.insert(sandbox.connection, row, table, counters)
            assert isinstance(inserted, rows.Inserted)
            counters = inserted.counters
        seconds = time.perf_counter() - started
    return Sample(round, {"whole": seconds, "rows per second": _ROWS / seconds})


def walked(server: Server, case: Case, name: str) -> Sample:
    """Walk over a correct history, with the default profile."""
    history, _ = case.draw()
    chosen = Settings(expected_heads=len(history.graph.heads))
    profile = settings(settings.get_profile("gauntlet"), database=None)
    with TemporaryDirectory() as folder, Gauntlet(history.config(Path(folder)), server, chosen) as gauntlet:
        take = gauntlet.populated_walks if name == POPULATED else gauntlet.walks
        started = time.perf_counter()
        with seeded(case.key), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Did not recognize type")
            take(profile, MAX_COMMANDS, str(case))
        seconds = time.perf_counter() - started
        commands = gauntlet.take_coverage().commands
    return Sample(case.number, {"whole": seconds, "commands": commands, "command": seconds / commands})


def main(rounds: str) -> None:
    """Print a line for each sample: the contender's name, and the sample."""
    profiles.register()
    with EmbeddedServer() as embedded, Server(embedded.url, throwaway=True) as server:
        for round, case in enumerate(correct("rows clean", int(rounds), 0)):
            _print(INSERTED, inserted(server, round))
            for name in (EMPTY, POPULATED)[:: 1 if round % 2 else -1]:
                _print(name, walked(server, case, name))


def _print(name: str, sample: Sample) -> None:
    print(json.dumps([name, asdict(sample)]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
