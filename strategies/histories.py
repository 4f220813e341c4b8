"""Whole migration histories without faults: every path of commands gives the canonical schema of its state."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alembic.config import Config
from hypothesis import strategies as st

from alembic_gauntlet.graph import Graph
from strategies.graphs import MigrationScript, scripts
from strategies.operation import Operation
from strategies.operations import operations, unsafe_on_rows
from strategies.render import source, write_migration, write_project
from strategies.world import Site, World


@dataclass(frozen=True)
class Migration:
    """One revision and what it does."""

    script: MigrationScript
    operations: tuple[Operation, ...]

    @property
    def revision(self) -> str:
        """Its id."""
        return self.script.revision

    @property
    def source(self) -> str:
        """The text of its file."""
        return source(self.script, self.operations)

    @property
    def commits(self) -> bool:
        """Whether it ends the transaction of its command."""
        return any(operation.commits for operation in self.operations)


@dataclass(frozen=True, repr=False)
class History:
    """A whole history, parents first."""

    migrations: tuple[Migration, ...]

    def __repr__(self) -> str:
        return f"<history\n{self.describe()}>"

    def describe(self) -> str:
        """Return a line for each revision: what it stands on, and the kinds of its operations."""
        rows = []
        for migration in self.migrations:
            script = migration.script
            parents = ", ".join(script.down_revision or ("base",))
            needs = f" > {', '.join(script.dependencies)}" if script.dependencies else ""
            kinds = ", ".join(operation.kind for operation in migration.operations)
            rows.append(f"  {script.revision} on {parents}{needs}: {kinds or 'pass'}")
        return "\n".join(rows)

    @cached_property
    def graph(self) -> Graph:
        """The revision graph."""
        return Graph.from_scripts(migration.script for migration in self.migrations)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of operations that occur."""
        return frozenset(operation.kind for migration in self.migrations for operation in migration.operations)

    def __getitem__(self, revision: str) -> Migration:
        return next(migration for migration in self.migrations if migration.revision == revision)

    def render(self, directory: Path) -> Path:
        """Write a real Alembic project into `directory`; return its alembic.ini."""
        ini = write_project(directory)
        for migration in self.migrations:
            write_migration(directory, migration.script, migration.operations)
        return ini

    def config(self, directory: Path) -> Config:
        """Write the project, and return its Config."""
        return Config(str(self.render(directory)))


def histories(
    max_revisions: int = 12, *, min_revisions: int = 1, max_operations: int = 3, on_any_rows: bool = False
) -> st.SearchStrategy[History]:
    """Generate correct histories: branches, merges, several bases, `depends_on`, some fifty kinds of operations.

    Args:
        max_revisions: at most so many revisions, 52 or less.
        min_revisions: at least so many.
        max_operations: at most so many operations in one revision.
        on_any_rows: only operations that work, up and down, whatever rows the tables hold.
    """
    without = unsafe_on_rows() if on_any_rows else frozenset()
    graphs = scripts(min_revisions, max_revisions)
    return graphs.flatmap(lambda drawn: filled(drawn, most=max_operations, without=lambda revision: without))


@st.composite
def filled(
    draw: st.DrawFn,
    drawn: tuple[MigrationScript, ...],
    *,
    most: int = 3,
    without: Callable[[str], Collection[str]] = lambda revision: (),
) -> History:
    """Generate operations for given revisions, which come parents first; a merge may have none.

    `without` returns the kinds that a revision must not have.
    """
    graph, world = Graph.from_scripts(drawn), World()
    made = []
    for script in drawn:
        site: Site = world.site(script.revision, graph.ancestors(script.revision))
        least = 0 if len(script.down_revision or ()) > 1 else 1
        chosen = draw(operations(site, least=least, most=most, without=without(script.revision)))
        made.append(Migration(script, chosen))
    return History(tuple(made))
