"""What the terminal shows of a long walk: a line of progress, the coverage of an interrupted one, the statistics."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from tests.integration.test_interrupted import sees_ctrl_c

pytestmark = pytest.mark.once
PROGRESS = re.compile(rb"\x1b7 \d+ commands, \d+ a second; [^\x1b]*\x1b\[K\x1b8")


@pytest.fixture
def slow(project):
    """Three revisions, the last of which takes half a second."""
    project.table("a1", None, "users")
    project.table("a2", "a1", "orders")
    project.revision("a3", "a2", "op.execute('SELECT pg_sleep(0.5)')")
    return project


def on_a_terminal(project, *arguments: str, term: str = "xterm", **variables: str) -> bytes:
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
    ours = {"TERM": term, "COLUMNS": "120", **variables}
    # pytester refuses colours by this variable.
    environment = {name: value for name, value in os.environ.items() if name != "PY_COLORS"} | ours
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
    # With -v the name of the test leaves less room.
    assert verbosity == "-v" or any(re.search(rb"; stairway \d+%.*; of 3 revisions ", line) for line in lines)
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


def test_time_left_of_walks(slow) -> None:
    """How much of the transitions and of the random walks is done, and how long the rest may take."""
    body = "walk_settings = settings(profiles.current(), max_examples=400, derandomize=True)"
    slow.test_class(body, "from hypothesis import settings\nfrom alembic_gauntlet import profiles")
    slow.edit("migrations/versions/a3_.py", "pg_sleep(0.5)", "pg_sleep(1.2)")
    written = on_a_terminal(slow, "-m", "fuzz", "-k", "random_walks")
    lines = PROGRESS.findall(written)
    assert any(re.search(rb"; transitions \d+%, about \d+ s left; ", line) for line in lines), lines
    assert b"1 passed" in written


FORGOTTEN = '    op.execute("DROP TYPE order_status")\n'
BOLD, GREEN = "\x1b[1m    alembic upgrade a20\x1b[0m", "\x1b[32m    + enum type public"


@pytest.fixture
def faulty(example):
    """The example with a leftover in one migration."""
    example.edit("migrations/versions/a20_orders.py", FORGOTTEN, "")
    return example


@pytest.mark.parametrize(
    ("options", "variables", "wanted"),
    [
        ([], {}, True),
        (["--color=no"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"PY_COLORS": "0"}, False),
    ],
)
def test_colours_on_a_terminal(faulty, options, variables, wanted) -> None:
    """Commands and differences, unless they are refused as pytest's own colours are."""
    written = on_a_terminal(faulty, "-k", "stairway", *options, **variables).decode()
    assert "+ enum type public.order_status" in written
    assert (BOLD in written, GREEN in written) == (wanted, wanted)
    assert ("\x1b[1m" in written or "\x1b[32m" in written) == wanted


@pytest.mark.parametrize(
    ("options", "variable", "wanted", "workers"),
    [
        ([], None, False, ()),
        ([], "FORCE_COLOR", True, ()),
        (["--color=yes"], None, True, ("-n2",)),
    ],
)
def test_colours_elsewhere(faulty, monkeypatch, options, variable, wanted, workers) -> None:
    """None in a file, unless they are asked for; the same where a worker of pytest-xdist has found it."""
    monkeypatch.delenv("PY_COLORS")  # which pytester sets
    if variable:
        monkeypatch.setenv(variable, "1")
    written = faulty.pytest("-k", "stairway", *options, *workers).stdout.str()
    assert "+ enum type public.order_status" in written
    assert (BOLD in written, GREEN in written) == (wanted, wanted)
    assert wanted or "\x1b" not in written


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_annotations_on_github(faulty, monkeypatch, workers) -> None:
    """One for each finding, at the guilty line as seen from the root of the repository, printed once."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(faulty.path.parent))
    done = faulty.pytest("-k", "stairway or downgrade_all", *workers)
    done.assert_outcomes(failed=2, **({} if workers else {"deselected": 6}))
    found = [line for line in done.outlines if line.startswith("::")]
    file = f"{faulty.path.name}/migrations/versions/a20_orders.py"
    invariants = ["base-is-empty", "path-independence"]
    assert sorted(line.partition("::Minimal")[0] for line in found) == [
        f"::error file={file},line=24,title=alembic-gauntlet%3A {invariant} (a20)" for invariant in invariants
    ]
    assert all("%0A    alembic downgrade " in line and "left behind by a20_orders.py:24" in line for line in found)


@pytest.mark.parametrize("value", [None, "false"])
def test_no_annotations_elsewhere(faulty, monkeypatch, value) -> None:
    """GitHub sets the variable to `true`."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    if value:
        monkeypatch.setenv("GITHUB_ACTIONS", value)
    faulty.pytest("-k", "stairway").stdout.no_fnmatch_line("*::error*")


def test_expected_failure_is_not_annotated(faulty, monkeypatch) -> None:
    """Nobody is to be told of what is marked as known."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    faulty.edit("tests/test_migrations.py", "class TestM", "import pytest\n\n\n@pytest.mark.xfail\nclass TestM")
    done = faulty.pytest("-k", "stairway")
    done.assert_outcomes(xfailed=1, deselected=7)
    done.stdout.no_fnmatch_line("*::error*")


def test_mistake_in_the_set_up_is_annotated_once(project, monkeypatch) -> None:
    """Without a line, however many tests it stops."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (project.path / "alembic.ini").unlink()
    found = [line for line in project.pytest().outlines if line.startswith("::error")]
    assert len(found) == 1
    assert found[0].startswith("::error title=alembic-gauntlet%3A set-up::No alembic.ini")


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_junit_has_findings_as_properties(faulty, workers) -> None:
    """The invariant, the revision, the path, the file and the line, and the message as text without colours."""
    faulty.pytest("-k", "stairway or single", "--junitxml=junit.xml", "--color=yes", *workers)
    cases = ElementTree.parse(faulty.path / "junit.xml").getroot().iter("testcase")
    failed, passed = sorted(cases, key=lambda case: case.get("name") != "test_stairway_upgrade_downgrade")
    assert [(each.get("name"), each.get("value")) for each in failed.iter("property")] == [
        ("gauntlet.1.invariant", "path-independence"),
        ("gauntlet.1.revision", "a20"),
        ("gauntlet.1.path", "upgrade a20; downgrade a10"),
        ("gauntlet.1.file", "migrations/versions/a20_orders.py"),
        ("gauntlet.1.line", "24"),
    ]
    (failure,) = failed.iter("failure")
    assert failure.get("message", "").startswith("After `alembic downgrade a10` the schema at a10")
    assert (failure.text or "").startswith("Minimal path (2 commands):\n    alembic upgrade a20\n")
    assert not list(passed.iter("property"))


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
