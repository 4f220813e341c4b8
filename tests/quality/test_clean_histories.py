"""Generated histories without faults: neither the five tests nor the walks have anything to say about them."""

import os

import pytest
from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.database import Server
from tests.quality.cases import correct
from tests.quality.plain import PlainAlembic
from tests.quality.trials import Laboratory

COUNT = 200 * int(os.environ.get("GAUNTLET_QUALITY", "1"))
PARTS = 20
"""So many tests share the histories, since pytest-xdist gives whole tests to its workers."""

ONE_WALK = settings(profiles.current(), max_examples=1, database=None)


@pytest.mark.parametrize("part", range(PARTS))
def test_silent_on_correct_histories(part: int, server: Server, plain: PlainAlembic) -> None:
    """The five tests and a walk of a correct history: nothing is reported."""
    laboratory = Laboratory(server, plain, ONE_WALK)
    for case in correct("small clean", COUNT, seed=0)[part::PARTS]:
        trial = laboratory.tried(case)
        assert trial.good, trial.text()
