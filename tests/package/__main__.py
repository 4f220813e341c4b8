"""The wheel as users get it: built, checked, installed in a clean environment outside of the checkout, and used there.

`make package` runs it. The first step that does not end as it should ends it, with what the step has said.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORGOTTEN = '    op.execute("DROP TYPE order_status")\n'
TYPED = '''\
"""A test file of a user who is strict about types."""

from typing import Any, ClassVar

import psycopg
from alembic_gauntlet import EmbeddedServer, Finding, Gauntlet, MigrationTestBase, Server, Settings
from alembic.config import Config


class TestMigrations(MigrationTestBase):
    expected_heads: ClassVar[int] = 1

    def prepare_database(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute("SELECT 1")


def first(config: Config) -> Finding | None:
    with EmbeddedServer() as server, Gauntlet(config, Server(server.url), Settings(strict=True)) as gauntlet:
        found = gauntlet.stairway()
        reveal_type(found)
        return found[0] if found else None


wrong: int = Settings().lock_timeout
'''
REVEALED = 'Revealed type is "tuple[alembic_gauntlet.findings.Finding, ...]"'


class Unexpected(Exception):
    """A step has not ended as it should."""


@dataclass(frozen=True)
class Step:
    """A command that has ended."""

    command: Sequence[str]
    code: int
    output: str

    def ends(self, code: int, *texts: str) -> None:
        """Demand an exit code, and texts in the output."""
        missing = [text for text in texts if text not in self.output]
        if self.code != code or missing:
            wanted = f"exit code {code}" + "".join(f", and {text!r}" for text in missing)
            command = " ".join(self.command)
            raise Unexpected(f"{command}\nended with exit code {self.code}; wanted: {wanted}\n{self.output}")


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> Step:
    """Run a command in an environment that knows nothing of this checkout."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "VIRTUAL"))}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**ours, **variables}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return Step(words, done.returncode, done.stdout)


def say(text: str) -> None:
    """Say which step comes."""
    print(f"== {text}", flush=True)


def build(directory: Path) -> Path:
    """Build the source distribution, and the wheel from that; return the wheel."""
    say("python -m build; twine check --strict")
    run(sys.executable, "-m", "build", "--outdir", directory, ROOT).ends(0)
    files = sorted(directory.iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files).ends(0)
    (wheel,) = [file for file in files if file.suffix == ".whl"]
    return wheel


def look_into(wheel: Path) -> None:
    """Hold what is in the wheel, and what it says of itself."""
    say(f"what is in {wheel.name}")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = Parser().parsestr(archive.read(metadata).decode())
    package = {name.partition("/")[2] for name in names if name.startswith("alembic_gauntlet/")}
    wanted = {
        path.relative_to(ROOT / "src/alembic_gauntlet").as_posix()
        for path in (ROOT / "src/alembic_gauntlet").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    foreign = {name for name in names if not name.startswith("alembic_gauntlet")}
    if package != wanted or "py.typed" not in package or foreign:
        raise Unexpected(f"In the wheel and not in the package, or the other way round: {package ^ wanted | foreign}")
    for name in ("Framework :: Pytest", "Framework :: Hypothesis", "Typing :: Typed"):
        if name not in (told.get_all("Classifier") or []):
            raise Unexpected(f"The wheel does not say {name}.")
    if told["License-Expression"] != "Apache-2.0" or told["Description-Content-Type"] != "text/markdown":
        raise Unexpected(f"Of license and description it says: {told.items()}")


def install(wheel: Path, directory: Path) -> Path:
    """Install the wheel with its extra in a new environment; return the directory of its programs."""
    say("the wheel in a new environment")
    run(sys.executable, "-m", "venv", "--without-pip", directory).ends(0)
    pip = (sys.executable, "-m", "pip", "--python", directory / "bin/python", "--disable-pip-version-check")
    run(*pip, "install", "-q", f"alembic-gauntlet[embedded] @ {wheel.as_uri()}", "mypy", "pipx").ends(0)
    run(*pip, "check").ends(0)
    return directory / "bin"


def project(directory: Path) -> Path:
    """Copy the example project, without its tests."""
    leave = shutil.ignore_patterns("__pycache__", ".*", "tests", "pytest.ini")
    return shutil.copytree(ROOT / "docs/example", directory, ignore=leave)


def use(programs: Path, home: Path) -> None:
    """Green on a correct history, red with a planted fault, by the command line and by pytest."""
    gauntlet = programs / "alembic-gauntlet"
    say("alembic-gauntlet run, on a correct project")
    run(gauntlet, "run", "-W", "error", cwd=home).ends(0, "5 passed")
    run(gauntlet, "init", "--github", "--gitlab", cwd=home).ends(0, "written: tests/test_migrations.py")
    run(programs / "python", "-m", "pytest", "--strict-markers", "-W", "error", cwd=home).ends(0, "5 passed")
    say("and with a planted fault")
    file = home / "migrations/versions/a20_orders.py"
    text = file.read_text()
    if FORGOTTEN not in text:
        raise Unexpected(f"There is no {FORGOTTEN!r} in {file.name}.")
    file.write_text(text.replace(FORGOTTEN, ""))
    replay = "alembic-gauntlet replay 'upgrade a20; downgrade a10'"
    run(gauntlet, "run", cwd=home).ends(1, "enum type public.order_status", "2 failed, 3 passed", f"Replay: {replay}")
    run(gauntlet, "replay", "upgrade a20; downgrade a10", cwd=home).ends(1, "left behind by a20_orders.py:24")


def check_types(programs: Path, directory: Path) -> None:
    """See that the types of the installed package reach a user's file."""
    say("mypy --strict on a user's file")
    file = directory / "typed.py"
    file.write_text(TYPED)
    done = run(programs / "python", "-m", "mypy", "--strict", "--cache-dir", os.devnull, file, cwd=directory)
    done.ends(1, REVEALED, "[assignment]", "Found 1 error in 1 file")


def run_by_pipx(programs: Path, wheel: Path, home: Path, directory: Path) -> None:
    """Run it without installing it, as `pipx run` and `uvx` do."""
    say("pipx run")
    places = {name: str(directory / name) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "PIPX_MAN_DIR")}
    spec = f"alembic-gauntlet[embedded] @ {wheel.as_uri()}"
    command = (programs / "python", "-m", "pipx", "run", "--no-cache", "--spec", spec, "alembic-gauntlet", "run")
    run(*command, cwd=home, PIPX_DEFAULT_PYTHON=sys.executable, **places).ends(0, "5 passed")


def main() -> int:
    """Take every step."""
    with tempfile.TemporaryDirectory(prefix="gauntlet-package-") as name:
        directory = Path(name)
        try:
            wheel = build(directory / "dist")
            look_into(wheel)
            programs = install(wheel, directory / "environment")
            use(programs, project(directory / "project"))
            check_types(programs, directory)
            run_by_pipx(programs, wheel, project(directory / "other"), directory)
        except Unexpected as unexpected:
            print(unexpected, file=sys.stderr)
            return 1
    say("the wheel is as it should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
