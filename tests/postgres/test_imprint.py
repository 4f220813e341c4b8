"""The imprint of a database without rows: equal where nothing that a schema does not tell differs."""

from collections.abc import Sequence

import pytest

from alembic_gauntlet.imprint import Imprint, imprint

TABLE = "CREATE TABLE t (id serial PRIMARY KEY, a text, b text)"
VERSION_TABLE = "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('a1')"


def taken(pg, *statements: str) -> Imprint | None:
    """The imprint of a fresh database with a version table, after some statements."""
    with pg.database() as connection:
        for statement in (VERSION_TABLE, *statements):
            connection.execute(statement.encode())
        return imprint(connection, '"alembic_version"')


@pytest.mark.parametrize(
    "roundabout",
    [
        ("CREATE TABLE t (id serial PRIMARY KEY, a text, b text, c text)", "ALTER TABLE t DROP c"),
        (TABLE, "CREATE INDEX i ON t (a)", "DROP INDEX i"),
        ("CREATE SCHEMA s", "DROP SCHEMA s", TABLE),
        (TABLE, "INSERT INTO alembic_version VALUES ('a2')"),
    ],
)
def test_same_however_it_came_about(pg, roundabout: Sequence[str]) -> None:
    """What is dropped leaves no trace, and the rows of the version table do not count."""
    assert taken(pg, *roundabout) == taken(pg, TABLE) is not None


@pytest.mark.parametrize(
    "other",
    [
        ("CREATE TABLE t (id serial PRIMARY KEY, b text, a text)",),
        (TABLE, "ALTER TABLE t DROP a", "ALTER TABLE t ADD a text"),
        (TABLE, "ALTER TABLE t OWNER TO pg_monitor"),
        (TABLE, "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 64', current_database()); END$$"),
    ],
)
def test_other_where_the_next_command_may_tell(pg, other: Sequence[str]) -> None:
    """The order of columns, the owner, and the settings of the database."""
    assert taken(pg, *other) not in (taken(pg, TABLE), None)


@pytest.mark.parametrize(
    "statements",
    [
        (TABLE, "INSERT INTO t (a) VALUES ('x')"),
        (TABLE, "INSERT INTO t (a) VALUES ('x')", "DELETE FROM t"),
        ("CREATE SEQUENCE s", "SELECT nextval('s')"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1",),
        ("SELECT lo_create(1)",),
    ],
)
def test_none_where_there_are_rows_or_have_been(pg, statements: Sequence[str]) -> None:
    """A table with a page, a sequence that has been used, a large object."""
    assert taken(pg, *statements) is None


def test_truncated_table_is_as_new(pg) -> None:
    """Where its sequence has been restarted, too."""
    written = (TABLE, "INSERT INTO t (a) VALUES ('x')", "TRUNCATE t RESTART IDENTITY")
    assert taken(pg, *written) == taken(pg, TABLE)
