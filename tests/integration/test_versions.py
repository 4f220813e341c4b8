"""PostgreSQL's versions: the tests and walks of one history on each that is installed here."""

from pathlib import Path

import pytest

SYSTEM = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.mark.skipif(not SYSTEM, reason="no PostgreSQL of the system's")
@pytest.mark.parametrize("binaries", SYSTEM, ids=lambda path: path.parent.name)
def test_postgresql_of_the_system(example, binaries) -> None:
    """The example is green on it, walks with rows included; the embedded wheel's version is in all other tests."""
    example.write(
        "tests/test_migrations.py",
        """
        from hypothesis import settings
        from alembic_gauntlet import MigrationTestBase


        class TestMigrations(MigrationTestBase):
            walk_settings = settings(max_examples=5, database=None, deadline=None)
            walk_max_commands = 3

            def prepare_database(self, connection):
                version = connection.info.server_version // 10000
                assert version == int(VERSION), version
        """.replace("VERSION", repr(binaries.parent.name)),
    )
    result = example.pytest("-m", "fuzz or not fuzz", url="", env={"GAUNTLET_POSTGRES_BIN": str(binaries)})
    result.assert_outcomes(passed=7)
