"""Whatever env.py does, only the sandbox is written: what points elsewhere is refused, with the message."""

import textwrap
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from tests.integration.developer import DRIVER, MODELS, Developer, env_py, two_tables

REFUSED = [
    "*env.py was about to use *, which is not the gauntlet's sandbox.",
    "    */migrations/env.py:*",
    "Refused: nothing was written there. env.py has to take the URL that Alembic's Config carries; two lines mend it:",
    '    url = context.config.get_main_option("sqlalchemy.url")',
    "    connectable = create_engine(url, poolclass=pool.NullPool)",
    "Where env.py reads its URL from an environment variable, name that variable on the test class instead:",
    '    migration_url_env = "DATABASE_URL"',
]


@pytest.fixture
def developer(server) -> Iterator[Developer]:
    """A developer's database, which must be the same at the end, to the last row."""
    database = Developer(server)
    before = database.contents()
    yield database
    assert database.contents() == before
    database.drop()


def refused(project, *lines: str, **options) -> pytest.RunResult:
    """Run pytest; all but the test that needs no database are refused with the message, and nothing is left."""
    before = project.databases()
    result = project.pytest(**options)
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1, "only the single head is checked without env.py"
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 4
    result.stdout.fnmatch_lines([*lines] or REFUSED, consecutive=not lines)
    assert project.databases() == before
    return result


FIRST = """
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS shop"))
    connection.execute(text("DROP TABLE IF EXISTS precious"))
    connection.commit()
"""
CONFIGURE = """
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.mark.parametrize("driver", [DRIVER, "psycopg2", "pg8000"])
def test_env_py_with_a_url_of_its_own(project, developer, driver) -> None:
    """It is refused before it connects, also where it writes before it configures."""
    two_tables(project)
    url = developer.url(driver)
    env_py(project, f"engine = create_engine({url!r}, poolclass=pool.NullPool)", "engine.connect()", FIRST + CONFIGURE)
    refused(project)


def test_async_env_py_with_a_url_of_its_own(make_project, developer) -> None:
    """asyncpg is refused as the others are."""
    project = make_project("async")
    two_tables(project)
    section = f"{{'sqlalchemy.url': {developer.url('asyncpg')!r}}}"
    project.edit(
        "migrations/env.py",
        "    connectable = ",
        f"    config.get_section = lambda *names: {section}\n    connectable = ",
    )
    refused(project)


@pytest.mark.parametrize(
    "head",
    [
        'engine = create_engine("postgresql+{driver}://", creator=lambda: {driver}.connect({dsn!r}))',
        'engine = create_engine("postgresql+{driver}://postgres@/", connect_args={{"{conninfo}": {dsn!r}}})',
        'engine = create_engine("postgresql+psycopg2://postgres@/", connect_args={{"dsn": {dsn!r}}})',
        'opened = lambda: pg8000.connect("postgres", database="developer", unix_sock={socket!r})\n'
        'engine = create_engine("postgresql+pg8000://", creator=opened)',
        'os.environ["PGDATABASE"] = "developer"\nengine = create_engine("postgresql+{driver}://postgres@/?host={host}")',
    ],
    ids=["creator", "conninfo", "dsn", "pg8000 creator", "PGDATABASE"],
)
def test_connection_that_the_url_does_not_describe(project, developer, head) -> None:
    """A connection that only its own driver knows the database of is refused before its first statement."""
    two_tables(project)
    host = unquote(developer.dsn.partition("host=")[2])
    head = head.format(
        dsn=developer.dsn,
        host=host,
        socket=f"{host}/.s.PGSQL.5432",
        driver=DRIVER,
        conninfo="conninfo" if DRIVER == "psycopg" else "dsn",
    )
    env_py(project, f"import os, {DRIVER}, pg8000.dbapi as pg8000\n{head}", "engine.connect()", FIRST + CONFIGURE)
    refused(project)


@pytest.mark.parametrize("with_host", [False, True])
def test_listener_that_connects_elsewhere(project, developer, server, with_host) -> None:
    """What an engine's own `do_connect` makes of the sandbox's parameters comes after the first gate."""
    two_tables(project)
    host = {"host": unquote(server.url.partition("host=")[2])} if with_host else {}
    head = f"""
