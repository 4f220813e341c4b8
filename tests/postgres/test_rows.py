"""Rows that Hypothesis draws for reflected tables: what PostgreSQL makes of them."""

import pytest
from hypothesis import HealthCheck, given, settings

from alembic_gauntlet import rows
from alembic_gauntlet.path import Insert

# Types that are no types of columns, or whose values cannot be written.
NO_COLUMNS = {
    "aclitem",
    "gtsvector",
    "pg_ndistinct",
    "pg_dependencies",
    "pg_mcv_list",
    "pg_node_tree",
    "pg_brin_bloom_summary",
}
NO_COLUMNS |= {"pg_brin_minmax_multi_summary", "pg_ddl_command"}
QUIET = settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def connection(pg):
    """An empty database."""
    with pg.database() as connection:
        yield connection


def only(connection) -> rows.Table:
    (table,) = rows.reflect(connection)
    return table


def put(connection, table, row):
    return rows.insert(connection, Insert.of(table.name, row), table)


BUILT_IN = """
SELECT format_type(oid, NULL) FROM pg_type
WHERE typtype IN ('b', 'r', 'm') AND typnamespace = 'pg_catalog'::regnamespace AND typname NOT LIKE '\\_%' ORDER BY 1"""


def test_every_built_in_type_takes_most_of_what_is_drawn(connection) -> None:
    """All samples, and random values; what is refused is counted, for no type more than one in five."""
    names = [name for (name,) in connection.execute(BUILT_IN) if name not in NO_COLUMNS]
    assert len(names) > 70
    poor, bad = {}, []
    for name in names:
        connection.execute("DROP TABLE IF EXISTS t")
        connection.execute(f"CREATE TABLE t (a {name})")
        table = only(connection)
        tried, taken = 0, 0

        @QUIET
        @given(rows.values(table.columns[0].type))
        def draw(value):
            nonlocal tried, taken
            tried += 1
            outcome = put(connection, table, {"a": value})
            taken += not isinstance(outcome, rows.Refused)
            if isinstance(outcome, rows.Refused):
                poor.setdefault(name, []).append((value, outcome.reason))

        draw()
        for value in rows.samples(table.columns[0].type):
            outcome = put(connection, table, {"a": value})
            if isinstance(outcome, rows.Refused):
                bad.append((name, value, outcome.reason))
        if taken >= 0.8 * tried:
            poor.pop(name, None)
    if poor.pop("xml", None):
        bad = [each for each in bad if each[0] != "xml" or "unsupported XML feature" not in each[2]]
    assert (poor, bad) == ({}, [])
