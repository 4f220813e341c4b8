"""Tacker: env.py reads the URL from oslo settings hung on the Config; no revision has a `downgrade`."""

import os
from types import SimpleNamespace

import pytest
import tacker.db.migration
from alembic.config import Config
from tacker.db.migration.models import head  # noqa: F401  (fills the metadata that env.py passes)

from alembic_gauntlet import MigrationTestBase

URL_ENV = "TACKER_DATABASE_URL"


class DatabaseSettings:
    """The group `database` of Tacker's settings, read anew by each run of env.py."""

    @property
    def connection(self):
        return os.environ[URL_ENV]


@pytest.fixture(scope="session")
def alembic_config():
    config = Config(os.path.join(os.path.dirname(tacker.db.migration.__file__), "alembic.ini"))
    config.tacker_config = SimpleNamespace(database=DatabaseSettings())
    return config


class TestMigrations(MigrationTestBase):
    migration_url_env = URL_ENV
    irreversible_revisions = "all"


class TestAsShipped(MigrationTestBase):
    """Nothing declared: each missing `downgrade` is a finding."""

    migration_url_env = URL_ENV
