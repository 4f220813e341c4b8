"""Passwords are shown nowhere: not by options that show all there is, not in reports, not in the list of processes."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest

from alembic_gauntlet.database import remember_password
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.secrets import Secrets
from tests.integration.developer import env_py, two_tables
from tests.integration.test_servers import PASSWORD, Guarded
from tests.library import needs_library

pytestmark = pytest.mark.once

ALL = ["-vv", "--showlocals", "--tb=long", "--full-trace", "--log-cli-level=DEBUG"]
ALL += ["--gauntlet-report=report.json", "--gauntlet-report=report.html"]
SPELLINGS = (PASSWORD, *(quote(PASSWORD, safe=safe) for safe in ("", "/", " +")), repr(PASSWORD)[1:-1], "othersecret")


@pytest.fixture(scope="module")
def locked() -> Iterator[Guarded]:
    with EmbeddedServer() as server:
        yield Guarded(server)


def assert_silent(text: str) -> None:
    """No password in a text, but in the files of the user's that pytest quotes."""
    for secret in SPELLINGS:
        lines = [line for line in text.splitlines() if secret in line]
        assert not lines, (secret, lines)


ENV = """
import logging, os
url = config.get_main_option("sqlalchemy.url")
if os.environ.get("WISH") == "fail":
    raise LookupError(f"cannot use {url}")
"""


@needs_library
def test_options_that_show_everything(project, locked) -> None:
    """Local variables, full tracebacks, logging, and users' code that has the sandbox's URL in its messages."""
    two_tables(project)
    env_py(project, ENV, "create_engine(url).connect()")
    project.revision(
        "a3",
        "a2",
        """
        url = op.get_bind().engine.url.render_as_string(hide_password=False)
        print("printed", url)
        import logging
        logging.getLogger("shop").error("logged as error: %s", "yes")
        raise RuntimeError(f"no luck with {url}")
        """,
    )
    project.write(
        "test_migrations.py",
        """
        import os
        import pytest
        from alembic_gauntlet import MigrationTestBase

        class TestMigrations(MigrationTestBase):
            pass

        class TestPrepare(MigrationTestBase):
            def prepare_database(self, connection):
                assert connection is None, connection.info.password

        class TestEnv(MigrationTestBase):
            @pytest.fixture(autouse=True)
            def wish(self, monkeypatch):
                monkeypatch.setenv("WISH", "fail")

        def test_of_the_users_own(gauntlet, migration_db_url):
            assert gauntlet is None, migration_db_url
        """,
    )
    result = project.pytest(*ALL, "-p", "no:randomly", url="", env={"GAUNTLET_DATABASE_URL": locked.url("postgresql")})
    output = result.stdout.str() + result.stderr.str()
    for sign in ("no luck with postgresql", "printed postgresql", "logged as error", "cannot use postgresql"):
        assert sign in output, sign
    assert "def test_of_the_users_own" in output
    assert_silent(output)
    report = (project.path / "report.json").read_text()
    assert "no luck with postgresql" in report
    assert_silent(report)
    assert_silent(json.dumps(json.loads(report), ensure_ascii=False))
    page = (project.path / "report.html").read_text()
    assert "no luck with postgresql" in page
    assert_silent(page)


@needs_library
def test_worker_that_crashes(project, locked) -> None:
    """What pytest-xdist and faulthandler tell of it holds no URL."""
    two_tables(project)
    project.revision("a3", "a2", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    result = project.pytest(*ALL, "-n", "1", "-k", "stairway", url=locked.url("postgresql+psycopg2"))
    output = result.stdout.str() + result.stderr.str()
    assert "crashed while running" in output
    # The command line was the user's own.
    assert_silent(output)


def test_processes(project, locked) -> None:
    """While commands run, no other process has the password: not in its command line, nor in its environment."""
    two_tables(project)
    project.revision(
        "a3",
        "a2",
        """
        import os, pathlib
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            for file in ("cmdline", "environ"):
                try:
                    text = (process / file).read_bytes()
                except OSError:
                    continue
                mine = int(process.name) in (os.getpid(), os.getppid())
                if b"othersecret" in text and not mine:
                    found.append(f"{file}: {(process / 'cmdline').read_bytes()}")
        assert not found, found
        """,
    )
    project.test_class(
        """
        @pytest.fixture(params=["embedded", "locked"])
        def migration_db_url(self, request, gauntlet_session):
            gauntlet_session.embedded_url()
            return gauntlet_session.embedded_url() if request.param == "embedded" else os.environ["DATABASE_URL"]
        """,
        header="import os",
    )
    with psycopg.connect(locked.server.url, autocommit=True) as connection:
        connection.execute("ALTER ROLE deploy PASSWORD 'othersecret'")
        try:
            url = locked.url("postgresql", "othersecret")
            result = project.pytest("-k", "stairway", "-s", url="", env={"DATABASE_URL": url})
        finally:
            connection.execute("ALTER ROLE deploy PASSWORD '{}'".format(PASSWORD.replace("'", "''")))
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("url", "text", "cleaned"),
    [
        ("postgresql://me:p%40ss-word@db/shop", "p@ss-word p%40ss-word p%%40ss-word", "*** *** ***"),
        ("postgresql://db/shop?user=me&password=topsecret1", "password='topsecret1'", "password='***'"),
        ("postgresql://me:postgres@db/shop", "postgresql://me:postgres@db", "postgresql://me:***@db"),
        ("postgresql://me:postgres@db/shop", "{'password': 'postgres', 'user': 'postgres'}", None),
        ("postgresql://shopkeeper:shopkeeper@db/shop", "role shopkeeper", "role shopkeeper"),
        ("postgresql://me@db/shop", "role me", "role me"),
    ],
)
def test_passwords_are_taken_out(url, text, cleaned) -> None:
    """In every spelling; a short one, or one that is a name as well, only where it stands as a password."""
    secrets = Secrets()
    remember_password(secrets, url)
    assert secrets.clean(text) == (cleaned or "{'password': '***', 'user': 'postgres'}")
