"""Findings as text for the terminal, and as a JSON file for other programs."""

from __future__ import annotations

import json
import os
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.diff import Change, condense
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding, relative
from alembic_gauntlet.path import commands, has_rows, written
from alembic_gauntlet.styled import Line, joined, plain

VERSION = 1
_SHOWN_CHANGES = 8
_SHOWN_DRIFT = 24
_SHOWN_COMMANDS = 6
_WIDTH = 120
_LINES = 45
"""A failure fills at most a screen: findings beyond it are told in one line each, then counted."""

_DECLARED_LINES = 14
_REPLAYED = 1000
"""Characters of a path that are still printed for a shell."""

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
_BLAME = {"added": "left behind by", "removed": "not restored by", "changed": "not restored by"}


REPLAY = "pytest -m fuzz --gauntlet-replay"


def replay_command(config: pytest.Config) -> str:
    """Return what to type before a path to replay it."""
    given: str | None = config.getoption("--gauntlet-replay-with")
    if given:
        return given
    file, since = config.getoption("--gauntlet-config"), config.getoption("--gauntlet-since")
    words = ["--gauntlet-config", os.path.relpath(file)] if file else []
    words += ["--gauntlet-since", since] if since else []
    return shlex.join(["pytest", "-m", "fuzz", *words, "--gauntlet-replay"])


def render(findings: Sequence[Finding], root: Path, title: str = "", replay: str = REPLAY) -> str:
    """Return `render_lines` as text."""
    return joined(render_lines(findings, root, title, replay))


def render_lines(findings: Sequence[Finding], root: Path, title: str = "", replay: str = REPLAY) -> list[Line]:
    """Return the message of a failed test: the first findings in full, the others short, at most a screenful.

    `replay` is what to type before a path to run it again.
    """
    lines = plain([title] if title else [])
    if len(findings) > 1:
        lines.append(Line(f"{len(findings)} failures:"))
    short: list[Finding] = []
    hints = _hints(findings)
    room = _LINES - len(hints)
    for finding in findings:
        block = _block(finding, root, replay)
        if short or (lines and len(lines) + len(block) > room - 5 and finding is not findings[0]):
            short.append(finding)
        else:
            lines += [Line(""), *block] if len(findings) > 1 and not _is_line(finding) else block
    if short:
        lines += plain(["", *_short(short, root, max(3, room - len(lines) - 2))])
    return [*lines, *plain(hints)]


def _is_line(finding: Finding) -> bool:
    return not finding.path and not finding.changes and "\n" not in finding.message


def _block(finding: Finding, root: Path, replay: str) -> list[Line]:
    lines = _path(finding)
    where = _where(finding, root)
    message = finding.message.splitlines() or [""]
    if where and not finding.changes:
        message[0] = f"{message[0].removesuffix(':')} at {where}" + (":" if len(message) > 1 else "")
    if finding.changes:
        lines += [Line(message[0]), *_changes(finding), *plain(message[1:])]
    else:
        lines += plain(message)
    return [*lines, *_replay(finding, replay)]


