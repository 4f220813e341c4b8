"""What a team sees that adopts the gauntlet on a real history: `python tests/real/adopt.py CASE [FILE]`.

Three runs of all tests, the walks too, with one baseline: the first writes it (to FILE, where that is not there yet),
the second is green, and after a migration with a fault has been put on top, the third finds that one and nothing else.
Exit status 1 where it is not so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import environments
from run import server_environment
from verdicts import read_expected

HERE = Path(__file__).parent
PLANTED = '''\
"""A fault on top of everything: the downgrade forgets the table, and the next upgrade does not notice."""

from alembic import op

revision = "planted"
down_revision = {heads!r}


def upgrade():
    op.execute("CREATE TABLE IF NOT EXISTS planted (id integer CONSTRAINT pk_planted PRIMARY KEY)")


def downgrade():
    pass
'''
ASK = """\
import json, plain, sys
from alembic.script import ScriptDirectory
script = ScriptDirectory.from_config(plain.config("postgresql://"))
with open(sys.argv[1], "w") as answer:  # applications print what they like
    json.dump([script.versions, script.get_heads()], answer)
"""


def main(name: str, baseline: str = "") -> int:
    """Run the three; return the exit status."""
    case = HERE / name
    python = environments.ensure(case)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(baseline) if baseline else Path(folder) / "known-faults.txt"
        if not file.exists():
            _told("first run", _run(case, python, file))
        second = _run(case, python, file)
        _told("second run", second)
        with _planted(case, python):
            third = _run(case, python, file)
        _told("a fault on top", third)
    found = {failure["revision"] for failure in _failures(third) if failure["path"]}
    walks = list(_failures(third, "test_random_walks"))
    return 0 if not list(_failures(second)) and found == {"planted"} and len(walks) == 1 else 1


def _run(case: Path, python: Path, baseline: Path) -> dict[str, Any]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            python,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-q",
            "-m",
            "fuzz or not fuzz",
            "test_migrations.py",
        ]
        options = [f"--gauntlet-baseline={baseline}", f"--gauntlet-report={report}", "-k", "TestMigrations"]
        environment = server_environment(read_expected(case / "expected.toml").needs_icu)
        subprocess.run([*command, *options], cwd=case, env=environment, capture_output=True, check=False)
        (case / "test_migrations.TestMigrations.paths").unlink(missing_ok=True)
        run: dict[str, Any] = json.loads(report.read_text())
    return {**run, "seconds": time.monotonic() - started}


@contextmanager
def _planted(case: Path, python: Path) -> Iterator[None]:
    """Put a migration with a fault on top of the history, as its developers would, for the time of the block."""
    with tempfile.NamedTemporaryFile() as answer:
        subprocess.run([python, "-c", ASK, answer.name], cwd=case, stdout=sys.stderr, check=True)
        versions, heads = json.load(answer)
    file = Path(versions) / "planted.py"
    file.write_text(PLANTED.format(heads=heads[0] if len(heads) == 1 else tuple(heads)))
    try:
        yield
    finally:
        file.unlink()


def _failures(run: dict[str, Any], test: str = "") -> Iterator[dict[str, Any]]:
    for each in run["tests"]:
        if each["nodeid"].endswith(test):
            yield from each["failures"]


def _told(what: str, run: dict[str, Any]) -> None:
    outcomes = ", ".join(f"{each['nodeid'].rpartition('::')[2]} {each['outcome']}" for each in run["tests"])
    print(f"{what}: {run['seconds']:.0f} s, {run['coverage']['commands']} commands\n    {outcomes}")
    for failure in _failures(run):
        if failure["revision"] == "planted":
            path = "; ".join(f"{step['command']} {step['target']}" for step in failure["path"])
            print(f"    {failure['invariant']} planted:{failure['line']} `{path}`", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
