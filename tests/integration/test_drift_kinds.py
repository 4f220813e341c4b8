"""Kinds of drift: each is reported by its object, and nothing is of pairs that are equivalent."""

from __future__ import annotations

import pytest
import sqlalchemy

from alembic_gauntlet.diff import Change, condense
from tests.integration.drift_kinds import DRIFT, EQUIVALENT, Kind
from tests.integration.inprocess import open_gauntlet


def reported(project, kind: Kind, settings=None) -> list[Change]:
    """Return what the test of models says of a kind."""
    project.revision("a1", None, f"op.execute({kind.ddl!r})")
    namespace: dict[str, sqlalchemy.MetaData] = {}
    try:
        exec(compile(kind.source, "models.py", "exec"), namespace)
    except sqlalchemy.exc.ArgumentError as error:
        pytest.skip(f"this SQLAlchemy cannot say it: {error}")
    with open_gauntlet(project, **(settings or {})) as gauntlet:
        notes: list[str] = []
        findings = gauntlet.up_to_date(namespace["metadata"], notes.append)
    assert not [note for note in notes if "Alembic alone" in note], notes
    return [change for finding in findings for change in condense(finding.changes)]


@pytest.mark.parametrize("kind", DRIFT, ids=lambda kind: kind.name)
def test_drift_is_reported_by_its_object(project, kind: Kind) -> None:
    """That one; what only the database has where it is asked for, and else not."""
    named = [f"{each.kind} {each.name}" for each in reported(project, kind)]
    assert (named == []) == (kind.drift is None), named
    if kind.drift is not None:
        assert kind.drift in named


@pytest.mark.parametrize("kind", [each for each in DRIFT if each.opted], ids=lambda kind: kind.name)
def test_what_is_asked_for_is_reported(project, kind: Kind) -> None:
    """By the settings that it takes."""
    assert [f"{each.kind} {each.name}" for each in reported(project, kind, kind.settings)] == [kind.opted]


@pytest.mark.parametrize("kind", EQUIVALENT, ids=lambda kind: kind.name)
def test_equivalent_pairs_are_silent(project, kind: Kind) -> None:
    """Whatever words say the same."""
    assert reported(project, kind) == []
