"""AiiDA's Django history for plain Alembic: see `confirm.py`. A folder with its files alone, and a Connection."""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import aiida.storage.psql_dos
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

MIGRATIONS = Path(aiida.storage.psql_dos.__file__).parent / "migrations"
_folders = [tempfile.TemporaryDirectory(prefix="aiida-") for _ in range(2)]


class Attributes(dict):
    """A Connection of their own for each command."""

    def __init__(self, url, **others):
        super().__init__(others)
        self.engine = create_engine(url, poolclass=NullPool)

    def __getitem__(self, name):
        if name == "connection":
            return self.setdefault(name, self.engine.connect())
        return super().__getitem__(name)

    def get(self, name, default=None):
        return self[name] if name == "connection" or name in self else default


def config(url):
    versions, repository = (Path(each.name) for each in _folders)
    for file in MIGRATIONS.glob("versions/django_*.py"):
        shutil.copy(file, versions)
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.set_main_option("version_locations", str(versions))
    profile = SimpleNamespace(
        name="test",
        is_test_profile=True,
        storage_config={"repository_uri": repository.as_uri()},
        uuid="0" * 32,
        process_control_backend="null",
        dictionary={},
    )
    made.attributes = Attributes(url, aiida_profile=profile)
    return made
