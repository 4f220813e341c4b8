"""A test class and an env.py as they were written for alembic-gauntlet 0.3.1 run unchanged.

Its contract: env.py gets a Connection as `config.attributes["connection"]`, and the schema to migrate in as
`config.attributes["target_schema"]`; all that it makes has to be in that schema. The class gives `orm_metadata` and
`migration_db_url`, the latter with an asynchronous driver.
"""

import os
import sys
import textwrap
from pathlib import Path

import pytest

from tests.integration.developer import Developer

MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import declarative_base

CONVENTION = {
    "ix": "%(column_0_label)s_idx",
    "uq": "%(table_name)s_%(column_0_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
Base = declarative_base(metadata=sa.MetaData(naming_convention=CONVENTION))


class Customer(Base):
    __tablename__ = "customers"
    __table_args__ = (sa.CheckConstraint("length(email) > 2", name="email"),)
    id = sa.Column(sa.Integer, primary_key=True)
    email = sa.Column(sa.String(200), nullable=False, unique=True)


class Order(Base):
    __tablename__ = "orders"
    id = sa.Column(sa.Integer, primary_key=True)
    customer_id = sa.Column(sa.ForeignKey("customers.id"), nullable=False, index=True)
    state = sa.Column(sa.Enum("new", "paid", name="order_state"), nullable=False)
"""

ENV = """
from alembic import context
from sqlalchemy import text

from shop.models import Base

config = context.config


def run_migrations_online():
{connect}
    schema = {schema}
    connection.execute(text(f'SET search_path TO "{{schema}}"'))
    context.configure(connection=connection, target_metadata=Base.metadata, version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()


run_migrations_online()
"""
STRICT = {"connect": '    connection = config.attributes["connection"]', "schema": 'config.attributes["target_schema"]'}
LENIENT = {
    "connect": """\
    connection = config.attributes.get("connection")
    if connection is None:
        raise RuntimeError("run by the tests only")""",
    "schema": 'config.attributes.get("target_schema", "public")',
}

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "c1"
down_revision = None


def upgrade():
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("email", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="customers_pkey"),
        sa.UniqueConstraint("email", name="customers_email_key"),
        sa.CheckConstraint("length(email) > 2", name=op.f("customers_email_check")),
    )


def downgrade():
    op.drop_table("customers")
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "c2"
down_revision = "c1"


def upgrade():
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("customer_id", sa.Integer, nullable=False),
        sa.Column("state", sa.Enum("new", "paid", name="order_state"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="orders_pkey"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="orders_customer_id_fkey"),
    )
    op.create_index("orders_customer_id_idx", "orders", ["customer_id"])


def downgrade():
    op.drop_table("orders")
    op.execute("DROP TYPE order_state")
"""

TESTS = """
import pytest
from alembic_gauntlet import MigrationTestBase
from shop.models import Base
from sqlalchemy import MetaData


@pytest.mark.integration
class TestMyMigrations(MigrationTestBase):
    migration_diff_ignore_tables = ["spatial_ref_sys"]

    @pytest.fixture
    def orm_metadata(self) -> MetaData:
        return Base.metadata

    @pytest.fixture(scope="session")
    def migration_db_url(self) -> str:
        return "{url}"
"""
INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
pythonpath = .
markers = integration: needs a database
"""


def write(path: Path, url: str, contract: dict[str, str]) -> None:
    """Write the project; 0.3.1 itself was seen to pass on it, with all its seven tests, in both ways of env.py."""
    files = {
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
        "alembic.ini": "[alembic]\nscript_location = migrations\nprepend_sys_path = .\n",
        "migrations/env.py": ENV.format(**contract),
        "migrations/script.py.mako": "",
        "migrations/versions/c1_customers.py": FIRST,
        "migrations/versions/c2_orders.py": SECOND,
        "tests/test_migrations.py": TESTS.replace("{url}", url),
        "pytest.ini": INI,
    }
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(textwrap.dedent(text).lstrip("\n"))


@pytest.mark.parametrize("contract", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_project_of_0_3_1(pytester, server, monkeypatch, contract) -> None:
    """The five tests pass, and the database that its URL names, where 0.3.1 made its schemas, is left alone."""
    developer = Developer(server, "earlier")
    write(pytester.path, developer.url("asyncpg"), contract)
    before = developer.contents()
    beside = Path(sys.prefix, "beside")
    if beside.is_dir() and int(pytest.__version__.partition(".")[0]) >= 8:
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(beside), os.environ.get("PYTHONPATH")])))
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=5)
    assert developer.contents() == before
    developer.drop()