from sqlalchemy import event
engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)

@event.listens_for(engine, "do_connect")
def elsewhere(dialect, record, cargs, cparams):
    # SQLAlchemy 1.4 has it as `database`.
    cparams.update({{"dbname" if "dbname" in cparams else "database": "developer", **{host!r}}})
"""
    env_py(project, head, "engine.connect()", FIRST + CONFIGURE)
    refused(project)


def test_server_that_does_not_run(project) -> None:
    """The message is the guard's, not the driver's: nothing is connected to, and no password is shown."""
    two_tables(project)
    url = f"postgresql+{DRIVER}://me:topsecret@db.invalid:1/shop"
    env_py(project, f"engine = create_engine({url!r})", "engine.connect()")
    result = refused(project)
    result.stdout.fnmatch_lines([f"env.py was about to use postgresql+{DRIVER}://db.invalid:1/shop, which is not *"])
    result.stdout.no_fnmatch_line("*topsecret*")


def test_engine_of_an_application_module_on_the_developers_database(project, developer) -> None:
    """An engine made when the application was first imported is refused, pooled and connected as it already is."""
    two_tables(project)
    project.write(
        "shop.py",
        f"import sqlalchemy as sa\nengine = sa.create_engine({developer.url()!r}, pool_size=2, future=True)\n",
    )
    project.write("conftest.py", "import shop\nwith shop.engine.connect():\n    pass\n")
    env_py(project, "import shop", "shop.engine.connect()", FIRST + CONFIGURE)
    refused(project)


def test_connection_that_was_open_before(project, developer) -> None:
    """A connection that the application holds on to is refused at its first statement."""
    two_tables(project)
    project.write(
        "shop.py",
        f"""
        import sqlalchemy as sa
        from contextlib import nullcontext
        connection = sa.create_engine({developer.url()!r}, future=True).connect()
        """,
    )
    project.write("conftest.py", "import shop\n")
    env_py(project, "import shop", "shop.nullcontext(shop.connection)", FIRST + CONFIGURE)
    refused(project)


@pytest.mark.parametrize(
    "handler",
    [
        "pass",
        "raise RuntimeError('the database is not ready') from None",
        "connectable = create_engine(config.get_main_option('sqlalchemy.url'))",
        "raise SystemExit(3)",
    ],
    ids=["swallow", "wrap", "fall back", "exit"],
)
def test_env_py_that_catches_the_refusal(project, developer, handler) -> None:
    """The refusal is shown whatever env.py makes of it."""
    two_tables(project)
    body = textwrap.indent(textwrap.dedent(FIRST + CONFIGURE).strip(), "        ")
    project.write(
        "migrations/env.py",
        f"""
from alembic import context
from sqlalchemy import create_engine, text
config = context.config
connectable = create_engine({developer.url()!r})
try:
    connectable.connect().close()
except BaseException:
    {handler}
try:
    with connectable.connect() as connection:
{body}
except BaseException:
    {handler}
