"""Migrations against models: Alembic's own comparison, with the options that env.py passes to `context.configure`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Computed, Enum, ForeignKeyConstraint, Identity, Index, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import Constraint, DefaultClause

from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.runner import Runner
from alembic_gauntlet.schema import matches_table
from alembic_gauntlet.settings import Settings

_PROBE = "gauntlet_default"


def compare(
    runner: Runner,
    sandbox: Sandbox,
    metadata: Sequence[MetaData],
    settings: Settings,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Change, ...]:
    """Return what differs between a sandbox at head (`before`) and the models (`after`).

    `options` are those that env.py passes to `context.configure`. Where it says nothing of server defaults, those
    that the models declare are compared all the same.

    Raises:
        GauntletError: Alembic cannot compare them.
    """
    found: list[Any] = []
    # Several MetaData go as a list, which the annotation of Alembic does not say.
    models: Any = metadata[0] if len(metadata) == 1 else list(metadata)

    def work(heads: Any, context: MigrationContext) -> Iterable[Any]:
        try:
            with _generated_columns_have_arg():
                found.extend(compare_metadata(context, models))
        except Exception as error:
            raise GauntletError(_not_comparable(error, metadata)) from error
        return ()

    only_in_database = settings.migration_diff_compare_server_default
    said = options.get("compare_server_default")
    compares = callable(said) or said is True or (said is False and not only_in_database)
    runner.inside(sandbox, work, configure={} if compares else {"compare_server_default": _defaults_differ})
    flat = [entry for group in found for entry in (group if isinstance(group, list) else [group])]
    changes = [
        _change(entry)
        for entry in flat
        if not matches_table(_table_name(entry), settings.migration_diff_ignore_tables)
        and (only_in_database or not _is_default_of_database_only(entry))
    ]
    # Alembic goes through sets.
    return tuple(sorted(changes, key=lambda each: (each.table or "", each.kind != "table", each.kind, each.name)))


@contextmanager
def _generated_columns_have_arg() -> Iterator[None]:
    """Alembic reads `arg.text` of any default in the database, before it calls a function; these have none."""
    lacking: list[Any] = [each for each in (Computed, Identity) if not hasattr(each, "arg")]
    for each in lacking:
        each.arg = property(lambda self: getattr(self, "sqltext", text("")))
    try:
        yield
    finally:
        for each in lacking:
            delattr(each, "arg")


def _not_comparable(error: Exception, metadata: Sequence[MetaData]) -> str:
    columns = [column for each in metadata for table in each.tables.values() for column in table.columns]
    unnamed = [
        str(each) for each in columns if isinstance(each.type, Enum) and each.type.native_enum and not each.type.name
    ]
    lines = [f"Alembic cannot compare the models with the database: {type(error).__name__}: {error}"]
    if unnamed and "enum" in str(error).lower():
        lines.append(f"Columns with an Enum that has no name: {', '.join(unnamed[:8])}{' ...' if unnamed[8:] else ''}")
    return "\n".join(lines)


def _defaults_differ(
    context: MigrationContext,
    inspected: Column[Any],
    column: Column[Any],
    in_database: str | None,
    declared: Any,
    in_models: str | None,
) -> bool:
    """Return whether two server defaults differ as PostgreSQL prints them.

    Alembic itself asks PostgreSQL whether the two values are equal, which is an error for json, and runs functions.
    """
    # Serial, generated and identity columns: Alembic compares those elsewhere, and its own comparison of defaults
    # fails on a Computed.
    table: Any = column.table
    serial = column.primary_key and column is getattr(table, "autoincrement_column", table._autoincrement_column)
    if serial or not isinstance(declared, (DefaultClause, type(None))):
        return False
    if declared is None or in_database is None:
        return (declared is None) != (in_database is None)
    # As in DDL, where the compiler has doubled the per cent signs that the driver takes for placeholders.
    dialect: Any = context.dialect
    default = dialect.ddl_compiler(dialect, None).get_column_default_string(column)
    printed = _as_printed(context.connection, column, default)
    return printed is None or _one_spelling(in_database) != _one_spelling(printed)


def _one_spelling(default: str) -> str:
    """PostgreSQL keeps the two names of the same function apart."""
    return default.replace("CURRENT_TIMESTAMP", "now()")


def _as_printed(connection: Any, column: Column[Any], default: str) -> str | None:
    """Return a default as PostgreSQL prints it for a column of the type in the database; None where it is none."""
    quote = connection.dialect.identifier_preparer.quote
    table = ".".join(quote(part) for part in (column.table.schema, column.table.name) if part)
    transaction = connection.begin_nested()
    try:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {_PROBE} (LIKE {table})")
        connection.exec_driver_sql(f"ALTER TABLE {_PROBE} ALTER COLUMN {quote(column.name)} SET DEFAULT {default}")
        printed: str | None = connection.exec_driver_sql(
            f"SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = '{_PROBE}'::regclass"
        ).scalar()
    except DBAPIError:
        return None
    finally:
        transaction.rollback()
    return printed


def _is_default_of_database_only(entry: tuple[Any, ...]) -> bool:
    return entry[0] == "modify_default" and entry[6] is None


def _table_name(entry: tuple[Any, ...]) -> str:
    if isinstance(entry[1], Table):
        return str(entry[1].key)
    if isinstance(entry[1], (Index, Constraint)):
        table = getattr(entry[1], "table", None)
        return str(table.key) if table is not None else ""
    return _qualified(entry[1], entry[2])


def _qualified(schema: str | None, name: str) -> str:
    return f"{schema}.{name}" if schema else name


_KINDS = {
    "table": "table",
    "column": "column",
    "index": "index",
    "constraint": "constraint",
    "fk": "foreign key",
    "table_comment": "table comment",
    "nullable": "column nullability",
    "type": "column type",
    "default": "column default",
    "comment": "column comment",
}


def _change(entry: tuple[Any, ...]) -> Change:
    verb, _, what = entry[0].partition("_")
    kind, table = _KINDS.get(what, what.replace("_", " ")), _table_name(entry)
    if verb == "modify":
        before, after = (_value(what, value) for value in entry[-2:])
        return Change("changed", kind, f"{table}.{entry[3]}", before, after, table)
    subject = entry[3] if what == "column" else entry[1]
    name = f"{table}.{subject.name}" if what == "column" else _name(subject, table)
    definition = _definition(subject)
    if verb == "add":
        return Change("added", kind, name, None, definition, table)
    return Change("removed", kind, name, definition, None, table)


def _name(subject: Any, table: str) -> str:
    if isinstance(subject, Table):
        return table
    return f"{table}.{subject.name}" if subject.name else table


def _definition(subject: Any) -> str:
    if isinstance(subject, Table):
        return f"({', '.join(column.name for column in subject.columns)})"
    if isinstance(subject, Column):
        return f"{subject.type}{'' if subject.nullable else ' NOT NULL'}"
    if isinstance(subject, Index):
        return f"{'UNIQUE ' if subject.unique else ''}({', '.join(str(each) for each in subject.expressions)})"
    columns = ", ".join(column.name for column in getattr(subject, "columns", ()))
    if isinstance(subject, ForeignKeyConstraint):
        return f"({columns}) -> {', '.join(element.target_fullname for element in subject.elements)}"
    return f"({columns})"


def _value(what: str, value: Any) -> str | None:
    if value is None:
        return None
    if what == "nullable":
        return "NULL" if value else "NOT NULL"
    return str(getattr(getattr(value, "arg", value), "text", getattr(value, "arg", value)))
