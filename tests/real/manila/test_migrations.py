"""Manila: env.py asks the application for its engine, which knows nothing of sandboxes."""

import os

import manila.db.migrations
import pytest
from alembic.config import Config
from manila.db.sqlalchemy import api, models
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from alembic_gauntlet import MigrationTestBase

FOLDER = os.path.dirname(manila.db.migrations.__file__)
URL_ENV = "MANILA_DATABASE_URL"


@pytest.fixture(scope="session", autouse=True)
def engine_of_the_sandbox():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "get_engine", lambda: create_engine(os.environ[URL_ENV], poolclass=NullPool))
        yield


@pytest.fixture(scope="session")
def alembic_config():
    return Config(os.path.join(FOLDER, "alembic.ini"))


@pytest.fixture(scope="session")
def orm_metadata():
    """env.py passes `ManilaBase.metadata`, which is None: ManilaBase is a mixin, not the declarative base."""
    return models.BASE.metadata


class TestMigrations(MigrationTestBase):
    migration_url_env = URL_ENV
    irreversible_revisions = ("162a3e673105",)


class TestAsShipped(MigrationTestBase):
    """Nothing declared: the first revision refuses to be downgraded."""

    migration_url_env = URL_ENV
