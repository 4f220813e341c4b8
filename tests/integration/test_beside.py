"""Beside other plugins, options and processes: all tests are green, and nothing is shared by accident."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from tests.integration.developer import MODELS, Developer, env_py, two_tables

pytestmark = pytest.mark.once

BESIDE = Path(sys.prefix, "beside")
ALL = ("-m", "fuzz or not fuzz")
SEVEN = 7

beside = pytest.mark.skipif(
    not BESIDE.is_dir() or int(pytest.__version__.partition(".")[0]) < 8,
    reason="make installs these plugins apart; they want pytest 8",
)

SHORT = "from hypothesis import settings\nimport sqlalchemy as sa"
WALKS = "walk_settings = settings(max_examples=4, database=None, deadline=None)\nwalk_max_commands = 3\n"


@pytest.fixture
def short(project):
    """A project of two tables with models, whose walks are short."""
    two_tables(project)
    project.test_class(WALKS + MODELS.replace("\n    ", "\n"), header=SHORT)
    return project


@pytest.fixture
def with_plugins(short, monkeypatch):
    """Run pytest on the short project with all plugins of tests/beside.txt; return the result."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(BESIDE), os.environ.get("PYTHONPATH")])))

    def run(*options: str, **more) -> pytest.RunResult:
        before = short.databases()
        # Without it pytest-asyncio warns, which is an error here.
        asyncio = ("-o", "asyncio_default_fixture_loop_scope=session")
        result = short.pytest("-W", "error", *asyncio, *options, **more)
        assert short.databases() == before
        return result

    return run


@pytest.mark.parametrize("dist", ["load", "loadscope", "loadgroup", "worksteal", "each"])
def test_every_distribution_of_xdist(short, dist) -> None:
    """Tests and walks on four workers, whichever takes which; with `each`, every worker takes all of them."""
    before = short.databases()
    result = short.pytest(*ALL, "-n", "4" if dist == "load" else "2", "--dist", dist)
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped"}, result.stdout.str()
    assert outcomes["passed"] >= SEVEN * (2 if dist == "each" else 1)
    assert short.databases() == before


def test_two_sessions_on_one_server(short) -> None:
    """Neither sweeps or meets what the other one has, and both find the same."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *ALL, "--gauntlet-url", short.server.url]
    before = short.databases()
    sessions = [
        subprocess.Popen(command, cwd=short.path, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    for session in sessions:
        output, _ = session.communicate(timeout=300)
        assert session.returncode == 0, output
        assert f"{SEVEN} passed" in output
    assert short.databases() == before


@beside
@pytest.mark.parametrize("seed", [1, 2])
def test_randomly(with_plugins, seed) -> None:
    """The order of the tests, and the seeds that are set before each of them, change nothing."""
    result = with_plugins(*ALL, f"--randomly-seed={seed}", "-v")
    result.assert_outcomes(passed=SEVEN)
    result.stdout.fnmatch_lines([f"Using --randomly-seed={seed}"])


@beside
@pytest.mark.parametrize("template", ["sync", "async"])
def test_asyncio_in_auto_mode(short, with_plugins, template) -> None:
    """Beside asynchronous tests, whose event loop is none of ours; env.py may run one of its own."""
    if template == "async":
        project = short
        shutil.rmtree(project.path / "migrations")
        (project.path / "alembic.ini").unlink()
        subprocess.run(
            [sys.executable, "-m", "alembic", "init", "-t", "async", "migrations"],
            check=True, capture_output=True, cwd=project.path,
        )  # fmt: skip
        project.table("a1", None, "users")
        project.table("a2", "a1", "posts")
    short.write(
        "test_asynchronous.py",
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        async def loop_of_the_session():
            yield asyncio.get_running_loop()

        async def test_of_the_users_own(gauntlet):
            assert asyncio.get_running_loop()
            assert gauntlet.stairway() == ()
        """,
    )
    result = with_plugins(*ALL, "--asyncio-mode=auto")
    result.assert_outcomes(passed=SEVEN + 1)


