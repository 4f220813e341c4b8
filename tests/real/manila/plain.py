"""Manila for plain Alembic: see `confirm.py`. env.py asks the application for its engine."""

import os

import manila.db.migrations
from alembic.config import Config
from manila.db.sqlalchemy import api
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool


def config(url):
    api.get_engine = lambda: create_engine(url, poolclass=NullPool)
    return Config(os.path.join(os.path.dirname(manila.db.migrations.__file__), "alembic.ini"))
