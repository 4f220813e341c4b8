"""A server by URL that goes away, or is full, in the middle of a session: it is told as that, once, and in a few lines.

No migration is blamed for it, and the session ends promptly.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.integration.postmaster import Postmaster, made, small_file_system
from tests.integration.processes import SECONDS, started, wait_for

pytestmark = pytest.mark.once

EVERYTHING = ("-m", "fuzz or not fuzz", "-k", "not replay and not naming and not single_head and not up_to_date")
PAUSE = """
import pathlib, time
here = pathlib.Path({here!r})
with open(here / "ran", "a") as file:
    print(file=file)
if len((here / "ran").read_text().splitlines()) == {number}:
    (here / "reached").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def postmaster() -> Iterator[Postmaster]:
    with made() as server:
        yield server


@pytest.fixture
def running(postmaster: Postmaster) -> Iterator[Postmaster]:
    """It runs at the beginning, and has no sandboxes at the end, if it runs by then."""
    postmaster.start(fsync="off")
    before = postmaster.databases()
    yield postmaster
    left = None
    if (postmaster.directory / "data/postmaster.pid").exists() and os.path.exists(f"/proc/{postmaster.pid}"):
        left = postmaster.databases() - before
    postmaster.stop()
    assert not left


def history(project, number: int) -> None:
    """Three revisions; the command of that number stops in a2 and goes on when it is told to."""
    project.table("a1", None, "users")
    project.revision("a2", "a1", PAUSE.format(here=str(project.path), number=number) + "op.execute('SELECT 1')")
    project.table("a3", "a2", "posts")
    project.test_class(
        "walk_settings = settings(max_examples=3, database=None, deadline=None)\nwalk_max_commands = 4",
        header="from hypothesis import settings",
    )


def told(project, server: Postmaster, happens, *options: str, number: int = 1) -> str:
    """Let something happen to the server in the middle of a migration; return what pytest says, by its end."""
    history(project, number)
    with started(project, "--gauntlet-url", server.url, *options) as process:
        wait_for(lambda: process.poll() is not None or (project.path / "reached").exists(), "a2 runs")
        assert process.poll() is None, process.communicate()[0]
        happens()
        (project.path / "go").touch()
        begun = time.monotonic()
        output, _ = process.communicate(timeout=3 * SECONDS)
        assert time.monotonic() - begun < SECONDS
    assert process.returncode == pytest.ExitCode.TESTS_FAILED, output
    return output


def no_migration_is_blamed(output: str) -> None:
    for sign in ("fails in revision", "Minimal path", "Traceback", "Replay:", "flaky", "Flaky"):
        assert sign not in output, output


WALKS = ("-m", "fuzz", "-k", "random_walks or populated")


@pytest.mark.parametrize(("options", "number"), [(EVERYTHING, 1), (WALKS, 4)], ids=["stairway", "walks"])
def test_server_that_is_killed(project, running, options, number) -> None:
    """Its name, what has become of it, where the session was, and what to do; every other test says it in a line."""
    output = told(project, running, lambda: kill(running), *options, number=number)
    no_migration_is_blamed(output)
    assert output.count("This is no fault of a migration.") == 1
    assert "The PostgreSQL server postgresql://postgres@/postgres was stopped or restarted, has crashed, or" in output
    assert "was running, at" in output
    assert "versions/a2_.py:" in output


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg", "pg8000"])
def test_server_that_is_killed_under_another_driver(make_project, running, driver) -> None:
    """Whatever a driver makes of a connection that breaks, the message is the same."""
    project = make_project("async" if driver == "asyncpg" else "generic")
    project.edit("alembic.ini", "driver://user:pass@localhost/dbname", f"postgresql+{driver}://localhost/dbname")
    output = told(project, running, lambda: kill(running), "-k", "stairway")
    no_migration_is_blamed(output)
    assert output.count("This is no fault of a migration.") == 1
    assert "versions/a2_.py:" in output


def kill(server: Postmaster) -> None:
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the postmaster ends")
    wait_for(lambda: not backends(server), "its backends end")


def backends(server: Postmaster) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(server.directory) in line and "pytest" not in line]


@pytest.mark.parametrize(("options", "number"), [(EVERYTHING, 1), (WALKS, 4)], ids=["stairway", "walks"])
def test_server_that_is_restarted(project, running, options, number) -> None:
    """The test that was running says so; the others go on with the server, and every database is dropped."""
    output = told(project, running, running.restart, *options, number=number)
    no_migration_is_blamed(output)
    assert output.count("This is no fault of a migration.") == 1
    assert " 1 failed" in output
    assert " passed" in output


