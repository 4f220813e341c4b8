"""The stairway: every revision up, down and up again, from the canonical schema of its parents.

It climbs in place: what a round trip leaves equal to what was there before is what the next revision starts from.
Where a history branches, a clone is kept at the branching, which the last branch takes over; where a round trip goes
wrong, the canonical state is built anew, so that one fault is reported once, at its own revision. Where something goes
wrong in place alone, because of what an earlier round trip has left where no schema shows it, that round trip is named.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from alembic_gauntlet.canonical import Canonical, Unreachable
from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.diff import diff
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.graph import Command, State
from alembic_gauntlet.reproduce import Path, Reproducer, Symptom, are_alike
from alembic_gauntlet.runner import CommandError, Outcome, Runner
from alembic_gauntlet.schema import Schema
from alembic_gauntlet.settings import Reversibility
from alembic_gauntlet.share import WHOLE, Share
from alembic_gauntlet.tell import tell_changes, tell_error, tell_not_again, tell_round_trip


@dataclass(frozen=True)
class _Standing:
    """Where the climb is. `trail` has led there from an empty database."""

    sandbox: Sandbox
    state: State
    schema: Schema
    trail: Path = ()
    canonical: bool = True
    """One revision per command, in canonical order, leads there."""

    def copy(self) -> _Standing:
        return replace(self, sandbox=self.sandbox.clone())

    @property
    def has_round_trips(self) -> bool:
        return any(command.verb == "downgrade" for command in self.trail)


@dataclass(frozen=True)
class _Fault:
    """What went wrong with a revision: `tail`, from the state below it, ends in `symptom`."""

    revision: str
    below: _Standing
    tail: Path
    symptom: Symptom
    function: Literal["upgrade", "downgrade"]
    note: str = ""


class Stairway:
    """One climb over all revisions of a history, or over a share of them."""

    def __init__(
        self, canonical: Canonical, runner: Runner, reversibility: Reversibility, share: Share = WHOLE
    ) -> None:
        self._canonical = canonical
        self._runner = runner
        self._graph = canonical.graph
        self._reversibility = reversibility
        self._share = share
        self._reproducer = Reproducer(canonical, runner)
        self._position = {revision: position for position, revision in enumerate(self._graph.order)}
        self._checkpoints: list[_Standing] = []
        self._findings: list[Finding] = []
        self._refusing: dict[str, CommandError] = {}
        """Revisions whose upgrade fails from the canonical state of their parents; told already."""
        self._broken: set[str] = set()
        """Those of them that one command for all revisions does not lead to, either."""
        self._untried: list[str] = []

    def climb(self) -> tuple[Finding, ...]:
        """Try every revision that can be reached; return what is wrong."""
        standing = self._at_base()
        try:
            way = self._canonical.way(self._graph.full)
            own = self._share.stretch(len(way))
            for number in own:
                self._runner.reach("stairway", (number - own.start) / len(own))
                standing = self._visit(way[number].target, standing)
        finally:
            for each in (standing, *self._checkpoints):
                each.sandbox.drop()
        return tuple(self._with_untried(finding) for finding in self._findings)

    def _at_base(self) -> _Standing:
        sandbox, floor = self._canonical.fresh(), self._canonical.floor
        schema = self._canonical.read(sandbox)
        self._canonical.remember(floor, schema)
        return _Standing(sandbox, floor, schema)

    def _visit(self, revision: str, standing: _Standing) -> _Standing:
        """Try one revision; return where to go on from."""
        need = self._below(revision)
        if standing.state != need:
            reached = self._reach(need, revision)
            if reached is None:
                self._untried.append(revision)
                return standing
            self._leave(standing)
            standing = reached
        self._keep_for_branches(standing, revision)
        outcome = self._run(standing, Command("upgrade", revision))
        if outcome.error is not None:
            return self._upgrade_failed(revision, standing, outcome.error)
        above = self._above(standing, revision)
        if above.canonical:
            self._canonical.remember(above.state, above.schema)
        return self._down_and_up(revision, standing, above)

    def _below(self, revision: str) -> State:
        return self._graph.ancestors(revision) - {revision} | self._canonical.floor

    def _above(self, standing: _Standing, revision: str) -> _Standing:
        return replace(
            standing,
            state=standing.state | {revision},
            schema=self._canonical.read(standing.sandbox),
            trail=(*standing.trail, Command("upgrade", revision)),
        )

    def _down_and_up(self, revision: str, below: _Standing, above: _Standing) -> _Standing:
        if not self._may_return(revision, above.state):
            return above
        fault = self._round_trip(revision, below, above)
        if fault is None and revision not in self._refusing:
            return replace(above, trail=(*above.trail, *self._return_trip(revision, above.state)))
        if fault is not None and self._tell(fault):
            return self._once_more(revision, above)
        return above if self._is_unharmed(above, fault) else self._rebuilt(above, revision)

    def _is_unharmed(self, above: _Standing, fault: _Fault | None) -> bool:
        """Whether a downgrade has refused before it did anything, as in histories that have none."""
        refused = fault is not None and fault.symptom.error is not None and fault.symptom.error.refused
        return refused and self._canonical.read(above.sandbox) == above.schema

    def _may_return(self, revision: str, state: State) -> bool:
        """Whether a downgrade may be run, and a command takes back this revision alone: beside a floor, none may."""
        is_allowed = self._reversibility.may_downgrade(revision)
        return is_allowed and self._graph.one_step_downgrade(revision, state) is not None

    def _return_trip(self, revision: str, state: State) -> tuple[Command, Command]:
        down = self._graph.one_step_downgrade(revision, state)
        assert down is not None, "asked before: `_may_return`"
        return down, Command("upgrade", revision)

    def _round_trip(self, revision: str, below: _Standing, above: _Standing) -> _Fault | None:
        """Downgrade and upgrade again; return what is wrong."""
        down, up = self._return_trip(revision, above.state)
        outcome = self._run(above, down)
        if outcome.error is not None:
            return _Fault(revision, below, (up, down), Symptom(outcome.error), "downgrade")
        left = diff(below.schema, self._canonical.read(above.sandbox))
        again = self._run(above, up).error
        if again is not None and self._is_told(revision, again):
            again = None
        if left:
            note = f"Then `{again.command.shell()}` fails: {again.explanation.summary}" if again else ""
            return _Fault(revision, below, (up, down), Symptom(None, below.schema, left), "downgrade", note)
        if again is not None:
            return _Fault(revision, below, (up, down, up), Symptom(again), "upgrade")
        changes = diff(above.schema, self._canonical.read(above.sandbox))
        if changes and revision not in self._refusing:
            return _Fault(revision, below, (up, down, up), Symptom(None, above.schema, changes), "upgrade")
        return None

    def _is_told(self, revision: str, error: CommandError) -> bool:
        return revision in self._refusing and are_alike(self._refusing[revision], error)

    def _run(self, standing: _Standing, command: Command) -> Outcome:
        return self._runner.run(standing.sandbox, command)

    # Where to go on from

    def _reach(self, need: State, revision: str) -> _Standing | None:
        """Return a standing at the parents of a revision; None where nothing leads there."""
        hopeless = not set(self._untried).isdisjoint(self._graph.parents(revision))
        if hopeless or any(self._below(broken) | {broken} == need for broken in self._broken):
            return None
        try:
            return self._build(need, revision)
        except Unreachable:
            return self._jumped(need)

    def _build(self, state: State, revision: str) -> _Standing:
        """Return a standing at a state, for a revision to be tried from there."""
        below = [checkpoint for checkpoint in self._checkpoints if self._is_on_the_way(checkpoint, state)]
        start = max(below, key=lambda checkpoint: len(checkpoint.state), default=None)
        at = start.state if start else self._canonical.floor
        upgrades = tuple(each for each in self._canonical.way(state) if each.target not in at)
        trail = (*(start.trail if start else ()), *upgrades)
        try:
            sandbox = self._canonical.raised(self._begin(start, revision), at, state)
        except Unreachable as unreachable:
            self._tell_unreachable(unreachable.error, trail)
            raise
        canonical = start is None or start.canonical
        return _Standing(sandbox, state, self._canonical.read(sandbox), trail, canonical)

    def _begin(self, start: _Standing | None, revision: str) -> Sandbox:
        """Return a database to go up from: a checkpoint's own, where no other revision above it is still to come."""
        if start is None:
            return self._canonical.fresh()
        done = frozenset(self._graph.order[: self._position[revision] + 1])
        if self._has_more_above(start.state, done):
            return start.sandbox.clone()
        self._checkpoints.remove(start)
        return start.sandbox

    def _is_on_the_way(self, checkpoint: _Standing, to: State) -> bool:
        """Whether the canonical way to a state leads through a checkpoint, or past it where it is closed."""
        if not checkpoint.canonical:
            return checkpoint.state <= to
        floor = self._canonical.floor
        way = self._canonical.way(to)[: len(checkpoint.state - floor)]
        return checkpoint.state == floor.union(command.target for command in way)

    def _jumped(self, state: State) -> _Standing | None:
        """Reach a state that one revision per command does not lead to."""
        found = self._canonical.by_jumps(state)
        if found is None:
            return None
        sandbox, path = found
        standing = _Standing(sandbox, state, self._canonical.read(sandbox), path, canonical=False)
        self._checkpoint(standing)
        return standing

    def _leave(self, standing: _Standing) -> None:
        """Keep a standing as a checkpoint where something above it is still to come."""
        if self._has_more_above(standing.state, standing.state):
            standing.sandbox.close()  # servers have fewer connections than long histories have branches
            self._checkpoints.append(standing)
        else:
            standing.sandbox.drop()

    def _has_more_above(self, state: State, done: State) -> bool:
        return any(not done.issuperset(self._graph.dependents(id)) for id in self._graph.version_heads(state))

    def _keep_for_branches(self, standing: _Standing, revision: str) -> None:
        heads = self._graph.version_heads(standing.state)
        others = {other for id in heads for other in self._graph.dependents(id)} - {revision}
        if any(self._position[other] > self._position[revision] for other in others):
            self._checkpoint(standing)

    def _checkpoint(self, standing: _Standing) -> None:
        self._checkpoints = [each for each in self._checkpoints if not self._is_superseded(each, standing)]
        if all(checkpoint.state != standing.state for checkpoint in self._checkpoints):
            self._checkpoints.append(standing.copy())

    def _rebuilt(self, standing: _Standing, revision: str) -> _Standing:
        """Build anew what a round trip has spoilt, and keep a copy: the next revision may spoil it again."""
        standing.sandbox.drop()
        rebuilt = self._build(standing.state, revision)
        self._checkpoint(rebuilt)
        return rebuilt

    def _is_superseded(self, checkpoint: _Standing, by: _Standing) -> bool:
        if not checkpoint.state < by.state or self._has_more_above(checkpoint.state, by.state):
            return False
        checkpoint.sandbox.drop()
        return True

    def _once_more(self, revision: str, standing: _Standing) -> _Standing:
        """Try a revision again from a database that has seen no round trip."""
        standing.sandbox.drop()
        for checkpoint in [each for each in self._checkpoints if each.has_round_trips]:
            self._checkpoints.remove(checkpoint)
            checkpoint.sandbox.drop()
        clean = self._reach(self._below(revision), revision)
        return self._at_base() if clean is None else self._visit(revision, clean)

    # What is wrong

    def _upgrade_failed(self, revision: str, below: _Standing, error: CommandError) -> _Standing:
        """Report; go on from where one command for all revisions leads, if it does."""
        jump = Command("upgrade", revision)
        if self._tell(_Fault(revision, below, (jump,), Symptom(error), "upgrade")):
            return self._once_more(revision, below)
        below.sandbox.drop()
        self._refusing[revision] = error
        jumped = self._jumped(below.state | {revision})
        if jumped is None:
            self._broken.add(revision)
            return self._at_base()
        self._note(f"`{jump.shell()}` passes on an empty database, where all revisions run in one command.")
        return self._down_and_up(revision, replace(below, trail=(), canonical=False), jumped)

    def _note(self, note: str) -> None:
        self._findings[-1] = _noted(self._findings[-1], note)

    def _with_untried(self, finding: Finding) -> Finding:
        if finding.revision not in self._refusing or finding.function == "downgrade":
            return finding
        above = [other for other in self._untried if finding.revision in self._graph.ancestors(other)]
        if not above:
            return finding
        are = "1 revision above it is" if len(above) == 1 else f"{len(above)} revisions above it are"
        return _noted(finding, f"The {are} not tried.")

    def _tell_unreachable(self, error: CommandError, trail: Path) -> None:
        """Report that revisions that pass each by itself fail together, unless that has been told."""
        command = error.command
        if command.target in self._refusing:
            return
        self._refusing[command.target] = error
        before = trail[: trail.index(command)]
        state = self._canonical.floor | self._graph.state(*(each.target for each in before if each.verb == "upgrade"))
        found = self._reproducer.reproduce(before, state, (command,), Symptom(error))
        self._findings.append(replace(tell_error(error, found.path), revision=command.target))

    def _tell(self, fault: _Fault) -> bool:
        """Report a fault; return whether it takes an earlier round trip, so that its own revision is innocent."""
        found = self._reproducer.reproduce(fault.below.trail, fault.below.state, fault.tail, fault.symptom)
        if found.trip is not None:
            location = self._runner.location(found.trip, "downgrade")
            self._findings.append(tell_round_trip(self._finding(fault, found.path), found.trip, location))
            return True
        finding = self._finding(replace(fault, symptom=found.symptom or fault.symptom), found.path)
        self._findings.append(finding if found.path else tell_not_again(finding))
        return False

    def _finding(self, fault: _Fault, path: Path) -> Finding:
        error = fault.symptom.error
        if error is not None:
            return _noted(
                replace(tell_error(error, path or fault.tail), revision=fault.revision, path=path), fault.note
            )
        state = fault.below.state if fault.function == "downgrade" else fault.below.state | {fault.revision}
        location = self._runner.location(fault.revision, fault.function)
        told = tell_changes(fault.symptom.changes, path or fault.tail, self._describe(state), location, fault.revision)
        return _noted(replace(told, path=path), fault.note)

    def _describe(self, state: State) -> tuple[str, ...]:
        return tuple(sorted(self._graph.version_heads(state)))


def _noted(finding: Finding, note: str) -> Finding:
    return replace(finding, message=f"{finding.message}\n{note}") if note else finding
