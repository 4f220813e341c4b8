"""Sessions of walks, `pytest -m fuzz`: stopped in the middle they leave nothing behind, and a seed repeats them."""

import json
import os
import shutil
import signal
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from alembic_gauntlet.shared import meeting_place
from tests.integration.processes import (
    SECONDS,
    embedded_directory,
    processes_of,
    sandboxes,
    sees_ctrl_c,
    started,
    wait_for,
)

pytestmark = pytest.mark.once

HEADER = """
from hypothesis import Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from alembic_gauntlet import profiles
"""
# The stop comes in the 15th migration of a process: past the first walk, and with checkpoints to clone.
NOTED = """
    import os
    import time
    from pathlib import Path

    HERE = Path(__file__).parent
    WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
    RAN = HERE / f"ran-{WORKER}"

    def ran(op, what):
        with RAN.open("a") as file:
            file.write(what + "\\n")
        how = HERE / "stop"
        if how.exists() and len(RAN.read_text().splitlines()) == 15:
            database = op.get_bind().exec_driver_sql("SELECT current_database()").scalar()
            (HERE / f"{WORKER}-reached").write_text(f"{os.getpid()} {database}")
            (HERE / f"{WORKER}-reached").rename(HERE / f"reached-{WORKER}")
            stop(op, how.read_text())

    def stop(op, how):
        if how == "in a statement":
            op.execute("SELECT pg_sleep(60)")
        while not (HERE / "go").exists():
            time.sleep(0.005)
        if how == "until told to fail":
            raise RuntimeError("told to fail")
"""
IN_A_STATEMENT, UNTIL_TOLD, UNTIL_TOLD_TO_FAIL = "in a statement", "until told", "until told to fail"


def walks(examples: int, commands: int, **profile: str) -> str:
    """The body of a test class; all its commands are random ones where the history has more transitions than that."""
    options = {"max_examples": examples, "database": None, "derandomize": False, **profile}
    return f"""
        walk_settings = settings(profiles.current(), {", ".join(f"{name}={value}" for name, value in options.items())})
        walk_max_commands = {commands}
        lock_timeout = 60
    """


def note(what: str) -> str:
    """What a migration begins with, to say that it runs."""
    return f"from noted import ran\nran(op, {what!r})"


@pytest.fixture
def history(project):
    """Eight revisions in a line, with 72 transitions; 64 commands are walked at random, past rows: none is known."""
    project.write("noted.py", NOTED)
    for number in range(8):
        up = f'{note(f"upgrade r{number}")}\nop.create_table("t{number}", sa.Column("id", sa.Integer))'
        up += f'\nop.execute("INSERT INTO t{number} VALUES (1)")'
        undo = f'{note(f"downgrade r{number}")}\nop.drop_table("t{number}")'
        project.revision(f"r{number}", f"r{number - 1}" if number else None, up, undo)
    project.test_class(walks(8, 8), HEADER)
    return project


@pytest.fixture
def two_tests(history):
    """The same history, walked by two tests, which two workers of pytest-xdist share."""
    text = history.test_class(walks(8, 8), HEADER).read_text()
    history.write("test_more.py", text)
    return history


@dataclass(frozen=True)
class Stopped:
    """A session whose walks have been stopped: pytest, and by worker, its process and the database it was at."""

    pytest: "subprocess.Popen[str]"
    workers: Sequence[tuple[int, str]]

    def interrupt(self) -> None:
        """Interrupt pytest as a terminal does, and wait for its end."""
        os.killpg(self.pytest.pid, signal.SIGINT)
        self.ends()

    def ends(self) -> None:
        """Wait for the end of an interrupted session, which comes long before a migration's statement ends."""
        output, _ = self.pytest.communicate(timeout=SECONDS)
        assert self.pytest.returncode == pytest.ExitCode.INTERRUPTED, output
        assert "KeyboardInterrupt" in output

    def kill(self) -> None:
        """Kill pytest and its workers."""
        os.killpg(self.pytest.pid, signal.SIGKILL)
        self.pytest.wait()


