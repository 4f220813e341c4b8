"""The settings of the Superset application that the test makes."""

import os

from sqlalchemy.pool import NullPool

SECRET_KEY = "x" * 32
ALEMBIC_SKIP_LOG_CONFIG = True
FAB_UPDATE_PERMS = False
DATA_DIR = os.environ["SUPERSET_HOME"]
# For the application's own start, which asks a database; migrations/env.py sets the sandbox for each command.
SQLALCHEMY_DATABASE_URI = f"sqlite:///{DATA_DIR}/superset.db"
SQLALCHEMY_ENGINE_OPTIONS = {"poolclass": NullPool}
