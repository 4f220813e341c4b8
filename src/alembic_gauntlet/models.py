"""The models as PostgreSQL makes them: `create_all` on a sandbox, through env.py's own connection.

The sandbox is a clone of the migrated database, less the tables and types of the models: so functions, extensions and
schemas that server defaults and types need are there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, ForeignKeyConstraint, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.engine import Connection
from sqlalchemy.types import TypeDecorator

from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.levels import Declared
from alembic_gauntlet.path import quoted
from alembic_gauntlet.runner import Runner
from alembic_gauntlet.schema import split_name

_KINDS = {
    PrimaryKeyConstraint: "primary key",
    ForeignKeyConstraint: "foreign key",
    UniqueConstraint: "unique constraint",
    CheckConstraint: "check constraint",
    ExcludeConstraint: "exclusion constraint",
}
_ELSEWHERE = """\
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm', 'f') OR c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"""


def create(runner: Runner, sandbox: Sandbox, metadata: Sequence[MetaData]) -> Declared:
    """Make the tables of the models in a sandbox that is at head, in the place of those that are there."""
    found: list[Declared] = []

    def work(heads: Any, context: MigrationContext) -> Iterable[Any]:
        assert context.connection is not None
        # As Alembic runs each revision: where env.py has one transaction for each, nothing has begun by now.
        with context.begin_transaction(_per_migration=True):
            found.append(_Maker(context.connection, metadata).make())
        return ()

    runner.inside(sandbox, work)
    return found[0]


def _reason(error: Exception) -> str:
    first, *_ = str(getattr(error, "orig", None) or error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first}"


class _Maker:
    """Makes the tables of models through one connection, and says under which names."""

    def __init__(self, connection: Connection, metadata: Sequence[MetaData]) -> None:
        self._connection = connection
        self._metadata = metadata
        self._translate: Mapping[Any, Any] = connection.get_execution_options().get("schema_translate_map") or {}
        self._default = str(self._run("SELECT current_schema()").scalar() or "public")
        self._tables = {self._name(table): table for each in metadata for table in each.tables.values()}

    def make(self) -> Declared:
        present = {name for (name,) in self._run(_ELSEWHERE)}
        elsewhere = frozenset(present & self._tables.keys())
        tables = {name: table for name, table in self._tables.items() if name not in elsewhere}
        types = {self._name(each): each for table in tables.values() for each in self._types(table)}
        sequences = {self._name(each) for each in self._sequences()}
        self._clear(tables, types, sequences)
        # Where one cannot be made, the tables that need it say so.
        made = {
            name
            for name, each in types.items()
            if self._tried(partial(each.create, self._connection, checkfirst=True)) is None
        }
        unmade = self._create(tables)
        names = {name: frozenset(self._names(table)) for name, table in tables.items() if name not in unmade}
        return Declared(frozenset(names), names, frozenset(made | sequences), elsewhere, unmade)

    def _create(self, tables: Mapping[str, Table]) -> dict[str, str]:
        """Create all tables; where that fails, each by itself. Return those that cannot be made, and why."""
        if self._tried(partial(self._create_all, tables)) is None:
            return {}
        unmade = {}
        for each in self._metadata:
            # Unsorted where a foreign key leads nowhere: then those tables fail by themselves.
            for table in self._sorted(each):
                name = self._name(table)
                # Not by create_all, which would look at the types of the others too.
                reason = self._tried(partial(table.create, self._connection)) if name in tables else None
                if reason is not None:
                    unmade[name] = reason
        return unmade

    def _sorted(self, metadata: MetaData) -> list[Table]:
        try:
            return list(metadata.sorted_tables)
        except Exception:
            return list(metadata.tables.values())

    def _create_all(self, tables: Mapping[str, Table]) -> None:
        for each in self._metadata:
            each.create_all(
                self._connection, tables=[table for table in each.tables.values() if self._name(table) in tables]
            )

    def _tried(self, make: Callable[[], object]) -> str | None:
        """Do something; return why it fails, and leave nothing of it then."""
        savepoint = self._connection.begin_nested()
        try:
            make()
        except Exception as error:
            savepoint.rollback()
            return _reason(error)
        savepoint.commit()
        return None

    def _run(self, statement: str) -> Any:
        return self._connection.exec_driver_sql(statement, execution_options={"no_parameters": True})

    def _name(self, named: Any) -> str:
        schema = self._translate.get(named.schema, named.schema) or self._default
        return f"{quoted(schema)}.{quoted(named.name)}"

    def _clear(self, tables: Iterable[str], types: Iterable[str], sequences: Iterable[str]) -> None:
        for schema in dict.fromkeys(split_name(name)[0] for name in (*tables, *types)):
            self._run(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        for kind, names in (("TABLE", tables), ("TYPE", types), ("SEQUENCE", sequences)):
            listed = ", ".join(names)
            if listed:
                self._run(f"DROP {kind} IF EXISTS {listed} CASCADE")

    def _types(self, table: Table) -> Iterator[Any]:
        """Yield the enum types and domains of a table's columns."""
        for column in table.columns:
            impl: Any = column.type.dialect_impl(self._connection.dialect)
            while isinstance(impl, TypeDecorator) or hasattr(impl, "item_type"):
                impl = (impl.item_type if hasattr(impl, "item_type") else impl.impl).dialect_impl(
                    self._connection.dialect
                )
            if hasattr(impl, "create") and getattr(impl, "name", None):
                yield impl

    def _sequences(self) -> Iterator[Any]:
        for each in self._metadata:
            yield from getattr(each, "_sequences", {}).values()

    def _names(self, table: Table) -> Iterator[tuple[str, str]]:
        """Yield the kinds and names that the models, or their convention, give to constraints and indexes."""
        preparer: Any = self._connection.dialect.identifier_preparer
        for constraint in table.constraints:
            name = None if constraint.name is None else preparer.format_constraint(constraint)
            kind = next((kind for known, kind in _KINDS.items() if isinstance(constraint, known)), "")
            if name:
                yield kind, split_name(name)[-1]
        for index in table.indexes:
            yield "index", split_name(preparer.format_index(index))[-1]
