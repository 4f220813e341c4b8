"""Superset: a Flask application; the first revision refers to Flask-AppBuilder's tables.

`migrations/env.py` beside this file tells the application which database a command is for.
"""

import os

import pytest
import superset
from alembic.config import Config
from sqlalchemy import create_mock_engine

from alembic_gauntlet import MigrationTestBase

HERE = os.path.dirname(__file__)
VERSIONS = os.path.join(os.path.dirname(superset.__file__), "migrations", "versions")


@pytest.fixture(scope="session", autouse=True)
def application(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUPERSET_HOME", str(tmp_path_factory.mktemp("superset")))
        from superset.app import create_app

        with create_app().app_context():
            yield


class TestMigrations(MigrationTestBase):
    @pytest.fixture(scope="session")
    @classmethod
    def alembic_config(cls, application):
        config = Config()
        config.set_main_option("script_location", os.path.join(HERE, "migrations"))
        config.set_main_option("version_locations", VERSIONS)
        return config

    def prepare_database(self, connection):
        from flask_appbuilder.security.sqla.models import User

        def execute(statement, *args, **options):
            connection.execute(str(statement.compile(dialect=engine.dialect)))

        engine = create_mock_engine("postgresql+psycopg2://", execute)
        for table in User.metadata.sorted_tables:
            if table.name.startswith("ab_"):
                table.create(engine, checkfirst=False)
