"""What a check found, as plain values, and the exception that carries them out of a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic_gauntlet.diff import Change
from alembic_gauntlet.path import Action, written
from alembic_gauntlet.styled import Line, plain


@dataclass(frozen=True)
class Finding:
    """One failure.

    Attributes:
        invariant: the stable id of what does not hold, such as `path-independence`.
        message: what is wrong, in lines for a person, without the path and the changes.
        path: the commands that lead there from an empty database; none where no command is needed.
        revision: the guilty revision; `file`, `line` and `function`: where in it.
        changes: what differs, object by object.
        hint: how to mend or to declare it.
        refused: a downgrade refuses to run, as far as can be told on purpose.
        traceback: the exception behind it, for `-vv`.
        about: the kind and name of the object that it is about, where no `changes` say so.
    """

    invariant: str
    message: str
    path: tuple[Action, ...] = ()
    revision: str | None = None
    file: Path | None = None
    line: int | None = None
    function: str = ""
    changes: tuple[Change, ...] = ()
    hint: str = ""
    refused: bool = False
    traceback: str = ""
    about: str = ""

    def to_json(self, root: Path) -> dict[str, Any]:
        """Return the finding as the report file has it; paths of files relative to `root`."""
        return {
            "invariant": self.invariant,
            "message": self.message,
            "path": [action.to_json() for action in self.path],
            "revision": self.revision,
            "file": None if self.file is None else relative(self.file, root),
            "line": self.line,
            "changes": [change.to_json() for change in self.changes],
        }

    def properties(self, root: Path) -> dict[str, str]:
        """Return what tells the finding in a word each: invariant, revision, path, file (from `root`) and line."""
        told = {
            "invariant": self.invariant,
            "revision": self.revision,
            "path": written(self.path) or None,
            "file": None if self.file is None else relative(self.file, root),
            "line": self.line,
        }
        return {name: str(value) for name, value in told.items() if value is not None}


class Failure(AssertionError):
    """The migrations do not pass a check. The message is the whole report; `findings` has it as values.

    Attributes:
        findings: what is wrong.
        lines: the message in lines that know what they are.
    """

    def __init__(self, message: str, findings: Sequence[Finding], lines: Sequence[Line] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)
        self.lines = tuple(lines or plain(message.splitlines()))


class NothingToCheck(Exception):
    """A check has nothing to do: no revisions, or all of them declared irreversible."""


_GROUPS = {"base-is-empty": "path-independence", "no-broken-objects": "path-independence"}


def group(invariant: str, has_changes: bool) -> str:
    """Return the invariant that stands for all those by which the same fault may show.

    What is left at one revision is left at base, too; and a revision that fails, fails with others in one command.
    """
    if invariant == "transaction-granularity":
        return "path-independence" if has_changes else "command-succeeds"
    return _GROUPS.get(invariant, invariant)


def relative(file: Path, root: Path) -> str:
    """Return `file` as seen from `root`; absolute where it lies elsewhere."""
    resolved, base = file.resolve(), root.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else str(file)
