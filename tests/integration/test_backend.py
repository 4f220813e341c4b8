"""The backend that is kept for the commands on a sandbox: each command finds what it would find on a new connection."""

import builtins
import gc
import os
import textwrap
from contextlib import suppress

import psycopg
import pytest
import sqlalchemy
from alembic.config import Config

from alembic_gauntlet.canonical import Canonical
from alembic_gauntlet.config import find_config
from alembic_gauntlet.database import Server
from alembic_gauntlet.drivers import watched
from alembic_gauntlet.graph import Command
from alembic_gauntlet.runner import Runner
from alembic_gauntlet.settings import Settings

LEAVE = {
    "setting": ("SET work_mem = '1MB'", "current_setting('work_mem') <> '1MB'"),
    "search path": ("SET search_path = public, pg_catalog", "current_setting('search_path') NOT LIKE '%%catalog'"),
    "role": ("SET SESSION AUTHORIZATION gauntlet_other", "session_user <> 'gauntlet_other'"),
    "temporary table": ("CREATE TEMP TABLE left_there (a integer)", "to_regclass('pg_temp.left_there') IS NULL"),
    "advisory lock": (
        "SELECT pg_advisory_lock(7)",
        "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())",
    ),
    "prepared statement": (
        "PREPARE left_there AS SELECT 1",
        "NOT EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'left_there')",
    ),
    "custom parameter": ("SET app.there = 'x'", "current_setting('app.there', true) IS NULL"),
    "custom parameter of a transaction": ("SET LOCAL app.there = 'x'", "current_setting('app.there', true) IS NULL"),
    "custom parameter by a function": (
        "SELECT set_config('app' || '.there', 'x', false)",
        "current_setting('app.there', true) IS NULL",
    ),
    "custom parameter by a function of its own": (
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN SET app.there = 'x'; END$$; SELECT f()",
        "current_setting('app.there', true) IS NULL",
    ),
    "sequence": (
        "CREATE SEQUENCE IF NOT EXISTS numbers; SELECT nextval('numbers')",
        "NOT EXISTS (SELECT FROM pg_prepared_statements)",
    ),
    "setting of the database": (
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''2MB''', current_database()); END$$",
        "current_setting('work_mem') = '2MB'",
    ),
}
CHECK = 'assert op.get_bind().exec_driver_sql("SELECT {}").scalar(), "not as on a new connection"'


has_psycopg = pytest.mark.skipif(
    sqlalchemy.__version__ < "2", reason="SQLAlchemy 1.4 has no dialect for psycopg, and other drivers keep no backend"
)


@pytest.fixture
def server_of(server):
    with Server(server.url, throwaway=True) as ours:
        yield ours


def run(project, server: Server, *commands: str, env: str = "") -> list[str | None]:
    """Run commands on one sandbox; return why each failed, or None."""
    before = os.getcwd()
    os.chdir(project.path)
    try:
        config: Config = find_config(project.path, project.path)
        canonical = Canonical(server, runner := Runner(config), Settings())
        with canonical.fresh() as sandbox:
            errors = [runner.run(sandbox, Command(*command.split())).error for command in commands]  # type: ignore[arg-type]
        canonical.close()
    finally:
        os.chdir(before)
    return [error.explanation.summary if error else None for error in errors]


@pytest.mark.parametrize("left", LEAVE)
def test_session_is_as_new_for_the_next_command(project, server_of, left) -> None:
    """What a migration leaves on its session is gone, and what reaches only new sessions is there."""
    statement, holds = LEAVE[left]
    with psycopg.connect(server_of.url.render_as_string(), autocommit=True) as connection, suppress(psycopg.Error):
        connection.execute("CREATE ROLE gauntlet_other SUPERUSER")
    project.revision("a", None, f"op.execute({statement!r})")
    project.revision("b", "a", CHECK.format(holds))
    assert run(project, server_of, "upgrade a", "upgrade b") == [None, None]


def test_the_check_can_fail(project, server_of) -> None:
    """Within one command, the session is the same."""
    statement, holds = LEAVE["setting"]
    project.revision("a", None, f"op.execute({statement!r})")
    project.revision("b", "a", CHECK.format(holds))
    assert run(project, server_of, "upgrade b") == ["AssertionError: not as on a new connection"]


@has_psycopg
def test_backend_is_kept(project, server_of) -> None:
    """Commands meet the same one; after a failure of the statement, too; not after a custom parameter."""
    note = """
with open("pids", "a") as file:
    print(op.get_bind().exec_driver_sql("SELECT pg_backend_pid()").scalar(), file=file)"""
    project.revision("a", None, note)
    project.revision("b", "a", f'{note}\nop.execute("nonsense")', note)
    project.revision("c", "a", f"{note}\nop.execute(\"SET app.there = 'x'\")", note)
    errors = run(project, server_of, "upgrade a", "upgrade b", "upgrade c", "downgrade a")
    assert [error is None for error in errors] == [True, False, True, True]
    first, second, third, fourth = (project.path / "pids").read_text().split()
    assert first == second == third
    assert fourth != third


class Sent:
    """Notes the statements of the drivers."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def on_driver(self, database: str) -> None:
        """Any may be connected to."""

    def on_driver_statement(self, database: str | None, statement: str) -> None:
        """Note it."""
        self.statements.append(statement)


@has_psycopg
def test_server_is_asked_once_about_itself(project, server_of) -> None:
    """What SQLAlchemy asks on the first connection of an engine, later engines know; one with other options asks."""
    project.revision("a", None, "import sqlalchemy as sa\nsa.create_engine(op.get_bind().engine.url).connect().close()")
    project.revision("b", "a", "import sqlalchemy as sa\nassert op.get_bind().dialect.server_version_info > (14,)")
    project.revision("c", "b")
    for option in ("", "label_length=6"):
        if option:
            project.edit("migrations/env.py", "poolclass=pool.NullPool", f"poolclass=pool.NullPool, {option}")
        with watched(sent := Sent()):
            assert run(project, server_of, "upgrade b", "upgrade c", "downgrade b") == [None] * 3
        # The second connection of revision a has a backend of its own, and asks.
        assert sum("pg_catalog.version()" in each for each in sent.statements) == 2, option


HITS = """
import builtins
from sqlalchemy import event
found = builtins.found_compiled = []
def note(connection, cursor, statement, parameters, context, executemany):
    if "pg_class" in statement:
        found.append(context.cache_hit.name)
event.listen(engine, "before_cursor_execute", note)
"""


@has_psycopg
@pytest.mark.parametrize(
    ("options", "hits"),
    [
        ("", {"CACHE_HIT"}),
        (", json_serializer=lambda value: ''", {"CACHE_MISS"}),
        (", query_cache_size=0", {"CACHING_DISABLED"}),
        (", execution_options={'compiled_cache': {}}", {"CACHE_MISS"}),
    ],
    ids=["alike", "options of its own", "no cache", "a cache of its own"],
)
def test_question_to_the_catalogue_is_compiled_once(project, server_of, options, hits) -> None:
    """For the engines of all commands, as long as these are made alike, and their owner has no other wish."""
    project.edit(
        "migrations/env.py",
        "connectable = engine_from_config(",
        "from sqlalchemy import create_engine\n"
        '    connectable = engine = create_engine(config.get_main_option("sqlalchemy.url"), '
        f"poolclass=pool.NullPool{options})\n" + textwrap.indent(HITS, "    ") + "    engine_from_config(",
    )
    project.revision("a", None)
    project.revision("b", "a")
    assert run(project, server_of, "upgrade a", "upgrade b") == [None, None]
    assert {*builtins.found_compiled} == hits  # type: ignore[attr-defined]


@has_psycopg
def test_statement_on_a_table_that_has_changed_is_compiled_again(project, server_of) -> None:
    """A table of the application gets a column in memory between two commands."""
    project.write(
        "tables.py", "import sqlalchemy as sa\nkept = sa.Table('kept', sa.MetaData(), sa.Column('a', sa.Integer))"
    )
    take = "import sqlalchemy as sa, tables\nop.get_bind().execute(sa.select(tables.kept)).all()"
    project.revision("a", None, f"op.execute('CREATE TABLE kept (a integer)')\n{take}")
    add = "import sqlalchemy as sa, tables\ntables.kept.append_column(sa.Column('b', sa.Integer))"
    project.revision("b", "a", f"op.execute('ALTER TABLE kept ADD b integer')\n{add}")
    check = "import sqlalchemy as sa, tables\nassert len(op.get_bind().execute(sa.select(tables.kept)).keys()) == 2"
    project.revision("c", "b", check)
    assert run(project, server_of, "upgrade a", "upgrade b", "upgrade c") == [None, None, None]


@has_psycopg
def test_no_engine_of_a_command_outlives_the_server(project, server) -> None:
    """Nor what it knows of the tables: SQLAlchemy keeps the last 128 by itself, and Python would search them all."""
    note = "import builtins, weakref\nbuiltins.found_dialects.append(weakref.ref(op.get_bind().dialect))"
    project.revision("a", None, f"op.create_table('t', sa.Column('id', sa.Integer))\n{note}")
    project.revision("b", "a", note)
    found = builtins.found_dialects = []  # type: ignore[attr-defined]
    with Server(server.url, throwaway=True) as ours:
        assert run(project, ours, "upgrade a", "upgrade b") == [None, None]
    gc.collect()
    assert [reference() for reference in found] == [None, None]


CHANGED = {
    "schema of the role": ("CREATE SCHEMA AUTHORIZATION CURRENT_USER", "default_schema_name != 'public'"),
    "isolation of the database": (
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', "
        "current_database()); END$$",
        "default_isolation_level == 'SERIALIZABLE'",
    ),
    "type hstore": ("CREATE DOMAIN hstore AS text", "_has_native_hstore"),
}


@has_psycopg
@pytest.mark.parametrize("what", CHANGED)
def test_server_is_asked_again_where_the_answers_change(project, server_of, what) -> None:
    """A later command sees what a migration has changed, and the one after its downgrade that it is gone."""
    statement, holds = CHANGED[what]
    undo = {"type hstore": "DROP DOMAIN hstore"}.get(what, "pass")
    check = f"assert {{}}(op.get_bind().dialect.{holds})"
    project.revision("a", None)
    project.revision("b", "a", f"op.execute({statement!r})", undo if undo == "pass" else f"op.execute({undo!r})")
    project.revision("c", "b", check.format(""))
    project.revision("d", "a", check.format("not "))
    path = ["upgrade a", "upgrade d", "downgrade a", "upgrade b", "upgrade c"]
    if undo != "pass":
        path += ["downgrade b", "downgrade a", "upgrade d"]
    assert run(project, server_of, *path) == [None] * len(path)


@pytest.mark.parametrize("end", ["pg_terminate_backend(pg_backend_pid())", "pg_sleep(0)"])
def test_lost_backend_is_replaced(project, server_of, end) -> None:
    """A session that has been ended fails its own command alone."""
    project.revision("a", None, f"op.execute('SELECT {end}')")
    project.revision("b", None, "op.execute('SELECT 1')")
    first, second = run(project, server_of, "upgrade a", "upgrade b")
    assert (first is None) == (end == "pg_sleep(0)")
    assert second is None


def test_two_connections_at_once(project, server_of) -> None:
    """A migration that connects a second time, and keeps it, gets another backend."""
    second = """
    from sqlalchemy import create_engine
    one = op.get_bind()
    other = create_engine(one.engine.url).connect()
    pid = "SELECT pg_backend_pid()"
    assert one.exec_driver_sql(pid).scalar() != other.exec_driver_sql(pid).scalar()
    import builtins
    builtins.kept_by_a_migration = other
    """
    project.revision("a", None, second)
    project.revision("b", "a", "op.execute('SELECT 1')")
    assert run(project, server_of, "upgrade a", "upgrade b") == [None, None]
    builtins.kept_by_a_migration.invalidate()  # type: ignore[attr-defined]


@has_psycopg
def test_closed_connection_is_closed(project, server_of) -> None:
    """What a migration keeps of its connection is of no use later, as with a connection that is really closed."""
    project.revision("a", None, "import builtins\nbuiltins.kept_raw = op.get_bind().connection.driver_connection")
    project.revision("b", "a", "import builtins\nbuiltins.kept_raw.execute('SELECT 1')")
    first, second = run(project, server_of, "upgrade a", "upgrade b")
    assert first is None
    assert second is not None
    assert psycopg.OperationalError.__name__ in second
