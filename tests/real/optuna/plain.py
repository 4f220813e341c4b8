"""Optuna's storage for plain Alembic: see `confirm.py`."""

import os

import optuna.storages._rdb
from alembic.config import Config

FOLDER = os.path.dirname(optuna.storages._rdb.__file__)


def config(url):
    made = Config(os.path.join(FOLDER, "alembic.ini"))
    made.set_main_option("script_location", os.path.join(FOLDER, "alembic"))
    made.set_main_option("sqlalchemy.url", url)
    return made
