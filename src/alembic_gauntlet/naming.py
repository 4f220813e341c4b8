"""Naming rules for indexes and constraints.

Three layers, the last wins: the defaults here; what `MetaData.naming_convention` implies; what the test class sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from alembic_gauntlet.schema import Schema, SchemaObject, split_name

DEFAULTS: Mapping[str, Sequence[str]] = {
    "allowed_index_prefixes": ("idx_", "uq_"),
    "allowed_index_suffixes": ("_idx", "_pkey", "_key"),
    "allowed_fk_prefixes": ("fk_",),
    "allowed_fk_suffixes": ("_fkey",),
    "allowed_check_prefixes": ("chk_",),
    "allowed_check_suffixes": ("_check",),
    "allowed_uq_prefixes": ("uq_",),
    "allowed_uq_suffixes": ("_key",),
    "allowed_pk_prefixes": ("pk_",),
    "allowed_pk_suffixes": ("_pkey",),
}

REMEDY = """\
Rename them in a new migration; or allow the names, by MetaData(naming_convention=...) of the models, by
migration_diff_ignore_tables, or by an attribute of the test class, as for the names that SQLAlchemy gives by itself:
    allowed_index_prefixes = ("ix_", "idx_", "uq_")"""

_CATEGORIES = {
    "index": "index",
    "foreign key": "fk",
    "check constraint": "check",
    "unique constraint": "uq",
    "primary key": "pk",
    "exclusion constraint": "index",
}
_CONVENTION_KEYS = {"ix": "index", "fk": "fk", "ck": "check", "uq": "uq", "pk": "pk"}
_PLACEHOLDER = re.compile(r"%\([^)]*\)s")
_SQLALCHEMY_DEFAULT = dict(MetaData().naming_convention)
# SQLAlchemy cuts a long name to 55 characters and four digits of a hash; PostgreSQL cuts at 63 bytes.
_CUT_BY_SQLALCHEMY = re.compile(r".{55}_[0-9a-f]{4}")
_POSTGRESQL_LENGTH = 63


@dataclass(frozen=True)
class Rule:
    """A name passes on any one prefix or suffix; a suffix may have digits after it. No rule at all allows all."""

    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]

    def allows(self, name: str) -> bool:
        """Return whether a bare name passes."""
        if not (self.prefixes or self.suffixes) or name.startswith(self.prefixes):
            return True
        if self.suffixes and name.rstrip("0123456789").endswith(self.suffixes):
            return True
        was_cut = _CUT_BY_SQLALCHEMY.fullmatch(name) or len(name.encode()) >= _POSTGRESQL_LENGTH
        return bool(was_cut and self.suffixes)

    def __str__(self) -> str:
        parts = [("begin with", self.prefixes), ("end in", self.suffixes)]
        return " or ".join(f"{verb} {', '.join(texts)}" for verb, texts in parts if texts)


@dataclass(frozen=True)
class Offence:
    """An object whose name breaks its rule.

    `proper`: what the models' convention would call it; None where it does not say.
    """

    object: SchemaObject
    rule: Rule
    proper: str | None = None

    def __str__(self) -> str:
        proper = f"; the models' convention would call it {self.proper}" if self.proper else ""
        return f"{self.about} does not {self.rule}{proper}"

    @property
    def about(self) -> str:
        """The object, in words."""
        return f"{self.object.kind} {self.object.local_name} on {self.object.table}"


def resolve_rules(metadata: Iterable[MetaData], overrides: Mapping[str, Sequence[str]]) -> Mapping[str, Rule]:
    """Return the rule of each kind of object.

    Args:
        metadata: the models, whose `naming_convention` counts where it is not SQLAlchemy's built-in one.
        overrides: what the test class sets, by the name of its attribute.
    """
    lists = {**DEFAULTS, **_implied([dict(each.naming_convention) for each in metadata]), **overrides}
    rules = {
        kind: Rule(tuple(lists[f"allowed_{category}_prefixes"]), tuple(lists[f"allowed_{category}_suffixes"]))
        for kind, category in _CATEGORIES.items()
    }
    index = rules["exclusion constraint"]
    # PostgreSQL's own name for an exclusion constraint; there is no list of its own for them.
    rules["exclusion constraint"] = Rule(index.prefixes, (*index.suffixes, "_excl"))
    return rules


def _implied(conventions: list[dict[Any, Any]]) -> dict[str, tuple[str, ...]]:
    implied: dict[str, tuple[str, ...]] = {}
    for convention in conventions:
        if convention != _SQLALCHEMY_DEFAULT:
            for key, category in _CONVENTION_KEYS.items():
                template = convention.get(key)
                if isinstance(template, str):
                    _add(implied, category, template)
    for end in ("prefixes", "suffixes"):
        if f"allowed_uq_{end}" in implied:
            index = f"allowed_index_{end}"
            implied[index] = tuple(dict.fromkeys([*implied.get(index, DEFAULTS[index]), *implied[f"allowed_uq_{end}"]]))
    return implied


def _add(implied: dict[str, tuple[str, ...]], category: str, template: str) -> None:
    """Take the literal text before the first and after the last placeholder."""
    literals = _PLACEHOLDER.split(template)
    for end, text in (("prefixes", literals[0]), ("suffixes", literals[-1])):
        name = f"allowed_{category}_{end}"
        implied[name] = (*implied.get(name, ()), *([text] if text else []))


def offences(schema: Schema, rules: Mapping[str, Rule], metadata: Sequence[MetaData] = ()) -> tuple[Offence, ...]:
    """Return every object whose name breaks its rule, by table and name.

    What a partition has from its parent is named by PostgreSQL and left out. `metadata`: the models, for the names that
    their convention would give.
    """
    partitions = {each.table for each in schema.of_kind("table") if "PARTITION OF" in each.definition}
    named = sorted(
        (each for each in schema.of_kind(*rules) if each.table not in partitions),
        key=lambda each: (each.table or "", each.kind, each.name),
    )
    bad = (each for each in named if not rules[each.kind].allows(each.local_name))
    return tuple(Offence(each, rules[each.kind], _proper(each, metadata)) for each in bad)


def _proper(each: SchemaObject, metadata: Sequence[MetaData]) -> str | None:
    """Return what a naming convention calls an object: that of the models that have its table, or else the first."""
    conventions = [one for one in metadata if dict(one.naming_convention) != _SQLALCHEMY_DEFAULT]
    name = split_name(each.table or "")[-1]
    theirs = [one for one in conventions if any(table.name == name for table in one.tables.values())]
    return conventional_name(each, (theirs or conventions)[0]) if conventions else None


def conventional_name(each: SchemaObject, metadata: MetaData) -> str | None:
    """Return what the naming convention of a MetaData calls a constraint or an index.

    None where it says nothing of its kind, or asks for what is not in the database: the name that a CHECK is given.
    """
    columns, target, referred = _columns(each)
    copy = MetaData(naming_convention=metadata.naming_convention)
    try:
        table = Table(split_name(each.table or "")[-1], copy, *(Column(name, Integer) for name in columns))
        named = _MADE[each.kind](table, columns, [f"{target}.{column}" for column in referred])
    except Exception:  # a convention may hold functions of the user's
        return None
    return None if named.name is None else str(named.name)


def _columns(each: SchemaObject) -> tuple[list[str], str, list[str]]:
    """Return the columns of an object, and the table and the columns that it refers to; none that are expressions."""
    found = _COLUMNS.search(each.definition)
    if found is None:
        return [], "", []
    target = split_name(found["target"])[-1] if found["target"] else ""
    columns, referred = (
        [name for part in (found[group] or "").split(", ") for name in split_name(part) if name]
        for group in ("columns", "referred")
    )
    return columns, target, referred


def _primary(table: Table, columns: Sequence[str], _: Sequence[str]) -> Any:
    table.append_constraint(PrimaryKeyConstraint(*columns))
    return table.primary_key


def _added(table: Table, constraint: Any) -> Any:
    table.append_constraint(constraint)
    return constraint


_MADE: Mapping[str, Callable[[Table, Sequence[str], Sequence[str]], Any]] = {
    "primary key": _primary,
    "unique constraint": lambda table, columns, _: _added(table, UniqueConstraint(*columns)),
    "foreign key": lambda table, columns, referred: _added(table, ForeignKeyConstraint(columns, referred)),
    "check constraint": lambda table, columns, _: _added(table, CheckConstraint("true")),
    "index": lambda table, columns, _: Index(None, *(table.c[name] for name in columns)),
}
_NAMES = r"(?:\"(?:[^\"]|\"\")*\"|[\w$]+)"
_COLUMNS = re.compile(
    rf"^(?:PRIMARY KEY|UNIQUE(?: NULLS NOT DISTINCT)?|FOREIGN KEY|CREATE .*? USING \w+) "
    rf"\((?P<columns>{_NAMES}(?:, {_NAMES})*)\)(?: REFERENCES (?P<target>[^(]+)\((?P<referred>[^)]+)\))?"
)
