"""A failure as pytest shows it: lines, in colours where the terminal has them, and one line in the summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from alembic_gauntlet.styled import MARKUP, Line, joined


class Shown:
    """What a test report has as `longrepr`.

    Args:
        lines: the whole text.
        summary: one line of it, which in CI is not cut short.
    """

    def __init__(self, lines: Sequence[Line], summary: str) -> None:
        self._lines = tuple(lines)
        self.reprcrash = SimpleNamespace(message=summary)

    def __str__(self) -> str:
        return joined(self._lines)

    def toterminal(self, terminal: Any) -> None:
        """Write the text; pytest's TerminalWriter knows whether colours are wanted."""
        for line in self._lines:
            terminal.line(line.text, **MARKUP[line.role])

    def changed(self, change: Callable[[str], str]) -> Shown:
        """Return the same with another text in each line."""
        return Shown([replace(line, text=change(line.text)) for line in self._lines], change(self.reprcrash.message))

    def to_json(self) -> dict[str, Any]:
        """Return plain values: pytest-xdist sends no more than the text by itself."""
        return {"lines": [[line.text, line.role] for line in self._lines], "summary": self.reprcrash.message}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Shown:
        """Return what `to_json` was called on."""
        return cls([Line(text, role) for text, role in data["lines"]], data["summary"])
