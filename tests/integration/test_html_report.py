"""`--gauntlet-report x.html`: what real histories put into it, in one process and over workers."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.integration.test_interrupted import sees_ctrl_c
from tests.library import needs_library

pytestmark = [pytest.mark.once, needs_library]

EXAMPLE = ("-k", "stairway or all_the_way or head")


def data(file) -> dict:
    """What the page of a file shows."""
    found = re.search(r'<script type="application/json" id="data">([^<]*)</script>', file.read_text(encoding="utf-8"))
    return json.loads(found[1])


@pytest.fixture
def faulty(example):
    """The example project, whose revision a20 forgets its enum type on the way down."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    return example


def test_page_and_json_are_written_side_by_side(faulty) -> None:
    """With the same failures; the page has the graph, the source and the times besides."""
    faulty.pytest(*EXAMPLE, "--gauntlet-report", "out/r.html", "--gauntlet-report", "out/r.json")
    page = data(faulty.path / "out/r.html")
    report = json.loads((faulty.path / "out/r.json").read_text())
    (history,) = page["histories"]
    assert history["name"] == "migrations"
    assert history["coverage"] == report["coverage"]
    assert [test["outcome"] for test in page["tests"]] == [test["outcome"] for test in report["tests"]]
    failures = [failure for test in report["tests"] for failure in test["failures"]]
    same = ("invariant", "message", "revision", "file", "line", "changes")
    assert [{name: each[name] for name in same} for each in page["failures"]] == [
        {name: each[name] for name in same} for each in failures
    ]
    up, down = page["failures"][0]["path"]
    assert (up["text"], up["revisions"]) == ("alembic upgrade a20", ["a10", "a20"])
    assert (down["text"], down["revisions"]) == ("alembic downgrade a10", ["a20"])
    source = page["failures"][0]["source"]
    assert source["lines"][24 - source["first"]] == "def downgrade():"


def test_page_describes_every_revision(faulty) -> None:
    """Parents, file and message as the migrations have them, and how long they took."""
    faulty.pytest(*EXAMPLE, "--gauntlet-report", "r.html")
    revisions = {each["id"]: each for each in data(faulty.path / "r.html")["histories"][0]["revisions"]}
    assert len(revisions) == 9
    assert revisions["d10"]["parents"] == ["b20", "c20"]
    assert revisions["c10"]["file"] == "migrations/versions/c10_addresses.py"
    assert revisions["c10"]["message"] == "Where users live; on a branch of its own."
    for each in revisions.values():
        assert each["upgraded"]
        assert each["downgraded"]
        for times in (each["upgrade"], each["downgrade"]):
            assert 0 < times["median"] <= times["total"]
            assert times["count"] > 0


def test_page_is_the_same_over_workers(faulty) -> None:
    """The controller writes what the workers of pytest-xdist found; commands and times are added up."""
    faulty.pytest(*EXAMPLE, "-n", "2", "--gauntlet-report", "r.html", "--gauntlet-report", "r.json")
    page = data(faulty.path / "r.html")
    assert {failure["revision"] for failure in page["failures"]} == {"a20"}
    assert len(page["failures"]) == 2
    (history,) = page["histories"]
    assert history["coverage"] == json.loads((faulty.path / "r.json").read_text())["coverage"]
    assert all(each["upgrade"]["count"] >= 2 for each in history["revisions"])


def test_page_lists_what_was_not_covered(project) -> None:
    """A revision whose downgrade is declared irreversible, and one that fails."""
    project.table("a1", None, "users")
    project.revision("a2", "a1", undo="raise NotImplementedError")
    project.revision("a3", "a2", "op.execute('SELECT 1/0')")
    project.test_class("irreversible_revisions = ('a2',)")
    project.pytest(*EXAMPLE, "--gauntlet-report", "r.html")
    revisions = {each["id"]: each for each in data(project.path / "r.html")["histories"][0]["revisions"]}
    shown = {id: (each["upgraded"], each["downgraded"], each["irreversible"]) for id, each in revisions.items()}
    assert shown["a2"] == (True, False, True)
    assert shown["a3"] == (False, False, False)
    assert revisions["a3"]["upgrade"] is None


def test_page_shows_the_rows_of_a_path(project) -> None:
    """As SQL in the path, between the commands."""
    project.table("a1", None, "users")
    project.revision("a2", "a1", 'op.execute("ALTER TABLE users ADD email text NOT NULL")')
    path = 'upgrade a1; insert public.users {"id": 7}; upgrade a2'
    project.pytest("-m", "fuzz", "--gauntlet-replay", path, "--gauntlet-report", "r.html")
    (failure,) = data(project.path / "r.html")["failures"]
    assert [step["text"] for step in failure["path"]] == [
        "alembic upgrade a1",
        "INSERT INTO public.users (id) VALUES (7);",
        "alembic upgrade a2",
    ]
    assert failure["path"][1]["row"] == [["id", "7"]]


def test_page_of_a_session_without_a_history(project) -> None:
    """The mistake in the set-up is in it; a session that tests no migrations has an empty one."""
    project.pytest("-k", "head", "--gauntlet-report", "r.html", url="postgresql://nobody@127.0.0.1:1/none")
    page = data(project.path / "r.html")
    assert page["histories"] == []
    assert {failure["invariant"] for failure in page["failures"]} == {"set-up"}
    project.write("test_migrations.py", "def test_nothing():\n    pass\n")
    project.pytest("--gauntlet-report", "none.html").assert_outcomes(passed=1)
    assert data(project.path / "none.html")["tests"] == []


@sees_ctrl_c
def test_page_of_an_interrupted_session(project) -> None:
    """It has what was covered by then, though the test has no verdict."""
    project.table("a1", None, "users")
    reached = project.path / "reached"
    project.revision("a2", "a1", f"open({str(reached)!r}, 'w').close()\nop.execute('SELECT pg_sleep(60)')")
    options = ["-p", "no:cacheprovider", "-k", "stairway", "--gauntlet-url", project.server.url]
    command = [sys.executable, "-m", "pytest", *options, "--gauntlet-report", "r.html"]
    process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not reached.exists():
            assert time.monotonic() < deadline, "the slow migration is never reached"
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
    page = data(project.path / "r.html")
    assert page["tests"] == []
    assert [each["upgraded"] for each in page["histories"][0]["revisions"]] == [True, False]


@pytest.mark.parametrize("name", ["report.txt", "report", "report.html.gz"])
def test_another_suffix_is_a_usage_error(project, name) -> None:
    """It names both that there are."""
    result = project.pytest("--gauntlet-report", "r.html", "--gauntlet-report", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert ".json" in result.stderr.str()
    assert ".html" in result.stderr.str()
    assert not (project.path / "r.html").exists()


def test_page_that_cannot_be_written_is_told(project) -> None:
    """As with the JSON file: in the summary, and the tests are not lost."""
    project.table("a1", None, "users")
    project.write("file", "")
    result = project.pytest("-k", "head", "--gauntlet-report", "file/r.html")
    result.stdout.fnmatch_lines(["The report */file/r.html cannot be written: File exists."])