""",
    )
    refused(project)


def test_migration_that_opens_a_connection_to_another_database(project, developer) -> None:
    """The migration is named, with its line, and its statement is not run."""
    two_tables(project)
    project.revision(
        "a3",
        "a2",
        f"""
        other = sa.create_engine({developer.url()!r})
        with other.begin() as connection:
            connection.execute(sa.text("DELETE FROM precious"))
        """,
    )
    before = project.databases()
    result = project.pytest()
    assert project.databases() == before
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1
    result.stdout.fnmatch_lines(
        [
            f"A migration was about to use postgresql+{DRIVER}://*/developer, which is not the gauntlet's sandbox.",
            "    */migrations/versions/a3_.py:11 upgrade()",
            "Refused: nothing was written there. A migration gets the connection to its own database from *",
        ],
        consecutive=True,
    )


def test_database_of_another_system(project) -> None:
    """A SQLite file is not even created; one in memory, as caches are, may be used on the way."""
    two_tables(project)
    env_py(project, "engine = create_engine('sqlite:///shop.db')", "engine.connect()", FIRST + CONFIGURE)
    result = refused(project)
    result.stdout.fnmatch_lines(["env.py was about to use sqlite:///*shop.db, which is not the gauntlet's sandbox."])
    assert not (project.path / "shop.db").exists()
    env_py(
        project,
        """
        from sqlalchemy.pool import StaticPool
        cache = create_engine("sqlite://", poolclass=StaticPool)
        for statement in ("CREATE TABLE seen (id int)", "INSERT INTO seen VALUES (1)", "SELECT id FROM seen"):
            with cache.begin() as connection:
                connection.execute(text(statement))
        """,
        "create_engine(config.get_main_option('sqlalchemy.url')).connect()",
    )
    project.pytest().assert_outcomes(passed=5)


def test_sqlite_file_that_the_test_has_made(project) -> None:
    """A file in the temporary directory is nobody's data: AiiDA's migrations keep an index of files in one."""
    two_tables(project)
    env_py(
        project,
        """
        import pathlib, tempfile
        folder = tempfile.TemporaryDirectory()
        index = pathlib.Path(folder.name, "index.db")
        with create_engine(f"sqlite:///{index}").begin() as connection:
            connection.execute(text("CREATE TABLE seen (id int)"))
        assert index.exists()
        """,
        "create_engine(config.get_main_option('sqlalchemy.url')).connect()",
    )
    project.pytest().assert_outcomes(passed=5)


def test_default_database_of_the_role(project) -> None:
    """A URL without a database means one, too, and is refused before anything is connected to."""
    two_tables(project)
    env_py(project, f"engine = create_engine('postgresql+{DRIVER}://db.invalid')", "engine.connect()")
    refused(project)


def test_maintenance_database_itself(project) -> None:
    """Nothing is ever migrated in the database that the gauntlet's URL names."""
    two_tables(project)
    url = project.server.url.replace("postgresql:", f"postgresql+{DRIVER}:")
    env_py(project, f"engine = create_engine({url!r})", "engine.connect()", CONFIGURE)
    refused(project)


def test_maintenance_database_with_tables_and_rows(project, developer) -> None:
    """Somebody's own database as the gauntlet's URL: all tests and walks leave it as it is, to the last row."""
    two_tables(project)
    project.test_class(
        "walk_settings = settings(max_examples=3, database=None, deadline=None)\nwalk_max_commands = 3\n"
        + textwrap.dedent(MODELS),
        header="import sqlalchemy as sa\nfrom hypothesis import settings",
    )
    result = project.pytest("-m", "fuzz or not fuzz", url="", env={"GAUNTLET_DATABASE_URL": developer.url()})
    result.assert_outcomes(passed=7)


def test_url_from_the_environment_that_nobody_has_named(project, developer) -> None:
    """The message names the attribute that mends it, and with the attribute it passes."""
    two_tables(project)
    env_py(project, "import os\nengine = create_engine(os.environ['DATABASE_URL'])", "engine.connect()")
    refused(project, env={"DATABASE_URL": developer.url()})
    project.test_class(
        'migration_url_env = "DATABASE_URL"\n' + textwrap.dedent(MODELS), header="import sqlalchemy as sa"
    )
    project.pytest().assert_outcomes(passed=5)
    project.test_class('migration_url_env = "DATABSE_URL"')
    result = project.pytest("-k", "stairway", env={"DATABASE_URL": developer.url()})
    result.stdout.fnmatch_lines(["($DATABSE_URL carried the sandbox's URL, *, and env.py has not used it.)"])


def test_listeners_are_gone_between_commands(project, developer) -> None:
    """The guard watches env.py alone: other tests of the session use what database they like."""
    two_tables(project)
    project.write(
        "test_z_after.py",
        f"""
        import sqlalchemy as sa

        def test_other():
            with sa.create_engine({developer.url()!r}, future=True).connect() as connection:
                assert connection.scalar(sa.text("SELECT count(*) FROM precious")) == 1
        """,
    )
    project.pytest().assert_outcomes(passed=6)
