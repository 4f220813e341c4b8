"""Planted faults: which of them the fixed tests find, and that what the stairway reports is true and minimal."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from alembic_gauntlet.database import Server
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.settings import Settings
from strategies.faults import FAULT_KINDS, PlantedFault, faulty_histories
from strategies.histories import History
from tests.quality.cases import KINDS_BY_ROWS

COUNT = int(os.environ.get("GAUNTLET_QUALITY", "2"))

BY_JUMP = frozenset(
    {
        "leaked search_path",
        "leaked local search_path",
        "leaked statement_timeout",
        "leaked role",
        "temporary table twice",
        "pending trigger events",
    }
)
"""They show where one command runs all revisions, as on the way to head and down."""

BY_WALKS = frozenset(
    {
        "leaked time zone",
        "leaked by a downgrade",
        "enum value used at once",
        "temporary table left",
        "advisory lock left",
        "setting left by a downgrade",
        "last branch wins",
        "shared by branches",
        *KINDS_BY_ROWS,
    }
)
"""They take another jump, another order of branches, a look at the session, or rows."""


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_fixed_tests_on_a_planted_fault(kind: str, server: Server) -> None:
    """What one revision per command shows, the stairway finds once, by a minimal path; a jump, the way down."""

    @settings(settings.get_profile("quality"), max_examples=COUNT)
    @given(faulty_histories(kind, 4))
    def check(pair: tuple[History, PlantedFault]) -> None:
        history, fault = pair
        with TemporaryDirectory() as directory:
            config = history.config(Path(directory))
            with Gauntlet(config, server, Settings(expected_heads=len(history.graph.heads))) as gauntlet:
                stairway = gauntlet.stairway()
                way_down = gauntlet.downgrade_all_the_way() if kind in BY_JUMP else ()
        found = [(finding.revision, len(finding.path)) for finding in stairway]
        beyond = kind in BY_JUMP | BY_WALKS
        assert found == ([] if beyond else [(fault.revision, fault.minimal_length)])
        assert bool(way_down) == (kind in BY_JUMP)

    check()
