"""A line on the terminal while a test runs: how much has been run by now, and how fast."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from typing import Any

import pytest

from alembic_gauntlet.coverage import Coverage, Stretch

_EVERY = 0.2
"""Seconds between two lines: to write one, pytest's capturing is suspended for a moment."""

_SURE = 2.0
"""Seconds that a stretch has to take before it is said how long the rest may take."""

_SAVE, _RESTORE, _CLEAR = "\x1b7", "\x1b8", "\x1b[K"


class Progress:
    """Written behind what pytest has written on the line, and removed at the end of the test.

    Args:
        config: pytest's; on anything but a terminal nothing is written.
    """

    def __init__(self, config: pytest.Config) -> None:
        terminal: Any = config.pluginmanager.getplugin("terminalreporter")
        is_terminal = terminal is not None and bool(terminal.isatty)
        self._is_on = is_terminal and os.environ.get("TERM", "dumb") != "dumb" and config.getoption("verbose") >= 0
        self._config = config
        self._began = self._written = time.monotonic()
        self._is_shown = False

    def show(self, coverage: Coverage, stretch: Stretch | None = None) -> None:
        """Show what has been covered, and how far the present stretch has come, unless that was done a moment ago."""
        now = time.monotonic()
        if self._is_on and now - self._written >= _EVERY:
            self._written, self._is_shown = now, True
            writer = self._config.get_terminal_writer()
            room = writer.fullwidth - writer.width_of_current_line - 1
            speed = f"{coverage.commands} commands, {coverage.commands / (now - self._began):.0f} a second"
            text = f" {speed}; {'' if stretch is None else _told(stretch, now)}{coverage}"
            self._write(f"{_SAVE}{text[: max(0, room)]}{_CLEAR}{_RESTORE}")

    def clear(self) -> None:
        """Remove the line."""
        if self._is_shown:
            self._write(_CLEAR)
            self._is_shown = False

    def _write(self, text: str) -> None:
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            sys.stdout.write(text)
            sys.stdout.flush()


def _told(stretch: Stretch, now: float) -> str:
    seconds = stretch.left(now) if now - stretch.began >= _SURE else None
    left = "" if seconds is None else f", about {_rounded(seconds)} left"
    return f"{stretch.name} {stretch.part:.0%}{left}; "


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
