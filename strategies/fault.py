"""What a planted fault is, and how a kind of them is declared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from alembic_gauntlet.graph import Command, Graph, State, Verb
from strategies.histories import History
from strategies.operation import Operation
from strategies.places import Place, Roles
from strategies.shortest import alembic_revisions, steps

FoundBy = Literal["error", "schema", "session", "rows", "data"]
"""What shows a fault: a command fails; the schema is not the canonical one; something is left in the session; a command
fails on a row; rows are not what they should be."""

Path = tuple[Command, ...]


@dataclass(frozen=True)
class PlantedFault:
    """What is known of a fault.

    Attributes:
        kind: one of FAULT_KINDS.
        revision: the guilty revision; of two that are guilty together, the one that the path runs last.
        direction: the function in which the mistake is.
        minimal_path: a shortest path from an empty database. Others of the same length may show the fault, too.
        found_by: what shows it at the end of the path.
        row: an INSERT that has to be run; `row_at`: behind so many commands of the path.
        probe: a statement that fails where rows are not what they should be.
        sharing: revisions that have a part in it: whatever a leak reaches, the other of two that are guilty together. A
            report that blames one of them is no false one.
    """

    kind: str
    revision: str
    direction: Verb
    minimal_path: Path
    found_by: FoundBy
    row: str | None = None
    sharing: frozenset[str] = frozenset()
    row_at: int = 0
    probe: str = ""

    @property
    def takes_rows(self) -> bool:
        """Whether only walks with rows can find it."""
        return self.found_by in ("rows", "data")

    @property
    def minimal_rows(self) -> int:
        """How many rows it takes."""
        return self.row.count("), (") + 1 if self.row else 0

    @property
    def minimal_length(self) -> int:
        """How many commands it takes."""
        return len(self.minimal_path)


@dataclass(frozen=True)
class Plant:
    """What is put into the revision with the role of this number: source, before or behind its other operations."""

    role: int
    upgrade: str
    downgrade: str
    first: bool = False


@dataclass(frozen=True)
class Recipe:
    """A kind of fault: where it can be planted, what is planted, and how it is shown.

    Attributes:
        guilty: the number of the guilty role; None where all of them are equally so.
        leaks: the fault reaches whatever runs after the guilty revision in the same command.
        row_at: behind so many commands of the path the row is inserted; from its end, where negative.
        probe: a statement that fails where rows are not what they should be.
    """

    kind: str
    place: Place
    plants: tuple[Plant, ...]
    path: Callable[[Graph, Roles], Path]
    found_by: FoundBy
    direction: Verb
    guilty: int | None = -1
    row: str | None = None
    leaks: bool = False
    row_at: int = -1
    probe: str = ""

    def applied(self, history: History, roles: Roles) -> History:
        """Return the history with the fault in it."""
        planted = {roles[plant.role]: plant for plant in self.plants}
        migrations = []
        for migration in history.migrations:
            plant = planted.get(migration.revision)
            if plant is not None:
                operation = (Operation(f"planted: {self.kind}", plant.upgrade, plant.downgrade),)
                rest = migration.operations
                migration = replace(migration, operations=operation + rest if plant.first else rest + operation)
            migrations.append(migration)
        return History(tuple(migrations))

    def truth(self, graph: Graph, roles: Roles) -> PlantedFault:
        """Return what is known of the fault, planted there."""
        path = self.path(graph, roles)
        guilty = self._last_run(graph, roles, path) if self.guilty is None else roles[self.guilty]
        sharing = frozenset(roles) if self.guilty is None else frozenset()
        if self.leaks:
            sharing = frozenset(graph.order) - self._before(graph, guilty)
        known = (self.kind, guilty, self.direction, path, self.found_by, self.row, sharing - {guilty})
        return PlantedFault(*known, self.row_at % len(path), self.probe)

    def _before(self, graph: Graph, revision: str) -> State:
        """Return what never runs after a revision in one command."""
        if self.direction == "upgrade":
            return graph.ancestors(revision)
        return frozenset(id for id in graph.order if revision in graph.ancestors(id))

    def _last_run(self, graph: Graph, roles: Roles, path: Path) -> str:
        """Return the role that the path runs last, in Alembic's own order."""
        revisions = alembic_revisions(graph)
        state: State = frozenset()
        run: list[str] = []
        for command in path:
            run += [id for id, verb in steps(revisions, graph, state, command) if verb == self.direction]
            state = graph.after(state, command)
        return next(id for id in reversed(run) if id in roles)
