"""Superset's env.py takes the URL from the Flask application's settings: set it there, then run that env.py.

Some migrations look at the database through the application's engine, too, which Flask-SQLAlchemy makes only once, and
leave the tables that they have looked at in its MetaData. A command begins without either, as a process would.
"""

import os
import runpy

import superset.migrations
from alembic import context
from flask import current_app
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from superset import db

url = context.config.get_main_option("sqlalchemy.url")
current_app.config["SQLALCHEMY_DATABASE_URI"] = url
db.engines[None] = create_engine(url, poolclass=NullPool)
known = set(db.metadata.tables)
try:
    runpy.run_path(os.path.join(os.path.dirname(superset.migrations.__file__), "env.py"))
finally:
    for name in db.metadata.tables.keys() - known:
        db.metadata.remove(db.metadata.tables[name])
