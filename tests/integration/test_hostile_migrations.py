"""Migrations that do to their process, their session and their server what nobody should do.

Each project has three revisions: a1 makes the table `users`, a2 does it, a3 makes the table `posts`.
"""

import builtins
import os
import re
import signal
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from alembic_gauntlet.findings import Finding
from tests.integration.inprocess import open_gauntlet
from tests.integration.processes import processes_of, started, wait_for

pytestmark = pytest.mark.once

STAIRWAY = ("-k", "stairway")
URL = "op.get_bind().engine.url.set(drivername='postgresql').render_as_string(hide_password=False)"
MAINTENANCE = URL.replace("'postgresql'", "'postgresql', database='postgres'")
FEW = settings(max_examples=3, database=None, deadline=None)
Find = Callable[..., list[Finding]]


def write(project, body: str, undo: str = "pass") -> None:
    project.table("a1", None, "users")
    project.revision("a2", "a1", body, undo)
    project.table("a3", "a2", "posts")


@pytest.fixture
def found(project) -> Iterator[Find]:
    """A function that returns what the stairway, the descent and walks find; nothing of them is left on the server."""
    before = project.databases()

    def find(body: str, undo: str = "pass", **options: float) -> list[Finding]:
        write(project, body, undo)
        with open_gauntlet(project, **{"lock_timeout": 0.5, **options}) as gauntlet:
            walks = gauntlet.walks(FEW, 4)
            return [*gauntlet.stairway(), *gauntlet.downgrade_all_the_way(), *walks.findings]

    yield find
    assert project.databases() == before


def blames(findings: list[Finding], summary: str) -> None:
    """Every test has found a2 guilty, with its file, its line and what it has said, in a few lines; nobody else."""
    assert {finding.revision for finding in findings} == {"a2"}
    assert len(findings) >= 3, "the stairway, the descent and the walks"
    for finding in findings:
        assert finding.file.name == "a2_.py"
        assert finding.line > 8
        assert summary in finding.message
        assert len(finding.message.splitlines()) <= 6


# A session of its own


def test_second_connection(found) -> None:
    """It may connect to its own database by the driver or by an engine, and nothing is said."""
    body = f"""
        import psycopg
        with psycopg.connect({URL}) as connection:
            connection.execute("SELECT 1")
        engine = sa.create_engine(op.get_bind().engine.url)
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        """
    assert found(body) == []


@pytest.mark.parametrize(
    ("connection", "raw"),
    [(f"psycopg.connect({URL})", ""), ("sa.create_engine(op.get_bind().engine.url).connect()", ".connection")],
    ids=["driver", "engine"],
)
def test_second_connection_that_is_never_closed(found, monkeypatch, connection, raw) -> None:
    """Its open transaction ends with the command, and so do its locks, as they do from the command line."""
    kept: list[psycopg.Connection] = []
    monkeypatch.setattr(builtins, "kept", kept, raising=False)
    body = f"""
        import builtins, psycopg
        with op.get_context().autocommit_block():
            builtins.kept.append({connection})
            builtins.kept[-1]{raw}.cursor().execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        """
    assert found(body) == []
    assert len(kept) > 5
    for each in kept:
        (each if not raw else each.connection.driver_connection).close()


def test_second_connection_that_waits_for_the_first(found) -> None:
    """PostgreSQL sees no deadlock there: the lock timeout of the sandbox ends it, in the walks as well."""
    body = f"""
        import psycopg
        with op.get_context().autocommit_block():
            op.execute("CREATE TABLE IF NOT EXISTS wanted (id int)")
        op.execute("LOCK TABLE wanted")
        with psycopg.connect({URL}) as connection:
            connection.execute("SELECT * FROM wanted")
        """
    blames(found(body), "LockNotAvailable: canceling statement due to lock timeout")


def test_statement_that_hangs(found) -> None:
    """The statement timeout ends it, in the walks as in the other tests."""
    findings = found("op.execute('SELECT pg_sleep(60)')", statement_timeout=0.2)
    blames(findings, "QueryCanceled: canceling statement due to statement timeout")


