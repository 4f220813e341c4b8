"""Zou for plain Alembic: see `confirm.py`."""

import os

os.environ["SECRET_KEY"] = "a" * 40

import zou.app  # here, not in each process: it looks for a Redis server
from alembic.config import Config


def config(url):
    made = Config()
    made.set_main_option("script_location", os.path.join(os.path.dirname(zou.__file__), "migrations"))
    made.set_main_option("sqlalchemy.url", url)
    return made
