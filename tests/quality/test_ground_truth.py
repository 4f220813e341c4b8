"""What is known of each planted fault, held against Alembic and pg_dump alone."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, find, settings

from strategies.faults import FAULT_KINDS, PlantedFault, faulty_histories
from strategies.histories import History
from tests.quality.plain import PlainAlembic, PlainHistory

SAMPLE = ("forgotten index", "hidden dependency", "seed row forgotten", "enum value used at once", "last branch wins")
"""Kinds of which shorter paths are tried in every run; of the others where GAUNTLET_QUALITY is set."""


def small(kind: str) -> tuple[History, PlantedFault]:
    """Return a history with the fault, and, where there is room, a revision that has nothing to do with it."""
    profile = settings(settings.get_profile("quality"), max_examples=50, phases=[Phase.generate])
    drawn = faulty_histories(kind, 4, max_operations=1)
    return find(drawn, lambda pair: 3 <= len(pair[0].graph) <= 4, settings=profile)


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_the_minimal_path_is_true_and_minimal(kind: str, plain: PlainAlembic, tmp_path: Path) -> None:
    """The path shows the fault at its end and not before, as predicted; and no shorter path shows anything."""
    history, fault = small(kind)
    written = PlainHistory(plain, history, tmp_path)
    *before, last = written.along(fault.minimal_path, fault.row, fault.row_at, fault.probe)
    assert before == [None] * len(before)
    assert last is not None
    assert last.by == ("error" if fault.found_by == "rows" else fault.found_by)
    if fault.takes_rows:
        assert written.along(fault.minimal_path) == [None] * fault.minimal_length
    if kind in SAMPLE or "GAUNTLET_QUALITY" in os.environ:
        assert list(written.shorter(fault.minimal_length - 1)) == []
