"""What exists above each revision, as far as it takes to write the next operation correctly.

Two revisions touch the same object only where one of them is an ancestor of the other: whoever touches an object must
have all who touched it before among its ancestors. So every topological order gives the same schema.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TypeVar

from alembic_gauntlet.graph import State


@dataclass(frozen=True)
class Column:
    """A column of a plain type.

    Attributes:
        default: as SQL.
        free: nothing depends on it, nor is anything attached to it: it may be dropped, renamed or given another type.
        filled: no row of the table has NULL there.
        old_name: its NOT NULL, which has a name since PostgreSQL 18, was made under another name.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    free: bool = True
    filled: bool = False
    old_name: bool = False


@dataclass(frozen=True)
class Table:
    """A table with all that is attached to it. `columns` leaves out those that no operation may change."""

    name: str
    schema: str | None = None
    columns: tuple[Column, ...] = ()
    key: str = "id"
    key_name: str = ""
    key_used: bool = False
    seeded: bool = False
    indexes: tuple[Index, ...] = ()
    has: frozenset[str] = frozenset()
    """What there is one of in a table at most, such as a comment or a grant."""

    @property
    def sql(self) -> str:
        """Its name in SQL."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def in_schema(self) -> str:
        """The argument that a function of `op` takes."""
        return f", schema={self.schema!r}" if self.schema else ""

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)

    def with_column(self, column: Column, instead_of: str | None = None) -> Table:
        """Return the table with one column put in the place of another, or added."""
        old = instead_of or column.name
        if all(each.name != old for each in self.columns):
            return replace(self, columns=(*self.columns, column))
        return replace(self, columns=tuple(column if each.name == old else each for each in self.columns))

    def without_column(self, name: str) -> Table:
        """Return the table less one column."""
        return replace(self, columns=tuple(column for column in self.columns if column.name != name))

    def using(self, *names: str) -> Table:
        """Return the table with these columns no longer free."""
        columns = (replace(each, free=False) if each.name in names else each for each in self.columns)
        return replace(self, columns=tuple(columns))

    def having(self, thing: str) -> Table:
        """Return the table with one thing more of which it has one at most."""
        return replace(self, has=self.has | {thing})


@dataclass(frozen=True)
class Index:
    """An index that may be dropped, and the arguments that make it again."""

    name: str
    arguments: str


@dataclass(frozen=True)
class EnumType:
    """An enum type, its values, and the columns of that type that `ADD VALUE`'s downgrade must convert."""

    name: str
    values: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Function:
    """A function `name(integer)` that returns its argument plus a number."""

    name: str
    plus: int


@dataclass(frozen=True)
class View:
    """A view, and its query, which a replacement extends by a condition."""

    name: str
    query: str


@dataclass(frozen=True)
class Other:
    """Something that only has to exist: a schema, an extension."""

    name: str
    kind: str


Thing = Table | EnumType | Function | View | Other
_T = TypeVar("_T", Table, EnumType, Function, View, Other)


@dataclass
class World:
    """All objects made so far, and who touched each of them last."""

    _things: dict[str, Thing] = field(default_factory=dict)
    _touched: dict[str, str] = field(default_factory=dict)
    _numbers: Counter[str] = field(default_factory=Counter)

    def fresh(self, beginning: str) -> str:
        """Return a name that no object of this history has had."""
        self._numbers[beginning] += 1
        return f"{beginning}{self._numbers[beginning]}"

    def site(self, revision: str, ancestors: State) -> Site:
        """Return the world as one revision may change it; `ancestors` includes the revision."""
        return Site(self, revision, ancestors)


@dataclass(frozen=True)
class Site:
    """The objects that one revision may touch."""

    world: World
    revision: str
    ancestors: State

    def fresh(self, beginning: str) -> str:
        """Return a name that no object of this history has had."""
        return self.world.fresh(beginning)

    def all(self, type: type[_T]) -> list[_T]:
        """Return the objects of a type that this revision may touch."""
        return [thing for thing in self.world._things.values() if isinstance(thing, type) and self.may_touch(thing)]

    def may_touch(self, thing: Thing) -> bool:
        """Return whether all who touched it are ancestors."""
        return self.world._touched[thing.name] in self.ancestors

    def named(self, name: str) -> Thing | None:
        """Return what has this name now, wherever in the history it was made."""
        return self.world._things.get(name)

    def put(self, *things: Thing) -> None:
        """Add objects, or change or touch those of the same name."""
        for thing in things:
            self.world._things[thing.name] = thing
            self.world._touched[thing.name] = self.revision

    def rename(self, thing: Thing, old: str) -> None:
        """Add an object in the place of the one called `old`, whose name is not used again."""
        del self.world._things[old], self.world._touched[old]
        self.put(thing)
