"""What a schema is: frozen values by key (kind, qualified name). No I/O."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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


_OF_TABLES = frozenset({
    "table", "foreign table", "column", "column default", "primary key", "unique constraint", "foreign key",
    "check constraint", "exclusion constraint", "not-null constraint", "index",
})  # fmt: skip
_ALONE = frozenset({"enum type", "sequence"})
PartKey = tuple[str, str | None]


def part_of(row: SchemaObject | Row) -> PartKey:
    """The part of a schema that an object stands in: that of its table, its own, or that of its kind."""
    kind = row[0]
    if kind in _OF_TABLES:
        return "table", row[3]
    return (kind, row[1]) if kind in _ALONE else (kind, None)


class Part(dict[Key, SchemaObject | Row]):
    """Objects that are read, compared and kept together. Never changed once it is made."""

    __slots__ = ("_hash",)
    _hash: int

    def __hash__(self) -> int:  # type: ignore[override]
        try:
            return self._hash
        except AttributeError:
            self._hash = hash(frozenset(self.values()))
            return self._hash


class Schema(Mapping[Key, SchemaObject]):
    """The objects of one database at one moment, by (kind, name). Immutable; the order of objects is no part of it.

    Rows are held as they came from the database and become objects when looked at: most never are, since most
    schemas are only compared as a whole. They are held in parts, which schemas of the same history share.
    """

    __slots__ = ("_flat", "_hash", "parts")

    def __init__(self, objects: Iterable[SchemaObject | Row] = ()) -> None:
        parts: dict[PartKey, Part] = {}
        for each in objects:
            parts.setdefault(part_of(each), Part())[each[0], each[1]] = each
        self._set(parts)

    @classmethod
    def of_parts(cls, parts: dict[PartKey, Part]) -> "Schema":
        """The schema of these parts, none of them empty; the dictionary is its own from now on."""
        made = cls.__new__(cls)
        made._set(parts)
        return made

    def _set(self, parts: dict[PartKey, Part]) -> None:
        self.parts = parts
        self._flat: Part | None = None
        self._hash: int | None = None

    @property
    def _objects(self) -> Part:
        if self._flat is None:
            self._flat = Part()
            for part in self.parts.values():
                self._flat.update(part)
        return self._flat

    def __getitem__(self, key: Key) -> SchemaObject:
        return SchemaObject._make(self._objects[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._objects)

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def sharing(self, other: "Schema") -> "Schema":
        """Return an equal schema that takes from `other` what is equal there: many alike are kept in little space."""
        theirs = other.parts
        return Schema.of_parts(
            {key: theirs[key] if _is_same(theirs.get(key), part) else part for key, part in self.parts.items()}
        )

    def unlike(self, other: "Schema") -> "Schema":
        """The schema less what it shares with another, by parts: what differs is in what remains."""
        theirs = other.parts
        return Schema.of_parts({key: part for key, part in self.parts.items() if not _is_same(theirs.get(key), part)})

    def __eq__(self, other: object) -> bool:
        return self.parts == other.parts if isinstance(other, Schema) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.parts.values()))
        return self._hash

    def __repr__(self) -> str:
        return f"<Schema of {len(self)} objects>"

    def of_kind(self, *kinds: str) -> tuple[SchemaObject, ...]:
        """The objects of these kinds, in the order they were read (columns: as in the table)."""
        rows = (each for part in self.parts.values() for each in part.values())
        return tuple(SchemaObject._make(each) for each in rows if each[0] in kinds)

    def without_kinds(self, kinds: Iterable[str]) -> "Schema":
        """The schema less every object of these kinds."""
        dropped = frozenset(kinds)
        return self._where(lambda row: row[0] not in dropped) if dropped else self

    def without_tables(self, patterns: Sequence[str]) -> "Schema":
        """The schema less every object whose table matches a shell pattern, by bare or by qualified name."""
        if not patterns:
            return self
        tables = {each[3] for part in self.parts.values() for each in part.values()} - {None}
        dropped = {table for table in tables if table is not None and matches_table(table, patterns)}
        return self._where(lambda row: row[3] not in dropped)

    def _where(self, keep: Callable[[SchemaObject | Row], bool]) -> "Schema":
        return Schema(each for part in self.parts.values() for each in part.values() if keep(each))


def _is_same(one: Part | None, other: Part) -> bool:
    return one is other or one == other  # comparing a dictionary to itself takes its length


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