@contextmanager
def stopped(project, *options: str, how: str = IN_A_STATEMENT, workers: Sequence[str] = ("main",)) -> Iterator[Stopped]:
    """A session whose walks have come, in every worker, to a migration that lasts."""
    (project.path / "stop").write_text(how)
    with started(project, "-m", "fuzz", *options) as process:
        files = [project.path / f"reached-{worker}" for worker in workers]
        wait_for(lambda: process.poll() is not None or all(file.exists() for file in files), "the walks are stopped")
        assert process.poll() is None, process.communicate()[0]
        found = [file.read_text().split() for file in files]
        yield Stopped(process, [(int(pid), database) for pid, database in found])


def go_on(project) -> None:
    """Let no migration last any more."""
    (project.path / "stop").unlink()


# Databases


def test_failing_walk_leaves_no_database(history) -> None:
    """Whether a command fails or a schema differs, where every transition is taken and in walks at random."""
    history.edit("migrations/versions/r3_.py", 'op.drop_table("t3")', "pass")
    history.edit("migrations/versions/r1_.py", 'op.drop_table("t1")', 'op.drop_table("gone")')
    history.test_class(walks(9, 8), HEADER)
    result = history.pytest("-m", "fuzz", "--hypothesis-seed", "1")
    result.assert_outcomes(failed=1, passed=1, deselected=6)
    result.stdout.fnmatch_lines_random(["*left behind by r3_.py*", "*fails in revision r1 at *"])
    assert not sandboxes(history)


@sees_ctrl_c
def test_ctrl_c_in_a_migration_of_a_walk(history) -> None:
    """The session ends at once, and every database is dropped by then."""
    with stopped(history, "--gauntlet-url", history.server.url) as session:
        assert sandboxes(history)
        session.interrupt()
    assert not sandboxes(history)


@sees_ctrl_c
@pytest.mark.parametrize(
    ("how", "at", "lock", "statement"),
    [
        pytest.param(UNTIL_TOLD, "here", "LOCK TABLE pg_policy IN ACCESS EXCLUSIVE MODE", "pg_policy", id="reading"),
        pytest.param(UNTIL_TOLD, "all", "COMMENT ON DATABASE {} IS ''", "CREATE DATABASE", id="cloning"),
        pytest.param(UNTIL_TOLD_TO_FAIL, "here", "COMMENT ON DATABASE {} IS ''", "DROP DATABASE", id="dropping"),
    ],
)
def test_ctrl_c_between_the_commands_of_a_walk(history, how, at, lock, statement) -> None:
    """The same while a schema is read, a database cloned, or one dropped after a command that has failed."""
    with stopped(history, "--gauntlet-url", history.server.url, "--hypothesis-seed", "1", how=how) as session:
        [(_, database)] = session.workers
        names = {database} if at == "here" else sandboxes(history)
        # The statement waits for this lock until it is interrupted: that is sure to happen in the middle of it.
        with closing(psycopg.connect(history.server.url.replace("/postgres?", f"/{database}?"))) as holder:
            for name in names:
                holder.execute(sql.SQL(lock).format(sql.Identifier(name)))
            (history.path / "go").touch()
            wait_for(lambda: waiting(history), "a statement waits")
            [(pid, since, query)] = waiting(history)
            assert statement in query
            os.killpg(session.pytest.pid, signal.SIGINT)
            wait_for(lambda: (pid, since, query) not in waiting(history), "the statement is given up")
        session.ends()
    assert not sandboxes(history)


def waiting(project) -> list[tuple[object, ...]]:
    """The statements on the shared server that wait for a lock."""
    query = "SELECT pid, query_start, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(project.server.url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


@sees_ctrl_c
def test_ctrl_c_in_the_walks_of_two_workers(two_tests) -> None:
    """With pytest-xdist, too, the session ends at once and every worker drops its databases."""
    options = ("-n", "2", "--gauntlet-url", two_tests.server.url)
    with stopped(two_tests, *options, workers=("gw0", "gw1")) as session:
        assert {name.rpartition("_")[0] for name in sandboxes(two_tests)} == {
            database.rpartition("_")[0] for _, database in session.workers
        }
        session.interrupt()
    assert not sandboxes(two_tests)


