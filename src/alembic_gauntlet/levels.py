"""What of a difference between the migrated database and the models' is drift. Pure: schemas in, changes out.

Both sides are read from PostgreSQL, so that names, types and expressions are spelled alike. What models cannot say is
left out here, and so is what follows from how a database came to be: the names of what has no name in the models, of
sequences that belong to a column, and the storage of a column.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from alembic_gauntlet.diff import Change, diff
from alembic_gauntlet.schema import Schema, SchemaObject

_CONSTRAINTS = ("primary key", "foreign key", "unique constraint", "exclusion constraint", "check constraint")
_OF_TABLES = ("table", "column", "column default", *_CONSTRAINTS, "index")
_BY_NAME = ("enum type", "domain", "sequence")
EXPRESSIBLE = frozenset({*_OF_TABLES, *_BY_NAME, "comment", "domain constraint", "not-null constraint"})
"""Kinds of objects that models can declare, and what goes with them."""

_STATE = re.compile(
    r"( TABLESPACE \S+)?( PARTITION OF \S+)?( STATISTICS \d+=\d+)*( CLUSTER)?( REPLICA IDENTITY)?( INVALID)?$"
)
_COLUMN_SETTINGS = re.compile(
    r"( INHERITED)?( STORAGE \w+)?( COMPRESSION \w+)?( STATISTICS \d+)?( SET \(.*\))?( OPTIONS \(.*\))?$"
)
_TABLE_SETTINGS = re.compile(r" ?(ENABLE ROW LEVEL SECURITY|FORCE ROW LEVEL SECURITY|REPLICA IDENTITY \w+)")
_STORAGE = re.compile(r" ?(USING \S+|WITH \([^)]*\)|TABLESPACE \S+)")
_SEQUENCE_NAME = re.compile(r"SEQUENCE NAME (?:\"(?:[^\"]|\"\")*\"|[^\s\")])+ ?|(?:UN)?LOGGED ?")
_NEXTVAL = re.compile(r"nextval\('((?:[^']|'')+)'::regclass\)")
_CAST = re.compile(r"::[\w .\"\[\]]+(\(\d+(,\d+)?\))?$")


@dataclass(frozen=True)
class Declared:
    """What the models declare, by the names that PostgreSQL gives.

    Attributes:
        tables: the tables that were made from the models.
        names: by table, the kinds and names of constraints and indexes to which the models give a name.
        types: enum types, domains and sequences.
        elsewhere: tables of the models that are views in the database, or belong to an extension: not compared.
        unmade: tables of the models that could not be made, and why: not compared either.
    """

    tables: frozenset[str] = frozenset()
    names: Mapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    types: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    unmade: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Scope:
    """What takes part in the comparison.

    Attributes:
        schemas: those whose tables have to be in the models; None for all.
        other_schemas: schemas that env.py leaves out.
        left_out: tables that env.py leaves out.
        parts: columns, indexes and constraints that it leaves out, as (table, name).
    """

    schemas: Collection[str] | None = None
    other_schemas: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    parts: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Level:
    """What only the database has and counts all the same: server defaults, or everything that models can say."""

    defaults: bool = False
    everything: bool = False


def drift(migrated: Schema, modelled: Schema, declared: Declared, scope: Scope, level: Level) -> tuple[Change, ...]:
    """Return what differs between the migrated database (`before`) and the models' (`after`)."""
    before = _comparable(migrated, declared, scope, level)
    after = _comparable(modelled, declared, scope, level, only_declared=True)
    found = _without_repetitions(_paired(diff(before, after), declared), before, after, declared)
    return tuple(each for each in _without_implied(found) if _counts(each, level))


def inexpressible(migrated: Schema) -> Mapping[str, int]:
    """Return how many objects the database has that no model can declare, by kind."""
    left_out = EXPRESSIBLE | {"schema", "extension"}
    return dict(sorted(Counter(kind for kind, _ in migrated if kind not in left_out).items()))


# What is compared


def _comparable(schema: Schema, declared: Declared, scope: Scope, level: Level, only_declared: bool = False) -> Schema:
    tables = {
        each.name
        for each in schema.of_kind("table")
        if each.name in declared.tables or (not only_declared and _is_in_scope(each, scope))
    } - declared.elsewhere - declared.unmade.keys() - scope.left_out  # fmt: skip
    owned = _owned_sequences(schema)
    named = set(declared.types) | ({*_types(schema)} if level.everything and not only_declared else set())
    return Schema(_objects(schema, tables, named, owned, scope))


def _is_in_scope(table: SchemaObject, scope: Scope) -> bool:
    # A partition is part of its table.
    schema = table.name[: -len(table.name.rpartition(".")[2]) - 1]
    wanted = (scope.schemas is None or schema in scope.schemas) and schema not in scope.other_schemas
    return wanted and "PARTITION OF" not in table.definition


def _types(schema: Schema) -> Iterator[str]:
    owned = {*_owned_sequences(schema).values()}
    return (each.name for each in schema.of_kind(*_BY_NAME) if each.name not in owned)


