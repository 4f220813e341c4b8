"""Walks on generated histories with a planted fault: it is found, by a minimal path."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings

from alembic_gauntlet import profiles
from alembic_gauntlet.database import Server
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.settings import Settings
from strategies.faults import FAULT_KINDS, PlantedFault, faulty_histories
from strategies.histories import History

COUNT = int(os.environ.get("GAUNTLET_QUALITY", "1"))

PROFILE = settings(settings.get_profile("quality"), max_examples=COUNT, phases=[Phase.generate])

WALKS = settings(profiles.current(), max_examples=2, database=None, derandomize=True)

LEAKS = frozenset(
    {
        "leaked search_path",
        "leaked local search_path",
        "leaked time zone",
        "leaked statement_timeout",
        "leaked role",
        "temporary table twice",
        "leaked by a downgrade",
    }
)
"""What is left in the session is one report, and what it does to the next revision another."""

TWINS = frozenset({"last branch wins", "shared by branches"})
"""Two revisions are equally guilty, and each is reported; the truth names one of them."""


def walked(history: History, server: Server) -> tuple[Finding, ...]:
    """Return what walks over a history find, every transition included."""
    with TemporaryDirectory() as directory:
        config = history.config(Path(directory))
        with Gauntlet(config, server, Settings(expected_heads=len(history.graph.heads))) as gauntlet:
            walks = gauntlet.walks(WALKS, 20, "quality")
    return walks.findings


def expect(found: tuple[Finding, ...], fault: PlantedFault) -> None:
    """Check that the fault is there, blamed rightly and by a path as short as the planted one, and nothing else is."""
    seen = [(finding.revision, len(finding.path)) for finding in found]
    if fault.takes_rows:
        assert seen == []
    elif fault.kind in TWINS:
        assert min(length for _, length in seen) == fault.minimal_length
        assert fault.revision in {revision for revision, _ in seen}
        assert len({revision for revision, _ in seen}) == 2
    elif fault.kind in LEAKS:
        assert (fault.revision, fault.minimal_length) in seen
        assert "clean-session" in {each.invariant for each in found if each.revision == fault.revision}
        assert len({revision for revision, _ in seen}) == 2
    else:
        assert seen == [(fault.revision, fault.minimal_length)]


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_walks_on_a_planted_fault(kind: str, server: Server) -> None:
    """Walks find it once, by a minimal path, and blame the planted revision; on empty tables, none that takes rows."""

    @PROFILE
    @given(faulty_histories(kind, 4, max_operations=1))
    def check(pair: tuple[History, PlantedFault]) -> None:
        history, fault = pair
        expect(walked(history, server), fault)

    check()