def test_killed_walk_leaves_no_database_after_the_next_start(history) -> None:
    """What a `kill -9` left, the next session drops, also if nothing but walks is run."""
    with stopped(history, "--gauntlet-url", history.server.url) as session:
        left = sandboxes(history)
        session.kill()
    assert left
    assert sandboxes(history) == left, "the test can fail: a kill leaves databases"
    go_on(history)
    history.pytest("-m", "fuzz").assert_outcomes(passed=2, deselected=6)
    assert not sandboxes(history)


def test_killed_worker_leaves_no_database_after_the_next_start(two_tests) -> None:
    """One of two workers is killed: the other goes on undisturbed, and the next session drops what is left."""
    options = ("-n", "2", "--gauntlet-url", two_tests.server.url)
    with stopped(two_tests, *options, how=UNTIL_TOLD, workers=("gw0", "gw1")) as session:
        [(killed, database), _] = session.workers
        os.kill(killed, signal.SIGKILL)
        go_on(two_tests)
        (two_tests.path / "go").touch()
        output, _ = session.pytest.communicate(timeout=6 * SECONDS)  # it runs to its end
    assert "1 failed, 7 passed" in output
    assert "worker 'gw0' crashed" in output
    token = database.rpartition("_")[0]
    assert {name for name in sandboxes(two_tests) if not name.startswith(token)} == set()
    two_tests.pytest("-m", "fuzz", "test_more.py").assert_outcomes(passed=2, deselected=6)
    assert not sandboxes(two_tests)


# The embedded server

RUN = f"test-{os.getpid()}"
N2 = ("-n", "2", "--testrunuid", RUN)
"""Two workers, who meet at a place that is known."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_directory_of_temporary_files_that_is_roots_alone(two_tests, tmp_path, monkeypatch) -> None:
    """The server gets in all the same, and nothing is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    tmp_path.chmod(0o700)
    two_tests.pytest(*N2, "-k", "all_the_way", url="").assert_outcomes(passed=2)
    assert not meeting_place(RUN).exists()
    assert not [file for file in tmp_path.iterdir() if "gauntlet" in file.name]


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=sees_ctrl_c)])
def test_embedded_server_ends_with_the_session_of_a_walk(history, number) -> None:
    """However the session ends, no server process and no directory is left."""
    with stopped(history) as session:
        directory = embedded_directory(session.pytest.pid)
        assert processes_of(directory)
        os.killpg(session.pytest.pid, number)
        session.pytest.communicate(timeout=SECONDS)
        wait_for(lambda: not directory.exists(), "the directory is removed")
        wait_for(lambda: not processes_of(directory), "the server's processes end")


def test_embedded_server_outlives_the_worker_that_has_launched_it(two_tests) -> None:
    """All workers share one server: the others, and the one that takes the place of a killed one, go on with it."""
    with stopped(two_tests, *N2, how=UNTIL_TOLD, workers=("gw0", "gw1")) as session:
        (launcher, directory), *others = servers(session)
        assert not others
        assert meeting_place(RUN).exists()
        os.kill(launcher, signal.SIGKILL)
        go_on(two_tests)
        (two_tests.path / "go").touch()
        output, _ = session.pytest.communicate(timeout=6 * SECONDS)  # it runs to its end
    assert "1 failed, 7 passed" in output
    wait_for(lambda: not directory.exists() and not processes_of(directory), "the server ends with the session")
    assert not meeting_place(RUN).exists()


def test_worker_that_is_killed_and_has_no_successor(two_tests) -> None:
    """With `--max-worker-restart=0` the session ends with it; the server does, too."""
    options = ("-n", "2", "--max-worker-restart=0")
    with stopped(two_tests, *options, how=UNTIL_TOLD, workers=("gw0", "gw1")) as session:
        ((_, directory),) = servers(session)
        os.kill(session.workers[0][0], signal.SIGKILL)
        go_on(two_tests)
        (two_tests.path / "go").touch()
        output, _ = session.pytest.communicate(timeout=6 * SECONDS)
    assert "worker 'gw0' crashed" in output
    wait_for(lambda: not directory.exists() and not processes_of(directory), "the server ends with the session")


