"""The commands of the five tests by Alembic alone, in a process of its own: `python alone.py`, with $BENCH_URL.

What any tool has to spend that runs these commands: one ScriptDirectory and one connection for all of them, nothing is
read and nothing compared. Prints the seconds that the commands have taken. For linear histories.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory


def run(config: Config, script: ScriptDirectory, verb: str, target: str) -> None:
    """Run a command, as `alembic.command` does."""
    plan = script._upgrade_revs if verb == "upgrade" else script._downgrade_revs

    def steps(revisions: Any, context: Any) -> Any:
        return plan(target, revisions)

    with EnvironmentContext(config, script, fn=steps, destination_rev=target):
        script.run_env()


def main() -> None:
    """Take each revision up, down and up again, and then all of them down and up."""
    config = Config("alembic.ini")
    script = ScriptDirectory.from_config(config)
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]
    with sa.create_engine(os.environ["BENCH_URL"]).connect() as connection:
        config.attributes["connection"] = connection
        take = partial(run, config, script)
        started = time.perf_counter()
        for below, revision in zip(["base", *revisions], revisions, strict=False):
            take("upgrade", revision)
            take("downgrade", below)
            take("upgrade", revision)
        take("downgrade", "base")
        take("upgrade", "head")
        print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
