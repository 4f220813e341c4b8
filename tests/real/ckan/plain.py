"""CKAN for plain Alembic: see `confirm.py`."""

import os

import ckan.migration
from alembic.config import Config


def config(url):
    made = Config(os.path.join(os.path.dirname(ckan.migration.__file__), "alembic.ini"))
    made.set_main_option("sqlalchemy.url", url)
    return made
