"""Zou: env.py works without the Flask application, and then has no target metadata."""

import importlib
import os
import pkgutil

import pytest
import zou
from alembic.config import Config

from alembic_gauntlet import MigrationTestBase

os.environ["SECRET_KEY"] = "a" * 40
MIGRATIONS = os.path.join(os.path.dirname(zou.__file__), "migrations")


class TestMigrations(MigrationTestBase):
    @pytest.fixture(scope="session")
    @classmethod
    def alembic_config(cls):
        config = Config()
        config.set_main_option("script_location", MIGRATIONS)
        return config

    @pytest.fixture(scope="session")
    @classmethod
    def orm_metadata(cls):
        from zou.app import db, models

        for module in pkgutil.iter_modules(models.__path__):
            importlib.import_module(f"{models.__name__}.{module.name}")
        return db.metadata
