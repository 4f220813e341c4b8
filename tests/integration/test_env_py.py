"""Every env.py that follows the design's contract passes as it is, and nothing outside a sandbox changes."""

import textwrap

import psycopg
import pytest
from alembic.config import Config

from tests.integration.developer import DRIVER, MIGRATE, MODELS, Developer, dump, env_py, two_tables

FIVE = 5
URL = 'create_engine(config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)'


@pytest.fixture
def passes():
    """A function that runs pytest on a project and demands that all pass and that the server is as before."""

    def run(project, *arguments: str, passed: int = FIVE, **options) -> pytest.RunResult:
        before = project.databases(), dump(project.server.url)
        result = project.pytest(*arguments, **options)
        result.assert_outcomes(passed=passed)
        assert (project.databases(), dump(project.server.url)) == before
        return result

    return run


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_template_of_alembic_init_passes_unmodified(make_project, passes, template) -> None:
    """What `alembic init` writes needs no change, and its placeholder URL is never connected to."""
    if template.startswith("pyproject") and not hasattr(Config, "toml_alembic_config"):
        pytest.skip("this Alembic does not read pyproject.toml")
    project = make_project(template)
    two_tables(project)
    passes(project)


@pytest.mark.parametrize(
    ("head", "connect"),
    [
        pytest.param("from contextlib import nullcontext", 'nullcontext(config.attributes["connection"])', id="bare"),
        pytest.param(
            f"""
            from contextlib import nullcontext
            given = config.attributes.get("connection", None)
            connectable = nullcontext(given) if given is not None else {URL}.connect()
            """,
            "connectable",
            id="with a fallback",
        ),
        pytest.param("connectable = config.attributes['connection']", "connectable.connect()", id="engine"),
        pytest.param(
            f"""
            connectable = config.attributes.get("connection", None)
            if connectable is None:
                connectable = {URL}
            """,
            "connectable.connect()",
            id="engine with a fallback",
        ),
    ],
)
def test_connection_in_the_attributes_of_config(project, passes, head, connect) -> None:
    """A Connection (Alembic's cookbook) or an Engine in `config.attributes`, required or preferred, is provided."""
    two_tables(project)
    env_py(project, head, connect)
    passes(project)


@pytest.mark.parametrize("kind", ["connection", "engine"])
def test_fixture_that_puts_a_connection_to_another_database_into_the_attributes(project, passes, kind) -> None:
    """It is left out before env.py runs, even where env.py writes before it configures."""
    developer = Developer(project.server)
    before = developer.contents()
    two_tables(project)
    project.test_class(
        f"""
        @pytest.fixture
        def alembic_config(self):
            config = Config("alembic.ini")
            engine = sa.create_engine({developer.url()!r}, future=True)
            config.attributes["connection"] = engine.connect() if {kind!r} == "connection" else engine
            yield config
            engine.dispose()
        {textwrap.indent(textwrap.dedent(MODELS), "        ")}
        """,
        header="import sqlalchemy as sa\nfrom alembic.config import Config",
    )
    env_py(
        project,
        f"""
        from contextlib import nullcontext
        given = config.attributes.get("connection")
        if given is None:
            given = {URL}
        connectable = given.connect() if hasattr(given, "connect") else nullcontext(given)
        """,
        "connectable",
        f"""
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS shop"))
        connection.commit()
        {textwrap.indent(MIGRATE, "        ").strip()}
        """,
    )
    passes(project)
    assert developer.contents() == before
    developer.drop()


@pytest.mark.parametrize("template", ["generic", "async"])
def test_engine_of_an_application_module_with_a_pool(make_project, passes, template) -> None:
    """An engine that was made from $DATABASE_URL when first imported is led to each sandbox in turn.

    Its pool holds no connection over from one command, and one event loop, to the next.
    """
    project = make_project(template)
    two_tables(project)
    project.test_class(
        'migration_url_env = "DATABASE_URL"\n' + textwrap.dedent(MODELS), header="import sqlalchemy as sa"
    )
    if template == "async":
        create = "from sqlalchemy.ext.asyncio import create_async_engine as create"
        env = (project.path / "migrations/env.py").read_text()
        start, end = env.index("    connectable = "), env.index("    async with connectable")
        env = env[:start] + "    from shop.db import engine as connectable\n\n" + env[end:]
        project.write("migrations/env.py", env.replace("    await connectable.dispose()\n", ""))
    else:
        create = "from sqlalchemy import create_engine as create"
        env_py(project, "from shop.db import engine", "engine.connect()")
    project.write(
        "shop/db.py",
        f"import os\n{create}\nurl = os.environ['DATABASE_URL']\n"
        "engine = create(url, pool_size=2, pool_pre_ping=True, future=True)\n",
    )
    project.write("shop/__init__.py", "")
    developer = Developer(project.server)
    before = developer.contents()
    drivers = {"async": {"asyncpg", DRIVER} - {"psycopg2"}, "generic": {DRIVER, "pg8000", "psycopg2"}}
    for driver in drivers[template]:
        url = project.server.url.replace("postgresql:", f"postgresql+{driver}:")
        result = passes(project, "-W", "error", url=url, env={"DATABASE_URL": developer.url(driver)})
        result.stdout.no_fnmatch_line("*warning*")
    assert developer.contents() == before
    developer.drop()


