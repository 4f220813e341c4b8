"""The options of a gauntlet, with their defaults; on `MigrationTestBase`, class attributes of the same names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Graph, State


@dataclass(frozen=True)
class Settings:
    """The options of a gauntlet."""

    migration_diff_ignore_tables: Sequence[str] = ()
    """Table names or shell patterns left out of every comparison and of the naming rules."""
    migration_diff_compare_server_default: bool = False
    """Report server defaults that only the database has, too; those the models declare are always compared."""
    strict: bool = False
    """Report whatever only the database has and models can declare: server defaults, comments, unused types."""
    irreversible_revisions: Collection[str] | Literal["all"] = ()
    """Revisions whose downgrade is not run; `"all"` for a forward-only history."""
    minimum_downgrade_revision: str | None = None
    """Nothing downgrades below this revision."""
    expected_heads: int = 1
    """How many heads the history keeps."""
    lock_timeout: float = 5.0
    """Seconds that a statement may wait for a lock; 0 for ever."""
    statement_timeout: float = 60.0
    """Seconds that a statement may take; 0 for ever."""
    migration_url_env: str | None = None
    """An environment variable that carries the sandbox's URL while env.py runs."""
    lossy_revisions: Mapping[str, str] = field(default_factory=dict)
    """Revisions that may delete rows and change values, and why."""
    row_tables_ignore: Sequence[str] = ()
    """Table names or shell patterns that the populated walks put no rows into."""
    naming: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Naming rules that the user has set, by the name of the class attribute (`allowed_index_prefixes`)."""

    def database_settings(self) -> dict[str, str]:
        """Return the run-time settings of a sandbox."""
        return {
            "lock_timeout": f"{round(self.lock_timeout * 1000)}ms",
            "statement_timeout": f"{round(self.statement_timeout * 1000)}ms",
        }


@dataclass(frozen=True)
class Reversibility:
    """Which revisions may be downgraded, as the settings declare it.

    Raises:
        GauntletError: the settings name a revision that does not exist, or are misshapen.
    """

    graph: Graph
    settings: Settings

    def __post_init__(self) -> None:
        declared = self.settings.irreversible_revisions
        if isinstance(declared, str) and declared != "all":
            raise GauntletError(
                'irreversible_revisions is a collection of revision ids, or "all". Write it as a tuple:\n'
                f"    irreversible_revisions = ({declared!r},)"
            )
        named = [*self._irreversible, *filter(None, [self.settings.minimum_downgrade_revision])]
        named += self.settings.lossy_revisions
        unknown = [revision for revision in named if revision not in self.graph]
        if unknown:
            raise GauntletError(
                f"irreversible_revisions, minimum_downgrade_revision or lossy_revisions names {', '.join(unknown)},\n"
                "which this history does not have. Full revision ids are needed, as `alembic history` shows them."
            )

    @property
    def _irreversible(self) -> Collection[str]:
        declared = self.settings.irreversible_revisions
        return self.graph.order if declared == "all" else declared

    @property
    def _below_minimum(self) -> State:
        minimum = self.settings.minimum_downgrade_revision
        return self.graph.ancestors(minimum) if minimum else frozenset()

    def may_downgrade(self, revision: str) -> bool:
        """Return whether the downgrade of `revision` itself may be run."""
        return revision not in self._irreversible and revision not in self._below_minimum

    def floor(self) -> State:
        """Return the lowest state that may be downgraded to from the heads; empty where that is base."""
        return self.graph.state(*self._irreversible) | self._below_minimum
