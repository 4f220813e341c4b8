"""Quetz for plain Alembic: see `confirm.py`."""

import os

import quetz
from alembic.config import Config


def config(url):
    migrations = os.path.join(os.path.dirname(quetz.__file__), "migrations")
    made = Config()
    made.set_main_option("script_location", migrations)
    made.set_main_option("version_locations", os.path.join(migrations, "versions"))
    made.set_main_option("sqlalchemy.url", url)
    return made
