"""A session that is stopped at each stage of its life: it ends at once, with pytest's own status, and leaves nothing.

In a migration, and in walks between their commands: `test_interrupted.py` and `test_walk_sessions.py`.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg import sql

from alembic_gauntlet.embedded import find_binaries
from tests.integration.processes import (
    SECONDS,
    embedded_directory,
    processes_of,
    sandboxes,
    sees_ctrl_c,
    started,
    wait_for,
)

either = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
pytestmark = [sees_ctrl_c, pytest.mark.once]
FEW = "walk_settings = settings(max_examples=4, database=None, deadline=None)\nwalk_max_commands = 4"


def ends(process, number: signal.Signals | None = None) -> None:
    """Send a signal to pytest; it ends soon, and says that it was interrupted."""
    if number is not None:
        process.send_signal(number)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output


@contextmanager
def reached(project, *options: str, url: bool = True) -> Iterator[object]:
    """A pytest of a project that has written the file `reached`."""
    with started(project, *(["--gauntlet-url", project.server.url] if url else []), *options) as process:
        file = project.path / "reached"
        wait_for(lambda: process.poll() is not None or file.exists(), "the stage is reached")
        assert process.poll() is None, process.communicate()[0]
        yield process


@contextmanager
def locked(project, names: set[str]) -> Iterator[psycopg.Connection]:
    """Let no database of these be dropped or cloned, until the connection is closed."""
    with closing(psycopg.connect(project.server.url)) as holder:
        for name in names:
            holder.execute(sql.SQL("COMMENT ON DATABASE {} IS ''").format(sql.Identifier(name)))
        yield holder


def waiting(project) -> list[tuple[object, ...]]:
    """The statements on the server that wait for a lock: when they began, and what they are."""
    query = "SELECT query_start, query FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(project.server.url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def test_collection(project) -> None:
    """Nothing is begun by then."""
    (project.path / "test_migrations.py").write_text("import time\nopen('reached', 'w').close()\ntime.sleep(60)")
    with reached(project, url=False) as process:
        ends(process, signal.SIGINT)


@either
@pytest.mark.parametrize("stage", ["initdb", "postgres"])
def test_start_of_the_server(project, public, number, stage) -> None:
    """The embedded server that is being made is not, and its directory goes."""
    for name in ("initdb", "postgres"):
        first = f"echo $3 >{public}/reached.new; mv {public}/reached.new {public}/reached; sleep 1"
        lines = ["#!/bin/sh", f"[ $1 = --version ] || {{ {first if name == stage else ':'}; }}"]
        (public / name).write_text("\n".join([*lines, f'exec {find_binaries()}/{name} "$@"\n']))
        (public / name).chmod(0o755)
    project.pytester._monkeypatch.setenv("GAUNTLET_POSTGRES_BIN", str(public))
    with started(project, "-k", "stairway") as process:
        wait_for(lambda: process.poll() is not None or (public / "reached").exists(), f"{stage} runs")
        directory = embedded_directory(process.pid)
        ends(process, number)
    assert not directory.exists()
    assert not processes_of(directory)


@either
def test_creation_of_the_first_database(project, number) -> None:
    """What may have been created is dropped."""
    project.table("a1", None, "users")
    with (
        locked(project, {"template1"}),
        started(project, "--gauntlet-url", project.server.url, "-k", "stairway") as process,
    ):
        wait_for(lambda: waiting(project), "CREATE DATABASE waits")
        assert "CREATE DATABASE" in str(waiting(project))
        ends(process, number)
    assert not sandboxes(project)


def test_sigterm_in_a_migration(project) -> None:
    """As Ctrl-C, which is held elsewhere: the statement is not waited for."""
    project.revision("a1", None, "open('reached', 'w').close()\nop.execute('SELECT pg_sleep(60)')")
    with reached(project, "-k", "stairway") as process:
        assert sandboxes(project)
        ends(process, signal.SIGTERM)
    assert not sandboxes(project)


@either
def test_shrinking(project, number) -> None:
    """A walk has failed, and simpler ones are being looked for."""
    fails = """
        with open("failures", "a+") as file:
            print(file=file)
            file.seek(0)
            count = len(file.readlines())
        if count == 4:
            open("reached", "w").close()
            op.execute("SELECT pg_sleep(60)")
        raise ValueError("as always")
        """
    project.table("a0", None, "t0")
    project.revision("a1", "a0", fails)
    for place in range(2, 8):
        project.table(f"a{place}", f"a{place - 1}", f"t{place}")
    project.test_class(FEW, header="from hypothesis import settings")
    with reached(project, "-m", "fuzz", "-k", "random_walks", "--hypothesis-seed=1") as process:
        ends(process, number)
    assert not sandboxes(project)


def test_teardown(project) -> None:
    """While the databases are being dropped, twice: the second one still finds them dropped in the end."""
    project.table("a1", None, "users")
    project.write(
        "test_z.py",
        """
        import pathlib, time

        def test_z():
            open("reached", "w").close()
            while not pathlib.Path("go").exists():
                time.sleep(0.01)
        """,
    )
    with reached(project, "-k", "all_the_way or test_z") as process:
        names = sandboxes(project)
        assert names
        with locked(project, names) as holder:
            (project.path / "go").touch()
            for _ in range(2):
                wait_for(lambda: waiting(project), "DROP DATABASE waits")
                [waits] = waiting(project)
                assert "DROP DATABASE" in str(waits)
                process.send_signal(signal.SIGINT)
                wait_for(lambda waits=waits: waits not in waiting(project), "the statement is given up")
            holder.close()
        ends(process)
    assert not sandboxes(project)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda each: each.name)
def test_populated_walks(project, number) -> None:
    """With rows in the tables: after a `kill -9` the next session drops what is left."""
    project.table("a1", None, "users")
    rows = 'op.get_bind().exec_driver_sql("SELECT count(*) FROM users").scalar()'
    project.test_class(FEW, header="from hypothesis import settings")
    project.revision("a2", "a1", f"if {rows}:\n    open('reached', 'w').close()\n    op.execute('SELECT pg_sleep(60)')")
    with reached(project, "-m", "fuzz", "-k", "populated") as process:
        left = sandboxes(project)
        assert left
        if number != signal.SIGKILL:
            ends(process, number)
        else:
            os.killpg(process.pid, number)
            process.wait()
    if number == signal.SIGKILL:
        assert sandboxes(project) == left, "the test can fail: a kill leaves databases"
        project.edit("migrations/versions/a2_.py", "pg_sleep(60)", "pg_sleep(0)")
        project.pytest("-m", "fuzz", "-k", "populated").assert_outcomes(passed=1, deselected=7)
    assert not sandboxes(project)


def test_handler_of_somebody_else(project) -> None:
    """Whoever handles SIGTERM already goes on to do so."""
    project.table("a1", None, "users")
    project.write(
        "conftest.py",
        """
        import signal

        def handle(number, frame):
            raise SystemExit("mine")

        signal.signal(signal.SIGTERM, handle)

        def pytest_runtest_teardown(item):
            assert signal.getsignal(signal.SIGTERM) is handle
        """,
    )
    project.pytest("-k", "stairway").assert_outcomes(passed=1, deselected=7)
