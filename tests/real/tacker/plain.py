"""Tacker for plain Alembic: see `confirm.py`. The settings that env.py reads hang on the Config."""

import os
from types import SimpleNamespace

import tacker.db.migration
from alembic.config import Config
from tacker.db.migration.models import head  # noqa: F401


def config(url):
    made = Config(os.path.join(os.path.dirname(tacker.db.migration.__file__), "alembic.ini"))
    made.tacker_config = SimpleNamespace(database=SimpleNamespace(connection=url))
    return made
