"""Real Alembic projects, written into a temporary directory and tested by a pytest of their own."""

import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
import pytest

from alembic_gauntlet.embedded import EmbeddedServer

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a shell, which the processes that are started here would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """One server for all projects; each test makes and drops databases of its own on it."""
    with EmbeddedServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's pytest is no worker of the pytest-xdist that runs these tests."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


@dataclass
class Project:
    """An Alembic project in `path`, as `alembic init` leaves it, with a test file that subclasses the base class."""

    path: Path
    pytester: pytest.Pytester
    server: EmbeddedServer

    def write(self, file: str, text: str) -> Path:
        """Write a file, its text dedented."""
        target = self.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text).lstrip("\n"))
        return target

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        target = self.path / file
        text = target.read_text()
        assert old in text, f"{old!r} is not in {file}"
        target.write_text(text.replace(old, new))

    def revision(
        self, id: str, down: str | tuple[str, ...] | None, up: str = "pass", undo: str = "pass", **more: object
    ) -> Path:
        """Write a migration; `up` and `undo` are Python with `op` and `sa`."""
        options = {"branch_labels": None, "depends_on": None, **more}
        lines = [f"revision = {id!r}", f"down_revision = {down!r}", *(f"{k} = {v!r}" for k, v in options.items())]
        bodies = [
            f"def {name}():\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
            for name, body in (("upgrade", up), ("downgrade", undo))
        ]
        header = "import sqlalchemy as sa\nfrom alembic import op"
        return self.write(f"migrations/versions/{id}_.py", "\n\n".join([header, "\n".join(lines), *bodies]))

    def table(self, id: str, down: str | tuple[str, ...] | None, name: str) -> Path:
        """Write a migration that creates one table, and drops it."""
        up = f'op.create_table("{name}", sa.Column("id", sa.Integer), sa.PrimaryKeyConstraint("id"))'
        return self.revision(id, down, up, f'op.drop_table("{name}")')

    def test_class(self, body: str = "pass", header: str = "") -> Path:
        """Write the test file; `body` is what the subclass holds."""
        text = f"import pytest\nfrom alembic_gauntlet import MigrationTestBase\n{textwrap.dedent(header)}\n\n"
        body = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        return self.write("test_migrations.py", f"{text}class TestMigrations(MigrationTestBase):\n{body}\n")

    def pytest(self, *arguments: str, url: str | None = None, env: dict[str, str] | None = None) -> pytest.RunResult:
        """Run pytest on the project in a process of its own, on the shared server unless `url` says otherwise."""
        for name, value in (env or {}).items():
            self.pytester._monkeypatch.setenv(name, value)
        url = self.server.url if url is None else url
        options = ["-p", "no:cacheprovider", *(["--gauntlet-url", url] if url else [])]
        return self.pytester.runpytest_subprocess(*options, *arguments)

    def databases(self) -> set[str]:
        """Return the names of all databases on the shared server."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that returns what `alembic init` makes of a template: run once, to be copied."""

    @cache
    def initialise(template: str) -> Path:
        path = tmp_path_factory.mktemp(template)
        command = [sys.executable, "-m", "alembic", "init", "-t", template, "migrations"]
        subprocess.run(command, check=True, capture_output=True, cwd=path)
        (path / "migrations/versions").mkdir(exist_ok=True)
        return path

    return initialise


@pytest.fixture
def make_project(pytester: pytest.Pytester, server: EmbeddedServer, initialised):
    """Return a function that makes a project from a template of `alembic init`."""

    def make(template: str = "generic") -> Project:
        path = pytester.path
        shutil.copytree(initialised(template), path, dirs_exist_ok=True)
        project = Project(path, pytester, server)
        project.test_class()
        return project

    return make


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that every account may use: each pytest that starts closes the parents of `tmp_path` to others."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def project(make_project) -> Project:
    """A project of the template `generic`, without revisions and models."""
    return make_project()


@pytest.fixture
def example(pytester: pytest.Pytester, server: EmbeddedServer) -> Project:
    """A copy of the example project of the documentation: a branch, a merge, models, all correct."""
    source = Path(__file__).parents[2] / "docs/example"
    shutil.copytree(source, pytester.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return Project(pytester.path, pytester, server)