def _path(finding: Finding) -> list[Line]:
    count = len(finding.path)
    if not count:
        return []
    lines = [Line(f"    {action.shell()}", "command") for action in finding.path]
    if count > _SHOWN_COMMANDS + 1:
        each = "" if has_rows(finding.path) else ", one per revision"
        left_out = Line(f"    ... {count - _SHOWN_COMMANDS} more{each}")
        lines = [*lines[: _SHOWN_COMMANDS // 2], left_out, *lines[-(_SHOWN_COMMANDS // 2) :]]
    return [Line(f"Minimal path ({_counted(finding)}):"), *lines]


def _counted(finding: Finding) -> str:
    """Return how many commands and rows a path has."""
    run = len(commands(finding.path))
    rows = len(finding.path) - run
    text = f"{run} command{'' if run == 1 else 's'}"
    return f"{text}, {rows} row{'' if rows == 1 else 's'}" if rows else text


def _where(finding: Finding, root: Path) -> str:
    if finding.file is None:
        return ""
    function = f" {finding.function}()" if finding.function else ""
    return f"{relative(finding.file, root)}:{finding.line}{function}"


def _changes(finding: Finding) -> list[Line]:
    changes = condense(finding.changes)
    most = _SHOWN_DRIFT if finding.invariant == "up-to-date" else _SHOWN_CHANGES
    texts = [f"    {_SIGNS[change.change]} {_told(change, finding)}" for change in changes[:most]]
    column = max((len(text) for text in texts if len(text) <= _WIDTH // 2), default=0) + 4
    lines = []
    for change, text in zip(changes, texts, strict=False):
        blame = _blame(change, finding)
        if blame and len(text) > column:
            lines += [Line(text, change.change), Line(f"        {blame}")]
        else:
            lines.append(Line(f"{text:<{column}}{blame}".rstrip(), change.change))
    if len(changes) > most:
        lines.append(Line(f"    ... and {len(changes) - most} more: --gauntlet-report FILE.json writes them all"))
    return lines


def _blame(change: Change, finding: Finding) -> str:
    if finding.file is None:
        return ""
    verb = "by" if finding.function == "upgrade" else _BLAME[change.change]
    return f"{verb} {finding.file.name}:{finding.line} {finding.function}()".replace(" ()", "")


def _told(change: Change, finding: Finding) -> str:
    if finding.invariant == "up-to-date" and change.change == "changed":
        before, after = _flat(change.before) or "none", _flat(change.after) or "none"
        return f"{change.kind} {change.name}: {before} in the migrations, {after} in the models"
    return describe(change)


def describe(change: Change) -> str:
    """Return a change in one line: the object, and what it was or has become."""
    subject = f"{change.kind} {change.name}"
    if change.change == "changed":
        return f"{subject}: {_flat(change.before)} became {_flat(change.after)}"
    return f"{subject} {_flat(change.after if change.change == 'added' else change.before)}".rstrip()


def _flat(text: str | None, length: int = 160) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= length else flat[:length] + " ..."


def _replay(finding: Finding, replay: str) -> list[Line]:
    if not finding.path:
        return []
    text = written(finding.path).replace("'", "'\\''")
    if len(text) > _REPLAYED:
        return [Line("Replay: the whole path is in the file that --gauntlet-report FILE.json writes.")]
    return [Line(f"Replay: {replay} '{text}'")]


def _short(findings: Sequence[Finding], root: Path, room: int) -> list[str]:
    lines = ["And, in short:"]
    for finding in findings[:room]:
        where = _where(finding, root)
        what = _told(condense(finding.changes)[0], finding) if finding.changes else _gist(finding)
        lines.append(f"    {where or finding.invariant}: {_flat(what, 120)}")
    if len(findings) > room:
        lines.append(f"    ... and {len(findings) - room} more: --gauntlet-report FILE.json writes them all")
    return lines


def _gist(finding: Finding) -> str:
    lines = [line.strip() for line in finding.message.splitlines()]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else lines[0]


def _hints(findings: Sequence[Finding]) -> list[str]:
    refused = [finding.revision for finding in findings if finding.refused and finding.revision]
    if len(refused) > 1:
        return ["", *_declaration(refused)]
    return [line for hint in dict.fromkeys(each.hint for each in findings) if hint for line in hint.splitlines()]


def _declaration(revisions: Sequence[str]) -> list[str]:
    """Return what to copy into the test class, where it is short enough to be copied from a terminal."""
    ids = textwrap.wrap(" ".join(f"{revision!r}," for revision in revisions), _WIDTH - 8)
    lines = [f"{len(revisions)} downgrades refuse to run. If that is on purpose, declare it on the test class:"]
    if len(ids) <= _DECLARED_LINES:
        lines += ["    irreversible_revisions = (", *(f"        {line}" for line in ids), "    )", "or"]
    return [*lines, '    irreversible_revisions = "all"        for a forward-only history']


@dataclass
class Report:
    """What all tests of a session have found."""

    tests: list[dict[str, Any]] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)
    notes: list[str] = field(default_factory=list)

    def add(self, nodeid: str, outcome: str, failures: Sequence[Mapping[str, Any]], coverage: Coverage) -> None:
        """Add one test."""
        self.tests.append({"nodeid": nodeid, "outcome": outcome, "failures": list(failures)})
        self.coverage.merge(coverage)

    def write(self, file: Path) -> None:
        """Write the report as JSON.

        Raises:
            GauntletError: the file cannot be written.
        """
        data = {"version": VERSION, "tests": self.tests, "coverage": self.coverage.summary()}
        save(file, json.dumps(data, indent=1) + "\n")


def save(file: Path, text: str) -> None:
    """Write a report, and the folders above it.

    Raises:
        GauntletError: the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GauntletError(f"The report {file} cannot be written: {error.strerror}.") from error
