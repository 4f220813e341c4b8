"""The revision graph: which revisions are applied, and what an Alembic command does to them.

Pure: no I/O, no database, and Alembic itself is not imported. What a command does is modelled on Alembic 1.20
(`alembic/script/revision.py`, `alembic/runtime/migration.py`) and checked against it, command by command on generated
graphs, in `tests/integration/test_graph_against_alembic.py`.
"""

import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from alembic_gauntlet.errors import GauntletError

State = frozenset[str]
"""Applied revisions, closed under ancestors (`down_revision` and `depends_on`)."""

Verb = Literal["upgrade", "downgrade"]
Step = tuple[str, Verb]
"""One revision run in one direction."""

_RELATIVE = re.compile(r"(?:(?P<branch>.+?)@)?(?P<symbol>\w+)?(?P<steps>[+-]\d+)")


class IllegalCommand(GauntletError):
    """Alembic itself would refuse this command in this state."""


@dataclass(frozen=True)
class Command:
    """`alembic upgrade TARGET` or `alembic downgrade TARGET`. Raises GauntletError for an empty target."""

    verb: Verb
    target: str

    def __post_init__(self) -> None:
        if self.verb not in ("upgrade", "downgrade"):
            raise GauntletError(f"{self.verb!r} is not a command: expected 'upgrade' or 'downgrade'")
        if not self.target.strip():
            raise GauntletError(f"{self.verb!r} needs a target, as in '{self.verb} head'")

    def __str__(self) -> str:
        return f"{self.verb} {shlex.quote(self.target)}"

    def shell(self) -> str:
        """Return the command line, quoted where a shell needs it."""
        return f"alembic {self}"

    def to_json(self) -> dict[str, str]:
        """Return the entry in the path of the JSON report."""
        return {"command": self.verb, "target": self.target}


@runtime_checkable
class ScriptLike(Protocol):
    """What is needed of an `alembic.script.Script`."""

    @property
    def revision(self) -> str: ...  # noqa: D102
    @property
    def down_revision(self) -> str | Sequence[str] | None: ...  # noqa: D102
    @property
    def dependencies(self) -> str | Sequence[str] | None: ...  # noqa: D102
    @property
    def branch_labels(self) -> Collection[str] | None: ...  # noqa: D102


@runtime_checkable
class ScriptSource(Protocol):
    """What is needed of an `alembic.script.ScriptDirectory`."""

    def walk_revisions(self) -> Iterable[ScriptLike]:
        """Every revision, in any order."""
        ...


@dataclass(frozen=True)
class Revision:
    """One revision. In a Graph, `depends_on` holds ids only; `labels` are those that its own file declares."""

    id: str
    down_revisions: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def _revision(script: ScriptLike) -> Revision:
    # Alembic spreads a label over the whole branch in Script.branch_labels; the module has what the file declares.
    module = getattr(script, "module", None)
    labels = script.branch_labels if module is None else getattr(module, "branch_labels", None)
    return Revision(
        script.revision, _tuple(script.down_revision), _tuple(script.dependencies), tuple(sorted(_tuple(labels)))
    )


def _tuple(value: str | Iterable[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))


