"""`--gauntlet-baseline`: known faults are counted, new ones fail, mended ones are named; walks go on past them."""

import json

import pytest
from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.baseline import Known, faults
from tests.integration.inprocess import open_gauntlet, paths

pytestmark = pytest.mark.once
ALL = ("-m", "fuzz or not fuzz", "--gauntlet-baseline", "known.txt")
FIXED = ("--gauntlet-baseline", "known.txt")
QUICK = "from hypothesis import settings\nfrom alembic_gauntlet import profiles"
CLASS = "walk_settings = settings(profiles.current(), max_examples=2)\nmigration_diff_ignore_tables = ['*']"
NO_MODELS = "import sqlalchemy\ntarget_metadata = sqlalchemy.MetaData()"


def sections(project) -> dict[str, set[str]]:
    """Return the lines of the baseline, by the name of the test."""
    found: dict[str, set[str]] = {}
    for line in (project.path / "known.txt").read_text().splitlines():
        if line.startswith("["):
            lines = found.setdefault(line.strip("[]").rpartition("::")[2], set())
        elif line and not line.startswith("#"):
            lines.add(line)
    return found


def leaves_type(project, id: str, down: str | None) -> None:
    """Write a revision whose downgrade forgets its enum type."""
    project.revision(id, down, f"op.execute(\"CREATE TYPE {id}_state AS ENUM ('x')\")")


@pytest.fixture
def faulty(project):
    """Four revisions: two downgrades leave a type, two are correct."""
    leaves_type(project, "a1", None)
    project.table("a2", "a1", "users")
    leaves_type(project, "a3", "a2")
    project.table("a4", "a3", "orders")
    project.test_class(CLASS, QUICK)
    project.edit("migrations/env.py", "target_metadata = None", NO_MODELS)
    return project


def test_first_run_fails_and_writes_what_it_found(faulty) -> None:
    """A line for each fault, under the test that has found it: invariant, revision, object.

    The walks go on from what the tests before them have found, and are told of nothing twice.
    """
    result = faulty.pytest(*ALL)
    result.assert_outcomes(failed=2, passed=5)
    assert sections(faulty) == {
        "test_stairway_upgrade_downgrade": {
            "base-is-empty  a1 downgrade()  enum type public.a1_state",
            "path-independence  a3 downgrade()  enum type public.a3_state",
        },
        "test_downgrade_all_the_way": {
            "base-is-empty  a1 downgrade()  enum type public.a1_state",
            "base-is-empty  a3 downgrade()  enum type public.a3_state",
        },
        "test_random_walks": {
            "base-is-empty  a1 downgrade()  enum type public.a1_state",
            "path-independence  a3 downgrade()  enum type public.a3_state",
        },
    }
    result.stdout.fnmatch_lines(["baseline *known.txt: written, with 2 known faults; from now on, only others fail"])


def test_known_faults_pass_and_new_ones_fail_alone(faulty) -> None:
    """The second run is green; then one more fault is all that is told, by the fixed tests and by the walks."""
    faulty.pytest(*ALL)
    written = (faulty.path / "known.txt").read_text()
    result = faulty.pytest(*ALL)
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["baseline *known.txt: 2 known faults met"])
    leaves_type(faulty, "a5", "a4")
    result = faulty.pytest(*ALL, "--gauntlet-report", "report.json")
    result.assert_outcomes(failed=3, passed=4)
    report = json.loads((faulty.path / "report.json").read_text())
    failures = [failure for test in report["tests"] for failure in test["failures"]]
    assert {failure["revision"] for failure in failures} == {"a5"}
    assert {change["name"] for failure in failures for change in failure["changes"]} == {"public.a5_state"}
    result.stdout.fnmatch_lines(
        ["Besides 2 known faults of the baseline:", "new; to live with it, add the line:", "    *  a5 downgrade()  *"]
    )
    assert (faulty.path / "known.txt").read_text() == written


def test_another_object_of_a_known_revision_is_new(faulty) -> None:
    """A line knows one object, not all that its revision may do."""
    faulty.pytest(*ALL)
    faulty.edit(
        "migrations/versions/a1_.py", "def upgrade():", "def upgrade():\n    op.execute('CREATE SEQUENCE more')"
    )
    result = faulty.pytest(*ALL, "--gauntlet-report", "report.json")
    result.assert_outcomes(failed=3, passed=4)
    report = json.loads((faulty.path / "report.json").read_text())
    changed = {change["name"] for test in report["tests"] for each in test["failures"] for change in each["changes"]}
    assert changed == {"public.more"}


def test_mended_faults_are_named(faulty) -> None:
    """By each test that has found them once, the walks too, where they have gone everywhere."""
    faulty.pytest(*ALL)
    mended = "def downgrade():\n    op.execute('DROP TYPE a3_state')"
    faulty.edit("migrations/versions/a3_.py", "def downgrade():\n    pass", mended)
    result = faulty.pytest(*ALL)
    result.assert_outcomes(passed=7)
    text = result.stdout.str()
    assert "mended, so that the line can go:" in text
    assert "path-independence  a3 downgrade()  enum type public.a3_state" in text
    assert "a1 downgrade()" not in text


