"""Lines of text that know what they are, so that a terminal can show it in colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["", "command", "added", "removed", "changed"]

MARKUP: Mapping[Role, Mapping[str, bool]] = {
    "": {},
    "command": {"bold": True},
    "added": {"green": True},
    "removed": {"red": True},
    "changed": {"yellow": True},
}
"""How pytest's TerminalWriter marks a line up."""


@dataclass(frozen=True)
class Line:
    """A line, and what it is: a command to type, an object that is there too much, one that is missing, or text."""

    text: str
    role: Role = ""


def plain(texts: Iterable[str]) -> list[Line]:
    """Return lines of text."""
    return [Line(text) for text in texts]


def joined(lines: Iterable[Line]) -> str:
    """Return lines as text without colours."""
    return "\n".join(line.text for line in lines)