@dataclass(frozen=True)
class Graph:
    """All revisions of a history.

    Revisions may come in any order, and `depends_on` may name branch labels, as in a migration file; both are
    normalised. Raises GauntletError where Alembic could not load the history: a missing parent, a cycle, one id or one
    label twice.
    """

    revisions: tuple[Revision, ...]
    _ancestors: dict[str, State] = field(default_factory=dict, init=False, repr=False, compare=False)
    _descendants: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = sorted(self.revisions, key=lambda revision: revision.id)
        names = _names(ordered)
        object.__setattr__(self, "revisions", tuple(_resolved(revision, names) for revision in ordered))
        stuck = sorted(self._by_id.keys() - set(self.order))
        if stuck:
            raise GauntletError(f"the revisions {', '.join(stuck)} form a cycle, or stand above one")

    @classmethod
    def from_scripts(cls, source: ScriptSource | Iterable[ScriptLike]) -> "Graph":
        """Read the graph of an `alembic.script.ScriptDirectory`, or of its scripts."""
        scripts = source.walk_revisions() if isinstance(source, ScriptSource) else source
        return cls(tuple(_revision(script) for script in scripts))

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __len__(self) -> int:
        return len(self.revisions)

    def __getitem__(self, id: str) -> Revision:
        return self._by_id[id]

    @cached_property
    def _by_id(self) -> Mapping[str, Revision]:
        return {revision.id: revision for revision in self.revisions}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What a target may name: ids and branch labels, to ids."""
        return _names(self.revisions)

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        return _inverse(self.revisions, lambda revision: revision.down_revisions)

    @cached_property
    def _dependents(self) -> Mapping[str, tuple[str, ...]]:
        return _inverse(self.revisions, lambda revision: self.parents(revision.id))

    @cached_property
    def _position(self) -> Mapping[str, int]:
        return {id: position for position, id in enumerate(self.order)}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The canonical topological order: a function of the ids alone, and a linear run stays together."""
        waiting = {revision.id: len(self.parents(revision.id)) for revision in self.revisions}
        ready = [id for id in reversed(waiting) if not waiting[id]]
        order = []
        while ready:
            id = ready.pop()
            order.append(id)
            for child in reversed(self._dependents[id]):
                waiting[child] -= 1
                if not waiting[child]:
                    ready.append(child)
        return tuple(order)

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """As `alembic heads`: revisions that are nobody's `down_revision`, in canonical order."""
        return tuple(id for id in self.order if not self._children[id])

    @cached_property
    def tips(self) -> tuple[str, ...]:
        """What the version table holds after `upgrade heads`: the heads that nothing depends on."""
        return tuple(id for id in self.order if not self._dependents[id])

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """Revisions without `down_revision`, in canonical order."""
        return tuple(id for id in self.order if not self._by_id[id].down_revisions)

    @cached_property
    def merges(self) -> tuple[str, ...]:
        """Revisions with several `down_revision`, in canonical order."""
        return tuple(id for id in self.order if len(self._by_id[id].down_revisions) > 1)

    @cached_property
    def branch_points(self) -> tuple[str, ...]:
        """Revisions that are `down_revision` of several, in canonical order."""
        return tuple(id for id in self.order if len(self._children[id]) > 1)

    def parents(self, id: str) -> tuple[str, ...]:
        """What must be applied before `id`: `down_revision`, then `depends_on`."""
        revision = self._by_id[id]
        return _tuple(revision.down_revisions + revision.depends_on)

    def children(self, id: str) -> tuple[str, ...]:
        """The revisions whose `down_revision` is `id`."""
        return self._children[id]

    def dependents(self, id: str) -> tuple[str, ...]:
        """The revisions whose `down_revision` or `depends_on` is `id`."""
        return self._dependents[id]

    def ancestors(self, id: str) -> State:
        """The revisions that `upgrade id` makes sure of: `id`, its parents, and theirs."""
        if id not in self._ancestors:
            self._ancestors[id] = self._closure((id,))
        return self._ancestors[id]

    def descendants(self, id: str) -> frozenset[str]:
        """The revisions that stand above `id`, by `down_revision` or `depends_on`; `id` is one of them."""
        if id not in self._descendants:
            self._descendants[id] = _reach((id,), self.dependents)
        return self._descendants[id]

    def _closure(self, ids: Iterable[str]) -> State:
        found: set[str] = set()
        todo = list(ids)
        while todo:
            id = todo.pop()
            if id in self._ancestors:
                found |= self._ancestors[id]
            elif id not in found:
                found.add(id)
                todo.extend(self.parents(id))
        return frozenset(found)

    def state(self, *ids: str) -> State:
        """Return the smallest state in which `ids` are applied."""
        return self._closure(ids)

    @cached_property
    def full(self) -> State:
        """The state after `upgrade heads`."""
        return frozenset(self.order)

    def version_heads(self, state: State) -> frozenset[str]:
        """Return the rows of the version table: the applied revisions that no applied one builds on.

        Alembic 1.8 to 1.20 loses count only where a revision names a parent (in `depends_on`, mostly) that stands
        below another of its parents: a downgrade may then leave a row too many, an upgrade to a merge end in KeyError.
        """
        return frozenset(id for id in state if state.isdisjoint(self._dependents[id]))

    def after(self, state: State, command: Command) -> State:
        """Return the state that `command` leaves. Raises IllegalCommand where Alembic would refuse it."""
        if command.verb == "upgrade":
            return state | _Reading(self, state, command).added()
        return state - _Reading(self, state, command).removed()

    def plan(self, state: State, command: Command) -> tuple[Step, ...]:
        """Return what `command` runs, in canonical order; Alembic may take another topological order.

        Raises IllegalCommand where Alembic would refuse the command.
        """
        upgrade = command.verb == "upgrade"
        revisions = _Reading(self, state, command).added() if upgrade else _Reading(self, state, command).removed()
        ordered = sorted(revisions, key=self._position.__getitem__, reverse=not upgrade)
        return tuple((id, command.verb) for id in ordered)

    def lone_step(self, heads: Sequence[str], command: Command) -> str | None:
        """Return the one revision that a command runs, where nothing but a glance at it and one head is needed.

        That is, where the revision has at most one parent, depends on nothing, and its parent (or it) is the only head.
        None in every other case.
        """
        upgrade = command.verb == "upgrade"
        id = command.target if upgrade else next(iter(heads), "")
        revision = self._by_id.get(id)
        if revision is None or len(revision.down_revisions) > 1 or revision.depends_on:
            return None
        parent = next(iter(revision.down_revisions), None)
        expected = ((parent,) if parent else ()) if upgrade else (id,)
        reached = id if upgrade else parent or "base"
        return id if tuple(heads) == expected and command.target == reached else None

    def one_step_upgrade(self, id: str) -> Command:
        """Return the command that applies `id`, and nothing else where its parents are applied."""
        return Command("upgrade", id)

    def one_step_downgrade(self, id: str, state: State) -> Command | None:
        """Return the command, with an absolute target, that in `state` removes exactly `id`.

        `downgrade PARENT`, or `downgrade ID@PARENT` where the parent alone would take its other children along; for a
        base `downgrade base` or `downgrade ID@base`. None where something applied stands above `id`.
        """
        if id not in state or not state.isdisjoint(self._dependents[id]):
            return None
        parents = self._by_id[id].down_revisions or ("base",)
        for target in (*parents, *(f"{id}@{parent}" for parent in parents)):
            command = Command("downgrade", target)
            try:
                if _Reading(self, state, command).removed() == {id}:
                    return command
            except IllegalCommand:
                continue
        return None


