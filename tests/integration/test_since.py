"""`--gauntlet-since REVISION`: what `alembic upgrade heads` runs on a database there, and nothing of the past."""

import json

import pytest
from hypothesis import settings

from alembic_gauntlet import profiles
from tests.integration.inprocess import open_gauntlet, paths

pytestmark = pytest.mark.once

QUICK = settings(profiles.current(), max_examples=4, database=None, derandomize=True)
OLD = ("CREATE TABLE old (n int CONSTRAINT odd CHECK (n > 0))", "SELECT 1 / 0")
NEW = ("CREATE TABLE new (n int CONSTRAINT even CHECK (n > 0))", "DROP TABLE new CASCADE; CREATE TABLE forgotten ()")


@pytest.fixture
def history(project):
    """Two revisions of the past, two of today; one of each is wrong in every way."""
    project.revision("a1", None, f"op.execute('{OLD[0]}')", f"op.execute('{OLD[1]}')")
    project.table("a2", "a1", "users")
    project.revision("a3", "a2", f"op.execute('{NEW[0]}')", f"op.execute('{NEW[1]}')")
    project.table("a4", "a3", "orders")
    return project


def test_only_what_is_above_is_reported(history) -> None:
    """By the stairway, the names and the walks, by paths that begin with an upgrade to the start."""
    with open_gauntlet(history, since="a2") as gauntlet:
        stairway, names = gauntlet.stairway(), gauntlet.naming()
        walks = gauntlet.walks(QUICK).findings
    assert paths(stairway) == ["upgrade a2; upgrade a3; downgrade a2"]
    assert [finding.revision for finding in stairway] == ["a3"]
    assert [finding.about for finding in names] == ["check constraint even on public.new"]
    assert paths(walks) == ["upgrade a2; upgrade a3; downgrade a2"]


def test_whole_history_without_it(history) -> None:
    """The same history has more to tell."""
    with open_gauntlet(history) as gauntlet:
        assert {finding.revision for finding in gauntlet.stairway()} == {"a1", "a3"}
        assert len(gauntlet.naming()) == 2


def test_printed_path_can_be_replayed(history) -> None:
    """With the option, as printed, it shows the fault; the way down from head is not confined."""
    result = history.pytest("--gauntlet-since", "a2", "-k", "stairway or all_the_way", "--gauntlet-report", "r.json")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["Replay: pytest -m fuzz --gauntlet-since a2 --gauntlet-replay 'upgrade a2; upgrade a3; downgrade a2'"]
    )
    coverage = json.loads((history.path / "r.json").read_text())["coverage"]
    assert coverage["revisions"] == 4
    replayed = history.pytest(
        "-m", "fuzz", "--gauntlet-since", "a2", "--gauntlet-replay", "upgrade a2; upgrade a3; downgrade a2"
    )
    replayed.assert_outcomes(failed=1)
    replayed.stdout.fnmatch_lines(["*table public.forgotten*a3_.py*"])


def test_branches_that_are_not_above_the_revision_are_not_its_past(project) -> None:
    """A branch that `alembic upgrade heads` has yet to run is tested, in every order, and its merge."""
    project.table("a1", None, "users")
    project.table("a2", "a1", "orders")
    project.revision("b2", "a1", "op.execute('CREATE TABLE b ()')", "pass")
    project.table("m3", ("a2", "b2"), "merged")
    with open_gauntlet(project, since="a2") as gauntlet:
        assert paths(gauntlet.stairway()) == ["upgrade a2; upgrade b2; downgrade b2@a1"]
        found = gauntlet.walks(QUICK).findings
    assert [(each.revision, len(each.path)) for each in found] == [("b2", 3)]


@pytest.mark.parametrize(("revision", "outcome"), [("nothing", "errors"), ("a4", "skipped")])
def test_start_that_leaves_nothing_to_test(history, revision, outcome) -> None:
    """An unknown revision is an error of one line; the head itself leaves nothing to check."""
    result = history.pytest("--gauntlet-since", revision, "-k", "stairway")
    result.assert_outcomes(**{outcome: 1})
    expected = {
        "errors": "*--gauntlet-since nothing: this history has no such revision*",
        "skipped": "*1 skipped*",
    }
    result.stdout.fnmatch_lines([expected[outcome]])


def test_start_that_cannot_be_reached(project) -> None:
    """The failing revision of the past is named, with the remedy."""
    project.revision("a1", None, "op.execute('SELECT 1 / 0')")
    project.table("a2", "a1", "users")
    result = project.pytest("--gauntlet-since", "a1", "-k", "stairway")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*`alembic upgrade a1` fails on an empty database*", "*a1_.py:*DivisionByZero*"])
