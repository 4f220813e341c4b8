"""Servers: by URL with every driver's spelling and any password, and the embedded one, for root and for others."""

import os
import pwd
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy.engine import make_url

from alembic_gauntlet.embedded import EmbeddedServer
from tests.integration.developer import DRIVER, MODELS, env_py, two_tables

pytestmark = pytest.mark.once

FIVE = 5
PASSWORD = "p%s@ss/w:rd %(here)s?"
HEADER = "import sqlalchemy as sa\nfrom alembic.config import Config"


class Guarded:
    """A server that demands a password from the role `deploy`, which may create databases and nothing else."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        self.host = str(make_url(server.url).query["host"])
        with psycopg.connect(server.url, autocommit=True) as connection:
            password = PASSWORD.replace("'", "''")
            connection.execute(f"CREATE ROLE deploy LOGIN CREATEDB PASSWORD '{password}'")
            connection.execute("CREATE ROLE reader LOGIN")
            hba = "local all postgres trust\nlocal all reader trust\nlocal all all scram-sha-256\n"
            Path(self.host, "data/pg_hba.conf").write_text(hba)
            connection.execute("SELECT pg_reload_conf()")

    def url(self, drivername: str, password: str = PASSWORD) -> str:
        """Its URL, as the user of a driver spells it."""
        socket = f"unix_sock={self.host}/.s.PGSQL.5432" if drivername.endswith("pg8000") else f"host={self.host}"
        return f"{drivername}://deploy:{quote(password, safe='')}@/postgres?{socket}"

    def databases(self) -> set[str]:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


@pytest.fixture(scope="module")
def locked() -> Iterator[Guarded]:
    with EmbeddedServer() as server:
        yield Guarded(server)


DRIVERS = {
    "generic": ["postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg", "postgresql+pg8000"],
    "async": ["postgresql", "postgresql+psycopg", "postgresql+psycopg2", "postgresql+asyncpg", "postgresql+pg8000"],
}


@pytest.mark.parametrize("template", DRIVERS)
def test_every_spelling_of_the_url(make_project, locked, template) -> None:
    """Any driver's URL reaches the server, whether env.py is sync or async; a driver that fits env.py is used.

    The password holds all that is special in a URL, in ConfigParser and in `%` formatting.
    """
    project = make_project(template)
    two_tables(project)
    project.test_class(
        f"""
        @pytest.fixture(params={[locked.url(driver) for driver in DRIVERS[template]]!r})
        def migration_db_url(self, request):
            return request.param
        {textwrap.indent(textwrap.dedent(MODELS), "        ")}
        """,
        header="import sqlalchemy as sa",
    )
    before = locked.databases()
    result = project.pytest("-W", "error", url="")
    result.assert_outcomes(passed=FIVE * len(DRIVERS[template]))
    result.stdout.no_fnmatch_line("*was never awaited*")
    assert locked.databases() == before


@pytest.mark.parametrize("options", [[], ["-vv", "--showlocals", "--tb=long", "--log-level=DEBUG"]])
def test_no_password_in_any_output(project, locked, options) -> None:
    """Not that of the URL, nor that of the developer's own URL in the environment, whatever fails."""
    two_tables(project)
    other = f"postgresql+{DRIVER}://developer:othersecret@localhost:1/shop"
    project.revision("b1", None, "raise ValueError('migration')")
    project.revision("b2", None, "op.execute('SELEKT 1')")
    wrong = locked.url("postgresql", "wrongsecret")
    fixture = "@pytest.fixture\ndef migration_db_url(self):\n    return "
    prepare = "def prepare_database(self, connection):\n    "
    classes = {
        "MigrationFails": "pass",
        "WrongPassword": f"{fixture}{wrong!r}",
        "NoUrl": f"{fixture}'postgresql//me:othersecret@:x:y/'",
        "PrepareFails": f"{prepare}assert connection is None",
        "PrepareFailsInSql": f"{prepare}connection.execute('SELEKT')",
        "EnvFails": f"{prepare}os.environ['WISH'] = 'fail'",
        "EnvElsewhere": f"{prepare}os.environ['WISH'] = 'elsewhere'",
    }
    for name, body in classes.items():
        project.test_class(f'expected_heads = 3\nmigration_url_env = "DATABASE_URL"\n{body}', header="import os")
        text = (project.path / "test_migrations.py").read_text().replace("TestMigrations", f"Test{name}")
        project.write(f"test_{len(list(project.path.iterdir()))}_{name}.py", text)
    (project.path / "test_migrations.py").unlink()
    env_py(
        project,
        f"""
        import os
        wish = os.environ["WISH"]
        if wish == "fail":
            raise LookupError("no settings")
        url = {other!r} if wish == "elsewhere" else config.get_main_option("sqlalchemy.url")
        """,
        "create_engine(url).connect()",
    )
    variables = {"GAUNTLET_DATABASE_URL": locked.url("postgresql+psycopg"), "DATABASE_URL": other, "WISH": ""}
    result = project.pytest(*options, "-k", "stairway or up_to_date", url="", env=variables)
    output = result.stdout.str() + result.stderr.str()
    for sign in (
        "ValueError: migration",
        "SELEKT",
        "password authentication failed",
        "no settings",
        "localhost:1/shop",
    ):
        assert sign in output, sign
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "wrongsecret", "othersecret"):
        lines = [line for line in output.splitlines() if secret in line]
        # The user's own files are shown as they are.
        assert not [line for line in lines if not re.match(r"(E  |>)? +(url =|return) ", line)], secret


