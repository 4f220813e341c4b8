"""Sandboxes on a real server: made, cloned with all that belongs to them, dropped, swept; and URLs for each driver."""

import asyncio
import os
import re
import threading
import time
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from alembic_gauntlet.database import MARK, Server, describe, parse_url
from alembic_gauntlet.errors import GauntletError

DRIVERS = ["", "+psycopg2", "+asyncpg", "+pg8000", *(["+psycopg"] if sa.__version__ >= "2" else [])]


@pytest.fixture
def url(pg) -> str:
    return f"postgresql://postgres@/postgres?host={pg.host}"


@pytest.fixture
def made(url) -> Iterator[Server]:
    with Server(url) as server:
        yield server


def names(pg) -> set[str]:
    with pg.connect("postgres") as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database") if "gauntlet_" in name}


def test_sandbox_is_a_database_of_its_own_until_it_is_dropped(pg, made) -> None:
    """Named by the session's token and a number; dropped though others are connected; a second drop is harmless."""
    with made.create() as one, made.create() as other:
        assert names(pg) == {one.name, other.name}
        assert re.fullmatch(r"gauntlet_[0-9a-f]{16}_1", one.name)
        one.connection.execute("CREATE TABLE t ()")
        assert other.connection.execute("SELECT to_regclass('t')").fetchone() == (None,)
        with pg.connect(one.name) as visitor:
            one.drop()
            with pytest.raises(psycopg.OperationalError):
                visitor.execute("SELECT 1")
        assert names(pg) == {other.name}
    assert names(pg) == set()


def test_server_drops_what_is_left_when_it_closes(pg, url) -> None:
    """Also a clone, and also where a sandbox is in use."""
    with Server(url) as server:
        sandbox = server.create()
        clone = sandbox.clone()
        assert clone.connection.execute("SELECT 1").fetchone() == (1,)
        assert len(names(pg)) == 2
    assert names(pg) == set()


@pytest.mark.parametrize("throwaway", [False, True])
def test_clone_holds_all_that_its_template_holds(pg, url, throwaway) -> None:
    """Tables and rows, and what CREATE DATABASE leaves out: the settings and the privileges of the database.

    The template may be in use: its connections are closed first.
    """
    with pg.connect("postgres") as connection:
        connection.execute("DROP ROLE IF EXISTS visitor")
        connection.execute("CREATE ROLE visitor")
    with Server(url, throwaway=throwaway) as server:
        template = server.create(settings={"lock_timeout": "5000ms"})
        template.connection.execute("CREATE TABLE t AS SELECT 1 AS a; CREATE SCHEMA shop")
        database = f"DATABASE {template.name}"
        for statement in (
            f"""ALTER {database} SET search_path = shop, "$user", public""",
            f"ALTER {database} SET app.tenant = 'it''s {{}} 100%s'",
            f"ALTER ROLE visitor IN {database} SET work_mem = '5MB'",
            f"REVOKE CONNECT ON {database} FROM PUBLIC",
            f"GRANT CREATE, TEMPORARY ON {database} TO visitor WITH GRANT OPTION",
        ):
            template.connection.execute(statement)
        in_use = pg.connect(template.name)
        clone = template.clone().clone()
        connection = clone.connection
        assert connection.execute("SELECT a FROM public.t").fetchone() == (1,)
        shown = [
            connection.execute(f"SHOW {name}").fetchone()[0] for name in ("lock_timeout", "search_path", "app.tenant")
        ]
        assert shown == ["5s", 'shop, "$user", public', "it's {} 100%s"]
        assert attached(pg, clone.name) == attached(pg, template.name)
        assert len(attached(pg, clone.name)) == 3 + 4
        in_use.close()
    with pg.connect("postgres") as connection:
        connection.execute("DROP ROLE visitor")


def attached(pg, name: str) -> list[tuple[object, ...]]:
    """Privileges and settings of a database, in the order of their text."""
    with pg.connect("postgres") as connection:
        rows = connection.execute(
            "SELECT a::text FROM pg_database, unnest(datacl) a WHERE datname = %(name)s UNION ALL "
            "SELECT setrole::regrole || ': ' || c FROM pg_database JOIN pg_db_role_setting ON setdatabase = oid, "
            "unnest(setconfig) c WHERE datname = %(name)s",
            {"name": name},
        ).fetchall()
    return sorted(rows)


