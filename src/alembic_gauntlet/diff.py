"""What differs between two schemas: one generic walk by key."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from alembic_gauntlet.schema import Key, Schema, SchemaObject

KIND_ORDER = (
    "schema",
    "extension",
    "enum type",
    "domain",
    "composite type",
    "range type",
    "base type",
    "table",
    "foreign table",
    "column",
    "column default",
    "sequence",
    "primary key",
    "unique constraint",
    "foreign key",
    "check constraint",
    "exclusion constraint",
    "not-null constraint",
    "domain constraint",
    "index",
    "statistics object",
    "view",
    "materialized view",
    "function",
    "procedure",
    "aggregate",
    "trigger",
    "rule",
    "policy",
)
"""Kinds in the order a reader looks for them; those not named here follow, comments and grants come last."""

LAST_KINDS = ("comment", "grant", "default privilege")
_RANK = {kind: rank for rank, kind in enumerate(KIND_ORDER)} | dict.fromkeys(LAST_KINDS, 1000)
_Table = tuple[str, str | None]
_Label = tuple[str, str]
_RELATIONS = frozenset({"table", "foreign table", "view", "materialized view"})


@dataclass(frozen=True, slots=True)
class Change:
    """One object that differs. `before` is None where it was added, `after` where it was removed."""

    change: Literal["added", "removed", "changed"]
    kind: str
    name: str
    before: str | None
    after: str | None
    table: str | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, str | None]:
        """The change as reports and other programs get it."""
        return {
            "change": self.change,
            "kind": self.kind,
            "name": self.name,
            "before": self.before,
            "after": self.after,
        }


def diff(before: Schema, after: Schema) -> tuple[Change, ...]:
    """Every object that differs, by kind as in `KIND_ORDER`, then by name."""
    if before == after:
        return ()
    before, after = before.unlike(after), after.unlike(before)
    found = [_change(key, before.get(key), after.get(key)) for key in before.keys() | after.keys()]
    return tuple(sorted((each for each in found if each is not None), key=_position))


def condense(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes less those that another one implies, in the same order.

    A table added or removed as a whole implies its columns (they move into its definition), constraints,
    indexes, triggers, owned sequences, comments and grants; a column its default; every object its own
    comment and grants.
    """
    changes = tuple(changes)
    whole: set[_Table] = {(each.change, each.table) for each in changes if _is_whole(each) and each.kind in _RELATIONS}
    labels: set[_Label] = {(each.change, f"{each.kind} {each.name}") for each in changes if _is_whole(each)}
    columns: dict[_Table, list[str]] = {}
    defaults: dict[_Label, str] = {
        (each.change, each.name): _definition(each) for each in changes if each.kind == "column default"
    }
    kept = []
    for each in changes:
        if each.kind == "column" and (each.change, each.table) in whole:
            text = _with_default(each, defaults)
            columns.setdefault((each.change, each.table), []).append(f"{_last_part(each)} {text}")
        elif not _is_implied(each, whole, labels):
            kept.append(each)
    return tuple(_told(each, columns, defaults) for each in kept)


def _change(key: Key, before: SchemaObject | None, after: SchemaObject | None) -> Change | None:
    kind, name = key
    if before is None and after is not None:
        return Change("added", kind, name, None, after.definition, after.table)
    if after is None and before is not None:
        return Change("removed", kind, name, before.definition, None, before.table)
    if before is None or after is None or before == after:
        return None
    return Change("changed", kind, name, before.definition, after.definition, after.table)


def _position(change: Change) -> tuple[int, str, str]:
    return _RANK.get(change.kind, 500), change.kind if change.kind not in _RANK else "", change.name


def _is_whole(change: Change) -> bool:
    return change.change != "changed"


def _is_implied(change: Change, whole: set[_Table], labels: set[_Label]) -> bool:
    if change.kind not in _RELATIONS and change.table is not None and (change.change, change.table) in whole:
        return True
    if change.kind == "column default":
        return (change.change, f"column {change.name}") in labels
    if change.kind == "domain constraint":
        return (change.change, f"domain {change.name.rpartition('.')[0]}") in labels
    if change.kind == "comment":
        return (change.change, change.name) in labels
    return change.kind == "grant" and (change.change, change.name.rpartition(" to ")[0]) in labels


def _told(change: Change, columns: dict[_Table, list[str]], defaults: dict[_Label, str]) -> Change:
    """The change with what it implies in its definition: columns for a table, the default for a column."""
    if change.kind == "column" and _is_whole(change):
        return _redefined(change, _with_default(change, defaults))
    listed = columns.get((change.change, change.table)) if change.kind in _RELATIONS else None
    if not listed:
        return change
    return _redefined(change, " ".join(filter(None, (f"({', '.join(listed)})", _definition(change)))))


def _redefined(change: Change, definition: str) -> Change:
    return replace(change, after=definition) if change.change == "added" else replace(change, before=definition)


def _definition(change: Change) -> str:
    return (change.before if change.change == "removed" else change.after) or ""


def _with_default(change: Change, defaults: dict[_Label, str]) -> str:
    default = defaults.get((change.change, change.name))
    return _definition(change) if default is None else f"{_definition(change)} DEFAULT {default}"


def _last_part(change: Change) -> str:
    return change.name.removeprefix(f"{change.table}.")
