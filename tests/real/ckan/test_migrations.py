"""CKAN, with the dependencies it pins itself: env.py leaves its connection open and binds the application to it."""

import os

import ckan.migration
import pytest
from alembic.config import Config

from alembic_gauntlet import MigrationTestBase


class TestMigrations(MigrationTestBase):
    @pytest.fixture(scope="session")
    @classmethod
    def alembic_config(cls):
        return Config(os.path.join(os.path.dirname(ckan.migration.__file__), "alembic.ini"))