def test_next_session_sweeps_what_a_dead_one_left(pg, url) -> None:
    """By the token that no connection shows, though somebody is connected; not those of a living session."""
    left = left_behind(pg, url)
    assert names(pg) == {left}
    with pg.connect(left), Server(url) as living:
        sandbox = living.create()
        with Server(url):
            assert names(pg) == {sandbox.name}


def left_behind(pg, url) -> str:
    """Make a sandbox whose session ends without dropping it."""
    server = Server(url)
    name = server.create().name
    with pg.connect("postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
            [f"alembic-gauntlet {server.token}"],
        )
    server._connection.close()
    return name


FOREIGN = {
    "other name": ("gauntlet_mine", ""),
    "name within a name": ("xgauntlet_00000000000000aa_1", ""),
    "made by hand": ("gauntlet_00000000000000aa_1", ""),
    "made by hand, with few connections": ("gauntlet_00000000000000aa_2", "CONNECTION LIMIT 2"),
    "of another role": ("gauntlet_00000000000000aa_3", f"CONNECTION LIMIT {MARK} OWNER somebody"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_nothing_is_swept_that_is_not_ours(pg, url, what) -> None:
    """A database is ours by its name, its mark and its owner together; all else stays, with its rows."""
    name, options = FOREIGN[what]
    with pg.connect("postgres") as connection:
        connection.execute("DROP ROLE IF EXISTS somebody")
        connection.execute("CREATE ROLE somebody")
        connection.execute(f"CREATE DATABASE {name} {options}")
    try:
        with pg.connect(name) as connection:
            connection.execute("CREATE TABLE precious AS SELECT 1 AS id")
        with Server(url) as server, server.create():
            pass
        with pg.connect(name) as connection:
            assert connection.execute("SELECT id FROM precious").fetchall() == [(1,)]
    finally:
        with pg.connect("postgres") as connection:
            connection.execute(f"DROP DATABASE {name}")
            connection.execute("DROP ROLE somebody")


def test_sandbox_of_a_dead_session_as_maintenance_database(pg, url) -> None:
    """What the user's URL names is not dropped, whatever it is."""
    name = left_behind(pg, url)
    with Server(url.replace("/postgres?", f"/{name}?")) as server, server.create() as sandbox:
        assert names(pg) == {name, sandbox.name}
    Server(url).close()
    assert names(pg) == set()


def test_session_is_not_ended_for_being_idle(pg, url) -> None:
    """Its connection shows that it is alive: a limit that the server has for others would have its sandboxes swept."""
    with pg.connect("postgres") as connection:
        connection.execute("ALTER DATABASE postgres SET idle_session_timeout = '50ms'")
    try:
        with Server(url) as server, server.create() as sandbox:
            other = pg.connect("postgres")
            time.sleep(0.3)
            with pytest.raises(psycopg.OperationalError):
                other.execute("SELECT 1")
            other.close()
            Server(url).close()
            assert names(pg) == {sandbox.name}
    finally:
        with pg.connect("postgres") as connection:
            connection.execute("ALTER DATABASE postgres RESET idle_session_timeout")


def test_template_as_maintenance_database(pg, url) -> None:
    """Sandboxes are copies of template1, which stays as it is."""
    with Server(url.replace("/postgres?", "/template1?")) as server, server.create() as sandbox:
        sandbox.connection.execute("CREATE TABLE t ()")
        with pg.connect("template1") as visitor:
            assert visitor.execute("SELECT to_regclass('t')").fetchone() == (None,)
    assert names(pg) == set()


def test_throw_away_server_is_not_the_one_of_the_environment(pg, url, monkeypatch) -> None:
    """What libpq would take from the environment for another server is left aside; the variables stay."""
    others = {"PGHOSTADDR": "192.0.2.1", "PGSERVICE": "production", "PGTARGETSESSIONATTRS": "read-only"}
    for variable, value in others.items():
        monkeypatch.setenv(variable, value)
    with Server(url, throwaway=True) as server, server.create() as sandbox:
        assert sandbox.connection.execute("SELECT current_database()").fetchone() == (sandbox.name,)
    assert {name: os.environ[name] for name in others} == others
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "1")
    with pytest.raises(GauntletError, match='definition of service "production" not found'):
        Server(url)


def test_sessions_that_start_together_sweep_together(pg, url) -> None:
    """As with pytest-xdist: each may find a database gone that it was about to drop."""
    with pg.connect("postgres") as connection:
        for number in range(6):
            connection.execute(f"CREATE DATABASE gauntlet_00000000000000bb_{number} CONNECTION LIMIT {MARK}")
    errors: list[BaseException] = []

    def start() -> None:
        try:
            Server(url).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert names(pg) == set()


def test_connection_that_breaks_does_not_keep_sandboxes_alive(pg, made) -> None:
    """The server is connected to again, and nobody notices."""
    sandbox = made.create()
    with pg.connect("postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'alembic-g%'"
        )
    another = made.create()
    assert names(pg) == {sandbox.name, another.name}
    sandbox.drop()
    another.drop()
    assert names(pg) == set()


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("given", ["", "+psycopg", "+psycopg2", "+asyncpg", "+pg8000"])
def test_url_for_any_driver_from_any_spelling(pg, given, driver) -> None:
    """Each driver reaches the sandbox by the URL that is made for it, through a socket."""
    query = f"unix_sock={pg.host}/.s.PGSQL.5432" if given == "+pg8000" else f"host={pg.host}"
    with Server(f"postgresql{given}://postgres:a%25b@/postgres?{query}") as server, server.create() as sandbox:
        target = sandbox.url(f"postgresql{driver}")
        if driver == "+asyncpg":
            (_, parameters) = target.get_dialect()().create_connect_args(target)
            assert asyncio.run(asked(parameters)) == sandbox.name
        else:
            engine = sa.create_engine(target)
            with engine.connect() as connection:
                assert connection.scalar(sa.text("SELECT current_database()")) == sandbox.name
            engine.dispose()


async def asked(parameters: dict[str, object]) -> object:
    connection = await asyncpg.connect(**{key: value for key, value in parameters.items() if key != "prepared"})
    try:
        return await connection.fetchval("SELECT current_database()")
    finally:
        await connection.close()


def test_options_of_libpq_are_kept_where_the_driver_knows_them(pg) -> None:
    """Certificates and the like reach psycopg and psycopg2, sslmode becomes asyncpg's ssl, pg8000 gets neither."""
    query = f"host={pg.host}&sslmode=disable&sslrootcert=/ca.pem&connect_timeout=3&prepared_statement_cache_size=0"
    with Server(f"postgresql://postgres@/postgres?{query}") as server, server.create() as sandbox:
        queries = {
            driver: dict(sandbox.url(f"postgresql+{driver}").query) for driver in ("psycopg2", "asyncpg", "pg8000")
        }
    libpq = {"host": pg.host, "sslmode": "disable", "sslrootcert": "/ca.pem", "connect_timeout": "3"}
    assert queries["psycopg2"] == libpq
    assert queries["asyncpg"] == {"host": pg.host, "ssl": "disable"}
    assert queries["pg8000"] == {"unix_sock": f"{pg.host}/.s.PGSQL.5432"}


def test_role_without_createdb(pg) -> None:
    """The error names the role and the ways out, and the server can still be closed."""
    with pg.connect("postgres") as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
    refused = pytest.raises(GauntletError, match="The role reader may not create databases")
    with Server(f"postgresql://reader@/postgres?host={pg.host}") as server, refused:
        server.create()
    assert names(pg) == set()


@pytest.mark.parametrize(
    "wrong", ["sqlite:///x", "mysql://u:topsecret@h/d", "postgresql//u:topsecret@h/d", "postgresql://u:topsecret@h:p/d"]
)
def test_url_that_is_none(wrong) -> None:
    """A GauntletError without the password."""
    with pytest.raises(GauntletError) as raised:
        parse_url(wrong)
    assert "topsecret" not in str(raised.value)


def test_description_of_a_url_holds_no_password() -> None:
    """Driver, role, server and database."""
    url = make_url("postgresql+asyncpg://me:topsecret@db:6543/shop?password=topsecret")
    assert describe(url) == "postgresql+asyncpg://me@db:6543/shop"


def test_shorter_name_of_postgresql() -> None:
    """`postgres://`, as libpq takes it and hosting services hand it out."""
    assert parse_url("postgres://me@db/shop") == make_url("postgresql://me@db/shop")
