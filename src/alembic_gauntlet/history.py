"""A history as a report draws it: its revisions, their files and messages, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic_gauntlet.findings import relative
from alembic_gauntlet.graph import Graph, Revision

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


@dataclass(frozen=True)
class Described:
    """One revision.

    Attributes:
        parents: its `down_revision`; `depends_on`: ids only; `labels`: the branch labels that its file declares.
        file: its path, relative to pytest's rootdir where it lies below.
        message: the first paragraph of its docstring, which `alembic revision -m` writes.
    """

    id: str
    parents: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    file: str
    message: str

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Described:
        """Return what `asdict` was called on, as it is after its way through JSON or to another process."""
        lists = {name: tuple(data[name]) for name in ("parents", "depends_on", "labels")}
        return cls(data["id"], **lists, file=data["file"], message=data["message"])


@dataclass(frozen=True)
class History:
    """The revisions of one migration directory, which `name` says; in canonical order, parents first."""

    name: str
    revisions: tuple[Described, ...]

    @classmethod
    def read(cls, script: ScriptDirectory, graph: Graph, root: Path) -> History:
        """Return the history that a ScriptDirectory has loaded; paths relative to `root`."""
        return cls(relative(Path(script.dir), root), tuple(_described(script, graph, root)))

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values, to send between processes."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> History:
        """Return what `to_json` was called on."""
        return cls(data["name"], tuple(map(Described.from_json, data["revisions"])))

    @cached_property
    def graph(self) -> Graph:
        """The revision graph."""
        return Graph(tuple(Revision(each.id, each.parents, each.depends_on, each.labels) for each in self.revisions))


def _described(script: ScriptDirectory, graph: Graph, root: Path) -> Iterable[Described]:
    for id in graph.order:
        migration, revision = script.get_revision(id), graph[id]
        message = " ".join((migration.doc or "").split())
        file = relative(Path(migration.path), root)
        yield Described(id, revision.down_revisions, revision.depends_on, revision.labels, file, message)