def test_role_that_may_not_create_databases(project, locked) -> None:
    """The message names the role, the server and the ways out."""
    two_tables(project)
    result = project.pytest(url=f"postgresql://reader@/postgres?host={locked.host}")
    assert result.parseoutcomes()["passed"] == 1
    result.stdout.fnmatch_lines(
        [
            "*The role reader may not create databases on postgresql://reader@/postgres, and every test gets one *",
            "    ALTER ROLE reader CREATEDB; *",
            "    --gauntlet-url with a role that has CREATEDB",
            "    pip install 'alembic-gauntlet[[]embedded]' and no URL: an embedded server",
        ],
        consecutive=True,
    )


def test_server_that_does_not_run(project) -> None:
    """The message names the server, the driver's reason, and where the URL comes from."""
    two_tables(project)
    result = project.pytest(url="postgresql+asyncpg://me:topsecret@localhost:1/shop")
    result.stdout.fnmatch_lines(
        [
            "*Cannot connect to postgresql+asyncpg://me@localhost:1/shop:",
            "    connection *refused*",
            "The URL comes from --gauntlet-url, $GAUNTLET_DATABASE_URL or the fixture migration_db_url. It names a",
        ]
    )
    result.stdout.no_fnmatch_line("*topsecret*")


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_embedded_server(project, user) -> None:
    """Without a URL a server is launched, for root and for an ordinary user, and nothing is left of it."""
    two_tables(project)
    account = pwd.getpwnam(user)
    home = Path(tempfile.mkdtemp(prefix="gauntlet-test-"))
    try:
        subprocess.run(["cp", "-r", f"{project.path}/.", home], check=True)
        subprocess.run(["chown", "-R", f"{account.pw_uid}:{account.pw_gid}", home], check=True)
        # The interpreter may lie below a closed home: let the user read it, and nothing more.
        become = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"] if account.pw_uid else []
        done = subprocess.run(
            [*become, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "--rootdir", home],
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{FIVE} passed" in done.stdout
        assert not servers_of(home)
    finally:
        subprocess.run(["rm", "-rf", home], check=True)


def servers_of(home: Path) -> list[str]:
    """Commands that run in a project's directory, or on a server that was launched for it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"HOME={home}\0".encode() in environment + b"\0":
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
