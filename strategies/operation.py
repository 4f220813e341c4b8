"""What an operation of a migration is, and how kinds of operations are declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

from strategies.world import Column, Site, Table

SA_TYPES = {
    "integer": "sa.Integer()",
    "text": "sa.Text()",
    "boolean": "sa.Boolean()",
    "varchar(40)": "sa.String(40)",
    "bigint": "sa.BigInteger()",
    "numeric(10, 2)": "sa.Numeric(10, 2)",
    "date": "sa.Date()",
    "timestamptz": "sa.DateTime(timezone=True)",
    "jsonb": "postgresql.JSONB()",
}
"""The plain types of columns, plainest first, and what they are in SQLAlchemy."""

DEFAULTS = {
    "integer": "0",
    "text": "'x'",
    "boolean": "false",
    "varchar(40)": "'x'",
    "bigint": "0",
    "numeric(10, 2)": "1.5",
    "date": "'2020-01-01'",
    "timestamptz": "now()",
    "jsonb": "'{}'",
}
"""A default for a column of each type, in SQL."""

ORDERED = frozenset({"integer", "text", "varchar(40)", "bigint", "numeric(10, 2)", "date", "timestamptz"})
"""Types of which a seed row and the next have different values."""


@dataclass(frozen=True)
class Operation:
    """Python source for `upgrade()`, and for `downgrade()`, which restores exactly what was there before.

    `commits`: one of them ends the transaction, as `autocommit_block` does.
    """

    kind: str
    upgrade: str
    downgrade: str
    commits: bool = False


_C = TypeVar("_C")


@dataclass(frozen=True)
class Kind:
    """A kind of operation.

    Attributes:
        name: what `Operation.kind` says.
        candidates: what there is to do it to, at a site; nothing where it cannot be done.
        make: writes it, and changes the site.
        on_any_rows: it works both ways whatever rows a user has put into the tables.
    """

    name: str
    candidates: Callable[[Site], Iterable[Any]]
    make: Callable[[st.DrawFn, Site, Any], Operation]
    on_any_rows: bool = True


class Registry:
    """Collects kinds, in the order in which they are declared: the plainest first."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []

    def __call__(
        self, name: str, candidates: Callable[[Site], Iterable[_C]], *, on_any_rows: bool = True
    ) -> Callable[[Callable[[st.DrawFn, Site, _C], tuple[str, str]]], Callable[[st.DrawFn, Site, _C], tuple[str, str]]]:
        """Declare the decorated function as the writer of `upgrade` and `downgrade` of a kind."""

        def register(
            function: Callable[[st.DrawFn, Site, _C], tuple[str, str]],
        ) -> Callable[[st.DrawFn, Site, _C], tuple[str, str]]:
            def make(draw: st.DrawFn, site: Site, candidate: _C) -> Operation:
                upgrade, downgrade = function(draw, site, candidate)
                return Operation(name, upgrade, downgrade, "autocommit_block" in upgrade + downgrade)

            self.kinds.append(Kind(name, candidates, make, on_any_rows))
            return function

        return register


def sql(*statements: str) -> str:
    """Return source that executes statements."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


def lines(*sources: str) -> str:
    """Return one source of several."""
    return "\n".join(source for source in sources if source)


def column_source(column: Column) -> str:
    """Return the `sa.Column` of a column."""
    return sa_column(column.name, SA_TYPES[column.type], column.nullable, column.default)


def sa_column(name: str, type: str, nullable: bool = True, default: str | None = None) -> str:
    """Return a `sa.Column`; `default` is SQL."""
    more = "" if nullable else ", nullable=False"
    if default is not None:
        more += f", server_default=sa.text({default!r})"
    return f'sa.Column("{name}", {type}{more})'


def table_source(name: str, *parts: str, schema: str | None = None, key: str | None = "id") -> str:
    """Return `op.create_table` with an integer primary key, named."""
    first = [f'sa.Column("{key}", sa.Integer(), nullable=False)'] if key else []
    last = [f'sa.PrimaryKeyConstraint("{key}", name="pk_{name}")'] if key else []
    last += [f"schema={schema!r}"] if schema else []
    body = "".join(f"    {part},\n" for part in [*first, *parts, *last])
    return f'op.create_table(\n    "{name}",\n{body})'


def drop_table_source(table: Table) -> str:
    """Return `op.drop_table`."""
    return f'op.drop_table("{table.name}"{table.in_schema})'


def anything(site: Site) -> list[None]:
    """Of operations that need nothing: one candidate."""
    return [None]


def tables(site: Site) -> list[Table]:
    """Return the tables that may be touched, the latest first."""
    return site.all(Table)[::-1]


def columns(site: Site) -> list[tuple[Table, Column]]:
    """Return the columns of plain types in tables that may be touched."""
    return [(table, column) for table in tables(site) for column in table.columns]


def free_columns(site: Site) -> list[tuple[Table, Column]]:
    """Return the columns of `columns` on which nothing depends."""
    return [(table, column) for table, column in columns(site) if column.free]
