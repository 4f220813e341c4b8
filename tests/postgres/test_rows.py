"""Rows that are drawn for reflected tables: what PostgreSQL makes of them."""

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from alembic_gauntlet import rows
from alembic_gauntlet.path import Insert
from alembic_gauntlet.population import Population, key_values

# Types that are no types of columns, or whose values cannot be written.
NO_COLUMNS = {"aclitem", "gtsvector", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_node_tree"}
NO_COLUMNS |= {"pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_ddl_command"}
QUIET = settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MADE_OF_OTHERS = """
CREATE TYPE mood AS ENUM ('sad', 'it''s "fine"', 'a,b');
CREATE DOMAIN positive AS integer CHECK (VALUE <> 7);
CREATE DOMAIN required AS text NOT NULL;
CREATE TYPE address AS (street text, "House No" integer, moods mood[]);
CREATE TYPE period AS RANGE (subtype = timestamptz);
CREATE EXTENSION citext;
CREATE TABLE t (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "order" mood NOT NULL, p positive NOT NULL, r required, a address NOT NULL, moods mood[] NOT NULL,
    matrix numeric(4, 2)[] NOT NULL, during period NOT NULL, c citext NOT NULL, short varchar(3) NOT NULL,
    letter char(1) NOT NULL, amount numeric(5, 2) NOT NULL, tiny numeric(2, 2) NOT NULL, bits bit(3) NOT NULL,
    double_r integer GENERATED ALWAYS AS (length(r)) STORED
)"""


@pytest.fixture
def connection(pg):
    """An empty database."""
    with pg.database() as connection:
        yield connection


def only(connection) -> rows.Table:
    """Return the one table there is."""
    (table,) = rows.reflect(connection)
    return table


def named(connection) -> dict[str, rows.Table]:
    """Return the tables by their bare names."""
    return {table.name.rpartition(".")[2]: table for table in rows.reflect(connection)}


def is_taken(connection, table, row) -> bool:
    """Insert a row; return whether that was possible."""
    return not isinstance(rows.insert(connection, Insert.of(table.name, row), table), rows.Refused)


def part_taken(connection, strategy, table) -> float:
    """Draw twenty rows; return which part of them is taken."""
    taken: list[bool] = []

    @QUIET
    @given(strategy)
    def draw(row):
        taken.append(is_taken(connection, table, row))

    draw()
    return sum(taken) / len(taken)


BUILT_IN = """
SELECT format_type(oid, NULL) FROM pg_type
WHERE typtype IN ('b', 'r', 'm') AND typnamespace = 'pg_catalog'::regnamespace AND typname NOT LIKE '\\_%' ORDER BY 1"""


def test_every_built_in_type_takes_what_is_drawn(connection) -> None:
    """All samples, and of random values nearly all: some types have limits that their names do not tell."""
    names = [name for (name,) in connection.execute(BUILT_IN) if name not in NO_COLUMNS]
    assert len(names) > 70
    if not is_written(connection, "xml", "<a/>"):
        names.remove("xml")  # PostgreSQL may be built without
    refused = {}
    for name in names:
        connection.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (a {name})")
        table = only(connection)
        type = table.columns[0].type
        refused[name] = [value for value in rows.samples(type) if not is_taken(connection, table, {"a": value})]
        if part_taken(connection, rows.values(type).map(lambda value: {"a": value}), table) < 0.8:
            refused[name].append("random values")
    assert {name: values for name, values in refused.items() if values} == {}


def is_written(connection, type: str, value: str) -> bool:
    """Return whether a value of a type can be written at all."""
    connection.execute(f"CREATE TEMPORARY TABLE tried (a {type})")
    return not connection.execute("SELECT 1 WHERE false") or is_accepted(connection, value)


def is_accepted(connection, value: str) -> bool:
    """Return whether the temporary table takes a value."""
    try:
        connection.execute("INSERT INTO tried VALUES (%s)", [value])
    except connection.Error:
        return False
    finally:
        connection.execute("DROP TABLE tried")
    return True


def test_types_made_of_others(connection) -> None:
    """Enums, domains, arrays, composite types, ranges, extensions' types, and limits of length and precision."""
    connection.execute(MADE_OF_OTHERS)
    table = only(connection)
    assert part_taken(connection, rows.rows(table), table) > 0.7, "NULL in the domain, which takes none, or its CHECK"


def test_the_plainest_row_gives_what_it_has_to(connection) -> None:
    """NULL is left out, and so is what the database fills."""
    connection.execute(
        "CREATE TABLE t (id serial PRIMARY KEY, a text, n integer NOT NULL, d date NOT NULL DEFAULT now())"
    )
    plainest = find(rows.rows(only(connection)), lambda row: True, settings=settings(QUIET, max_examples=200))
    assert plainest == {"n": 0, "d": "2000-01-01"}


def test_null_where_it_is_allowed_and_duplicates(connection) -> None:
    """Both come up, and NULL never where it is not allowed."""
    connection.execute("CREATE TABLE t (a text NOT NULL, b integer)")
    drawn: list[rows.Value] = []

    @settings(QUIET, max_examples=60)
    @given(rows.rows(only(connection)))
    def draw(row):
        assert row["a"] is not None
        drawn.append(row.get("b"))

    draw()
    assert None in drawn
    assert len(set(drawn)) < len(drawn)


def test_values_that_a_check_names_come_up(connection) -> None:
    """As it names them, and their neighbours: `status IN (...)` would be passed by no value at random."""
    connection.execute("""
        CREATE DOMAIN percent AS integer CHECK (VALUE BETWEEN 1000 AND 2000);
        CREATE TABLE t (status text NOT NULL CHECK (status IN ('it''s open', 'closed')), n percent NOT NULL,
                        price integer NOT NULL CHECK (price > 5000))""")
    table = only(connection)
    assert [column.hints[:2] for column in table.columns] == [("it's open", "closed"), (1001, 1000), (5001, 5000)]
    assert part_taken(connection, rows.rows(table), table) > 0


def test_keys_are_different_ones_mostly(connection) -> None:
    """The number of rows so far makes the next key."""
    connection.execute("CREATE TABLE t (id integer, code varchar(2), PRIMARY KEY (id, code))")
    table = only(connection)
    assert all(is_taken(connection, table, {"id": rows.distinct(table.columns[0].type, number),
                                            "code": rows.distinct(table.columns[1].type, number)})
               for number in range(100))  # fmt: skip


@pytest.mark.parametrize("type", ["integer", "uuid", "text", "date", "timestamptz", "time", "inet", "numeric(4,1)",
                                  "bytea", "interval", "int4range", "smallint[]"])  # fmt: skip
def test_fifty_different_values(connection, type) -> None:
    """A unique column takes them all."""
    connection.execute(f"CREATE TABLE t (a {type} UNIQUE)")
    table = only(connection)
    values = [rows.distinct(table.columns[0].type, number) for number in range(50)]
    assert all(is_taken(connection, table, {"a": value}) for value in values)


def test_foreign_keys_refer_to_rows_that_are_there(connection) -> None:
    """Composite ones, too; where there is no row to refer to, NULL if that may be."""
    connection.execute("""
        CREATE TABLE parent (a integer, b text, PRIMARY KEY (a, b));
        CREATE TABLE child (x integer NOT NULL, y text NOT NULL, FOREIGN KEY (x, y) REFERENCES parent);
        CREATE TABLE loose (x integer, y text, FOREIGN KEY (x, y) REFERENCES parent)""")
    tables = named(connection)
    assert part_taken(connection, rows.rows(tables["loose"]), tables["loose"]) == 1
    assert part_taken(connection, rows.rows(tables["child"]), tables["child"]) == 0
    population = Population()
    for number in range(3):
        row = Insert.of("public.parent", {"a": number, "b": f"it's {number}"})
        inserted = rows.insert(connection, row, tables["parent"])
        population = population.with_row(inserted.oid, inserted.key)
    (foreign,) = tables["child"].foreign_keys
    connection.execute("INSERT INTO parent VALUES (7, 'of a migration')")
    keys = {foreign: key_values(connection, population, foreign.table, foreign.referred)}
    assert keys[foreign] == (("0", "it's 0"), ("1", "it's 1"), ("2", "it's 2"))
    assert part_taken(connection, rows.rows(tables["child"], keys), tables["child"]) == 1


def test_a_row_may_be_its_own_parent(connection) -> None:
    """Where it needs one and there is none."""
    connection.execute("CREATE TABLE t (id integer PRIMARY KEY, boss integer NOT NULL REFERENCES t)")
    table = only(connection)
    row = find(rows.rows(table), lambda row: True, settings=QUIET)
    assert row["boss"] == row["id"]
    assert is_taken(connection, table, row)


@pytest.mark.parametrize(
    "partitions",
    [
        "RANGE (at);CREATE TABLE p PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "LIST (a);CREATE TABLE p PARTITION OF t FOR VALUES IN ('it''s', 'b')",
        "HASH (at);CREATE TABLE p PARTITION OF t FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        "LIST (a);CREATE TABLE p PARTITION OF t DEFAULT",
    ],
)
def test_partitioned_tables_get_rows_that_fit(connection, partitions) -> None:
    """The bounds of the partitions say which."""
    by, statement = partitions.split(";", 1)
    connection.execute(f"CREATE TABLE t (a text, at date NOT NULL) PARTITION BY {by};{statement}")
    table = only(connection)
    assert part_taken(connection, rows.rows(table), table) == 1


def test_a_refused_row_leaves_no_trace(connection) -> None:
    """Not even in the sequence: what comes after it is what would have come without it."""
    connection.execute("CREATE TABLE t (id serial PRIMARY KEY, n integer CHECK (n > 0))")
    table = only(connection)
    refused = rows.insert(connection, Insert.of(table.name, {"n": 0}), table)
    assert isinstance(refused, rows.Refused)
    assert "t_n_check" in refused.reason
    assert rows.insert(connection, Insert.of(table.name, {"n": 1}), table).key == ("1",)


def test_a_refused_row_leaves_no_trace_behind_another(connection) -> None:
    """Where the row before it has told where the sequence stands."""
    connection.execute("CREATE TABLE t (id serial PRIMARY KEY, n integer CHECK (n > 0))")
    table = only(connection)
    first = rows.insert(connection, Insert.of(table.name, {"n": 1}), table)
    assert first.counters == (("public.t_id_seq", 1, True),)
    assert isinstance(rows.insert(connection, Insert.of(table.name, {"n": 0}), table, first.counters), rows.Refused)
    assert rows.insert(connection, Insert.of(table.name, {"n": 1}), table, first.counters).key == ("2",)


def test_a_row_does_not_tell_where_a_sequence_stands_that_a_trigger_may_move(connection) -> None:
    """A trigger after the row comes after the row has told."""
    connection.execute("""
        CREATE TABLE t (id serial PRIMARY KEY, n integer CHECK (n > 0));
        CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF NEW.n = 1 THEN INSERT INTO t (n) VALUES (2); END IF; RETURN NULL; END';
        CREATE TRIGGER twice AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION twice()""")
    table = only(connection)
    first = rows.insert(connection, Insert.of(table.name, {"n": 1}), table)
    assert first.counters is None
    assert isinstance(rows.insert(connection, Insert.of(table.name, {"n": 0}), table, first.counters), rows.Refused)
    assert rows.insert(connection, Insert.of(table.name, {"n": 3}), table, first.counters).key == ("3",)


def test_columns_by_the_users_own_strategies(connection) -> None:
    """Anything that PostgreSQL reads from its text; dictionaries as JSON."""
    connection.execute("CREATE TABLE t (email text NOT NULL, data jsonb NOT NULL, raw bytea, at timestamp)")
    table = only(connection)
    given_ = {
        "email": st.emails(),
        "data": st.fixed_dictionaries({"a": st.integers()}),
        "raw": st.binary(),
        "at": st.datetimes(),
    }
    assert part_taken(connection, rows.rows(table, given=given_), table) == 1
    assert all("@" in email for (email,) in connection.execute("SELECT email FROM t"))


def test_no_row_depends_on_the_database(connection) -> None:
    """The same tables and the same seed give the same rows."""
    connection.execute(MADE_OF_OTHERS)
    table = only(connection)

    def drawn() -> list[object]:
        found = []

        @settings(QUIET, derandomize=True, phases=[Phase.generate])
        @given(rows.rows(table))
        def draw(row):
            found.append(row)

        draw()
        return found

    assert drawn() == drawn()
