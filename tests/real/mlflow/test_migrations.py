"""MLflow: the first revision expects the tables that `create_all` made in 2019.

env.py passes the models' metadata but imports none of the models: the imports below fill it.
"""

import mlflow.store.model_registry.dbmodels.models
import mlflow.store.tracking.dbmodels.models  # noqa: F401
import pytest
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels import initial_models
from sqlalchemy import create_mock_engine

from alembic_gauntlet import MigrationTestBase


class TestMigrations(MigrationTestBase):
    @pytest.fixture(scope="session")
    @classmethod
    def alembic_config(cls):
        return _get_alembic_config("")

    def prepare_database(self, connection):
        def execute(statement, *args, **options):
            connection.execute(str(statement.compile(dialect=engine.dialect)))

        engine = create_mock_engine("postgresql+psycopg2://", execute)
        initial_models.Base.metadata.create_all(engine, checkfirst=False)
