"""Ways to get at a database that the gauntlet has not made: each is refused, and that database is as it was.

What goes through SQLAlchemy's engines in the plain ways is in test_guard.py. Here commands run in this process.
"""

import dataclasses
import gc
import importlib
import socket
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg  # noqa: F401 -- pytester forgets what a test has imported, and asyncpg cannot be imported twice
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine

from alembic_gauntlet.bystanders import Bystanders
from alembic_gauntlet.canonical import Canonical
from alembic_gauntlet.config import find_config
from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import BINARIES_ENV, hand_over
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Command
from alembic_gauntlet.guard import databases_changed
from alembic_gauntlet.runner import Runner
from alembic_gauntlet.settings import Settings
from tests.integration.developer import DRIVER, MIGRATE, Developer, env_py
from tests.integration.postmaster import Postmaster, made
from tests.integration.test_versions import SYSTEM

pytestmark = [
    # What is refused here leaves its connections and engines to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

URL = 'create_engine(config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)'
HARM = "DROP TABLE IF EXISTS precious"


@dataclass
class Scene:
    """A project of one revision on a server that is somebody's, beside a developer's database there."""

    project: Any
    developer: Developer
    server: Server

    @property
    def host(self) -> str:
        """The socket directory."""
        return unquote(self.developer.dsn.rpartition("host=")[2])

    def fill(self, text: str) -> str:
        """Put the developer's database into a text: `{dsn}`, `{url}`, `{host}`, `{driver}`."""
        places = {"dsn": self.developer.dsn, "url": self.developer.url(), "host": self.host, "driver": DRIVER}
        for name, value in places.items():
            text = text.replace(f"{{{name}}}", value)
        return textwrap.dedent(text)

    def env(self, head: str = f"engine = {URL}", connect: str = "engine.connect()", body: str = MIGRATE) -> None:
        """Write env.py, with the places of `fill`."""
        env_py(self.project, self.fill(head), self.fill(connect), self.fill(body))

    def migration(self, body: str) -> None:
        """Have the revision a1 do this, with the places of `fill`."""
        self.project.revision("a1", None, self.fill(body))

    def run(self) -> str | None:
        """Run `upgrade a1` on a sandbox; return the refusal or what fails; None where nothing does."""
        try:
            runner = Runner(find_config(self.project.path, self.project.path))
            with closing(Canonical(self.server, runner, Settings())) as canonical, canonical.fresh() as sandbox:
                error = runner.run(sandbox, Command("upgrade", "a1")).error
                return error.explanation.summary if error else None
        except GauntletError as refusal:
            return str(refusal)
        finally:
            for name in [name for name in sys.modules if name.startswith("shop")]:
                del sys.modules[name]


@pytest.fixture(scope="module")
def owned(server) -> Iterator[Server]:
    """A server that is not known to be throw-away."""
    with Server(server.url) as ours:
        yield ours


@pytest.fixture
def scene(project, owned, monkeypatch) -> Iterator[Scene]:
    """At its end the developer's database is the same to the last row, and so is what the whole server has."""
    developer = Developer(project.server)
    project.table("a1", None, "users")
    monkeypatch.chdir(project.path)
    monkeypatch.syspath_prepend(project.path)
    before = developer.contents(), cluster(project)
    yield Scene(project, developer, owned)
    assert (developer.contents(), cluster(project)) == before
    developer.drop()
    # What env.py has left open is to be told of no other test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def cluster(project) -> list[tuple[object, ...]]:
    """Databases but the sandboxes, with what belongs to them; roles and their settings."""
    with psycopg.connect(project.server.url, autocommit=True) as connection:
        return connection.execute(
            r"""
            SELECT datname, datdba, datacl::text, datconnlimit::text, shobj_description(oid, 'pg_database')
            FROM pg_database WHERE datname !~ '^gauntlet_'
            UNION ALL SELECT rolname, oid, rolconfig::text, rolsuper::text, NULL FROM pg_roles
            UNION ALL SELECT setdatabase::text, setrole, setconfig::text, NULL, NULL FROM pg_db_role_setting
                WHERE setdatabase = 0 OR setdatabase IN (SELECT oid FROM pg_database WHERE datname !~ '^gauntlet_')
            ORDER BY 1, 2, 3"""
        ).fetchall()


STRAIGHT = {
    "psycopg": "import psycopg\nwith psycopg.connect('{dsn}') as other:\n    other.execute('{harm}')",
    "psycopg by name": "from shop_driver import connect\nwith connect('{dsn}') as other:\n    other.execute('{harm}')",
    "psycopg without arguments": """
        import os, psycopg
        os.environ.update(PGHOST="{host}", PGDATABASE="developer", PGUSER="postgres")
        try:
            psycopg.connect("").execute('{harm}')
        finally:
            for name in ("PGHOST", "PGDATABASE", "PGUSER"):
                del os.environ[name]
        """,
    "async psycopg": """
        import asyncio, psycopg
        async def harm():
            async with await psycopg.AsyncConnection.connect("{dsn}") as other:
                await other.execute("{harm}")
        asyncio.run(harm())
        """,
    "psycopg2": """
        import psycopg2
        other = psycopg2.connect("{dsn}")
        other.cursor().execute("{harm}")
        other.commit()
        """,
    "psycopg2 pool": """
        from psycopg2.pool import SimpleConnectionPool
        other = SimpleConnectionPool(1, 1, "{dsn}").getconn()
        other.cursor().execute("{harm}")
        other.commit()
        """,
    "asyncpg": """
        import asyncio, asyncpg
        async def harm():
            other = await asyncpg.connect(host="{host}", user="postgres", database="developer")
            await other.execute("{harm}")
        asyncio.run(harm())
        """,
    "asyncpg pool": """
        import asyncio, asyncpg
        async def harm():
            async with asyncpg.create_pool(host="{host}", user="postgres", database="developer") as pool:
                await pool.execute("{harm}")
        asyncio.run(harm())
        """,
    "pg8000": """
        import pg8000.native
        pg8000.native.Connection("postgres", database="developer", unix_sock="{host}/.s.PGSQL.5432").run("{harm}")
        """,
    "pg8000, the database of the role": """
        import pg8000.dbapi
        other = pg8000.dbapi.connect("developer", unix_sock="{host}/.s.PGSQL.5432")
        """,
    "a thread": """
        import threading, psycopg
        def harm():
            try:
                psycopg.connect("{dsn}").execute("{harm}")
            except Exception:
                pass
        thread = threading.Thread(target=harm)
        thread.start()
        thread.join()
        """,
}


@pytest.mark.parametrize("driver", STRAIGHT)
def test_driver_without_sqlalchemy(scene, driver) -> None:
    """In a migration or in env.py, however the driver's function is called: refused before a statement."""
    scene.project.write("shop_driver.py", "from psycopg import connect\n")
    code = textwrap.dedent(STRAIGHT[driver]).replace("{harm}", HARM).strip()
    scene.env()
    scene.migration(code)
    refusal = scene.run()
    assert refusal is not None
    assert "about to use the database developer, which is not the gauntlet's sandbox." in refusal
    assert "a1_.py:" in refusal or driver == "a thread"
    scene.project.table("a1", None, "users")
    scene.env(f"{code}\nengine = {URL}")
    assert "env.py was about to use the database developer" in str(scene.run())


ELSEWHERE = {
    "service in the query": """
        import os
        os.environ["PGSERVICEFILE"] = "{service_file}"
        engine = create_engine("postgresql+{driver}:///?service=production")
        """,
    "PGSERVICE": """
        import os
        os.environ["PGSERVICEFILE"], os.environ["PGSERVICE"] = "{service_file}", "production"
        engine = create_engine("postgresql+{driver}://")
        """,
    "PGHOST and PGPORT and PGDATABASE": """
        import os
        os.environ.update(PGHOST="{host}", PGPORT="5432", PGDATABASE="developer", PGUSER="postgres")
        engine = create_engine("postgresql+{driver}://")
        """,
    "password file": """
        engine = create_engine("postgresql+{driver}://postgres@/developer?host={host}&passfile={service_file}")
        """,
    "dbname in connect_args": """
        engine = create_engine(config.get_main_option("sqlalchemy.url"), connect_args={"dbname": "developer"})
        """,
    "driver that is not the Config's": """
        engine = create_engine("postgresql+pg8000://postgres@/developer?unix_sock={host}/.s.PGSQL.5432")
        """,
    "one connection for all": """
        from sqlalchemy.pool import StaticPool
        engine = create_engine("{url}", poolclass=StaticPool)
        """,
    "engine of a module, in one connection for all": "from shop import engine",
    "Alembic's operations on a connection of its own": """
        from alembic.operations import Operations
        from alembic.runtime.migration import MigrationContext
        Operations(MigrationContext.configure(create_engine("{url}").connect())).drop_table("precious")
        engine = create_engine(config.get_main_option("sqlalchemy.url"))
        """,
    "refusal that is swallowed": """
        try:
            create_engine("{url}").connect()
        except BaseException:
            pass
        engine = create_engine(config.get_main_option("sqlalchemy.url"))
        """,
    "thread": """
        import threading
        def harm():
            try:
                with create_engine("{url}").begin() as other:
                    other.execute(text("{harm}"))
            except Exception:
                pass
        thread = threading.Thread(target=harm)
        thread.start()
        thread.join()
        engine = create_engine(config.get_main_option("sqlalchemy.url"))
        """,
}
FIRST = f'connection.execute(text("{HARM}"))\nconnection.commit()\n{MIGRATE}'


@pytest.mark.parametrize("way", ELSEWHERE)
def test_engine_that_leads_elsewhere(scene, way, monkeypatch) -> None:
    """By services, variables, files and arguments of the driver; in the place of the sandbox, or beside it."""
    for name in ("PGSERVICEFILE", "PGSERVICE", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER"):
        monkeypatch.setenv(name, "")  # put back at the end, whatever env.py sets
        monkeypatch.delenv(name)
    service = scene.project.write(
        "services.conf", f"[production]\nhost={scene.host}\nuser=postgres\ndbname=developer\n"
    )
    scene.project.write(
        "shop.py",
        scene.fill(
            """
            import sqlalchemy as sa
            from sqlalchemy.pool import StaticPool
            engine = sa.create_engine("{url}", poolclass=StaticPool, future=True)
            engine.connect().close()
            """
        ),
    )
    application = __import__("shop")
    scene.env(ELSEWHERE[way].replace("{service_file}", str(service)).replace("{harm}", HARM), body=FIRST)
    refusal = scene.run()
    application.engine.dispose()
    assert refusal is not None
    assert "env.py was about to use" in refusal, refusal


def test_listener_of_the_application_that_connects_by_itself(scene) -> None:
    """One that was there before the guard, for all engines, and returns a connection of its own making."""
    driver = __import__(DRIVER)

    def elsewhere(dialect, record, cargs, cparams):
        return driver.connect(scene.developer.dsn)

    scene.env(body=FIRST)
    event.listen(Engine, "do_connect", elsewhere)
    try:
        refusal = scene.run()
    finally:
        event.remove(Engine, "do_connect", elsewhere)
    assert "env.py was about to use the database developer" in str(refusal)


@pytest.mark.parametrize("kind", ["connection", "cursor"])
def test_connection_held_since_before_the_command(scene, kind) -> None:
    """A statement through SQLAlchemy on it is refused, also where its pool is asked for another one."""
    engine = sa.create_engine(scene.developer.url(), future=True)
    with engine.connect() as held:
        sys.modules["shop_held"] = held if kind == "connection" else engine  # type: ignore[assignment]
        use = "shop_held" if kind == "connection" else "shop_held.connect()"
        scene.env()
        scene.migration(f"import shop_held\n{use}.execute(sa.text('{HARM}'))")
        refusal = scene.run()
    engine.dispose()
    assert "A migration was about to use" in str(refusal)


CONFIGURE = {
    "a URL in the place of a connection": "context.configure(url='{url}', literal_binds=True)",
    "a dialect in the place of a connection": "context.configure(dialect_name='postgresql')",
    "first the sandbox, then the developer's": """
        context.configure(connection=connection, target_metadata=None)
        context.configure(connection=create_engine('{url}').connect(), target_metadata=None)
        """,
    "first the developer's, then the sandbox": """
        try:
            context.configure(connection=create_engine('{url}').connect(), target_metadata=None)
        except Exception:
            context.configure(connection=connection, target_metadata=None)
        """,
}


@pytest.mark.parametrize("how", CONFIGURE)
def test_configure_without_the_sandbox(scene, how) -> None:
    """What has no connection, as for `--sql`, or had another one, is refused."""
    migrate = MIGRATE.strip().partition("\n")[2]
    scene.env(body=f"{textwrap.dedent(CONFIGURE[how]).strip()}\n{migrate}")
    refusal = str(scene.run())
    assert "env.py was about to use" in refusal or "env.py passes no connection to context.configure" in refusal


def test_env_py_for_several_databases(make_project, owned, monkeypatch) -> None:
    """The template `multidb` of `alembic init`, whose sections name databases of the developer's."""
    project = make_project("multidb")
    developer = Developer(project.server)
    before = developer.contents(), cluster(project)
    url = developer.url().replace("%", "%%")
    for engine in ("driver://user:pass@localhost/dbname", "driver://user:pass@localhost/dbname2"):
        project.edit("alembic.ini", f"sqlalchemy.url = {engine}\n", f"sqlalchemy.url = {url}\n")
    project.write(
        "migrations/versions/a1_.py",
        """
        revision, down_revision = "a1", None

        def upgrade(engine_name):
            from alembic import op
            op.execute("DROP TABLE precious")
        """,
    )
    monkeypatch.chdir(project.path)
    refusal = str(Scene(project, developer, owned).run())
    assert "env.py was about to use" in refusal, refusal
    assert (developer.contents(), cluster(project)) == before
    developer.drop()


INSIDE = {
    "a second connection of the bind's engine": """
        with op.get_bind().engine.connect() as other:
            assert other.execute(sa.text("SELECT current_database()")).scalar().startswith("gauntlet_")
        """,
    "the driver's own connection": """
        cursor = op.get_bind().connection.cursor()
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone()[0].startswith("gauntlet_")
        """,
    "psycopg by the sandbox's own URL": """
        import psycopg
        url = op.get_bind().engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url) as other:
            assert other.info.dbname.startswith("gauntlet_")
        """,
    "a search_path, by options of the connection": """
        url = op.get_bind().engine.url.update_query_dict({"options": "-c search_path=pg_catalog"})
        with sa.create_engine(url, future=True).connect() as other:
            assert other.execute(sa.text("SHOW search_path")).scalar() == "pg_catalog"
        """,
    "its own database as a whole": """
        op.execute(sa.text(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''2MB''', current_database()); END $$"
        ))
        name = op.get_bind().exec_driver_sql("SELECT current_database()").scalar()
        op.execute(f"COMMENT ON DATABASE {name} IS 'shop'")
        op.execute(f'GRANT CONNECT ON DATABASE "{name}" TO PUBLIC')
        op.execute("COMMENT ON SCHEMA public IS 'DROP DATABASE developer'")
        """,
}


@pytest.mark.parametrize("what", INSIDE)
def test_what_stays_within_the_sandbox_passes(scene, what) -> None:
    """No false alarm."""
    scene.env()
    scene.migration(INSIDE[what])
    assert scene.run() is None


STATEMENTS = [
    "ALTER DATABASE developer SET work_mem = '2MB'",
    'ALTER DATABASE "developer" RENAME TO production',
    "SELECT 1; -- and now\n/* the\nrest */ comment on database Developer IS 'mine'",
    "GRANT ALL ON DATABASE developer TO PUBLIC",
    "REVOKE CONNECT ON DATABASE postgres, developer FROM PUBLIC",
    "ALTER ROLE postgres IN DATABASE developer SET search_path = shop",
    "DROP DATABASE IF EXISTS developer WITH (FORCE)",
    "CREATE DATABASE developer_two",
    "DO $$ BEGIN ALTER DATABASE developer SET work_mem = '2MB'; END $$",
    "DO $$ BEGIN EXECUTE 'GRANT ALL ON DATABASE \"developer\" TO PUBLIC'; END $$",
    "DO $$ BEGIN EXECUTE 'ALTER ROLE postgres IN DATABASE developer RESET ALL'; END $$",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statement_on_another_database(scene, statement) -> None:
    """SQL that names a database of the server is not run, unless it is the sandbox."""
    scene.env()
    scene.migration(f"with op.get_context().autocommit_block():\n    op.execute({statement!r})")
    refusal = str(scene.run())
    assert "A migration was about to change the database" in refusal
    assert "a1_.py:" in refusal
    assert "current_database()" in refusal


CURSORS = {
    "the bind's own": """
        with op.get_context().autocommit_block():
            op.get_bind().connection.cursor().execute("{harm}")
        """,
    "psycopg": """
        import psycopg
        psycopg.connect(op.get_bind().engine.url.set(drivername="postgresql").render_as_string(False)).execute("{harm}")
        """,
    "psycopg, as an SQL object, with parameters, in a pipeline": """
        import psycopg
        from psycopg import sql
        url = op.get_bind().engine.url.set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(url) as other, other.pipeline(), other.cursor() as cursor:
            cursor.execute("SELECT %s", [1])
            cursor.executemany(sql.SQL("ALTER {} {} SET work_mem = '3MB'").format(
                sql.SQL("DATABASE"), sql.Identifier("developer")), [()])
        """,
    "psycopg2": """
        import psycopg2
        psycopg2.connect(url).cursor().execute("{harm}")
        """,
    "psycopg2, with factories, many, as an SQL object": """
        import psycopg2.extras
        from psycopg2 import sql
        other = psycopg2.connect(url, connection_factory=psycopg2.extras.RealDictConnection)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 AS one")
            assert cursor.fetchone() == {"one": 1}
        cursor = other.cursor(None, psycopg2.extras.NamedTupleCursor)
        cursor.execute("SELECT 1 AS one")
        assert cursor.fetchone().one == 1
        harm = sql.SQL("ALTER DATABASE {} SET work_mem = '3MB'").format(sql.Identifier("developer"))
        cursor.executemany(harm, [()])
        """,
    "asyncpg": """
        import asyncio, asyncpg
        async def harm():
            other = await asyncpg.connect(url)
            await other.execute("{harm}")
        asyncio.run(harm())
        """,
    "asyncpg, prepared": """
        import asyncio, asyncpg
        async def harm():
            async with asyncpg.create_pool(url, min_size=1) as pool:
                await pool.fetch("{harm}")
        asyncio.run(harm())
        """,
    "pg8000": """
        import pg8000.native
        other = pg8000.native.Connection("postgres", database=name, unix_sock="{host}/.s.PGSQL.5432")
        other.run("{harm}")
        """,
    "pg8000, prepared": """
        import pg8000.native
        other = pg8000.native.Connection("postgres", database=name, unix_sock="{host}/.s.PGSQL.5432")
        other.prepare("{harm}").run()
        """,
}


@pytest.mark.parametrize("how", CURSORS)
def test_statement_on_another_database_by_a_cursor(scene, how) -> None:
    """The same past SQLAlchemy, on a connection that a driver has on the sandbox itself."""
    scene.env()
    own = f"""
name = op.get_bind().exec_driver_sql("SELECT current_database()").scalar()
url = f"postgresql://postgres@/{{name}}?host={scene.host}"
"""
    harm = "ALTER DATABASE developer SET work_mem = '2MB'"
    scene.migration(own + textwrap.dedent(CURSORS[how]).replace("{harm}", harm))
    refusal = str(scene.run())
    assert "A migration was about to change the database developer, which" in refusal
    assert "a1_.py:" in refusal


HELD = {
    "psycopg": ("psycopg.connect({dsn!r}, autocommit=True)", "held.execute('{harm}')"),
    "psycopg, a cursor": ("psycopg.connect({dsn!r}, autocommit=True).cursor()", "held.execute('{harm}')"),
    "psycopg, by COPY": (
        "psycopg.connect({dsn!r}, autocommit=True).cursor()",
        "with held.copy('COPY precious FROM STDIN') as copy:\n    copy.write_row((9, 'harm'))",
    ),
    "pg8000": (
        "pg8000.native.Connection('postgres', database='developer', unix_sock='{host}/.s.PGSQL.5432')",
        "held.run('{harm}')",
    ),
    "asyncpg": (
        "loop.run_until_complete(asyncpg.connect(host='{host}', user='postgres', database='developer'))",
        "import asyncio\nshop_held.loop.run_until_complete(held.execute('{harm}'))",
    ),
}


@pytest.mark.parametrize("driver", HELD)
def test_connection_of_a_driver_held_since_before_the_command(scene, driver) -> None:
    """A module of the application that was imported before has one: refused, before the first statement on it."""
    made, use = HELD[driver]
    scene.project.write(
        "shop_held.py",
        "import asyncio, asyncpg, pg8000.native, psycopg\nloop = asyncio.new_event_loop()\nheld = "
        + made.format(dsn=scene.developer.dsn, host=scene.host),
    )
    held = importlib.import_module("shop_held")
    scene.env()
    scene.migration(f"import shop_held\nheld = shop_held.held\n{use.replace('{harm}', HARM)}")
    try:
        refusal = str(scene.run())
    finally:
        closed = held.held.close()
        if driver == "asyncpg":
            held.loop.run_until_complete(closed)
        held.loop.close()
    assert "A migration was about to use" in refusal
    assert "which is not the gauntlet's sandbox" in refusal


PSYCOPG2 = {
    "a new cursor": ("connection", "held.cursor().execute('{harm}')"),
    "an old cursor": ("connection.cursor()", "held.execute('{harm}')"),
    "a cursor of another class": (
        "connection",
        "import psycopg2.extras\nheld.cursor(cursor_factory=psycopg2.extras.DictCursor).execute('{harm}')",
    ),
    "by COPY": ("connection.cursor()", "import io\nheld.copy_from(io.StringIO('9\\tharm'), 'precious')"),
    "in its transaction": (
        "connection",
        "cursor = held.cursor()\ncursor.execute('{harm}')\nheld.commit()",
    ),
    "in a thread, caught": (
        "connection.cursor()",
        """
import contextlib, threading
def harm():
    with contextlib.suppress(Exception):
        held.execute('{harm}')
thread = threading.Thread(target=harm)
thread.start()
thread.join()""",
    ),
}


def psycopg2_held(scene, made: str, autocommit: bool = True) -> Any:
    """Write a module that holds a connection of psycopg2 to the developer's database, and import it."""
    scene.project.write(
        "shop_held.py",
        f"""
import psycopg2
connection = psycopg2.connect({scene.developer.dsn!r})
connection.autocommit = {autocommit}
held = {made}
""",
    )
    return importlib.import_module("shop_held")


@pytest.mark.parametrize("way", PSYCOPG2)
def test_connection_of_psycopg2_held_since_before_the_command(scene, way) -> None:
    """Nothing is sent on it, though psycopg2 is written in C, and the line that would have is shown."""
    made, use = PSYCOPG2[way]
    shop = psycopg2_held(scene, made, autocommit=way != "in its transaction")
    scene.env()
    scene.migration(f"import shop_held\nheld = shop_held.held\n{use.replace('{harm}', HARM)}")
    try:
        refusal = str(scene.run())
    finally:
        shop.connection.close()
    assert "about to use the database developer, which is not the gauntlet's sandbox" in refusal
    assert "Refused: nothing was written there" in refusal
    if "caught" not in way:
        assert "A migration was" in refusal
        assert "a1_.py:" in refusal


def test_connection_of_psycopg2_that_nobody_uses_is_as_it_was(scene) -> None:
    """Cut off for the time of a command, it goes on afterwards, with its transaction; and there may be many of them."""
    import psycopg2

    shop = psycopg2_held(scene, "[psycopg2.connect(connection.dsn) for _ in range(20)]", autocommit=False)
    cursor = shop.connection.cursor()
    cursor.execute("CREATE TEMPORARY TABLE note AS SELECT 7 AS kept")
    scene.env()
    scene.migration("op.execute('CREATE TABLE t (id int)')")
    try:
        for _ in range(2):
            assert scene.run() is None
        cursor.execute("SELECT kept FROM note")
        assert cursor.fetchone() == (7,)
        for other in shop.held:
            with other.cursor() as asking:
                asking.execute("SELECT current_database()")
                assert asking.fetchone() == ("developer",)
    finally:
        for connection in (shop.connection, *shop.held):
            connection.close()
    with pytest.raises(psycopg2.InterfaceError):
        cursor.execute("SELECT 1")


def test_connection_of_psycopg2_that_was_open_before_the_server_is_known(scene) -> None:
    """It is found among the objects of the process; one that its class has made, too."""
    import psycopg2.extensions

    held = psycopg2.extensions.connection(scene.developer.dsn)
    held.autocommit = True
    scene.project.write("shop_held.py", "held = None")
    importlib.import_module("shop_held").held = held
    scene.env()
    scene.migration(f"import shop_held\nshop_held.held.cursor().execute('{HARM}')")
    with Server(scene.server.url) as later, closing(held):
        refusal = str(dataclasses.replace(scene, server=later).run())
    assert "A migration was about to use the database developer" in refusal


@pytest.mark.parametrize("use", ["rollback()", "close()"])
def test_connection_of_psycopg2_that_is_done_with(scene, use) -> None:
    """A migration or env.py may close what the application has open: that writes nothing."""
    shop = psycopg2_held(scene, "connection", autocommit=False)
    shop.connection.cursor().execute("SELECT 1")
    scene.env()
    scene.migration(
        f"import contextlib, shop_held, psycopg2\nwith contextlib.suppress(psycopg2.Error):\n    shop_held.held.{use}"
    )
    with closing(shop.connection):
        assert scene.run() is None


@pytest.fixture(scope="module")
def encrypted() -> Iterator[str]:
    """The DSN of a server that is reached by TLS, of which the embedded one knows nothing."""
    if not SYSTEM:
        pytest.skip("no PostgreSQL of the system")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(BINARIES_ENV, str(SYSTEM[-1]))
            postmaster = stack.enter_context(made())
        yield with_tls(postmaster)


def with_tls(postmaster: Postmaster) -> str:
    """Start it so that it takes TLS, on a port; return its DSN."""
    data = postmaster.directory / "data"
    certificate = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(certificate.split(), cwd=data, check=True, capture_output=True)
    for name in ("cert.pem", "key.pem"):
        hand_over(data / name)
        (data / name).chmod(0o600)
    with socket.create_server(("localhost", 0)) as free:
        port = str(free.getsockname()[1])
    files = {"ssl_cert_file": "cert.pem", "ssl_key_file": "key.pem"}
    postmaster.start(listen_addresses="localhost", port=port, ssl="on", **files)
    return f"host=localhost port={port} user=postgres dbname=postgres sslmode=require"


@pytest.mark.parametrize(("use", "used"), [("execute", "postgres"), ("close", None), ("nothing", None)])
def test_encrypted_connection_of_psycopg2(encrypted, use, used) -> None:
    """The same with TLS, of which nobody but the driver can tell what it has sent: closing is all that is let pass."""
    import psycopg2

    with closing(Bystanders()) as bystanders, closing(psycopg2.connect(encrypted)) as held:
        held.autocommit = True
        with bystanders.cut_off(lambda name: False) as cuts:
            if use == "execute":
                with pytest.raises(psycopg2.OperationalError):
                    held.cursor().execute("CREATE TABLE harm ()")
            elif use == "close":
                held.close()
            assert cuts.used() == used
        with closing(psycopg2.connect(encrypted)) as other, other.cursor() as cursor:
            cursor.execute("SELECT to_regclass('harm')")
            assert cursor.fetchone() == (None,)
        if use == "nothing":
            held.cursor().execute("SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT datname FROM pg_database",
        "COMMENT ON TABLE t IS 'ALTER DATABASE shop'",
        "ALTER TABLE database ADD COLUMN x int",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET a.b = 1', current_database()); END $$",
        "-- ALTER DATABASE shop\nSELECT 1",
        "CREATE TABLE database (id int)",
        "DO $$ BEGIN RAISE NOTICE 'no database shop is there, in database shop'; END $$",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$BEGIN ALTER DATABASE shop RESET ALL; END$$",
    ],
)
def test_statement_that_only_speaks_of_databases(statement) -> None:
    """It names none that it would change."""
    assert databases_changed(statement) == []


def test_sqlite_by_a_creator(scene) -> None:
    """A file that only the driver knows of is refused like one in a URL; one in memory is not."""
    file = scene.project.path / "shop.db"
    create = """
import sqlite3
with create_engine("sqlite://", creator=lambda: sqlite3.connect({0!r})).begin() as other:
    other.execute(text("CREATE TABLE t (id int)"))
"""
    scene.env(f"{create.format(str(file))}engine = {URL}")
    refusal = scene.run()
    assert f"env.py was about to use sqlite:///{file}" in str(refusal)
    assert not file.exists() or not file.stat().st_size
    scene.env(f"{create.format(':memory:')}engine = {URL}")
    assert scene.run() is None


def test_embedded_server_has_nothing_else_and_cannot_be_reached(server) -> None:
    """No TCP; a socket in a directory of its user alone; no database but those of every new server."""
    with psycopg.connect(server.url) as connection:
        rows = connection.execute("SELECT current_setting('listen_addresses'), current_setting('data_directory')")
        addresses, data = rows.fetchone()
    directory = Path(data).parent
    assert addresses == ""
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / ".s.PGSQL.5432").stat().st_mode & 0o777 == 0o700
    assert directory.stat().st_uid == (directory / ".s.PGSQL.5432").stat().st_uid


def test_template_that_somebody_uses(scene) -> None:
    """Every sandbox is a copy of template1: the message says so, and how to find who holds it."""
    url = scene.project.server.url.replace("/postgres?", "/template1?")
    with psycopg.connect(url):
        refusal = str(scene.run())
    assert "template1 cannot be copied, because somebody is connected to it" in refusal
