"""Findings as annotations of GitHub Actions, escaped as its own toolkit escapes them."""

from pathlib import Path

import pytest

from alembic_gauntlet.annotations import annotation
from alembic_gauntlet.findings import Finding

ROOT = Path("/repository")


def test_place_and_message() -> None:
    """The file from the root of the repository, the line, and a message of several lines in one."""
    finding = Finding("clean-session", "", revision="a1", file=ROOT / "service/a1.py", line=7)
    assert annotation(finding, "50% lost\r\nnow: a, b", ROOT) == (
        "::error file=service/a1.py,line=7,title=alembic-gauntlet%3A clean-session (a1)::50%25 lost%0D%0Anow: a, b"
    )


@pytest.mark.parametrize(
    ("file", "shown"), [("a:b,c%.py", "a%3Ab%2Cc%25.py"), ("../elsewhere/a1.py", "/elsewhere/a1.py")]
)
def test_names_of_files(file: str, shown: str) -> None:
    """What means something in a property is escaped; what lies elsewhere has its whole path."""
    finding = Finding("clean-session", "", file=Path("/elsewhere/a1.py") if ".." in file else ROOT / file, line=1)
    assert annotation(finding, "", ROOT).startswith(f"::error file={shown},line=1,title=")


def test_finding_without_a_place() -> None:
    """Such as drift: no file is named, and no line."""
    assert annotation(Finding("up-to-date", ""), "it differs", ROOT) == (
        "::error title=alembic-gauntlet%3A up-to-date::it differs"
    )
