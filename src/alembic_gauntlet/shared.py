"""One embedded server for all workers of a test run.

The first worker that needs the server launches it. Its keeper reads a named pipe that every worker holds open, and
stops the server when the last of them is gone, whichever that is and however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

from alembic_gauntlet.embedded import EmbeddedServer, hand_over, tell_to_stop

_PATIENCE = 10.0


class SharedServer:
    """The embedded server of one test run, for this process.

    Use it as a context manager, or call `start` and `stop`. `url` is a SQLAlchemy URL of its maintenance database.

    Args:
        run: a name that the processes of the run share, and nobody can guess.
    """

    def __init__(self, run: str) -> None:
        self.url = ""
        self._meeting = meeting_place(run)
        self._server: EmbeddedServer | None = None
        self._pipe: int | None = None

    def start(self) -> SharedServer:
        """Join the server of the run, or launch it.

        Raises:
            GauntletError: no binaries, or the server does not start.
        """
        with self._locked():
            if not self._join():
                self._launch()
            (self._meeting / f"worker-{os.getpid()}").touch()
        # What a migration forks must not keep the server alive.
        os.register_at_fork(after_in_child=partial(_leave, weakref.ref(self)))
        return self

    def _join(self) -> bool:
        with contextlib.suppress(OSError):
            self._pipe = os.open(self._meeting / "pipe", os.O_WRONLY | os.O_NONBLOCK)
            self.url = (self._meeting / "url").read_text()
            return True
        return False

    def _launch(self) -> None:
        pipe = self._meeting / "pipe"
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe, 0o600)
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            self._pipe = os.open(pipe, os.O_WRONLY)
            os.set_blocking(reading, True)
            self._server = EmbeddedServer(alive=reading, remove=self._meeting)
            self.url = self._server.start().url
        except BaseException:
            self.leave()
            if self._server is not None:
                self._server.stop()
            shutil.rmtree(self._meeting, ignore_errors=True)
            raise
        finally:
            os.close(reading)
        (self._meeting / "url").write_text(self.url)

    def stop(self) -> None:
        """Leave the server; the last worker waits until it is gone. Harmless when it was not joined."""
        if self._pipe is None:
            return
        with self._locked():
            (self._meeting / f"worker-{os.getpid()}").unlink(missing_ok=True)
            is_last = not any(self._meeting.glob("worker-*"))
            if is_last:
                tell_to_stop(self._pipe)
            self.leave()
            if is_last:
                self._await_end()

    def leave(self) -> None:
        """Let go of the pipe; what else there is to do is for `stop`."""
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = None

    def _await_end(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self._meeting.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        if self._server is not None:
            self._server.stop()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process of the run in at a time."""
        directory = self._lock()
        while directory is None:
            directory = self._lock()
        try:
            yield
        finally:
            os.close(directory)

    def _lock(self) -> int | None:
        """Return the meeting place, open and locked; None where it was removed meanwhile."""
        directory = None
        with contextlib.suppress(FileNotFoundError):
            self._meeting.mkdir(0o700, exist_ok=True)
            hand_over(self._meeting)
            directory = os.open(self._meeting, os.O_RDONLY)
            fcntl.flock(directory, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(directory), self._meeting.stat()):
                return directory
        if directory is not None:
            os.close(directory)
        return None

    def __enter__(self) -> SharedServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def meeting_place(run: str) -> Path:
    """Return the directory in which the processes of a run meet, which need not exist.

    Root's server runs as another user, and has to get in: TMPDIR may be root's alone.
    """
    shared_memory = Path("/dev/shm")
    place = shared_memory if os.access(shared_memory, os.W_OK) else Path(tempfile.gettempdir())
    return place / f"gauntlet-run-{run}"


def _leave(server: weakref.ref[SharedServer]) -> None:
    found = server()
    if found is not None:
        found.leave()
