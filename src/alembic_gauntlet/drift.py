"""Migrations against models: both sides as PostgreSQL has them, and beside it what Alembic's own comparison says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import MetaData

from alembic_gauntlet import autogenerate, levels, models
from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.diff import Change, condense
from alembic_gauntlet.runner import Runner
from alembic_gauntlet.schema import Schema
from alembic_gauntlet.settings import Settings


@dataclass(frozen=True)
class Drift:
    """How the migrated database (`before` in a change) and the models (`after`) differ.

    Attributes:
        changes: what counts.
        code: the body of the `upgrade()` that `alembic revision --autogenerate` would write; empty where it has none.
        not_compared: how many objects the database has that no model can declare, by kind.
        elsewhere: tables of the models that are views in the database, or belong to an extension: not compared.
        unmade: tables of the models that PostgreSQL cannot make, and why: of these, `changes` are what Alembic sees.
        unseen: why Alembic sees nothing of them either; empty where it does, or where there are none.
    """

    changes: tuple[Change, ...]
    code: str = ""
    not_compared: Mapping[str, int] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    unmade: Mapping[str, str] = field(default_factory=dict)
    unseen: str = ""


def find(
    runner: Runner,
    read: Callable[[Sandbox], Schema],
    sandbox: Sandbox,
    migrated: Schema,
    metadata: Sequence[MetaData],
    settings: Settings,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Drift:
    """Compare a sandbox at head with the models, which are then made in it.

    `migrated` is its schema, and `read` reads it again; `options` are those that env.py passes to `context.configure`.
    """
    alembic = autogenerate.compare(runner, sandbox, metadata, settings.migration_diff_ignore_tables, options)
    not_compared = levels.inexpressible(migrated)
    declared = models.create(runner, sandbox, metadata)
    level = levels.Level(settings.migration_diff_compare_server_default or settings.strict, settings.strict)
    changes = levels.drift(migrated, read(sandbox), declared, alembic.scope, level)
    others = [each for each in alembic.changes if each.table in declared.unmade or each in alembic.others]
    unseen = alembic.error if declared.unmade else ""
    return Drift((*condense(changes), *others), alembic.code, not_compared, declared.elsewhere, declared.unmade, unseen)
