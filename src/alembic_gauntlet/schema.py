"""What a schema is: frozen values by key (kind, qualified name). No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

Key = tuple[str, str]
Row = tuple[str, str, str, str | None, str]
"""A `SchemaObject` as a plain tuple."""


class SchemaObject(NamedTuple):
    """One object of a schema."""

    kind: str
    """In the user's words: "table", "column", "column default", "enum type", "primary key", "index", ..."""
    name: str
    """Qualified, quoted only where PostgreSQL needs quotes: `public.users.email`, `public.f(integer)`."""
    definition: str
    """As PostgreSQL prints it: `text NOT NULL`, `('x', 'y')`, `FOREIGN KEY (a) REFERENCES public.t(id)`."""
    table: str | None = None
    """Qualified name of the table or view it belongs to; for tables and views their own name."""
    local_name: str = ""
    """The bare name without quotes, for naming rules: `users_pkey`."""

    @property
    def key(self) -> Key:
        """What identifies the object within its schema."""
        return self.kind, self.name


class Schema(Mapping[Key, SchemaObject]):
    """The objects of one database at one moment, by (kind, name). Immutable; the order of objects is no part of it.

    Rows are held as they came from the database and become objects when looked at: most never are, since most
    schemas are only compared as a whole.
    """

    __slots__ = ("_hash", "_objects")

    def __init__(self, objects: Iterable[SchemaObject | Row] = ()) -> None:
        self._objects: dict[Key, SchemaObject | Row] = {(each[0], each[1]): each for each in objects}
        self._hash: int | None = None

    def __getitem__(self, key: Key) -> SchemaObject:
        return SchemaObject._make(self._objects[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def sharing(self, other: "Schema") -> "Schema":
        """Return an equal schema that takes from `other` what is equal there: many alike are kept in little space."""
        rows = other._objects
        return Schema(rows[key] if rows.get(key) == row else row for key, row in self._objects.items())

    def __eq__(self, other: object) -> bool:
        return self._objects == other._objects if isinstance(other, Schema) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._objects.values()))
        return self._hash

    def __repr__(self) -> str:
        return f"<Schema of {len(self)} objects>"

    def of_kind(self, *kinds: str) -> tuple[SchemaObject, ...]:
        """The objects of these kinds, in the order they were read (columns: as in the table)."""
        return tuple(SchemaObject._make(each) for each in self._objects.values() if each[0] in kinds)

    def without_kinds(self, kinds: Iterable[str]) -> "Schema":
        """The schema less every object of these kinds."""
        dropped = frozenset(kinds)
        return Schema(each for each in self._objects.values() if each[0] not in dropped) if dropped else self

    def without_tables(self, patterns: Sequence[str]) -> "Schema":
        """The schema less every object whose table matches a shell pattern, by bare or by qualified name."""
        if not patterns:
            return self
        tables = {each[3] for each in self._objects.values() if each[3] is not None}
        dropped = {table for table in tables if matches_table(table, patterns)}
        return Schema(each for each in self._objects.values() if each[3] not in dropped)


def matches_table(table: str, patterns: Iterable[str]) -> bool:
    """Whether a shell pattern matches the qualified name `table`, or the bare name in it, quoted or not."""
    parts = split_name(table)
    names = {table, ".".join(parts), parts[-1]}
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


@lru_cache(maxsize=4096)
def split_name(name: str) -> tuple[str, ...]:
    """The parts of a qualified name without their quotes: `public."My.table"` is `public`, `My.table`."""
    parts, part, quoted = [], "", False
    for position, character in enumerate(name):
        if character == '"':
            doubled = not quoted and position > 0 and name[position - 1] == '"'
            part += '"' if doubled else ""
            quoted = not quoted
        elif character == "." and not quoted:
            parts.append(part)
            part = ""
        else:
            part += character
    return (*parts, part)