@beside
def test_timeout_and_coverage(short, with_plugins) -> None:
    """A limit of time, and the coverage of the migrations themselves."""
    result = with_plugins("--timeout=300", "--cov=migrations", "--cov-report=term")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["migrations/versions/a1_.py * 100%", "migrations/versions/a2_.py * 100%"])


@beside
def test_pytest_alembic(short, with_plugins) -> None:
    """Its four tests and ours in one session, each on its own database, though its fixtures have the names of ours.

    They are imported: its `--test-alembic` fails with pytest 9.2.
    """
    peer = Developer(short.server, "peer")
    with psycopg.connect(peer.dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE alembic_version, users, posts")
    env_py(
        short,
        """
        given = config.attributes.get("connection", None)
        engine = create_engine(config.get_main_option("sqlalchemy.url")) if given is None else given
        metadata = sqlalchemy.MetaData()
        for name in ("users", "posts"):
            sqlalchemy.Table(name, metadata, sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True))
        """,
        "engine.connect()",
        """
        context.configure(
            connection=connection, target_metadata=metadata, include_name=lambda name, kind, parents: name != "precious"
        )
        with context.begin_transaction():
            context.run_migrations()
        """,
    )
    short.write(
        "conftest.py",
        f"""
        import pytest
        import sqlalchemy as sa

        @pytest.fixture
        def alembic_engine():
            engine = sa.create_engine({peer.url()!r})
            yield engine
            engine.dispose()
        """,
    )
    short.write("test_function.py", "def test_of_the_users_own(gauntlet):\n    assert gauntlet.stairway() == ()\n")
    names = "test_model_definitions_match_ddl, test_single_head_revision, test_up_down_consistency, test_upgrade"
    short.write("test_peer.py", f"from pytest_alembic.tests import {names}\n")
    result = with_plugins(*ALL, "-v", "-p", "no:randomly")
    result.assert_outcomes(passed=SEVEN + 1 + 4)
    result.stdout.fnmatch_lines(["*test_model_definitions_match_ddl*PASSED*"])
    peer.drop()


@pytest.mark.parametrize(
    "options",
    [
        ["-p", "no:terminal"],
        ["--import-mode=importlib", "-p", "no:logging", "-p", "no:warnings", "-p", "no:hypothesispytest"],
        ["-s", "--strict-markers", "--strict-config", "-W", "error"],
    ],
    ids=lambda options: " ".join(options),
)
def test_options_of_pytest(short, options) -> None:
    """Parts of pytest may be left out, and others be strict."""
    result = short.pytest(*ALL, *options)
    assert result.ret == 0, result.stdout.str() + result.stderr.str()
    if "no:terminal" not in options:
        result.assert_outcomes(passed=SEVEN)


def test_root_directory_elsewhere(short) -> None:
    """alembic.ini is found beside the test file all the same."""
    inner = short.path / "service"
    inner.mkdir()
    for name in ("alembic.ini", "migrations", "test_migrations.py"):
        (short.path / name).rename(inner / name)
    other = short.path / "other"
    other.mkdir()
    short.pytest(str(inner), "--rootdir", str(other), "-c", os.devnull).assert_outcomes(passed=5)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user")
def test_root_directory_that_cannot_be_written(short) -> None:
    """All tests pass where nothing can be written but the temporary directory, and nothing is left."""
    home = Path(tempfile.mkdtemp(prefix="gauntlet-readonly-"))
    try:
        copy = home / "project"
        shutil.copytree(short.path, copy, ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX,a-w", home], check=True)
        before = sorted(copy.rglob("*"))
        # The interpreter may lie below a closed home: let the user read it, and nothing more.
        become = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        done = subprocess.run(
            [*become, sys.executable, "-m", "pytest", *ALL, "--rootdir", copy, "-p", "no:randomly"],
            cwd=copy,
            env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{SEVEN} passed" in done.stdout
        assert sorted(copy.rglob("*")) == before
    finally:
        subprocess.run(["rm", "-rf", home], check=True)