def test_timeout_that_a_migration_turns_off(found) -> None:
    """It is off for the rest of that command; the next one has it again, and walks name who has left it off."""
    check = "assert op.get_bind().exec_driver_sql('SHOW statement_timeout').scalar() == '{}'\n"
    off = "op.execute('SET statement_timeout = 0')\n"
    (finding,) = found(check.format("5s") + off + check.format("0"), check.format("5s"), statement_timeout=5)
    assert (finding.invariant, finding.revision, finding.file.name) == ("clean-session", "a2", "a2_.py")


# Ends


def test_exit(found) -> None:
    """`sys.exit` is a failure like any other."""
    blames(found("import sys\nsys.exit('no more')"), "SystemExit: no more")


@pytest.mark.parametrize("error", ["Stop('enough')", "asyncio.CancelledError('enough')", "GeneratorExit('enough')"])
def test_base_exception(found, error) -> None:
    """So is what is no `Exception`."""
    findings = found(f"import asyncio\nclass Stop(BaseException): pass\nraise {error}")
    blames(findings, f"{error.partition('(')[0].rpartition('.')[2]}: enough")


@pytest.mark.parametrize(
    ("body", "error"),
    [("raise KeyboardInterrupt", KeyboardInterrupt), ("import pytest\npytest.fail('Timeout')", pytest.fail.Exception)],
)
def test_what_ends_the_session(found, body, error) -> None:
    """Ctrl-C, which looks like an exception of a migration, and what a plugin raises, as pytest-timeout does."""
    with pytest.raises(error):
        found(body)


NOTE = "open('server', 'w').write(op.get_bind().engine.url.query['host'])\n"


def server_goes(project) -> None:
    """The embedded server that a migration has noted the directory of is gone, or goes."""
    directory = Path((project.path / "server").read_text())
    wait_for(lambda: not directory.exists(), "the server's directory goes")
    wait_for(lambda: not processes_of(directory), "the server's processes end")


def test_end_of_the_process(project) -> None:
    """`os._exit` ends pytest, and nothing can be told; the embedded server goes with it."""
    project.revision("a1", None, NOTE + "import os\nos._exit(7)")
    with started(project, *STAIRWAY) as process:
        process.communicate(timeout=60)
    assert process.returncode == 7
    server_goes(project)


# The process


def test_what_a_process_has(project) -> None:
    """The working directory and the handlers of signals are as before for the next command; the rest does no harm."""
    body = """
        import locale, logging, os, random, signal, sys, warnings
        assert os.path.exists("alembic.ini"), os.getcwd()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        os.chdir("/")
        os.environ["PGHOST"] = "nowhere.invalid"
        sys.path.clear()
        sys.modules.pop("alembic.op", None)
        logging.disable(logging.CRITICAL)
        logging.getLogger().handlers.clear()
        warnings.simplefilter("error")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        locale.setlocale(locale.LC_ALL, "C")
        random.seed(0)
        """
    write(project, body)
    project.write(
        "test_z_after.py",
        """
        import os, signal

        def test_after():
            assert os.path.exists("alembic.ini")
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
        """,
    )
    result = project.pytest("-m", "fuzz or not fuzz", "-k", "stairway or random_walks or after")
    result.assert_outcomes(passed=3, deselected=6)


def test_megabyte_of_output(project) -> None:
    """Of what a migration prints, a failure shows the end; -vv shows all."""
    write(project, "print('x' * 500_000)\nfor n in range(2000): print('line', n)\nraise ValueError('now')")
    result = project.pytest(*STAIRWAY)
    result.stdout.fnmatch_lines(
        [
            "*fails in revision a2 at migrations/versions/a2_.py:*",
            "    ValueError: now",
            "... (* lines more; -vv shows *)",
        ]
    )
    result.stdout.fnmatch_lines(["line 1999"])
    assert len(result.stdout.str()) < 5000
    assert len(project.pytest(*STAIRWAY, "-vv").stdout.str()) > 500_000


