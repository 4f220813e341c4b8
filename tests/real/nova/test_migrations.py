"""Nova's main database: env.py takes a Connection, most revisions have no `downgrade`."""

import os

import nova.db.main
import pytest
from alembic.config import Config

from alembic_gauntlet import MigrationTestBase

FOLDER = os.path.dirname(nova.db.main.__file__)


@pytest.fixture(scope="session")
def alembic_config():
    config = Config(os.path.join(FOLDER, "alembic.ini"))
    config.attributes["configure_logger"] = False
    return config


class TestMigrations(MigrationTestBase):
    irreversible_revisions = (
        "16f1fbcab42b",
        "ccb0fa1a2252",
        "960aac0e09ea",
        "1b91788ec3a6",
        "1acf2c98e646",
        "d60bddf7a903",
        "2903cd72dc14",
        "ab450ba04102",
    )


class TestAsShipped(MigrationTestBase):
    """Nothing declared: each missing `downgrade` is a finding."""