@dataclass(frozen=True)
class _Reading:
    """How Alembic reads one command in one state. `row` below: what the version table holds of a branch."""

    graph: Graph
    state: State
    command: Command

    def added(self) -> frozenset[str]:
        targets = self._upgrade_targets()
        if len(targets) > 1:
            for target in targets:
                if not self.graph.ancestors(target).isdisjoint({*targets} - {target}):
                    raise self._refused(f"of its targets {', '.join(targets)}, {target} is above another")
        return frozenset().union(*map(self.graph.ancestors, targets)) - self.state

    def removed(self) -> frozenset[str]:
        branch, floor = self._downgrade_target()
        roots = self.graph.bases if floor is None else self.graph.children(floor)
        if branch is not None and self._are_several(roots):
            below = self._below(self._find(branch))
            roots = tuple(root for root in roots if root in below)
            if not roots:
                raise self._refused(f"nothing directly above {floor or 'base'} is on the branch {branch!r}")
        gone = frozenset().union(*map(self.graph.descendants, roots)) & self.state
        if not gone and floor is not None and floor not in self.graph.version_heads(self.state):
            raise self._refused(f"nothing above {floor} is applied, and {floor} is not current")
        return gone

    def _refused(self, why: str) -> IllegalCommand:
        return IllegalCommand(f"alembic would refuse '{self.command}': {why}")

    def _are_several(self, roots: tuple[str, ...]) -> bool:
        # Alembic counts a base once more for each label that it declares.
        if roots == self.graph.bases:
            return len(roots) + sum(len(self.graph[root].labels) for root in roots) > 1
        return len(roots) > 1

    def _upgrade_targets(self) -> tuple[str, ...]:
        target = self.command.target
        if ":" in target:
            raise self._refused("a range needs --sql")
        if match := _RELATIVE.match(target):
            return (self._upgrade_walk(match["branch"], match["symbol"], int(match["steps"])),)
        branch, at, symbol = target.partition("@")
        return self._named(symbol, branch) if at else self._named(target)

    def _upgrade_walk(self, branch: str | None, symbol: str | None, steps: int) -> str:
        if steps > 0:
            start = self._lowest_row(branch) if symbol is None else self._single(symbol)
            reached = self._up(start, steps, branch)
        elif symbol is None:
            raise self._refused("it names a revision below the current one")
        else:
            reached = self._down(self._single(symbol, branch), -steps)
        if reached is None:
            raise self._refused("an upgrade cannot lead to base")
        return reached

    def _lowest_row(self, branch: str | None) -> str | None:
        """Return where `upgrade +1` or `upgrade B@+1` starts; None for base."""
        rows = sorted(self.graph.version_heads(self.state))
        if branch is not None:
            rows = self._on_branch(rows, branch) or self._highest(self._on_branch(sorted(self.state), branch))
        if len(rows) > 1:
            raise self._refused(f"it is ambiguous with {', '.join(rows)} current")
        return rows[0] if rows else None

    def _downgrade_target(self) -> tuple[str | None, str | None]:
        """Return the branch to stay on, if any, and the revision to go down to; None for base."""
        target = self.command.target
        if ":" in target:
            raise self._refused("a range needs --sql")
        if match := _RELATIVE.match(target):
            return self._downgrade_walk(match["branch"], match["symbol"], int(match["steps"]))
        branch, _, symbol = target.rpartition("@")
        return branch or None, self._single(symbol)

    def _downgrade_walk(self, branch: str | None, symbol: str | None, steps: int) -> tuple[str | None, str | None]:
        if steps >= 0:
            if symbol is None:
                raise self._refused("it names a revision above the current one")
            reached = self._up(self._single(symbol), steps, branch)
            if reached is None:
                raise self._refused("it leads nowhere")
            return branch, reached
        if symbol is None:
            symbol = self._row(branch)
            branch = branch or symbol
        elif branch is not None:
            self._find(branch)
        return branch, self._down(self._single(symbol, branch), -steps)

    def _row(self, branch: str | None) -> str:
        """Return where `downgrade -1` or `downgrade B@-1` starts."""
        rows = sorted(self.graph.version_heads(self.state))
        if branch is not None:
            rows = self._on_branch(rows, branch) or self._on_branch(self._childless(), branch)
        if len(rows) != 1:
            # Alembic takes any of several rows, with a warning: which one is up to PostgreSQL.
            raise self._refused(f"it is ambiguous: {', '.join(rows) or 'nothing'} is current")
        return rows[0]

    def _childless(self) -> list[str]:
        return sorted(id for id in self.state if self.state.isdisjoint(self.graph.children(id)))

    def _highest(self, ids: list[str]) -> list[str]:
        parents = {parent for id in ids for parent in self.graph.parents(id)}
        return [id for id in ids if id not in parents]

    def _up(self, start: str | None, steps: int, branch: str | None) -> str | None:
        for _ in range(steps):
            above = list(self.graph.bases if start is None else self.graph.children(start))
            start = self._only(above if branch is None else self._on_branch(above, branch))
        return start

    def _down(self, start: str | None, steps: int) -> str | None:
        for step in range(steps):
            if start is None and step:
                raise self._refused("it leads below base")
            below = self.graph.heads if start is None else self.graph[start].down_revisions
            start = self._only(below) if below else None
        return start

    def _only(self, ids: Sequence[str]) -> str:
        if len(ids) != 1:
            raise self._refused(f"it is ambiguous between {', '.join(ids)}" if ids else "it leads nowhere")
        return ids[0]

    def _named(self, symbol: str, branch: str | None = None) -> tuple[str, ...]:
        if symbol == "base":
            return ()
        if symbol not in ("head", "heads"):
            return (self._find(symbol, branch),)
        if branch:
            heads = tuple(self._on_branch(self.graph.heads, branch))
        else:
            heads = self.graph.heads if symbol == "head" else self.graph.tips
        if symbol == "head" and len(heads) > 1:
            raise self._refused(f"the heads are {', '.join(heads)}")
        return heads

    def _single(self, symbol: str, branch: str | None = None) -> str | None:
        ids = self._named(symbol, branch)
        if len(ids) > 1:
            raise self._refused(f"the heads are {', '.join(ids)}")
        return ids[0] if ids else None

    def _find(self, name: str, branch: str | None = None) -> str:
        """Return the revision of an id, a label or an unambiguous beginning of either, checked to be on the branch."""
        if not name:
            raise self._refused("there is nothing behind the '@'")
        root = self._find(branch) if branch else None
        names = self.graph.names
        found = [name] if name in names else [n for n in names if len(n) > 3 and n.startswith(name)]
        if root is not None:
            line = self._line(root)
            found = [n for n in found if names[n] in line]
        if len(found) != 1:
            where = f" on the branch {branch!r}" if branch else ""
            raise self._refused(
                f"{name!r} is the beginning of {', '.join(sorted(found))}"
                if found
                else f"there is no revision {name!r}{where}"
            )
        return names[found[0]]

    def _on_branch(self, ids: Iterable[str], branch: str) -> list[str]:
        ids = list(ids)
        line = self._line(self._find(branch)) if ids else frozenset()
        return [id for id in ids if id in line]

    def _line(self, id: str) -> frozenset[str]:
        """Return the branch of a revision: what is below and above it by `down_revision` alone."""
        return self._below(id) | _reach((id,), self.graph.children)

    def _below(self, id: str) -> frozenset[str]:
        return _reach((id,), lambda at: self.graph[at].down_revisions)