@pytest.mark.parametrize("how", ["os._exit(3)", "sys.exit(3)", "return"])
def test_child(project, how) -> None:
    """A forked child ends with its command, whichever way: it is a copy of pytest, and would run the tests again."""
    body = f"""
        import os, sys
        child = os.fork()
        if not child:
            {how}
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == {0 if how == "return" else 3}
        """
    write(project, body)
    result = project.pytest(*STAIRWAY)
    ends = [line for line in result.outlines if re.match(r"=+ .*\d (passed|failed)", line)]
    assert len(ends) == 1
    # Else the child has ended the transaction on the connection of its parent, as it does from the command line.
    assert "1 passed" in ends[0] or how != "os._exit(3)"


CHILDREN = {
    "child": """
        import os, signal
        child = os.fork()
        if not child:
            signal.pause()
        with open("children", "a") as file:
            print(child, file=file)
        """,
    "pool": """
        import builtins, multiprocessing
        builtins.pool = multiprocessing.get_context("fork").Pool(1)
        assert builtins.pool.map(abs, [-1]) == [1]
        """,
    "thread": """
        import threading, time
        threading.Thread(target=time.sleep, args=(0.5,)).start()
        """,
}


@pytest.mark.parametrize("ends", ["by itself", "killed"])
@pytest.mark.parametrize("body", CHILDREN.values(), ids=CHILDREN)
def test_child_that_goes_on(project, body, ends) -> None:
    """The embedded server does not wait for what a migration has left running, and its directory goes."""
    project.revision("a1", None, NOTE + textwrap.dedent(body))
    if ends == "killed":
        project.revision("a2", "a1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with started(project, *STAIRWAY) as process:
        try:
            process.wait(60)
            server_goes(project)
        finally:
            kill_group(process.pid)
    assert process.returncode == (0 if ends == "by itself" else -signal.SIGKILL)


def kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


# The server


DROP = """\
import psycopg, sys
psycopg.connect(sys.argv[1], autocommit=True).execute(f"DROP DATABASE {sys.argv[2]} WITH (FORCE)")
"""


def test_dropping_its_own_database(found) -> None:
    """From another process, since connections elsewhere are refused: it is to blame, and the next test has another."""
    body = f"""
        import subprocess, sys
        arguments = [{MAINTENANCE}, op.get_bind().engine.url.database]
        subprocess.run([sys.executable, "-W", "ignore", "-c", {DROP!r}, *arguments], check=True)
        op.execute("SELECT 1")
        """
    blames(found(body), "AdminShutdown: terminating connection due to administrator command")


def test_terminating_its_own_session(found) -> None:
    """Whoever does it again when it is tried again is to blame."""
    blames(found("op.execute('SELECT pg_terminate_backend(pg_backend_pid())')"), "AdminShutdown: ")


ROLE = "op.execute('CREATE ROLE gauntlet_left')", "op.execute('DROP ROLE gauntlet_left')"


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg", "pg8000"])
def test_role(make_project, driver) -> None:
    """It belongs to the server: another database finds it there, and is told why; in the end it is named."""
    project = make_project("async" if driver == "asyncpg" else "generic")
    project.edit("alembic.ini", "driver://user:pass@localhost/dbname", f"postgresql+{driver}://localhost/dbname")
    write(project, *ROLE)
    try:
        result = project.pytest("-k", "stairway or all_the_way")
        result.assert_outcomes(passed=1, failed=1, deselected=6)
        result.stdout.fnmatch_lines(
            [
                "*fails in revision a2 at migrations/versions/a2_.py:*",
                "Roles and tablespaces belong to the server: *",
                "left on the server, since they belong to no database: role gauntlet_left",
            ]
        )
    finally:
        with psycopg.connect(project.server.url, autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS gauntlet_left")


def test_role_that_is_created_where_it_is_missing(found, server) -> None:
    """That is how it works on the second database of a server, and nothing is said."""
    missing = (
        "IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gauntlet_left') THEN CREATE ROLE gauntlet_left; END IF"
    )
    assert found(f"op.execute({f'DO $$ BEGIN {missing}; END $$'!r})") == []
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP ROLE gauntlet_left")
