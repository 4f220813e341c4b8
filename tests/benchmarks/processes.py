"""Whole processes: how long they take, how much memory, what their tests say; stopped where they take too long."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

_NOT_PASSED = ("failure", "error", "skipped")


@dataclass(frozen=True)
class Done:
    """What became of a process.

    Attributes:
        seconds: from its start to its end.
        status: its exit status.
        stopped: whether it had to be stopped.
        peak: the most memory that it, or a process that it has waited for, has held, in MB.
        output: what it has printed.
    """

    seconds: float
    status: int
    stopped: bool
    peak: float
    output: str

    @property
    def outcome(self) -> str:
        """Empty where it has succeeded."""
        return "stopped" if self.stopped else f"exit status {self.status}" if self.status else ""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], bound: float | None = None) -> Done:
    """Run a process to its end, at most so many seconds."""
    with tempfile.TemporaryFile("w+") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
        )
        stopped = threading.Event()
        timer = threading.Timer(bound or 0, _stop, (process.pid, stopped))
        if bound is not None:
            timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        # Linux counts in KiB.
        return Done(seconds, process.returncode, stopped.is_set(), usage.ru_maxrss / 1024, output.read())


def _stop(pid: int, stopped: threading.Event) -> None:
    stopped.set()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would change a pytest, or have it compile all modules anew."""
    without = ("PYTEST_", "GAUNTLET_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(without)}
    return kept | more


def without_our_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Leave out PYTHONPATH, which would give a peer's environment our library."""
    return {name: value for name, value in environment.items() if name != "PYTHONPATH"}


def durations(junit: Path) -> dict[str, float]:
    """Return how long pytest says that each test has taken, with its fixtures."""
    return {case.attrib["name"]: float(case.attrib["time"]) for case in _cases(junit)}


def not_passed(junit: Path) -> list[str]:
    """Return the tests that have not passed."""
    return sorted(
        {case.attrib["name"] for case in _cases(junit) if any(case.find(tag) is not None for tag in _NOT_PASSED)}
    )


def _cases(junit: Path) -> list[ElementTree.Element]:
    return list(ElementTree.parse(junit).iter("testcase")) if junit.exists() else []
