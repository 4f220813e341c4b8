"""Removes the container of a test session when the session's process is gone, however it went.

A program of its own, in a process of its own: it reads a pipe of which only the session holds the other end.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import docker
from docker.errors import APIError

from alembic_gauntlet.embedded import close_in_children

_SETTLED = b"settled\n"
_PATIENCE = 5.0
_END_PATIENCE = 30.0


class Keeper:
    """The keeper of all containers with a label, as the session sees it; it is at work once it is made."""

    def __init__(self, label: str) -> None:
        modules = os.pathsep.join(filter(None, sys.path))
        # A session of its own: Ctrl-C in the terminal is for pytest.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, label],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": modules},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        close_in_children(self._process.stdin)

    def settle(self) -> None:
        """Say that no container is in the making any more: each is there by now, or will never be."""
        self._write(_SETTLED)

    def dismiss(self) -> bool:
        """Have the containers that are left removed; return whether that was done."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_PATIENCE)
        return self._process.returncode == 0

    def _write(self, word: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(word)
            self._process.stdin.flush()


def main(label: str) -> None:
    """Wait for the end of standard input, then remove the containers."""
    settled = _SETTLED in sys.stdin.buffer.read()
    client = docker.from_env()
    deadline = time.monotonic() + _PATIENCE
    remove(client, label)
    # Where the session died while the engine was making the container, it may come into being yet.
    while not settled and time.monotonic() < deadline:
        time.sleep(0.1)
        remove(client, label)


def remove(client: docker.DockerClient, label: str) -> None:
    """Remove the containers with a label, with their volumes."""
    for container in client.containers.list(all=True, filters={"label": label}, sparse=True):
        # Somebody else may be removing it at this moment.
        with contextlib.suppress(APIError):
            container.remove(force=True, v=True)


if __name__ == "__main__":
    main(sys.argv[1])
