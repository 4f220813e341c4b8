"""What a real history's walks with rows report once its intentions are declared: `python tests/real/declared.py CASE`.

The declarations are those of the case's declared.toml: what a team would write on its test class. Two runs of
`test_populated_walks` with one baseline: the first writes into it nothing but faults that are listed there, none of
what is declared, and the second is green. Exit status 1 where it is not so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import environments
from run import server_environment
from verdicts import read_expected

HERE = Path(__file__).parent
TEST = """\
import tomllib
from pathlib import Path

import test_migrations
from test_migrations import *

del TestMigrations
locals().pop("TestAsShipped", None)


class TestDeclared(test_migrations.TestMigrations):
    locals().update(tomllib.loads(Path("declared.toml").read_text())["declared"])
"""


def main(name: str) -> int:
    """Run both; return the exit status."""
    case = HERE / name
    python = environments.ensure(case)
    about = tomllib.loads((case / "declared.toml").read_text())
    test = case / "test_declared.py"
    test.write_text(TEST)
    try:
        with tempfile.TemporaryDirectory() as folder:
            baseline = Path(folder) / "known-faults.txt"
            _, second = (_run(case, python, baseline) for _ in range(2))
            known = baseline.read_text().splitlines() if baseline.exists() else []
    finally:
        test.unlink()
        (case / "test_declared.TestDeclared.paths").unlink(missing_ok=True)
    # Invariant, revision and function: a line for each object that differs is one fault.
    found = {" ".join(line.split("  ")[:2]) for line in known if line and line[0] not in "#["}
    new = found - {*about["faults"]}
    print(f"{name}: {len(found)} of {len(about['faults'])} faults; second run {second['outcome']}")
    for fault in sorted(new):
        print(f"    not known: {fault}")
    return 0 if second["outcome"] == "passed" and not new else 1


def _run(case: Path, python: Path, baseline: Path) -> dict[str, Any]:
    """Run the test; return what the report says of it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [python, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-m", "fuzz", "-k", "test_populated_walks"]
        options = ["test_declared.py", f"--gauntlet-baseline={baseline}", f"--gauntlet-report={report}"]
        environment = server_environment(read_expected(case / "expected.toml").needs_icu)
        done = subprocess.run([*command, *options], cwd=case, env=environment, capture_output=True, text=True)
        if not report.is_file():
            raise SystemExit(f"{case.name}: no report\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        (test,) = json.loads(report.read_text())["tests"]
    return dict(test)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