def test_embedded_server_ends_when_all_its_workers_are_killed(two_tests) -> None:
    """Nobody is left to stop it, and no process and no directory remain."""
    with stopped(two_tests, *N2, workers=("gw0", "gw1")) as session:
        ((_, directory),) = servers(session)
        assert meeting_place(RUN).exists()
        session.kill()
        wait_for(lambda: not directory.exists() and not processes_of(directory), "the server ends")
        wait_for(lambda: not meeting_place(RUN).exists(), "the meeting place goes")


def servers(session: Stopped) -> list[tuple[int, Path]]:
    """The workers that have launched a server, with its directory."""
    found = []
    for pid, _ in session.workers:
        with suppress(AssertionError):
            found.append((pid, embedded_directory(pid)))
    return found


# The same again


@dataclass(frozen=True)
class Session:
    """What came of a session of walks: the revisions that ran, in order, and the report."""

    ran: Sequence[str]
    report: Any

    @property
    def paths(self) -> list[str]:
        """The paths of the failures, as `--gauntlet-replay` takes them."""
        found = [failure["path"] for test in self.report["tests"] for failure in test["failures"]]
        return ["; ".join(f"{each['command']} {each['target']}" for each in path) for path in found]


PATHS = "test_migrations.TestMigrations.paths"


def session(project, *options: str, paths: str = "", **env: str) -> Session:
    """Run the walks; only the given paths have failed before."""
    project.write("ran-main", "")
    project.write(PATHS, paths)
    project.pytest("test_migrations.py", "-m", "fuzz", "--gauntlet-report", "report.json", *options, env=env)
    ran = (project.path / "ran-main").read_text().splitlines()
    return Session(ran, json.loads((project.path / "report.json").read_text()))


@pytest.fixture
def faulty(example):
    """The example of the documentation, with a forgotten type; each revision notes that it runs."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    for file in (example.path / "migrations/versions").glob("*.py"):
        for verb in ("upgrade", "downgrade"):
            begin = f"def {verb}():\n"
            noted = f"from alembic import op\n{note(f'{verb} {file.name[:3]}')}"
            example.edit(f"migrations/versions/{file.name}", begin, begin + textwrap.indent(noted, "    ") + "\n")
    example.write("noted.py", NOTED)
    example.write("tests/test_migrations.py", "")
    return example


def test_seed_repeats_the_walks(faulty) -> None:
    """The same seed runs the very same revisions in the same order and reports the same; another seed runs others."""
    faulty.test_class(walks(12, 3), HEADER)
    first = session(faulty, "--hypothesis-seed", "7", PYTHONHASHSEED="1")
    again = session(faulty, "--hypothesis-seed", "7", PYTHONHASHSEED="2")
    assert first.paths
    assert (again.ran, again.report) == (first.ran, first.report)
    faulty.test_class(walks(12, 3, phases="[Phase.generate]"), HEADER)
    other = session(faulty, "--hypothesis-seed", "8", PYTHONHASHSEED="1")
    assert other.ran != first.ran[: len(other.ran)]


def test_example_database_brings_a_failure_back(history) -> None:
    """The next run shows the failure without looking for it, as it would have to without the database."""
    history.edit("migrations/versions/r2_.py", "op.create_table(", "op.execute('SET work_mem = 64'); op.create_table(")
    kept = "DirectoryBasedExampleDatabase('examples')"
    # One command: there are so few walks that all are taken, whatever the seed, which would turn the database off.
    history.test_class(walks(29, 1, database=kept), HEADER)
    first = session(history)
    assert first.paths
    history.test_class(walks(29, 1, database=kept, phases="[Phase.reuse]"), HEADER)
    assert session(history).paths == first.paths
    shutil.rmtree(history.path / "examples")
    assert session(history).paths == []


def test_failed_paths_are_replayed_before_anything_else(faulty) -> None:
    """The first command to run is that of the file beside the test: one jump over all revisions."""
    faulty.test_class(walks(12, 3), HEADER)
    replayed = session(faulty, "--hypothesis-seed", "7", paths="upgrade d30; downgrade a10\n")
    assert replayed.paths[0] == "upgrade d30; downgrade a10"
    assert len({what for what in replayed.ran[:9] if what.startswith("upgrade")}) == 9
