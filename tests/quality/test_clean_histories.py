"""Generated histories without faults: no check has anything to say about them."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings

from alembic_gauntlet.database import Server
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.settings import Settings
from strategies.histories import History, histories

COUNT = int(os.environ.get("GAUNTLET_QUALITY", "40"))


def test_silent_on_clean_histories(server: Server) -> None:
    """The stairway, the heads, the way down and the names of a correct history: nothing is reported."""

    @settings(settings.get_profile("quality"), max_examples=COUNT)
    @given(histories(max_revisions=7))
    def silent(history: History) -> None:
        with TemporaryDirectory() as directory:
            config = history.config(Path(directory))
            with Gauntlet(config, server, Settings(expected_heads=len(history.graph.heads))) as gauntlet:
                found = [*gauntlet.stairway(), *gauntlet.single_head()]
                found += [*gauntlet.downgrade_all_the_way(), *gauntlet.naming()]
        assert not found, "\n".join(f"{each.message}\n{each.path}\n{each.changes}" for each in found)

    silent()
