"""What the terminal shows of a long walk: a line of progress, the coverage of an interrupted one, the statistics."""

import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.integration.test_interrupted import sees_ctrl_c

PROGRESS = re.compile(rb"\x1b7 \d+ commands, \d+ a second; of 3 revisions [^\x1b]*\x1b\[K\x1b8")


@pytest.fixture
def slow(project):
    """Three revisions, the last of which takes half a second."""
    project.table("a1", None, "users")
    project.table("a2", "a1", "orders")
    project.revision("a3", "a2", "op.execute('SELECT pg_sleep(0.5)')")
    return project


def on_a_terminal(project, *arguments: str, term: str = "xterm") -> bytes:
    """Run pytest on a pseudo-terminal; return all that it has written there."""
    controller, terminal = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--gauntlet-url",
        project.server.url,
        *arguments,
    ]
    environment = {**os.environ, "TERM": term, "COLUMNS": "120"}
    process = subprocess.Popen(command, cwd=project.path, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    written = b""
    try:
        while chunk := _read(controller):
            written += chunk
    finally:
        os.close(controller)
        process.wait(timeout=20)
    return written


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize("verbosity", ["", "-v", "-s"])
def test_progress_on_a_terminal(slow, verbosity) -> None:
    """Commands, speed and coverage, behind what pytest has written; removed before the verdict is written."""
    written = on_a_terminal(slow, "-k", "stairway", *filter(None, [verbosity]))
    lines = PROGRESS.findall(written)
    assert lines
    assert all(len(line) < 120 + len(b"\x1b7\x1b[K\x1b8") for line in lines)
    after = written[written.rindex(lines[-1]) + len(lines[-1]) :]
    assert after.startswith(b"\x1b[K")
    assert b"1 passed" in after


@pytest.mark.parametrize(("term", "option"), [("dumb", "-v"), ("xterm", "-q")])
def test_no_progress_where_it_is_not_wanted(slow, term, option) -> None:
    """A terminal that cannot, or a quiet run: nothing but what pytest writes."""
    written = on_a_terminal(slow, "-k", "stairway", option, term=term)
    assert b"1 passed" in written
    assert b"commands" not in written
    assert b"\x1b7" not in written


def test_no_progress_in_a_file(slow) -> None:
    """Where the output is no terminal, as in CI."""
    result = slow.pytest("-k", "stairway")
    result.assert_outcomes(passed=1)
    assert "\x1b" not in result.stdout.str()


@sees_ctrl_c
def test_interrupted_walk_tells_what_it_has_covered(project) -> None:
    """The revisions, states and commands by then, though the test has no verdict."""
    project.table("a1", None, "users")
    reached = project.path / "reached"
    project.revision("a2", "a1", f"open({str(reached)!r}, 'w').close()\nop.execute('SELECT pg_sleep(60)')")
    project.edit("alembic.ini", "driver://user:pass@localhost/dbname", "postgresql+psycopg://localhost/dbname")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-m",
        "fuzz",
        "--gauntlet-url",
        project.server.url,
    ]
    process = subprocess.Popen(
        command, cwd=project.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 20
        while not reached.exists():
            assert time.monotonic() < deadline, "the slow migration is never reached"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert re.search(r"interrupted; by then:\n[1-9]\d* commands; of 2 revisions 1 upgraded and ", output), output


def test_statistics_of_hypothesis(slow) -> None:
    """`--hypothesis-show-statistics` tells of the walks as of any test of Hypothesis."""
    slow.edit("migrations/versions/a3_.py", "pg_sleep(0.5)", "1")
    body = "walk_settings = settings(profiles.current(), max_examples=6)\nwalk_max_commands = 5"
    slow.test_class(body, "from hypothesis import settings\nfrom alembic_gauntlet import profiles")
    result = slow.pytest("-m", "fuzz", "--hypothesis-show-statistics")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "test_migrations.py::TestMigrations::test_random_walks:",
            "*during generate phase*",
            "*Stopped because*max_examples=4*",
        ]
    )


@pytest.mark.parametrize(
    ("body", "note"),
    [
        ("irreversible_revisions = 'all'", "no revision may be downgraded*the walks have taken upgrades alone"),
        ("minimum_downgrade_revision = 'a3'", "no revision may be downgraded*the walks have taken upgrades alone"),
        (
            "walk_settings = settings(profiles.current(), phases=[])\nwalk_max_commands = 0",
            "*Nothing to check: *no phase*",
        ),
    ],
)
def test_walks_that_covered_little_say_so(slow, body, note) -> None:
    """All irreversible, or a profile that generates nothing: no green without a word."""
    slow.edit("migrations/versions/a3_.py", "pg_sleep(0.5)", "1")
    slow.test_class(body, "from hypothesis import settings\nfrom alembic_gauntlet import profiles")
    slow.pytest("-m", "fuzz", "-rs").stdout.fnmatch_lines([note])


def test_walks_over_no_revisions_say_so(project) -> None:
    """And are skipped."""
    result = project.pytest("-m", "fuzz", "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*Nothing to check: there are no revisions*"])