def test_url_read_from_the_environment(project, passes) -> None:
    """`migration_url_env` names the variable that carries the sandbox's URL, and it is as before afterwards."""
    developer = Developer(project.server)
    before = developer.contents()
    two_tables(project)
    project.test_class(
        'migration_url_env = "DATABASE_URL"\n' + textwrap.dedent(MODELS), header="import sqlalchemy as sa"
    )
    project.write(
        "test_z_after.py",
        f"""
        import os

        def test_variable_is_as_before():
            assert os.environ["DATABASE_URL"] == {developer.url()!r}
        """,
    )
    env_py(project, "import os\nengine = create_engine(os.environ['DATABASE_URL'])", "engine.connect()")
    passes(project, env={"DATABASE_URL": developer.url()}, passed=FIVE + 1)
    assert developer.contents() == before
    developer.drop()


@pytest.mark.parametrize(("template", "driver"), [("generic", DRIVER), ("async", "asyncpg")])
def test_env_py_that_sets_the_option_itself(make_project, passes, template, driver) -> None:
    """From its settings, as many do: the option stays the sandbox's, and the URL of the settings is not used."""
    project = make_project(template)
    two_tables(project)
    override = f"config.set_main_option('sqlalchemy.url', 'postgresql+{driver}://me:secret@nowhere/shop')"
    project.edit("migrations/env.py", "config = context.config\n", f"config = context.config\n{override}\n")
    passes(project)


def test_url_from_the_environment_that_is_passed_on_to_the_option(project, passes) -> None:
    """The variable has no percent sign, which the ConfigParser behind the option would take for its own."""
    two_tables(project)
    env_py(
        project,
        f"import os\nconfig.set_main_option('sqlalchemy.url', os.environ['DATABASE_URL'])\nengine = {URL}",
        "engine.connect()",
    )
    project.test_class(
        'migration_url_env = "DATABASE_URL"\n' + textwrap.dedent(MODELS), header="import sqlalchemy as sa"
    )
    passes(project)


def test_engine_with_a_creator(project, passes) -> None:
    """An engine whose connections the driver opens, past SQLAlchemy's URL, passes where they are to the sandbox."""
    two_tables(project)
    env_py(
        project,
        f"""
        import {DRIVER}
        dsn = config.get_main_option("sqlalchemy.url").replace("+{DRIVER}", "")
        engine = create_engine("postgresql+{DRIVER}://", creator=lambda: {DRIVER}.connect(dsn))
        """,
        "engine.connect()",
    )
    passes(project)


