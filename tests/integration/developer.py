"""A developer's own database, which no test of migrations may touch; and the models and env.py that cases share."""

import subprocess
import textwrap
from dataclasses import dataclass

import psycopg
import sqlalchemy
from sqlalchemy.engine import URL, make_url

from alembic_gauntlet.embedded import EmbeddedServer, find_binaries

DRIVER = "psycopg" if sqlalchemy.__version__ >= "2" else "psycopg2"
"""The driver of the cases that need some driver."""

MODELS = """
    @pytest.fixture
    def orm_metadata(self):
        metadata = sa.MetaData()
        for name in ("users", "posts"):
            sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
        return metadata
"""
"""Body of a test class: the models of the two tables that `two_tables` migrates to."""

MIGRATE = """
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""


@dataclass
class Developer:
    """A database with a table, rows and a version table, as a developer has it; `contents` tells all of it."""

    server: EmbeddedServer
    name: str = "developer"

    def __post_init__(self) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {self.name}")
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE precious (id int PRIMARY KEY); INSERT INTO precious VALUES (1)")
            connection.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
            connection.execute("INSERT INTO alembic_version VALUES ('a2')")
            connection.execute("CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE posts (id int PRIMARY KEY)")

    def url(self, driver: str = DRIVER) -> str:
        """Its SQLAlchemy URL for a driver."""
        return str(make_url(self.server.url).set(drivername=f"postgresql+{driver}", database=self.name))

    @property
    def dsn(self) -> str:
        """Its URL for libpq."""
        url: URL = make_url(self.server.url).set(database=self.name)
        return str(url)

    def contents(self) -> str:
        """Schema and rows of the database, and the settings attached to it, as pg_dump tells them."""
        return dump(self.dsn)

    def drop(self) -> None:
        """Drop it."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def dump(url: str) -> str:
    """Schema and rows of a database, as pg_dump tells them."""
    command = [find_binaries() / "pg_dump", "--create", "--inserts", "--restrict-key=x", url]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def two_tables(project) -> None:
    """Write two revisions, a1 and a2, of one table each; the test class has their models."""
    project.table("a1", None, "users")
    project.table("a2", "a1", "posts")
    project.test_class(MODELS, header="import sqlalchemy as sa")


def env_py(project, head: str, connect: str, body: str = MIGRATE) -> None:
    """Write an env.py: `head`, then `with {connect} as connection:` around `body`."""
    imports = """\
from functools import partial
import sqlalchemy
from alembic import context
from sqlalchemy import pool, text
config = context.config
create_engine = partial(sqlalchemy.create_engine, future=True)  # with SQLAlchemy 1.4 as with 2
"""
    block = textwrap.indent(textwrap.dedent(body).strip(), "    ")
    project.write("migrations/env.py", f"{imports}{textwrap.dedent(head)}\nwith {connect} as connection:\n{block}\n")