def _reach(start: Iterable[str], step: Callable[[str], Iterable[str]]) -> frozenset[str]:
    found: set[str] = set()
    todo = list(start)
    while todo:
        id = todo.pop()
        if id not in found:
            found.add(id)
            todo.extend(step(id))
    return frozenset(found)


def _inverse(
    revisions: Iterable[Revision], targets: Callable[[Revision], Iterable[str]]
) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {revision.id: [] for revision in revisions}
    for revision in revisions:
        for target in targets(revision):
            found[target].append(revision.id)
    return {id: tuple(ids) for id, ids in found.items()}


def _names(revisions: Sequence[Revision]) -> Mapping[str, str]:
    """Return what a target may name: ids and branch labels, to ids."""
    names: dict[str, str] = {}
    pairs = [(r.id, r.id) for r in revisions] + [(label, r.id) for r in revisions for label in r.labels]
    for name, id in pairs:
        if name in names:
            raise GauntletError(f"the name {name!r} of revision {id} is already that of revision {names[name]}")
        names[name] = id
    return names


def _resolved(revision: Revision, names: Mapping[str, str]) -> Revision:
    for parent in revision.down_revisions:
        if names.get(parent) != parent:
            raise GauntletError(f"revision {revision.id} has the down_revision {parent!r}, which no file defines")
    for name in revision.depends_on:
        if name not in names:
            raise GauntletError(f"revision {revision.id} depends on {name!r}, which no file defines")
    return replace(revision, depends_on=_tuple(names[name] for name in revision.depends_on))
