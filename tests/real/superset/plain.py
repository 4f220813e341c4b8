"""Superset for plain Alembic: see `confirm.py`. Its own env.py, and an application made for the one database."""

import os
import tempfile
from pathlib import Path

from alembic.config import Config

_home = tempfile.TemporaryDirectory(prefix="superset-")
_SETTINGS = """
from sqlalchemy.pool import NullPool
SECRET_KEY = "x" * 32
ALEMBIC_SKIP_LOG_CONFIG = True
FAB_UPDATE_PERMS = False
SQLALCHEMY_ENGINE_OPTIONS = {{"poolclass": NullPool}}
SQLALCHEMY_DATABASE_URI = {url!r}
"""


def config(url):
    home = Path(_home.name)
    settings = home / "settings.py"
    settings.write_text(_SETTINGS.format(url=url))
    os.environ.update(SUPERSET_HOME=str(home), SUPERSET_CONFIG_PATH=str(settings))
    import superset
    from superset.app import create_app

    create_app().app_context().push()
    migrations = os.path.join(os.path.dirname(superset.__file__), "migrations")
    made = Config(os.path.join(migrations, "alembic.ini"))
    made.set_main_option("script_location", migrations)
    return made


def prepare():
    from flask_appbuilder.security.sqla.models import User
    from superset import db

    # Not by create_all, which would make the enum types of all models.
    for table in User.metadata.sorted_tables:
        if table.name.startswith("ab_"):
            table.create(db.engine, checkfirst=True)
