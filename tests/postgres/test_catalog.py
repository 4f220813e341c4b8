"""The catalogue reader against pg_dump, on every server there is."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import psycopg
import pytest

from alembic_gauntlet.catalog import VersionTable, read
from alembic_gauntlet.diff import condense, diff
from alembic_gauntlet.schema import Schema
from tests.postgres.conftest import Postgres
from tests.postgres.ddl_corpus import CASES, Case

Parts = Mapping[str, frozenset[str]]

# The one case that leaves no name of its own: what mentions no case at all belongs to it.
NAMELESS = next(case for case in CASES if case.name == "default privileges everywhere").token


class Corpus(NamedTuple):
    """What pg_dump and what the reader said of each case, before and after its change; and the whole dump after."""

    major: int
    dumped: tuple[Parts, Parts]
    read: tuple[Parts, Parts]
    dumps: tuple[str, str]
    schemas: tuple[Schema, Schema]


@pytest.fixture(scope="module")
def corpus(pg: Postgres) -> Iterator[Corpus]:
    with pg.database() as connection:
        for role in ("gauntlet_reader", "gauntlet_writer"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")
            connection.execute(f"CREATE ROLE {role}")
        major = connection.info.server_version // 10000
        cases = [case for case in CASES if case.since <= major]
        for case in cases:
            _run(connection, case, "CREATE SCHEMA {s};" + case.setup)
        dump, schema = pg.dump(connection.info.dbname), read(connection)
        for case in cases:
            _run(connection, case, case.change)
        dumps, schemas = (dump, pg.dump(connection.info.dbname)), (schema, read(connection))
        dumped = _by_case(_entries(dumps[0])), _by_case(_entries(dumps[1]))
        seen = _by_case(_texts(schemas[0])), _by_case(_texts(schemas[1]))
        yield Corpus(major, dumped, seen, dumps, schemas)


def _run(connection: "psycopg.Connection[tuple[object, ...]]", case: Case, text: str) -> None:
    try:
        connection.execute(case.sql(text).encode())
    except psycopg.Error as error:
        raise AssertionError(f"{case.name}: {error}") from error


def _by_case(texts: Iterator[str]) -> Parts:
    parts: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for token in set(re.findall(r"\bc\d{3}(?=_|\b)", text)) or {NAMELESS}:
            parts[token].add(text)
    return {token: frozenset(found) for token, found in parts.items()}


def _texts(schema: Schema) -> Iterator[str]:
    return (f"{each.kind} {each.name} {each.definition} {each.table}" for each in schema.values())


def _entries(dump: str) -> Iterator[str]:
    """The entries of a dump, their lines in alphabetical order: that of columns does not matter."""
    heading = re.compile(r"^--\n-- (Name: .*; Type: (.*); Schema: .*)\n--\n\n", re.MULTILINE)
    settings = {}
    pieces = heading.split(dump)
    for kind, body in zip(pieces[2::3], pieces[3::3], strict=True):
        lines = [line.strip().rstrip(",") for line in body.splitlines()]
        used = settings.get("table_access_method") if kind in ("TABLE", "MATERIALIZED VIEW") else None
        for line in lines:
            if found := re.match(r"SET default_(\w+) = (.*);", line):
                settings[found[1]] = found[2]
        kept = [line for line in lines if line and not line.startswith(("--", "\\", "SET default_"))]
        yield "\n".join(sorted(kept) + ([f"USING {used}"] if used else []))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reading_differs_exactly_where_the_dump_does(corpus: Corpus, case: Case) -> None:
    """A change that pg_dump tells apart changes the reading, and one that it does not leaves it equal."""
    if case.since > corpus.major:
        pytest.skip(f"from PostgreSQL {case.since}")
    dumps = [part.get(case.token) for part in corpus.dumped]
    texts = [part.get(case.token, frozenset()) for part in corpus.read]
    assert (dumps[0] != dumps[1]) == case.differs, "the corpus is wrong about pg_dump"
    assert (texts[0] != texts[1]) == case.differs, (texts[0] ^ texts[1], dumps)


@pytest.mark.parametrize("moment", [0, 1], ids=["before", "after"])
def test_reading_is_the_same_after_dump_and_restore(pg: Postgres, corpus: Corpus, moment: int) -> None:
    """A database restored from its dump, with new OIDs throughout, reads as the original."""
    with pg.database() as connection:
        lines = [line for line in corpus.dumps[moment].splitlines() if not line.startswith("\\")]
        connection.execute("\n".join(lines).encode())
        connection.execute("RESET ALL")
        assert diff(corpus.schemas[moment], read(connection)) == ()


def test_empty_database_reads_as_nothing(pg: Postgres) -> None:
    """What every database has, the schema public and PL/pgSQL, is left out."""
    with pg.database() as connection:
        assert len(read(connection)) == 0


def test_missing_public_schema_shows(pg: Postgres) -> None:
    """A database without the schema public says so; one where it was made again lacks what initdb grants on it."""
    with pg.database() as connection:
        connection.execute("DROP SCHEMA public")
        assert [tuple(each)[:3] for each in read(connection).of_kind("schema")] == [("schema", "public", "missing")]
        connection.execute("CREATE SCHEMA public")
        again = read(connection)
        assert {each.name for each in again.values()} == {"schema public to PUBLIC", "schema public"}
        connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
        if connection.info.server_version < 150000:
            connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        assert not read(connection).of_kind("grant")


@pytest.mark.parametrize(
    ("left_out", "remaining"),
    [
        (VersionTable("alembic_version"), {"public.t"}),
        (VersionTable("alembic_version", "other"), {"public.t", "public.alembic_version"}),
        (None, {"public.t", "public.alembic_version", "other.alembic_version"}),
    ],
)
def test_version_table_is_left_out_with_all_that_belongs_to_it(
    pg: Postgres, left_out: VersionTable | None, remaining: set[str]
) -> None:
    """Not a trace of it is read: sequences, comments, grants, triggers, indexes, publications."""
    with pg.database() as connection:
        connection.execute("CREATE TABLE t (id serial PRIMARY KEY); CREATE SCHEMA other")
        connection.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
        for schema in ("public", "other"):
            table = f"{schema}.alembic_version"
            connection.execute(
                f"CREATE TABLE {table} (version_num varchar(32) PRIMARY KEY, n serial,"
                " i integer GENERATED ALWAYS AS IDENTITY);"
                f"CREATE INDEX ON {table} (n); COMMENT ON TABLE {table} IS 'x'; COMMENT ON COLUMN {table}.n IS 'x';"
                f"COMMENT ON SEQUENCE {table}_n_seq IS 'x'; GRANT SELECT ON {table} TO PUBLIC;"
                f"GRANT SELECT ON SEQUENCE {table}_n_seq TO PUBLIC; GRANT SELECT (n) ON {table} TO PUBLIC;"
                f"CREATE TRIGGER g BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION f();"
                f"CREATE POLICY y ON {table}; CREATE STATISTICS {schema}.st ON n, i FROM {table}"
            )
        schema = read(connection, version_table=left_out)
    assert {each.name for each in schema.of_kind("table")} == remaining
    traces = {each.name for each in schema.values() if "alembic_version" in "".join(map(str, each))}
    assert bool(traces) == (len(remaining) > 1)
    assert not any("other.alembic_version" in name for name in traces) or left_out is None


def test_objects_of_extensions_are_left_out(pg: Postgres) -> None:
    """Of an extension only itself and its comment are read."""
    with pg.database() as connection:
        connection.execute("CREATE EXTENSION hstore; CREATE EXTENSION citext")
        schema = read(connection)
    assert {each.kind for each in schema.values()} == {"extension", "comment"}
    assert {each.name for each in schema.of_kind("extension")} == {"hstore", "citext"}


def test_reading_leaves_the_session_as_it_was_and_does_not_depend_on_it(pg: Postgres) -> None:
    """Whatever search_path and other settings are, names are qualified, and settings and locks are as before."""
    with pg.database() as connection:
        connection.execute("CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('x'); CREATE TABLE s.t (e s.e DEFAULT 'x')")
        connection.execute("CREATE TABLE p (d date, f float, t timestamptz) PARTITION BY RANGE (d, f, t)")
        connection.execute(
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (now(), 0.1, now()) TO ('2100-01-01', 1, now())"
        )
        before = read(connection)
        connection.execute("SET search_path = s, public; SET DateStyle = 'German'; SET quote_all_identifiers = on")
        connection.execute("SET TimeZone = 'Asia/Tokyo'; SET extra_float_digits = -5; SET jit = off")
        assert read(connection) == before
        assert before["column", "s.t.e"].definition == "s.e"
        assert before["column default", "s.t.e"].definition == "'x'::s.e"
        (path,) = connection.execute("SHOW search_path").fetchall()[0]
        held = connection.execute(
            "SELECT FROM pg_locks WHERE mode <> 'ExclusiveLock' AND relation <> 'pg_locks'::regclass"
        )
        assert path == "s, public"
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert held.rowcount == 0


def test_reading_is_refused_inside_a_transaction(pg: Postgres) -> None:
    """An open transaction would lose its settings, so it is refused."""
    with pg.database() as connection, connection.transaction(), pytest.raises(psycopg.ProgrammingError):
        read(connection)


def test_secrets_are_not_read(pg: Postgres) -> None:
    """Passwords of user mappings and servers are in no definition."""
    with pg.database() as connection:
        connection.execute(
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w "
            "OPTIONS (host 'h', passwd 'hunter2');"
            "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'u', password 'hunter2')"
        )
        schema = read(connection)
    assert schema["user mapping", "public on server s"].definition == "OPTIONS (password ***, user ***)"
    assert schema["server", "s"].definition == "FOREIGN DATA WRAPPER w OPTIONS (host 'h', passwd ***)"


def test_names_that_postgresql_gives_to_not_null_constraints_do_not_count(pg: Postgres) -> None:
    """A column made anew reads as one that was renamed, though its not-null constraint has another name."""
    with pg.database() as connection:
        connection.execute("CREATE TABLE t (a text NOT NULL); ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME TO u")
        renamed = read(connection)
        connection.execute("ALTER TABLE u DROP b; ALTER TABLE u ADD b text NOT NULL")
        assert diff(renamed, read(connection)) == ()


def test_invalid_index_shows(pg: Postgres) -> None:
    """The index that a failed CREATE INDEX CONCURRENTLY leaves is marked; pg_dump does not tell it apart."""
    with pg.database() as connection:
        connection.execute("CREATE TABLE t (a integer); INSERT INTO t VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY x ON t (a)")
        assert read(connection)["index", "public.x"].definition.endswith(" INVALID")


def test_disabled_foreign_key_shows(pg: Postgres) -> None:
    """DISABLE TRIGGER ALL turns foreign keys off, too; pg_dump does not tell."""
    with pg.database() as connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY, t_id integer REFERENCES t)")
        before = read(connection)
        connection.execute("ALTER TABLE t DISABLE TRIGGER ALL")
        changes = diff(before, read(connection))
        assert {each.kind for each in changes} == {"trigger"}
        connection.execute("ALTER TABLE t ENABLE TRIGGER ALL")
        assert read(connection) == before


def test_names_are_quoted_only_where_needed(pg: Postgres) -> None:
    """Names are as one would write them in SQL, local names bare."""
    with pg.database() as connection:
        connection.execute(
            'CREATE TABLE "My table" ("select" integer, plain integer, CONSTRAINT "K" CHECK (plain > 0))'
        )
        schema = read(connection)
    assert {each.name: each.local_name for each in schema.values()} == {
        'public."My table"': "My table",
        'public."My table"."select"': "select",
        'public."My table".plain': "plain",
        'public."My table"."K"': "K",
    }
    assert {each.table for each in schema.values()} == {'public."My table"'}
    assert len(schema.without_tables(["My t*"])) == len(schema.without_tables(["public.My table"])) == 0


def test_whole_tables_condense_to_one_line_each(pg: Postgres) -> None:
    """What a new table brings along is told with the table, other changes on their own."""
    with pg.database() as connection:
        connection.execute("CREATE TABLE old (a integer)")
        before = read(connection)
        connection.execute(
            "CREATE TABLE t (id serial PRIMARY KEY, a text NOT NULL); COMMENT ON COLUMN t.a IS 'x';"
            "CREATE INDEX ON t (a);"
            "GRANT SELECT ON t TO PUBLIC; ALTER TABLE old ADD b integer DEFAULT 3; COMMENT ON TABLE old IS 'x';"
            "CREATE TYPE e AS ENUM ('x'); COMMENT ON TYPE e IS 'y'; GRANT USAGE ON TYPE e TO PUBLIC"
        )
        changes = condense(diff(before, read(connection)))
    assert [(each.change, each.kind, each.name, each.after) for each in changes] == [
        ("added", "enum type", "public.e", "('x')"),
        (
            "added",
            "table",
            "public.t",
            "(a text NOT NULL, id integer NOT NULL DEFAULT nextval('public.t_id_seq'::regclass))",
        ),
        ("added", "column", "public.old.b", "integer DEFAULT 3"),
        ("added", "comment", "table public.old", "'x'"),
    ]
