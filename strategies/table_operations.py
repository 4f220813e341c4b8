"""Kinds of operations on tables, columns, indexes and constraints."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from strategies.operation import (
    DEFAULTS,
    ORDERED,
    SA_TYPES,
    Registry,
    anything,
    column_source,
    columns,
    drop_table_source,
    free_columns,
    lines,
    sql,
    table_source,
    tables,
)
from strategies.world import Column, Index, Other, Site, Table

kind = Registry()

_Place = tuple[Table, Column]

_CASTS = {
    "integer": ("bigint", "text", "numeric(10, 2)"),
    "text": ("varchar(40)",),
    "varchar(40)": ("text",),
    "bigint": ("numeric(10, 2)", "text"),
    "date": ("text",),
    "boolean": ("text",),
    "jsonb": ("text",),
}
"""Types that a column may be given, and back, with the values of seed rows."""


def _column(draw: st.DrawFn, site: Site) -> Column:
    type = draw(st.sampled_from(list(SA_TYPES)))
    nullable = draw(st.sampled_from([True, False]))
    has_default = not nullable or draw(st.booleans())
    # An added column that takes no NULL has a default: it must pass on a table with rows.
    return Column(site.fresh("c"), type, nullable, DEFAULTS[type] if has_default else None)


def _new_columns(draw: st.DrawFn, site: Site) -> tuple[Column, ...]:
    return tuple(_column(draw, site) for _ in range(draw(st.integers(1, 4))))


def _new_table(draw: st.DrawFn, site: Site, schema: str | None) -> tuple[str, str]:
    name = site.fresh("t")
    table = Table(name, schema, _new_columns(draw, site), key_name=f"pk_{name}")
    site.put(table)
    up = table_source(table.name, *map(column_source, table.columns), schema=schema)
    return up, drop_table_source(table)


@kind("create table", anything)
def _create_table(draw: st.DrawFn, site: Site, _: None) -> tuple[str, str]:
    return _new_table(draw, site, None)


@kind("create table in schema", lambda site: [each for each in site.all(Other) if each.kind == "schema"])
def _create_table_in_schema(draw: st.DrawFn, site: Site, schema: Other) -> tuple[str, str]:
    site.put(schema)
    return _new_table(draw, site, schema.name)


@kind("add column", tables)
def _add_column(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    column = _column(draw, site)
    site.put(table.with_column(replace(column, filled=column.default is not None)))
    return _add(table, column), _drop(table, column)


def _add(table: Table, column: Column) -> str:
    return f'op.add_column("{table.name}", {column_source(column)}{table.in_schema})'


def _drop(table: Table, column: Column) -> str:
    return f'op.drop_column("{table.name}", "{column.name}"{table.in_schema})'


def _droppable(site: Site) -> list[_Place]:
    return [
        (table, column)
        for table, column in free_columns(site)
        if column.nullable or (column.default is not None and not column.old_name)
    ]


@kind("drop column", _droppable)
def _drop_column(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    site.put(table.without_column(column.name))
    return _drop(table, column), _add(table, column)


def _alter(table: Table, name: str, change: str) -> str:
    return f'op.alter_column("{table.name}", "{name}", {change}{table.in_schema})'


def _castable(site: Site) -> list[_Place]:
    return [(t, c) for t, c in free_columns(site) if c.type in _CASTS and c.default is None]


@kind("alter type", _castable, on_any_rows=False)
def _alter_type(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    type = draw(st.sampled_from(_CASTS[column.type]))
    site.put(table.with_column(replace(column, type=type)))
    up, down = (
        _alter(table, column.name, f'type_={SA_TYPES[to]}, postgresql_using="{column.name}::{to}"')
        for to in (type, column.type)
    )
    return up, down


def _may_be_made_not_null(site: Site) -> list[_Place]:
    return [(t, c) for t, c in columns(site) if c.nullable and (c.filled or not t.seeded)]


@kind("set not null", _may_be_made_not_null, on_any_rows=False)
def _set_not_null(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    site.put(table.with_column(replace(column, nullable=False, old_name=False)))
    return _alter(table, column.name, "nullable=False"), _alter(table, column.name, "nullable=True")


@kind("fill, then set not null", lambda site: [(t, c) for t, c in columns(site) if c.nullable and c.free])
def _filled(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    site.put(table.with_column(replace(column, nullable=False, filled=True, old_name=False)))
    fill = sql(f"UPDATE {table.sql} SET {column.name} = {DEFAULTS[column.type]} WHERE {column.name} IS NULL")
    return lines(fill, _alter(table, column.name, "nullable=False")), _alter(table, column.name, "nullable=True")


@kind(
    "drop not null",
    lambda site: [(t, c) for t, c in columns(site) if not (c.nullable or c.old_name)],
    on_any_rows=False,
)
def _drop_not_null(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    site.put(table.with_column(replace(column, nullable=True)))
    return _alter(table, column.name, "nullable=True"), _alter(table, column.name, "nullable=False")


def _default(table: Table, column: Column) -> str:
    value = "None" if column.default is None else f"sa.text({column.default!r})"
    return _alter(table, column.name, f"server_default={value}")


def _defaulted(site: Site, place: _Place, default: str | None) -> tuple[str, str]:
    table, column = place
    changed = replace(column, default=default)
    site.put(table.with_column(changed))
    return _default(table, changed), _default(table, column)


@kind("set default", lambda site: [(t, c) for t, c in columns(site) if c.default is None])
def _set_default(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    return _defaulted(site, place, DEFAULTS[place[1].type])


@kind("drop default", lambda site: [(t, c) for t, c in columns(site) if c.default is not None and c.nullable])
def _drop_default(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    return _defaulted(site, place, None)


@kind("rename column", free_columns)
def _rename_column(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    renamed = replace(column, name=site.fresh("c"), old_name=not column.nullable)
    site.put(table.with_column(renamed, instead_of=column.name))
    up = _alter(table, column.name, f'new_column_name="{renamed.name}"')
    return up, _alter(table, renamed.name, f'new_column_name="{column.name}"')


@kind("rename table", lambda site: [table for table in tables(site) if "enum" not in table.has])
def _rename_table(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    old_names = tuple(replace(each, old_name=each.old_name or not each.nullable) for each in table.columns)
    renamed = replace(table, name=site.fresh("t"), columns=old_names)
    site.rename(renamed, table.name)
    up = f'op.rename_table("{table.name}", "{renamed.name}"{table.in_schema})'
    return up, f'op.rename_table("{renamed.name}", "{table.name}"{table.in_schema})'


# Indexes


def _indexed(site: Site, place: _Place, name: str, arguments: str) -> tuple[str, str]:
    table, column = place
    index = Index(name, arguments)
    site.put(replace(table.using(column.name), indexes=(*table.indexes, index)))
    return _create_index(table, index), _drop_index(table, index)


def _create_index(table: Table, index: Index) -> str:
    return f'op.create_index("{index.name}", "{table.name}", {index.arguments}{table.in_schema})'


def _drop_index(table: Table, index: Index, more: str = "") -> str:
    return f'op.drop_index("{index.name}", table_name="{table.name}"{table.in_schema}{more})'


@kind("create index", columns)
def _index(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    return _indexed(site, place, site.fresh("idx_"), f'["{place[1].name}"]')


def _distinct(site: Site) -> list[_Place]:
    return [(table, column) for table, column in columns(site) if not table.seeded and column.type in ORDERED]


@kind("create unique index", _distinct, on_any_rows=False)
def _unique_index(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    if place[1].default is None:
        return _indexed(site, place, site.fresh("uq_i"), f'["{place[1].name}"], unique=True')
    # Two rows that take the default must not meet.
    return _indexed(site, place, site.fresh("uq_i"), f'["id", "{place[1].name}"], unique=True')


@kind("create partial index", columns)
def _partial_index(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    name = place[1].name
    return _indexed(site, place, site.fresh("idx_p"), f'["{name}"], postgresql_where=sa.text("{name} IS NOT NULL")')


@kind("create expression index", lambda site: [(t, c) for t, c in columns(site) if c.type in ("text", "varchar(40)")])
def _expression_index(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    return _indexed(site, place, site.fresh("idx_e"), f'[sa.text("lower({place[1].name})")]')


@kind("create index concurrently", columns)
def _concurrent_index(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    name = site.fresh("idx_c")
    up, _ = _indexed(site, place, name, f'["{column.name}"]')
    block = "with op.get_context().autocommit_block():\n    "
    concurrently = ", postgresql_concurrently=True"
    return f"{block}{up[:-1]}{concurrently})", block + _drop_index(table, Index(name, ""), concurrently)


@kind("drop index", lambda site: [(table, index) for table in tables(site) for index in table.indexes])
def _dropped_index(draw: st.DrawFn, site: Site, place: tuple[Table, Index]) -> tuple[str, str]:
    table, index = place
    site.put(replace(table, indexes=tuple(each for each in table.indexes if each != index)))
    return _drop_index(table, index), _create_index(table, index)


# Constraints


def _drop_constraint(table: Table, name: str, type: str) -> str:
    return f'op.drop_constraint("{name}", "{table.name}", type_="{type}"{table.in_schema})'


@kind("unique constraint", lambda site: [(t, c) for t, c in _distinct(site) if c.default is None], on_any_rows=False)
def _unique(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    name = site.fresh("uq_")
    site.put(table.using(column.name))
    up = f'op.create_unique_constraint("{name}", "{table.name}", ["{column.name}"]{table.in_schema})'
    return up, _drop_constraint(table, name, "unique")


_CHECKS = {"integer": "{} >= 0", "bigint": "{} >= 0", "text": "length({}) < 100", "varchar(40)": "{} <> 'forbidden'"}


@kind("check constraint", lambda site: [(t, c) for t, c in columns(site) if c.type in _CHECKS], on_any_rows=False)
def _check(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    name, condition = site.fresh("chk_"), _CHECKS[column.type].format(column.name)
    site.put(table.using(column.name))
    up = f'op.create_check_constraint("{name}", "{table.name}", sa.text({condition!r}){table.in_schema})'
    return up, _drop_constraint(table, name, "check")


@kind("foreign key", lambda site: [t for t in tables(site) if t.key == "id"])
def _foreign_key(draw: st.DrawFn, site: Site, referred: Table) -> tuple[str, str]:
    table = draw(st.sampled_from(tables(site)))
    name, column = site.fresh("fk_"), site.fresh("r")
    action = draw(st.sampled_from([None, "CASCADE", "SET NULL", "RESTRICT"]))
    site.put(table)
    site.put(replace(referred, key_used=True))
    schemas = f", source_schema={table.schema!r}, referent_schema={referred.schema!r}"
    ondelete = f', ondelete="{action}"' if action else ""
    up = lines(
        f'op.add_column("{table.name}", sa.Column("{column}", sa.Integer()){table.in_schema})',
        f'op.create_foreign_key("{name}", "{table.name}", "{referred.name}", ["{column}"], ["id"]{schemas}{ondelete})',
    )
    down = lines(
        _drop_constraint(table, name, "foreignkey"), f'op.drop_column("{table.name}", "{column}"{table.in_schema})'
    )
    return up, down


def _keys(site: Site) -> list[_Place]:
    return [
        (t, c)
        for t, c in _distinct(site)
        if t.key == "id" and not t.key_used and not c.nullable and c.type in ("integer", "bigint", "text")
    ]


@kind("change primary key", _keys, on_any_rows=False)
def _change_key(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    name = site.fresh("pk_c")
    site.put(replace(table.using(column.name).without_column(column.name), key=column.name, key_used=True))
    up = sql(
        f"ALTER TABLE {table.sql} DROP CONSTRAINT {table.key_name}",
        f"ALTER TABLE {table.sql} ADD CONSTRAINT {name} PRIMARY KEY ({column.name})",
    )
    down = sql(
        f"ALTER TABLE {table.sql} DROP CONSTRAINT {name}",
        f"ALTER TABLE {table.sql} ADD CONSTRAINT {table.key_name} PRIMARY KEY (id)",
    )
    return up, down


@kind("exclusion constraint", tables)
def _exclusion(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    column = site.fresh("during")
    site.put(table)
    name = f"{column}_excl"
    up = sql(
        f"ALTER TABLE {table.sql} ADD COLUMN {column} int4range",
        f"ALTER TABLE {table.sql} ADD CONSTRAINT {name} EXCLUDE USING gist ({column} WITH &&)",
    )
    down = sql(f"ALTER TABLE {table.sql} DROP CONSTRAINT {name}", f"ALTER TABLE {table.sql} DROP COLUMN {column}")
    return up, down


# Columns of special kinds


@kind("identity column", lambda site: [table for table in tables(site) if "identity" not in table.has])
def _identity(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    column = site.fresh("n")
    site.put(table.having("identity"))
    up = (
        f'op.add_column("{table.name}", sa.Column("{column}", sa.BigInteger(), sa.Identity(always=True), '
        f"nullable=False){table.in_schema})"
    )
    return up, f'op.drop_column("{table.name}", "{column}"{table.in_schema})'


@kind("generated column", lambda site: [(t, c) for t, c in columns(site) if c.type in ("integer", "text")])
def _generated(draw: st.DrawFn, site: Site, place: _Place) -> tuple[str, str]:
    table, column = place
    name = site.fresh("g")
    site.put(table.using(column.name))
    expression = f"length({column.name})" if column.type == "text" else f"{column.name} / 2"
    computed = f'sa.Computed("{expression}", persisted=True)'
    up = f'op.add_column("{table.name}", sa.Column("{name}", sa.Integer(), {computed}){table.in_schema})'
    return up, f'op.drop_column("{table.name}", "{name}"{table.in_schema})'


# With keys of its own: a user may have a row of that key, and the sequence does not know of it.
@kind(
    "seed rows",
    lambda site: [table for table in tables(site) if not table.seeded and table.key == "id"],
    on_any_rows=False,
)
def _seed(draw: st.DrawFn, site: Site, table: Table) -> tuple[str, str]:
    count = draw(st.integers(1, 3))
    names = ["id", *(column.name for column in table.columns)]
    rows = ", ".join(_row(table, number) for number in range(1, count + 1))
    filled = tuple(replace(column, filled=True) for column in table.columns)
    site.put(replace(table, seeded=True, columns=filled))
    up = sql(f"INSERT INTO {table.sql} ({', '.join(names)}) VALUES {rows}")
    return up, sql(f"DELETE FROM {table.sql} WHERE id <= {count}")


def _row(table: Table, number: int) -> str:
    values = [str(number), *(_value(column.type, number) for column in table.columns)]
    return f"({', '.join(values)})"


def _value(type: str, number: int) -> str:
    if type == "boolean":
        return "true"
    if type == "jsonb":
        return "'[1]'"
    if type in ("text", "varchar(40)"):
        return f"'x{number}'"
    return f"'2021-01-{number:02}'" if type in ("date", "timestamptz") else str(number)
