"""A session that is killed or interrupted in the middle of a migration leaves nothing behind."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from alembic_gauntlet.database import MARK
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

SOMEBODY_ELSES = "gauntlet_of_somebody_else"


@contextmanager
def running(project, *options: str, driver: str = "psycopg") -> Iterator["subprocess.Popen[str]"]:
    """A pytest in a process group of its own, that has reached a migration which takes a minute."""
    project.table("a1", None, "users")
    project.revision(
        "a2", "a1", f"open({str(project.path / 'reached')!r}, 'w').close()\nop.execute('SELECT pg_sleep(60)')"
    )
    project.edit("alembic.ini", "driver://user:pass@localhost/dbname", f"postgresql+{driver}://localhost/dbname")
    with started(project, "-k", "stairway or all_the_way", *options) as process:
        wait_for((project.path / "reached").exists, "the slow migration runs")
        yield process


def quick(project) -> None:
    """Make the slow migration a quick one."""
    project.edit("migrations/versions/a2_.py", "pg_sleep(60)", "pg_sleep(0)")


@pytest.mark.parametrize("signal_to", ["pytest", "group"])
def test_killed_session_leaves_no_database_after_the_next_start(project, signal_to) -> None:
    """The next session drops what a `kill -9` left, though a statement of it still runs on the server."""
    with running(project, "--gauntlet-url", project.server.url) as process:
        left = sandboxes(project)
        assert left
        (os.kill if signal_to == "pytest" else os.killpg)(process.pid, signal.SIGKILL)
        process.wait()
    assert sandboxes(project) == left, "the test can fail: a kill leaves databases"
    quick(project)
    project.pytest("-k", "stairway").assert_outcomes(passed=1)
    assert not sandboxes(project)


@sees_ctrl_c
def test_next_session_drops_them_at_its_start(project) -> None:
    """Not at its end: while it runs, only its own sandboxes are there; and those of a living session are left alone."""
    with running(project, "--gauntlet-url", project.server.url) as living:
        alive = sandboxes(project)
        with psycopg.connect(project.server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE gauntlet_0123456789abcdef_1 CONNECTION LIMIT {MARK}")
            connection.execute(f"CREATE DATABASE {SOMEBODY_ELSES}")
        quick(project)
        project.write(
            "conftest.py",
            f"""
            import psycopg

            def pytest_runtest_teardown(item):
                with psycopg.connect({project.server.url!r}) as connection:
                    rows = connection.execute("SELECT datname FROM pg_database").fetchall()
                assert ("gauntlet_0123456789abcdef_1",) not in rows
            """,
        )
        project.pytest("-k", "stairway").assert_outcomes(passed=1)
        assert sandboxes(project) == alive
        assert living.poll() is None
        living.send_signal(signal.SIGINT)
        living.wait(SECONDS)
    with psycopg.connect(project.server.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {SOMEBODY_ELSES}")  # which is still there
    assert not sandboxes(project)


@sees_ctrl_c
@pytest.mark.parametrize("driver", ["psycopg", "asyncpg", "pg8000"])
def test_ctrl_c_leaves_no_database(make_project, driver) -> None:
    """Ctrl-C in the middle of a statement ends the session at once, and every database is dropped by then."""
    project = make_project("async" if driver == "asyncpg" else "generic")
    with running(project, "--gauntlet-url", project.server.url, driver=driver) as process:
        assert sandboxes(project)
        time.sleep(0.2)
        begun = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=SECONDS)
        assert time.monotonic() - begun < SECONDS / 2, "the statement was waited for"
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert not sandboxes(project)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=sees_ctrl_c), signal.SIGTERM])
def test_embedded_server_ends_with_its_session(project, number) -> None:
    """However the session ends, no server process and no directory is left."""
    with running(project) as process:
        directory = embedded_directory(process.pid)
        postmaster = int((directory / "data/postmaster.pid").read_text().split()[0])
        # To the whole group, as a terminal does: the server is in a session of its own.
        os.killpg(process.pid, number)
        process.communicate(timeout=SECONDS)
        wait_for(lambda: not directory.exists(), "the directory is removed")
        wait_for(lambda: not processes_of(directory), "the server's processes end")
        assert not Path(f"/proc/{postmaster}").exists()