def _owned_sequences(schema: Schema) -> dict[str, str]:
    """Return the sequences that belong to a column, by the column."""
    found = {}
    for each in schema.of_kind("sequence"):
        _, owned, column = each.definition.rpartition("OWNED BY ")
        if owned:
            found[column] = each.name
    return found


def _objects(
    schema: Schema, tables: Collection[str], named: Collection[str], owned: Mapping[str, str], scope: Scope
) -> Iterator[SchemaObject]:
    for each in schema.of_kind(*_OF_TABLES):
        if each.table in tables and (each.table or "", each.local_name) not in scope.parts:
            yield each._replace(definition=_plain(each, owned))
    for each in schema.of_kind(*_BY_NAME):
        if each.name in named and each.name not in owned.values():
            yield each
    for each in schema.of_kind("domain constraint"):
        if each.name.rpartition(".")[0] in named:
            yield each
    for each in schema.of_kind("comment"):
        column = each.name.startswith("column ")
        if each.table in tables and not (column and (each.table or "", each.name.rpartition(".")[2]) in scope.parts):
            yield each


def _plain(each: SchemaObject, owned: Mapping[str, str]) -> str:
    """Return a definition without what models cannot say, and without what says nothing."""
    text = each.definition
    if each.kind == "table":
        return _TABLE_SETTINGS.sub("", text).strip()
    if each.kind == "column":
        return _SEQUENCE_NAME.sub("", _COLUMN_SETTINGS.sub("", text)).replace(" ()", "").replace(" )", ")")
    if each.kind == "column default":
        sequence = _NEXTVAL.fullmatch(text)
        if sequence is not None and owned.get(each.name) == sequence[1].replace("''", "'"):
            return "nextval(its own sequence)"
        return text.replace("CURRENT_TIMESTAMP", "now()")
    return _STATE.sub("", text).removesuffix(" INHERITED").removesuffix(" NOT VALID")


# What counts


def _paired(changes: Iterable[Change], declared: Declared) -> list[Change]:
    """Join what is the same but for its name; leave it out where the models give it none."""
    changes = list(changes)
    gone: dict[tuple[str, str | None, str], list[Change]] = defaultdict(list)
    for each in changes:
        if each.change == "removed" and each.kind in (*_CONSTRAINTS, "index"):
            gone[_gist(each)].append(each)
    found = []
    matched: set[tuple[str, str]] = set()
    for each in changes:
        if each.change != "added" or each.kind not in (*_CONSTRAINTS, "index") or not gone[_gist(each)]:
            continue
        other = gone[_gist(each)].pop(0)
        matched |= {(other.kind, other.name), (each.kind, each.name)}
        if _is_named(each, declared):
            found.append(Change("changed", f"{each.kind} name", each.name, _local(other), _local(each), each.table))
    return [*(each for each in changes if (each.kind, each.name) not in matched), *found]


def _gist(change: Change) -> tuple[str, str | None, str]:
    text = (change.before if change.change == "removed" else change.after) or ""
    if change.kind == "index":
        text = text.replace(f" {change.name.rpartition('.')[2]} ON ", " ON ", 1)
    return change.kind, change.table, text


def _without_repetitions(
    changes: Iterable[Change], before: Schema, after: Schema, declared: Declared
) -> Iterator[Change]:
    """Leave out what the models say twice: PostgreSQL makes one of it, or the database has one.

    UNIQUE on the columns of the primary key is merged with it, and a constraint without a name may repeat another.
    """
    present = {_gist(_gone(each)) for each in before.of_kind(*_CONSTRAINTS)}
    keys = {each.table: each.definition.removeprefix("PRIMARY KEY") for each in after.of_kind("primary key")}
    for each in changes:
        merged = each.kind == "unique constraint" and each.change == "removed" and _is_named(each, declared)
        if merged and each.before == f"UNIQUE{keys.get(each.table)}":
            continue
        if each.change == "added" and _gist(each) in present and not _is_named(each, declared):
            continue
        yield each


def _gone(each: SchemaObject) -> Change:
    return Change("removed", each.kind, each.name, each.definition, None, each.table)


def _is_named(change: Change, declared: Declared) -> bool:
    """Whether the models themselves call a constraint or an index so."""
    return (change.kind, _local(change)) in declared.names.get(change.table or "", ())


def _local(change: Change) -> str:
    return change.name.rpartition(".")[2].strip('"')


def _without_implied(changes: Iterable[Change]) -> Iterator[Change]:
    """Leave out defaults that differ in no more than the type that the column has."""
    changes = list(changes)
    columns = {each.name for each in changes if each.kind == "column"}
    for each in changes:
        same = each.change == "changed" and _CAST.sub("", each.before or "") == _CAST.sub("", each.after or "")
        if not (each.kind == "column default" and each.name in columns and same):
            yield each


def _counts(change: Change, level: Level) -> bool:
    """Whether a difference is drift: what only the database has is not always."""
    if level.everything:
        return True
    if change.kind == "column default" and change.change == "removed":
        return level.defaults
    if change.kind == "comment" and change.change == "removed":
        return False
    if change.kind == "table" and change.change == "changed":
        return _STORAGE.sub("", change.before or "") != _STORAGE.sub("", change.after or "") or bool(
            _STORAGE.search(change.after or "")
        )
    return True
