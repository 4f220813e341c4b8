"""Migrations against models: both sides as PostgreSQL has them, and beside it what Alembic's own comparison says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sqlalchemy import MetaData

from alembic_gauntlet import autogenerate, levels, models
from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
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
        blind: why the models could not be made by PostgreSQL, so that `changes` are those that Alembic sees; or empty.
    """

    changes: tuple[Change, ...]
    code: str = ""
    not_compared: Mapping[str, int] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    blind: str = ""


def find(
    runner: Runner,
    read: Callable[[Sandbox], Schema],
    sandbox: Sandbox,
    metadata: Sequence[MetaData],
    settings: Settings,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Drift:
    """Compare a sandbox at head with the models, which are then made in it.

    `read` reads its schema; `options` are those that env.py passes to `context.configure`.

    Raises:
        GauntletError: neither PostgreSQL nor Alembic can make anything of the models.
    """
    migrated = read(sandbox)
    alembic = autogenerate.compare(runner, sandbox, metadata, settings.migration_diff_ignore_tables, options)
    not_compared = levels.inexpressible(migrated)
    try:
        declared = models.create(runner, sandbox, metadata)
    except models.NotCreatable as error:
        if alembic.error:
            raise GauntletError(f"{alembic.error}\nNor can PostgreSQL make their tables: {error}") from error
        return Drift(alembic.changes, alembic.code, not_compared, blind=str(error))
    level = levels.Level(settings.migration_diff_compare_server_default or settings.strict, settings.strict)
    changes = levels.drift(migrated, read(sandbox), declared, alembic.scope, level)
    return Drift((*changes, *alembic.others), alembic.code, not_compared, declared.elsewhere)