def test_server_that_is_restarted_between_commands(project, running) -> None:
    """Nobody notices: the databases are still there, and connections are made anew."""
    history(project, 0)
    project.write(
        "conftest.py",
        f"""
        import subprocess
        from alembic_gauntlet.runner import Runner

        run, count = Runner.run, 0

        def restarting(self, *arguments, **named):
            global count
            count += 1
            if count == 5:
                subprocess.run({[*command(running, "restart")]!r}, check=True, cwd="/", stdout=subprocess.DEVNULL)
            return run(self, *arguments, **named)

        Runner.run = restarting
        """,
    )
    project.pytest("-k", "stairway or all_the_way", url=running.url).assert_outcomes(passed=2, deselected=6)


def command(server: Postmaster, *verb: str) -> list[str]:
    become = ["setpriv", f"--reuid={server._user['user']}", "--clear-groups"] if server._user else []
    log = str(server.directory / "log")
    return [
        *become,
        str(server._binaries / "pg_ctl"),
        "-D",
        f"{server.directory}/data",
        *verb,
        "-w",
        "-m",
        "fast",
        "-l",
        log,
    ]


def test_server_without_connections(project, postmaster) -> None:
    """The server's own words, and what to raise; it was reached before, so that the URL is right."""
    postmaster.start(fsync="off", max_connections="8", superuser_reserved_connections="0", autovacuum="off")
    held: list[psycopg.Connection] = []

    def take_all() -> None:
        with suppress(psycopg.OperationalError):
            while True:
                held.append(psycopg.connect(postmaster.url))

    try:
        # After it, the stairway needs another database, and so another connection.
        output = told(project, postmaster, take_all, *EVERYTHING)
        no_migration_is_blamed(output)
        assert "too many clients already" in output
        assert "connections" in output
    finally:
        for each in held:
            each.close()
        postmaster.stop()


# One session of it


def test_backend_that_is_terminated_in_a_migration(project, running) -> None:
    """The walks try again, and go on."""
    output_of(project, running, "pg_terminate_backend(pid)", "datname LIKE 'gauntlet\\_%'")


def output_of(project, server: Postmaster, what: str, which: str) -> None:
    def end() -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"SELECT {what} FROM pg_stat_activity WHERE {which}")

    history(project, 4)
    with started(project, "--gauntlet-url", server.url, "-m", "fuzz", "-k", "random_walks") as process:
        wait_for(lambda: process.poll() is not None or (project.path / "reached").exists(), "a2 runs")
        end()
        (project.path / "go").touch()
        output, _ = process.communicate(timeout=3 * SECONDS)
    assert process.returncode == 0, output


@pytest.mark.parametrize("options", [("-k", "stairway or all_the_way"), WALKS], ids=["five", "walks"])
def test_backends_that_are_terminated_between_commands(project, running, options) -> None:
    """All of the session, its own ones as well: connections are made anew, and nobody notices."""
    history(project, 0)
    project.write(
        "conftest.py",
        """
        import psycopg
        from alembic_gauntlet.runner import Runner

        run = Runner.run

        def ending(self, sandbox, *arguments, **named):
            with psycopg.connect(sandbox.server.url.render_as_string(), autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            return run(self, sandbox, *arguments, **named)

        Runner.run = ending
        """,
    )
    result = project.pytest(*options, url=running.url)
    result.assert_outcomes(passed=2, deselected=6)


# Room


@pytest.fixture
def small() -> Iterator[Path]:
    """A directory on a file system that has 16 MB."""
    with small_file_system(16) as directory:
        yield directory


FILL = "op.execute(\"CREATE TABLE big AS SELECT n, repeat('x', 1000) AS t FROM generate_series(1, 100000) n\")"


def test_disk_that_is_full(project, postmaster, small) -> None:
    """In the server's own words, and where the session was: no fault of the migration. Every database is dropped."""
    postmaster.start(fsync="off", autovacuum="off", default_tablespace="small")
    with psycopg.connect(postmaster.url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
    try:
        before = postmaster.databases()
        history(project, 0)
        project.revision("a2", "a1", FILL, "op.drop_table('big')")
        output = project.pytest(*EVERYTHING, url=postmaster.url).stdout.str()
        no_migration_is_blamed(output)
        assert "has no room left on its disk:\n    DiskFull: " in output
        assert "No space left on device" in output
        assert re.search(r"`alembic upgrade \w+` was running, at .*/a2_.py:\d+ upgrade", output)
        assert postmaster.databases() == before
    finally:
        with psycopg.connect(postmaster.url, autocommit=True) as connection:
            connection.execute("DROP TABLESPACE IF EXISTS small")
        postmaster.stop()


def test_server_that_crashes_on_a_full_disk(project) -> None:
    """PostgreSQL cannot go on without room for its log: then the server is lost, which is no fault of the migration."""
    with small_file_system(90) as directory:
        server = Postmaster(directory)
        server.start(fsync="off", autovacuum="off")
        try:
            history(project, 0)
            project.revision("a2", "a1", FILL, "op.drop_table('big')")
            output = project.pytest("-k", "stairway or all_the_way", url=server.url).stdout.str()
        finally:
            server.stop()
        no_migration_is_blamed(output)
        assert (
            "was stopped or restarted, has crashed, or takes no more connections" in output or "no room left" in output
        )
