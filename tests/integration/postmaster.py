"""A server that a test may stop, kill and fill, reached by URL."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from alembic_gauntlet.embedded import _executable_by, _initdb, _run_as, _server_user, find_binaries, hand_over
from tests.integration.processes import wait_for


class Postmaster:
    """A server in a directory of its own, which is given; `start` it as often as wanted."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        hand_over(directory)
        self._user = _run_as(_server_user())
        self._binaries = _executable_by(_server_user(), find_binaries(), directory)
        self._run(_initdb(self._binaries, directory))

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of its maintenance database."""
        return f"postgresql://postgres@/postgres?host={self.directory}"

    @property
    def pid(self) -> int:
        """The process of the postmaster."""
        return int((self.directory / "data/postmaster.pid").read_text().split()[0])

    def start(self, **settings: str) -> None:
        """Start it; return when it takes connections."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.directory), **settings}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._control("start", "-w", "-l", str(self.directory / "log"), "-o", options)

    def restart(self) -> None:
        """Restart it, whoever is connected, with the same settings."""
        self._control("restart", "-w", "-m", "fast", "-l", str(self.directory / "log"))

    def stop(self) -> None:
        """Stop it. Harmless when it does not run."""
        with suppress(subprocess.CalledProcessError):
            self._control("stop", "-w", "-m", "immediate")

    def databases(self) -> set[str]:
        """The names of all databases."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}

    def _control(self, *arguments: str) -> None:
        self._run([str(self._binaries / "pg_ctl"), "-D", str(self.directory / "data"), *arguments])

    def _run(self, command: list[str]) -> None:
        # Not to a pipe, which the server would hold open.
        environment = {**os.environ, "LC_ALL": "C"}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", env=environment, **self._user)


@contextmanager
def made() -> Iterator[Postmaster]:
    """A server that does not run yet."""
    directory = Path(tempfile.mkdtemp(prefix="gauntlet-test-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        server = Postmaster(directory)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(directory)


@contextmanager
def small_file_system(megabytes: int) -> Iterator[Path]:
    """A directory that has room for so much and no more; skips the test where that cannot be had."""
    directory = Path(tempfile.mkdtemp(prefix="gauntlet-test-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(directory)]
    try:
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no right to mount a small file system")
        try:
            hand_over(directory)
            yield directory
        finally:
            unmount = ["umount", str(directory)]
            wait_for(lambda: subprocess.run(unmount, capture_output=True).returncode == 0, "it is unmounted")
    finally:
        directory.rmdir()
