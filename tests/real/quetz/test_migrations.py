"""Quetz: no alembic.ini, a Config made in code; env.py leaves its connection open."""

import os

import pytest
import quetz
from alembic.config import Config

from alembic_gauntlet import MigrationTestBase

MIGRATIONS = os.path.join(os.path.dirname(quetz.__file__), "migrations")


class TestMigrations(MigrationTestBase):
    @pytest.fixture(scope="session")
    @classmethod
    def alembic_config(cls):
        config = Config()
        config.set_main_option("script_location", MIGRATIONS)
        config.set_main_option("version_locations", os.path.join(MIGRATIONS, "versions"))
        return config
