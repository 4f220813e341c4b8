"""Kinds of operations on types, sequences, functions, views, and on what is attached to a table."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from strategies.operation import Registry, anything, columns, lines, sql, table_source, tables
from strategies.world import Column, EnumType, Function, Other, Site, Table, Thing, View

kind = Registry()


@kind("create enum with table", anything)
def _enum(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    name, table = site.fresh("e"), site.fresh("t")
    values = ("a", "b", "c")[: draw(st.integers(1, 3))]
    site.put(EnumType(name, values, ((table, "kind"),)))
    site.put(Table(table, key_name=f"pk_{table}", has=frozenset({"enum"})))
    type = f'sa.Enum({", ".join(map(repr, values))}, name="{name}")'
    up = table_source(table, f"""sa.Column("kind", {type}, nullable=False, server_default="a")""")
    return up, lines(f'op.drop_table("{table}")', f'sa.Enum(name="{name}").drop(op.get_bind())')


def _extensible(site: Site) -> list[EnumType]:
    return [enum for enum in site.all(EnumType) if all(map(site.may_touch, _holders(site, enum)))]


def _holders(site: Site, enum: EnumType) -> list[Thing]:
    return [thing for table, _ in enum.columns if (thing := site.named(table)) is not None]


@kind("add enum value", _extensible, on_any_rows=False)
def _enum_value(draw: st.DrawFn, site: Site, enum: EnumType) -> tuple[str, str]:
    value = site.fresh("value")
    site.put(replace(enum, values=(*enum.values, value)))
    site.put(*_holders(site, enum))
    before = ", ".join(map(repr, enum.values))
    converted = [statement for place in enum.columns for statement in _converted(*place, enum.name)]
    down = [
        f"ALTER TYPE {enum.name} RENAME TO {enum.name}_old",
        f"CREATE TYPE {enum.name} AS ENUM ({before})",
        *converted,
        f"DROP TYPE {enum.name}_old",
    ]
    return sql(f"ALTER TYPE {enum.name} ADD VALUE '{value}'"), sql(*down)


def _converted(table: str, column: str, type: str) -> tuple[str, str, str]:
    return (
        f"ALTER TABLE {table} ALTER {column} DROP DEFAULT",
        f"ALTER TABLE {table} ALTER {column} TYPE {type} USING {column}::text::{type}",
        f"ALTER TABLE {table} ALTER {column} SET DEFAULT 'a'",
    )


def _typed_column(site: Site, table: Table, type: str, create: str, drop: str) -> tuple[str, str]:
    column = site.fresh("s")
    site.put(table)
    up = sql(create, f"ALTER TABLE {table.sql} ADD COLUMN {column} {type}")
    return up, sql(f"ALTER TABLE {table.sql} DROP COLUMN {column}", drop)


@kind("domain", tables)
def _domain(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("d")
    create = f"CREATE DOMAIN {name} AS text CONSTRAINT chk_{name} CHECK (VALUE <> '')"
    return _typed_column(site, table, name, create, f"DROP DOMAIN {name}")


@kind("composite type", tables)
def _composite(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("k")
    return _typed_column(site, table, name, f"CREATE TYPE {name} AS (x integer, y text)", f"DROP TYPE {name}")


@kind("range type", tables)
def _range(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("span")
    return _typed_column(site, table, name, f"CREATE TYPE {name} AS RANGE (subtype = float8)", f"DROP TYPE {name}")


@kind("sequence", anything)
def _sequence(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    name = site.fresh("q")
    step = draw(st.sampled_from([1, 10]))
    return sql(f"CREATE SEQUENCE {name} INCREMENT BY {step}"), sql(f"DROP SEQUENCE {name}")


@kind("owned sequence", tables)
def _owned_sequence(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name, column = site.fresh("q"), site.fresh("n")
    site.put(table)
    sequence = f"{table.schema}.{name}" if table.schema else name
    up = sql(
        f"CREATE SEQUENCE {sequence}",
        f"ALTER TABLE {table.sql} ADD COLUMN {column} bigint DEFAULT nextval('{sequence}')",
        f"ALTER SEQUENCE {sequence} OWNED BY {table.sql}.{column}",
    )
    return up, sql(f"ALTER TABLE {table.sql} DROP COLUMN {column}")


@kind("view", tables)
def _view(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    view = _seen(site, table, site.fresh("v"))
    return sql(f"CREATE VIEW {view.name} AS {view.query}"), sql(f"DROP VIEW {view.name}")


def _seen(site: Site, table: Table, name: str) -> View:
    names = [column.name for column in table.columns]
    view = View(name, f"SELECT {', '.join(['id', *names])} FROM {table.sql}")
    site.put(view, table.using(*names))
    return view


@kind("rename view", lambda site: site.all(View))
def _rename_view(draw: st.DrawFn, site: Site, view: View) -> tuple[str, str]:
    renamed = replace(view, name=site.fresh("v"))
    site.rename(renamed, view.name)
    return (
        sql(f"ALTER VIEW {view.name} RENAME TO {renamed.name}"),
        sql(f"ALTER VIEW {renamed.name} RENAME TO {view.name}"),
    )


@kind("materialised view", tables)
def _materialised(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("m")
    site.put(table.using(*(column.name for column in table.columns)))
    up = sql(
        f"CREATE MATERIALIZED VIEW {name} AS SELECT id FROM {table.sql}",
        f"CREATE UNIQUE INDEX uq_{name} ON {name} (id)",
    )
    return up, sql(f"DROP MATERIALIZED VIEW {name}")


@kind("function", anything)
def _function(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    function = Function(site.fresh("f"), 1)
    site.put(function)
    return sql(_definition(function)), sql(f"DROP FUNCTION {function.name}(integer)")


def _definition(function: Function) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {function.name}(n integer) RETURNS integer "
        f"LANGUAGE sql IMMUTABLE AS 'SELECT n + {function.plus}'"
    )


@kind("replace function", lambda site: site.all(Function))
def _replace_function(draw: st.DrawFn, site: Site, function: Function) -> tuple[str, str]:
    replaced = replace(function, plus=function.plus + 1)
    site.put(replaced)
    return sql(_definition(replaced)), sql(_definition(function))


@kind("trigger", tables)
def _trigger(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("tr")
    site.put(table)
    body = "BEGIN RETURN NEW; END"
    up = sql(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS '{body}'",
        f"CREATE TRIGGER {name} BEFORE UPDATE ON {table.sql} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
    return up, sql(f"DROP TRIGGER {name} ON {table.sql}", f"DROP FUNCTION {name}()")


@kind("table comment", lambda site: [table for table in tables(site) if "comment" not in table.has])
def _table_comment(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    site.put(table.having("comment"))
    up = f'op.create_table_comment("{table.name}", "what it is for"{table.in_schema})'
    return up, f'op.drop_table_comment("{table.name}"{table.in_schema})'


@kind("column comment", lambda site: [(t, c) for t, c in columns(site) if f"comment on {c.name}" not in t.has])
def _column_comment(draw: st.DrawFn, site: Site, place: tuple[Table, Column]) -> tuple[str, str]:
    table, column = place
    site.put(table.using(column.name).having(f"comment on {column.name}"))
    start = f"COMMENT ON COLUMN {table.sql}.{column.name} IS"
    return sql(f"{start} 'it''s new'"), sql(f"{start} NULL")


@kind("schema", anything)
def _schema(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    schema = Other(site.fresh("s"), "schema")
    site.put(schema)
    return sql(f"CREATE SCHEMA {schema.name}"), sql(f"DROP SCHEMA {schema.name}")


@kind("extension", lambda site: [] if site.named("pg_trgm") else [None])
def _extension(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    site.put(Other("pg_trgm", "extension"))
    return sql("CREATE EXTENSION pg_trgm"), sql("DROP EXTENSION pg_trgm")


@kind("partitioned table", anything)
def _partitioned(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    name = site.fresh("part")
    up = sql(
        f"CREATE TABLE {name} (id integer NOT NULL, d date NOT NULL, CONSTRAINT pk_{name} PRIMARY KEY (id, d)) "
        "PARTITION BY RANGE (d)",
        f"CREATE TABLE {name}_2020 PARTITION OF {name} FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
    )
    return up, f'op.drop_table("{name}")'


def _alter(table: Table) -> str:
    return f"ALTER TABLE {table.sql}"


@kind("policy", lambda site: [table for table in tables(site) if "policy" not in table.has])
def _policy(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("y")
    site.put(table.having("policy"))
    return (
        sql(
            f"ALTER TABLE {table.sql} ENABLE ROW LEVEL SECURITY", f"CREATE POLICY {name} ON {table.sql} USING (id > 0)"
        ),
        sql(f"DROP POLICY {name} ON {table.sql}", f"ALTER TABLE {table.sql} DISABLE ROW LEVEL SECURITY"),
    )


@kind("grant", lambda site: [table for table in tables(site) if "grant" not in table.has])
def _grant(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    site.put(table.having("grant"))
    return sql(f"GRANT SELECT ON {table.sql} TO PUBLIC"), sql(f"REVOKE SELECT ON {table.sql} FROM PUBLIC")


@kind("rule", tables)
def _rule(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name = site.fresh("ru")
    site.put(table)
    up = sql(f"CREATE RULE {name} AS ON UPDATE TO {table.sql} DO ALSO NOTHING")
    return up, sql(f"DROP RULE {name} ON {table.sql}")


@kind("statistics", lambda site: [table for table in tables(site) if len(table.columns) > 1])
def _statistics(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    name, (one, other) = site.fresh("st"), [column.name for column in table.columns[:2]]
    site.put(table.using(one, other))
    up = sql(f"CREATE STATISTICS {name} (dependencies) ON {one}, {other} FROM {table.sql}")
    return up, sql(f"DROP STATISTICS {name}")
