"""A pytest of a project in a process of its own, and what it leaves on the server and on the machine."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy

SECONDS = 20
sees_ctrl_c = pytest.mark.skipif(
    sqlalchemy.__version__ < "2", reason="SQLAlchemy 1.4 has psycopg2, which sees Ctrl-C when the statement ends"
)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {SECONDS} seconds"
        time.sleep(0.02)


@contextmanager
def started(project, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A pytest in a process group of its own; what is left of the group at the end is killed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    process = subprocess.Popen(
        command, cwd=project.path, start_new_session=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def sandboxes(project) -> set[str]:
    """The sandboxes on the shared server."""
    return {name for name in project.databases() if re.fullmatch(r"gauntlet_[0-9a-f]{16}_[0-9]+", name)}


def embedded_directory(owner: int) -> Path:
    """The directory of the embedded server that a process has launched."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = file.read_bytes().decode().split("\0")
            parent = int((file.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == owner and "gauntlet-keeper" in arguments:
            return Path(arguments[arguments.index("gauntlet-keeper") + 1])
    raise AssertionError(f"process {owner} has launched no server")


def processes_of(directory: Path) -> list[str]:
    """Processes whose command names a directory."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes()
        except OSError:
            continue
        if str(directory).encode() in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found
