"""Paths: Alembic commands, and rows inserted between them, as values, as text and as SQL.

Pure: what a path is written as in a failure, in the report, in the file of regressions and for `--gauntlet-replay`.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Command

Value = None | bool | int | str
"""A value of a row: a string is what PostgreSQL reads for the type of the column, `'{1,2}'` or `'2020-01-01'`."""

_UP_TO_SEPARATOR = re.compile(r"""(?:[^;\n'"\\]|'[^']*'|"(?:\\.|[^"\\])*"|\\.)+""", re.DOTALL)
_SEPARATORS = frozenset(";\n")
_INSERT = re.compile(r"""\s*insert\s+((?:"(?:[^"]|"")*"|[^\s"])+)\s+(\{.*\})\s*""", re.DOTALL)
_SQL_INSERT = "INSERT INTO {} ({}) VALUES ({})"

# pg_get_keywords(), PostgreSQL 18: reserved, or reserved but for functions and types.
_RESERVED = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary",
    "both", "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create",
    "cross", "current_catalog", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end",
    "except", "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike",
    "in", "initially", "inner", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left",
    "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only",
    "or", "order", "outer", "overlaps", "placing", "primary", "references", "returning", "right", "select",
    "session_user", "similar", "some", "symmetric", "system_user", "table", "tablesample", "then", "to",
    "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose", "when", "where", "window",
    "with",
})  # fmt: skip


@dataclass(frozen=True)
class Insert:
    """One row, inserted into a table.

    Attributes:
        table: its name, qualified, and quoted where PostgreSQL needs quotes.
        row: the columns that are given a value, with the values; the others take their defaults.
    """

    table: str
    row: tuple[tuple[str, Value], ...]

    @cached_property
    def _hash(self) -> int:
        return hash((self.table, self.row))

    def __hash__(self) -> int:
        """Return the hash, worked out once: paths of hundreds of rows are looked up all the time."""
        return self._hash

    @classmethod
    def of(cls, table: str, row: Mapping[str, Value]) -> Insert:
        """Return the insert of a row."""
        return cls(table, tuple(row.items()))

    def __str__(self) -> str:
        # '#' begins a comment in the file of regressions.
        return f"insert {self.table} {json.dumps(dict(self.row), ensure_ascii=False)}".replace("#", "\\u0023")

    def shell(self) -> str:
        """Return the statement, to be pasted into psql."""
        return f"{self.sql()};"

    def sql(self) -> str:
        """Return the statement."""
        if not self.row:
            return f"INSERT INTO {self.table} DEFAULT VALUES"
        names, values = zip(*self.row, strict=True)
        return _SQL_INSERT.format(self.table, ", ".join(map(quoted, names)), ", ".join(map(literal, values)))

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the path of the JSON report."""
        return {"command": "insert", "table": self.table, "row": dict(self.row)}


Action = Command | Insert
Path = tuple[Action, ...]


def quoted(name: str) -> str:
    """Return an identifier as SQL needs it, with quotes only where they are needed."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in _RESERVED:
        return name
    return '"{}"'.format(name.replace('"', '""'))


def literal(value: Value) -> str:
    """Return a value as SQL. Needs `standard_conforming_strings`, which is on since PostgreSQL 9.1."""
    if isinstance(value, str):
        return "'{}'".format(value.replace("'", "''"))
    return "NULL" if value is None else str(value).lower()


def commands(path: Path) -> tuple[Command, ...]:
    """Return the path without the rows."""
    return tuple(each for each in path if isinstance(each, Command))


def has_rows(path: Path) -> bool:
    """Return whether rows are inserted on the path."""
    return any(isinstance(each, Insert) for each in path)


def written(path: Iterable[Action]) -> str:
    """Return the text of a path, which `parse_path` reads."""
    return "; ".join(map(str, path))


def parse_path(text: str) -> Path:
    """Read `upgrade a1; insert public.users {"id": 1}; downgrade base`: the inverse of `written`.

    New lines separate as semicolons do, and a leading `alembic` is allowed, so that the commands of a failure message
    can be pasted. Raises GauntletError for anything else.
    """
    if not _SEPARATORS.issuperset(_UP_TO_SEPARATOR.sub("", text)):
        raise GauntletError(f"cannot read the commands {text!r}: a quote is not closed")
    path = tuple(_action(piece) for piece in _UP_TO_SEPARATOR.findall(text) if piece.strip())
    if not path:
        raise GauntletError("no commands: expected such as 'upgrade a1; downgrade base'")
    return path


def _action(text: str) -> Action:
    insert = _INSERT.fullmatch(text)
    if insert is not None:
        return _insert(insert[1], insert[2])
    words = shlex.split(text)
    match words[1:] if words[0] == "alembic" else words:
        case ["upgrade", target]:
            return Command("upgrade", target)
        case ["downgrade", target]:
            return Command("downgrade", target)
    raise GauntletError(
        f"cannot read the command {shlex.join(words)!r}: expected 'upgrade TARGET', 'downgrade TARGET' or\n"
        """'insert TABLE {"COLUMN": VALUE}', several of them separated by ';'"""
    )


def _insert(table: str, text: str) -> Insert:
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        raise GauntletError(f"cannot read the row {text}: {error}") from error
    for value in row.values():
        if not isinstance(value, Value):
            raise GauntletError(f"cannot read the row {text}: {value!r} is no value; write it as a string")
    return Insert.of(table, row)
