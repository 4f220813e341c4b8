"""All that a project needs."""

from alembic_gauntlet import MigrationTestBase


class TestMigrations(MigrationTestBase):
    """The five tests of the gauntlet."""
