"""The tests of one class on several workers of pytest-xdist: shared without repeating each other."""

import json
import os
import re

import pytest
from hypothesis import settings

from alembic_gauntlet import Gauntlet
from alembic_gauntlet.config import find_config
from alembic_gauntlet.database import Server
from alembic_gauntlet.share import Share
from alembic_gauntlet.shared import meeting_place

pytestmark = pytest.mark.once
FEW = """
from hypothesis import settings
from alembic_gauntlet import MigrationTestBase


class TestMigrations(MigrationTestBase):
    walk_settings = settings(max_examples={examples}, database=None, deadline=None)
    walk_max_commands = 3
"""


def test_few_transitions_are_all_taken_by_one_worker(example) -> None:
    """What walks meet is known there by then; to another worker it would be new. It says so, and has nothing to do."""
    done = example.pytest("-m", "fuzz", "-k", "random_walks", "-n", "2", "-rs")
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines(["*so few transitions that one process takes them all*"])
    done.stdout.fnmatch_lines(["every transition of the revision graph was taken: 133"])


@pytest.mark.parametrize("workers", [2, 3])
def test_random_walks_are_split_by_their_number(example, workers) -> None:
    """All workers together run about as many commands as one process does, on one server."""
    example.write("tests/test_migrations.py", FEW.format(examples=12))
    options = ("-m", "fuzz", "-k", "random_walks", "--hypothesis-seed=1", "--gauntlet-report=report.json")
    example.pytest(*options).assert_outcomes(passed=1, deselected=7)
    alone = json.loads((example.path / "report.json").read_text())["coverage"]["commands"]
    done = example.pytest(*options, "-n", str(workers))
    done.assert_outcomes(passed=workers)
    together = json.loads((example.path / "report.json").read_text())["coverage"]["commands"]
    assert together < 2 * alone
    done.stdout.no_fnmatch_line("every transition*")


def test_fault_is_found_by_the_workers(example) -> None:
    """It is shown with its minimal path by the worker that has come upon it, and the report has it."""
    file = example.path / "migrations/versions/a20_orders.py"
    file.write_text("".join(line for line in file.read_text().splitlines(True) if "DROP TYPE order_status" not in line))
    example.write("tests/test_migrations.py", FEW.format(examples=50))
    done = example.pytest("-m", "fuzz", "-n", "2", "--gauntlet-report=report.json")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    tests = json.loads((example.path / "report.json").read_text())["tests"]
    names = ("test_random_walks", "test_populated_walks")
    assert {test["nodeid"].rpartition("::")[2] for test in tests} == {
        f"{name}[{part}]" for name in names for part in ("1of2", "2of2")
    }
    found = [failure for test in tests for failure in test["failures"]]
    assert {failure["revision"] for failure in found} == {"a20"}
    assert {len(failure["path"]) for failure in found} == {2}


def test_baseline_is_written_by_one_worker(example) -> None:
    """It knows faults by test, so that the walks stay one test."""
    example.write("tests/test_migrations.py", FEW.format(examples=12))
    done = example.pytest("-m", "fuzz", "-n", "2", "--gauntlet-baseline=known.txt", "-k", "random_walks")
    done.assert_outcomes(passed=1)


def test_random_walks_of_parts_differ(server, example, monkeypatch) -> None:
    """With one seed, the parts take other random walks, and each the same ones again."""
    monkeypatch.chdir(example.path)
    profile = settings(max_examples=8, database=None, deadline=None)

    def walked(share: Share) -> set[tuple[str, ...]]:
        with Server(server.url) as ours, Gauntlet(find_config(example.path, example.path), ours) as gauntlet:
            gauntlet.walks(profile, 3, share=share)
            return gauntlet.take_coverage().jumps

    one, again, other = walked(Share(0, 2, "1")), walked(Share(0, 2, "1")), walked(Share(1, 2, "1"))
    assert one == again
    assert one != other


def test_long_stairway_is_shared(project) -> None:
    """Each of two workers tries some of a hundred revisions, and reports what is wrong with these; a few are one's."""
    for number in range(99):
        project.table(f"r{number}", f"r{number - 1}" if number else None, f"t{number}")
    options = ("-n", "2", "-v", "-k", "not up_to_date", "--gauntlet-report", "report.json")
    project.pytest(*options).assert_outcomes(passed=4)
    project.table("r99", "r98", "t99")
    for faulty in (10, 90):
        project.edit(f"migrations/versions/r{faulty}_.py", f'op.drop_table("t{faulty}")', "pass")
    done = project.pytest(*options)
    done.assert_outcomes(failed=3, passed=2)  # so does the way down to base
    # Or one would have waited for the other.
    workers = dict(re.findall(r"\[(gw\d)\].* FAILED .*\[(.of2)\]", done.stdout.str()))
    assert sorted(workers.values()) == ["1of2", "2of2"]
    report = json.loads((project.path / "report.json").read_text())
    found = {test["nodeid"][-6:]: [each["revision"] for each in test["failures"]] for test in report["tests"]}
    assert (found["[1of2]"], found["[2of2]"]) == (["r10"], ["r90"])
    assert (report["coverage"]["upgraded"], report["coverage"]["downgraded"]) == (100, 100)


def test_configuration_that_cannot_be_read(project) -> None:
    """It is told as in one process, though it is looked at before the tests are known."""
    project.edit("alembic.ini", "[alembic]", "[alembic]\nversion_locations = %(nowhere)s/versions")
    done = project.pytest("-n", "2", "-k", "stairway")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*Alembic cannot load its script directory: *nowhere*"])


def test_server_that_does_not_start(example, public) -> None:
    """Every worker says why, none waits for another, and nothing is left."""
    run = f"test-{os.getpid()}"
    for name in ("initdb", "postgres"):
        program = public / name
        program.write_text("#!/bin/sh\n[ $1 = --version ] && echo 'x (PostgreSQL) 15.1' && exit\necho broken; exit 1\n")
        program.chmod(0o755)
    done = example.pytest("-n", "2", "--testrunuid", run, url="", env={"GAUNTLET_POSTGRES_BIN": str(public)})
    assert done.parseoutcomes()["errors"] >= 4
    done.stdout.fnmatch_lines(["The embedded PostgreSQL server did not start:", "    broken"])
    assert not meeting_place(run).exists()
