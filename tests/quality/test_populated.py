"""Populated walks on generated histories: a fault that takes rows is found, with few of them; else, silence."""

import os

import pytest
from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.database import Server
from tests.quality.cases import KINDS_BY_ROWS, Case, correct
from tests.quality.rows import tried

COUNT = int(os.environ.get("GAUNTLET_QUALITY", "1"))
PARTS = 10
CLEAN = 30 * COUNT

WALKS = settings(profiles.current(), max_examples=3, database=None)


@pytest.mark.parametrize("kind", KINDS_BY_ROWS)
def test_fault_that_takes_rows(kind: str, server: Server) -> None:
    """It is found by a minimal path with as few rows as can be, the planted revision is blamed, and no other."""
    for number in range(COUNT):
        trial = tried(server, Case("faulty", number, kind), WALKS)
        assert trial.about, trial.text()
        assert not trial.false, trial.text()
        assert trial.is_minimal, trial.text()
        assert trial.has_minimal_rows, trial.text()


@pytest.mark.parametrize("part", range(PARTS))
def test_silent_on_correct_histories_with_rows(part: int, server: Server) -> None:
    """Nothing is reported, and every history has had rows."""
    for case in correct("rows clean", CLEAN, seed=0)[part::PARTS]:
        trial = tried(server, case, WALKS)
        assert trial.findings == (), trial.text()
        assert trial.rows or not trial.refused