def test_what_env_py_does_on_the_connection_first(project, passes) -> None:
    """A schema, a role and a search_path that env.py sets before it configures are as from the command line."""
    with psycopg.connect(project.server.url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS migrator")
        connection.execute("CREATE ROLE migrator")
    two_tables(project)
    project.revision(
        "a3",
        "a2",
        """
        bind = op.get_bind()
        assert bind.exec_driver_sql("SELECT current_user, current_schema").one() == ("migrator", "shop")
        """,
    )
    project.test_class(
        """
        def prepare_database(self, connection):
            connection.execute("GRANT CREATE ON DATABASE " + connection.info.dbname + " TO migrator")

        @pytest.fixture
        def orm_metadata(self):
            metadata = sa.MetaData(schema="shop")
            for name in ("users", "posts"):
                sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))
            return metadata
        """,
        header="import sqlalchemy as sa",
    )
    env_py(
        project,
        f"engine = {URL}",
        "engine.connect()",
        """
        connection.execute(text("SET ROLE migrator"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS shop"))
        connection.execute(text("SET search_path TO shop"))
        connection.commit()
        context.configure(
            connection=connection, target_metadata=None, include_schemas=True, version_table_schema="shop",
            include_name=lambda name, type_, parents: type_ != "schema" or name == "shop",
        )
        with context.begin_transaction():
            context.run_migrations()
        """,
    )
    passes(project)


def test_options_of_configure_are_kept(project, passes) -> None:
    """`transaction_per_migration`, `version_table` and `version_table_schema` work as from the command line."""
    two_tables(project)
    project.revision(
        "a3",
        "a2",
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY idx_posts_id ON posts (id)")
        """,
        "op.drop_index('idx_posts_id')",
    )
    project.revision(
        "a4",
        "a3",
        """
        bind = op.get_bind()
        assert bind.exec_driver_sql("SELECT version_num FROM ops.applied").scalar() == "a3"
        writer = "SELECT count(*) FROM ops.applied WHERE xmin = pg_current_xact_id()::xid"
        assert bind.exec_driver_sql(writer).scalar() == 0, "a3 is not yet committed"
        """,
    )
    project.test_class(
        MODELS.replace(
            "return metadata", 'sa.Index("idx_posts_id", metadata.tables["posts"].c.id)\n        return metadata'
        ),
        header="import sqlalchemy as sa",
    )
    env_py(
        project,
        f"engine = {URL}",
        "engine.connect()",
        """
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS ops"))
        connection.commit()
        context.configure(
            connection=connection, transaction_per_migration=True, version_table="applied", version_table_schema="ops"
        )
        context.get_revision_argument()
        with context.begin_transaction():
            context.run_migrations()
        """,
    )
    passes(project)


def test_file_config_silences_no_loggers(project, passes) -> None:
    """Loggers, levels and handlers are as before: in a migration, and in the rest of the test session."""
    two_tables(project)
    project.table("a1", None, "users")
    project.revision("a3", "a2", 'import logging\nlogging.getLogger("shop").warning("from a migration")')
    project.write("conftest.py", "import logging\nlogging.getLogger('shop')\nlogging.getLogger().setLevel('INFO')\n")
    project.write(
        "test_z_after.py",
        """
        import logging

        def test_logging_is_as_before(caplog):
            logging.getLogger("shop").info("heard")
            assert caplog.messages == ["heard"]
            assert logging.getLogger().level == logging.INFO
        """,
    )
    result = passes(project, "-p", "no:randomly", "--log-file=log.txt", passed=FIVE + 1)
    assert "from a migration" in (project.path / "log.txt").read_text(), result.stdout.str()


def test_relative_locations_when_pytest_runs_elsewhere(project, passes) -> None:
    """`script_location` and `prepend_sys_path` mean the folder of alembic.ini, where the current one has nothing.

    The test class is in a sub-folder; alembic.ini is found upwards, and not beyond rootdir.
    """
    two_tables(project)
    backend = project.path / "backend"
    for name in ("alembic.ini", "migrations", "test_migrations.py"):
        target = backend / ("tests/deep" if name.startswith("test") else "") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).rename(target)
    ini = (backend / "alembic.ini").read_text()
    (backend / "alembic.ini").write_text(ini.replace("%(here)s/migrations", "migrations"))
    assert "\nscript_location = migrations\n" in (backend / "alembic.ini").read_text()
    project.write("backend/shop_models.py", "target_metadata = None\n")
    project.edit("backend/migrations/env.py", "target_metadata = None", "from shop_models import target_metadata")
    project.write("pytest.ini", "[pytest]\n")
    passes(project, "backend/tests/deep")
    (backend / "alembic.ini").rename(project.path.parent / "alembic.ini")
    result = project.pytest()
    result.assert_outcomes(errors=FIVE)
    result.stdout.fnmatch_lines(
        [f"*No alembic.ini, and no pyproject.toml with [[]tool.alembic], in {backend}/tests/deep*"]
    )
    (project.path.parent / "alembic.ini").unlink()


def test_fixtures_that_a_user_overrides(project, passes) -> None:
    """`alembic_config` and `migration_db_url` may come from conftest.py or the class, in any scope and type.

    Among them pytest-alembic's `alembic_config`, which is a dict of the same name.
    """
    two_tables(project)
    header = "import sqlalchemy as sa\nfrom alembic.config import Config\nfrom sqlalchemy.engine import make_url"
    project.test_class(MODELS, header=header)
    test_file = project.path / "test_migrations.py"
    models = textwrap.dedent(MODELS).strip()
    bodies = {
        "InstanceMethods": f"""
            @pytest.fixture
            def alembic_config(self):
                return Config("alembic.ini")

            @pytest.fixture
            def migration_db_url(self):
                return make_url({project.server.url!r})
            """,
        "ClassMethods": f"""
            @pytest.fixture(scope="session")
            @classmethod
            def migration_db_url(cls):
                return {project.server.url!r}
            """,
        "Parametrized": f"""
            @pytest.fixture(params=[{DRIVER!r}, "pg8000"])
            def migration_db_url(self, request):
                return {project.server.url!r}.replace(":", "+" + request.param + ":", 1)
            """,
    }
    text = test_file.read_text()
    for name, body in bodies.items():
        text += f"\n\nclass Test{name}(MigrationTestBase):\n"
        text += textwrap.indent(f"{models}\n\n{textwrap.dedent(body).strip()}\n", "    ")
    test_file.write_text(text)
    project.write(
        "conftest.py",
        f"""
        import pytest

        @pytest.fixture
        def alembic_config():
            return {{"script_location": "nowhere"}}

        @pytest.fixture(scope="session")
        def migration_db_url():
            return {project.server.url!r}
        """,
    )
    passes(project, url="postgresql://nobody@localhost:1/nowhere", passed=5 * FIVE)


def test_the_option_names_the_configuration_for_the_fixture_by_itself(project) -> None:
    """`--gauntlet-config` wins over a fixture `alembic_config`, in a test of the user's own as in our class."""
    two_tables(project)
    project.test_class(MODELS, header="import sqlalchemy as sa")
    (project.path / "alembic.ini").rename(project.path / "other.ini")
    project.write("conftest.py", "import pytest\n\n@pytest.fixture\ndef alembic_config():\n    return {}\n")
    project.write("test_own.py", "def test_own(gauntlet):\n    assert gauntlet.stairway() == ()\n")
    project.pytest("--gauntlet-config", "other.ini").assert_outcomes(passed=FIVE + 1)