def test_tests_that_did_not_run_mend_nothing(faulty) -> None:
    """Without `-m fuzz`, nothing is said of what the walks have found."""
    faulty.pytest(*ALL)
    result = faulty.pytest(*FIXED)
    result.assert_outcomes(passed=5)
    assert "mended" not in result.stdout.str()


def test_workers_share_the_baseline(faulty) -> None:
    """With pytest-xdist the controller writes what the workers have found, and they hold to it."""
    faulty.pytest(*FIXED, "-n", "2").assert_outcomes(failed=2, passed=3)
    alone = (faulty.path / "known.txt").read_text()
    (faulty.path / "known.txt").unlink()
    faulty.pytest(*FIXED).assert_outcomes(failed=2, passed=3)
    assert sorted((faulty.path / "known.txt").read_text().split("\n")) == sorted(alone.split("\n"))
    faulty.pytest(*FIXED, "-n", "2").assert_outcomes(passed=5)


def test_all_invariants_of_the_fixed_tests_have_lines(project) -> None:
    """Names, heads, drift and failing commands are known as differences of schemas are."""
    project.revision(
        "a1", None, "op.execute('CREATE TABLE t (n int CONSTRAINT odd CHECK (n > 0))')", "raise ValueError"
    )
    project.revision("b1", None)
    project.edit("migrations/env.py", "target_metadata = None", NO_MODELS)
    project.pytest(*FIXED).assert_outcomes(failed=5)
    assert set.union(*sections(project).values()) == {
        "command-succeeds  a1 downgrade()",
        "naming-conventions  -  check constraint odd on public.t",
        "single-head  -  a1, b1",
        "up-to-date  -  table public.t",
    }
    project.pytest(*FIXED).assert_outcomes(passed=5)
    project.revision("c1", None)
    result = project.pytest(*FIXED)
    result.assert_outcomes(failed=1, passed=4)
    result.stdout.fnmatch_lines(["*Multiple head revisions: 3*"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path-independence a1 enum type\n", "*known.txt:1: cannot read*"),
        ("# a comment\n\nup-to-date  a1 down grade()  table t\n", "*known.txt:3: cannot read*"),
        ("\0\xff", "*known.txt*cannot*"),
    ],
)
def test_unreadable_line_is_refused_before_anything_runs(faulty, text, message) -> None:
    """With its place and what a line looks like."""
    (faulty.path / "known.txt").write_text(text, encoding="latin-1")
    result = faulty.pytest(*FIXED)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_fault_in_a_function_of_the_migration_is_known(project) -> None:
    """What the first run writes of it, the second one reads."""
    file = project.revision("a1", None, "pass", "helper()")
    file.write_text(file.read_text() + "\n\ndef helper():\n    op.drop_table('never_there')\n")
    project.test_class()
    options = ("-k", "stairway", "--gauntlet-baseline", "known.txt")
    project.pytest(*options).assert_outcomes(failed=1, deselected=7)
    assert "command-succeeds  a1 helper()" in (project.path / "known.txt").read_text()
    project.pytest(*options).assert_outcomes(passed=1, deselected=7)


def test_file_that_cannot_be_written_is_named(faulty) -> None:
    """And the tests have run all the same."""
    (faulty.path / "known").write_text("")
    result = faulty.pytest("--gauntlet-baseline", "known/known.txt")
    result.assert_outcomes(failed=2, passed=3)
    result.stdout.fnmatch_lines(["*The baseline *known.txt cannot be written: *"])


def test_walk_goes_on_past_a_known_fault(project) -> None:
    """From a fresh database at the same state, so that what comes after it is judged: nothing hides behind it."""
    for number in range(5):
        leaves_type(project, f"a{number}", f"a{number - 1}" if number else None)
    leave = "op.execute('CREATE TABLE IF NOT EXISTS log (n int)')\nop.execute('INSERT INTO log VALUES (1)')"
    project.revision("a5", "a4", leave, "pass")
    examples = 3
    random = settings(profiles.current(), max_examples=examples, database=None, derandomize=True)
    with open_gauntlet(project) as gauntlet:
        found = gauntlet.walks(random, 12, "first", baseline=Known()).findings
        known = Known({fault.key: fault for each in found for fault in faults(each)})
        gauntlet.take_coverage()
        walks = gauntlet.walks(random, 12, "second", baseline=known)
        coverage = gauntlet.take_coverage()
    assert {each.revision for each in found} == {f"a{number}" for number in range(6)}, paths(found)
    assert walks.findings == ()
    assert walks.transitions is None, "the test is about random walks"
    assert coverage.commands > 2 * examples, "an upgrade and the downgrade that is a known fault, and more after it"
    assert len(coverage.downgraded) >= 5, "each of them is a known fault, past which the walks go on"
    assert known.met
