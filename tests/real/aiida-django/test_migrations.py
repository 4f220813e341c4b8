"""AiiDA's Django history: env.py takes a Connection and the profile from the Config's attributes.

The folder holds three histories that were never meant for one database (`main`, `django` and, without a label,
SQLAlchemy's). The test is for one of them, so it is given a folder with that one's files.
"""

import shutil
from pathlib import Path
from types import SimpleNamespace

import aiida.storage.psql_dos
import pytest
from alembic.config import Config

from alembic_gauntlet import MigrationTestBase

MIGRATIONS = Path(aiida.storage.psql_dos.__file__).parent / "migrations"
REVERSIBLE = {1, 9, 15, 16, 39, 43, 45, 46}


@pytest.fixture(scope="session")
def alembic_config(tmp_path_factory):
    versions = tmp_path_factory.mktemp("versions")
    for file in MIGRATIONS.glob("versions/django_*.py"):
        shutil.copy(file, versions)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("version_locations", str(versions))
    config.attributes["aiida_profile"] = SimpleNamespace(
        name="test",
        is_test_profile=True,
        storage_config={"repository_uri": tmp_path_factory.mktemp("repository").as_uri()},
        uuid="0" * 32,
        process_control_backend="null",
        dictionary={},
    )
    return config


class TestMigrations(MigrationTestBase):
    irreversible_revisions = (
        "django_0024a",
        *(f"django_{number:04}" for number in range(1, 51) if number not in REVERSIBLE),
    )


class TestAsShipped(MigrationTestBase):
    """Nothing declared: 43 of the 51 revisions refuse to be downgraded."""
