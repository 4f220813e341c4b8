"""The check that runs after all tests can fail: each thing is left on purpose."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from alembic_gauntlet.embedded import EmbeddedServer, find_binaries
from tests.integration.processes import wait_for
from tests.leftovers import TESTS_ENV, found, main, new

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def only_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked for in a directory of this test, and processes are those of this test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("tests.leftovers._PLACES", ())
    monkeypatch.setenv(TESTS_ENV, tmp_path.name + str(os.getpid()))
    monkeypatch.delenv("GAUNTLET_DATABASE_URL", raising=False)
    monkeypatch.setenv("PATH", os.defpath if not os.environ.get("DOCKER_HOST") else os.environ["PATH"])


START = """
import subprocess, sys
command = ["/bin/sh", "-c", "sleep 60; :", "gauntlet-keeper", sys.argv[1]]
keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
print(keeper.pid, flush=True)
sys.exit() if sys.argv[2] == "gone" else sys.stdin.read()
"""


@contextmanager
def keeper(directory: Path, tests: str, python: str = "there") -> Iterator[str]:
    """A process that looks like the keeper of an embedded server, started by a Python of some tests; its id."""
    command = [sys.executable, "-c", START, str(directory), python]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, TESTS_ENV: tests}
    )
    pid = process.stdout.readline().strip()
    try:
        if python == "gone":
            process.wait()
        yield pid
    finally:
        os.killpg(int(pid), signal.SIGKILL)
        process.communicate()


def left(before: set[str], mark: object) -> list[str]:
    """What is new of this test. A keeper that another one has left may be about to end."""
    return [line for line in new(before, seconds=0) if str(mark) in line]


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_file_that_is_left(tmp_path, kind) -> None:
    """A directory, and a named pipe; not one that was there before."""
    (tmp_path / "gauntlet-before").mkdir()
    before = found()
    file = tmp_path / "gauntlet-left"
    file.mkdir() if kind == "directory" else os.mkfifo(file)
    assert left(before, tmp_path) == [f"file: {file}"]
    file.rmdir() if kind == "directory" else file.unlink()
    assert left(before, tmp_path) == []


def test_process_that_is_left(tmp_path) -> None:
    """A keeper, and so a server, also one whose Python is gone; not one that other tests are at work with."""
    before, ours = found(), os.environ[TESTS_ENV]
    (tmp_path / "gauntlet-others").mkdir()
    with keeper(tmp_path / "gauntlet-others", "others"):
        assert left(before, tmp_path) == []
        with keeper(tmp_path / "ours", ours) as pid:
            (line,) = left(before, tmp_path)
            assert line.startswith(f"process: {pid} ")
        with keeper(tmp_path / "orphan", ours, python="gone") as pid:
            (line,) = left(before, tmp_path)
            assert line.startswith(f"process: {pid} ")


def test_database_that_is_left(server, monkeypatch) -> None:
    """On the server that the tests were given by URL; only what has a sandbox's name."""
    monkeypatch.setenv("GAUNTLET_DATABASE_URL", server.url.replace("postgresql:", "postgresql+psycopg:"))
    before = found()
    with psycopg.connect(server.url, autocommit=True) as connection:
        for name in ("gauntlet_00000000000000aa_1", "gauntlet_of_somebody"):
            connection.execute(f"CREATE DATABASE {name}")
        lines = left(before, "database: ")
        for name in ("gauntlet_00000000000000aa_1", "gauntlet_of_somebody"):
            connection.execute(f"DROP DATABASE {name}")
    assert lines == ["database: gauntlet_00000000000000aa_1"]


def test_command(tmp_path, capsys) -> None:
    """It notes, and then fails and names what is left; what goes meanwhile it waits for."""
    note = tmp_path / "note"
    assert main("note", str(note)) == 0
    assert main("check", str(note)) == 0
    looks = iter([{"file: x"}, {"file: x"}, set()])
    assert new(set(), lambda: next(looks), seconds=5) == []
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    (tmp_path / "gauntlet-left").mkdir()
    script = "import tests.leftovers as t; t._SECONDS = 0; t.new.__defaults__ = (t.found, 0); "
    script += f"raise SystemExit(t.main('check', {str(note)!r}))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, env=environ, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"The tests have left a file: {tmp_path}/gauntlet-left\n" in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_binaries_below_a_closed_directory(tmp_path) -> None:
    """They are copied to where the server's account may run them; the copy goes with the server."""
    binaries = find_binaries()
    package = binaries.parent.parent
    tmp_path.chmod(0o700)
    shutil.copytree(binaries.parent, tmp_path / package.name / binaries.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, tmp_path / libraries.name)
    with EmbeddedServer(tmp_path / package.name / binaries.parent.name / binaries.name) as server:
        directory = Path(server.url.partition("host=")[2])
        assert (directory / "install").is_dir()
    wait_for(lambda: not directory.exists(), "the directory goes")
