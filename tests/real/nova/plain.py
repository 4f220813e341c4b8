"""Nova's main database for plain Alembic: see `confirm.py`."""

import os

import nova.db.main
from alembic.config import Config


def config(url):
    made = Config(os.path.join(os.path.dirname(nova.db.main.__file__), "alembic.ini"))
    made.attributes["configure_logger"] = False
    made.set_main_option("sqlalchemy.url", url)
    return made
