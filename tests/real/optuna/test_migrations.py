"""Optuna's storage: alembic.ini and env.py as `alembic init` writes them, inside the installed package."""

import os

import optuna.storages._rdb
import pytest
from alembic.config import Config

from alembic_gauntlet import MigrationTestBase

FOLDER = os.path.dirname(optuna.storages._rdb.__file__)


class TestMigrations(MigrationTestBase):
    @pytest.fixture(scope="session")
    @classmethod
    def alembic_config(cls):
        config = Config(os.path.join(FOLDER, "alembic.ini"))
        config.set_main_option("script_location", os.path.join(FOLDER, "alembic"))
        return config
