"""Findings as annotations of GitHub Actions: shown at the guilty line of a pull request.

Source: "Workflow commands for GitHub Actions" in GitHub's documentation, and the escaping of its own toolkit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alembic_gauntlet.findings import Finding, relative

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def annotation(finding: Finding, message: str, root: Path) -> str:
    """Return the workflow command that annotates the line of a finding; none is named where it has no line.

    `root` is the root of the repository.
    """
    place = {} if finding.file is None else {"file": relative(finding.file, root), "line": str(finding.line or 1)}
    guilty = f" ({finding.revision})" if finding.revision else ""
    properties = {**place, "title": f"alembic-gauntlet: {finding.invariant}{guilty}"}
    options = ",".join(f"{name}={_escaped(value, _PROPERTY)}" for name, value in properties.items())
    return f"::error {options}::{_escaped(message, _DATA)}"


def _escaped(text: str, codes: Mapping[str, str]) -> str:
    return "".join(codes.get(character, character) for character in text)
