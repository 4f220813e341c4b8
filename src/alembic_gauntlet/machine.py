"""The state machine: Hypothesis chooses commands, and nothing else happens here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import psycopg
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from alembic_gauntlet.baseline import Known
from alembic_gauntlet.checkpoints import Irreproducible
from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Failure, Finding, group
from alembic_gauntlet.graph import Command, IllegalCommand, State
from alembic_gauntlet.invariants import Invariant, broken
from alembic_gauntlet.path import Insert, Path, commands, has_rows
from alembic_gauntlet.share import WHOLE, Share
from alembic_gauntlet.tour import tour
from alembic_gauntlet.walk import Explorer, Observation

REVISIONS = 10
"""Walks run so many revisions for each command that they may take: on a long history they take fewer commands."""

_NEARER = 6
"""So many nearer targets are tried for each command of a path."""

Signature = tuple[str, str | None, str]
"""What tells one fault from another: the invariant, the guilty revision, and the direction."""


def signature(finding: Finding) -> Signature:
    """Return what two findings of the same fault share."""
    return group(finding.invariant, bool(finding.changes)), finding.revision, finding.function


@dataclass(frozen=True)
class Walker:
    """Checks the invariants after each command, and leaves known faults aside.

    Attributes:
        explorer: runs the commands.
        invariants: what is checked.
        known: faults that have been found by now.
        baseline: faults that were known before.
    """

    explorer: Explorer
    invariants: Sequence[Invariant]
    known: frozenset[Signature] = frozenset()
    baseline: Known = field(default_factory=Known)

    def knowing(self, findings: Iterable[Finding]) -> Walker:
        """Return a walker to which these are known, too."""
        return replace(self, known=self.known.union(map(signature, findings)))

    def step(self, path: Path, command: Command) -> Path:
        """Take a command; return the path to go on from.

        That is the path without the command, where it fails in a way that is known; and where a known fault has
        spoilt the database, the shortest path to the same state, so that what comes next is judged again.

        Raises:
            Failure: an invariant does not hold.
        """
        seen = self._checked((*path, command))
        if seen.error is not None:
            return path
        afresh = None if seen.is_clean else self._afresh(seen.after)
        return seen.path if afresh is None else afresh

    def _checked(self, path: Path) -> Observation:
        seen = self.explorer.observe(path)
        for failure in self._failures(seen, self.known):
            raise failure
        return seen

    def _afresh(self, state: State) -> Path | None:
        """Return a path of upgrades to a state, none of which does any harm."""
        path: Path = ()
        for command in self.explorer.straight_to(state):
            path = (*path, command)
            if not self.explorer.may_take(self.explorer.state(path[:-1]), command) or not self._checked(path).is_clean:
                return None
        return path

    def findings(self, path: Path) -> list[Finding]:
        """Return everything that does not hold after a path; none that is known."""
        seen, known, found = self.explorer.observe(path), self.known, list[Finding]()
        while new := _distinct(self._failures(seen, known)):
            found += new
            known = known.union(map(signature, new))
        return found

    def _failures(self, seen: Observation, known: frozenset[Signature]) -> Iterator[Failure]:
        """Yield what the invariants raise, less what is known or comes of what a known fault has left behind."""
        if seen.stained or seen.astray or _comes_of(known | self.baseline.spoilers, seen):
            return
        unknown = self._without_baseline(_without(known, seen))
        for invariant in self.invariants:
            failure = broken(invariant, unknown)
            new = failure.findings if failure is not None else ()
            if failure is not None and any(signature(each) not in known and self.baseline.less(each) for each in new):
                yield failure

    def _without_baseline(self, seen: Observation) -> Observation:
        """Leave out the changes that the baseline knows, so that they hide no other."""
        verb = seen.command.verb

        def is_new(change: Change) -> bool:
            guilty = seen.guilty.get((change.kind, change.name))
            finding = Finding("path-independence", "", revision=guilty, function=verb, changes=(change,))
            return self.baseline.less(finding) is not None

        return replace(seen, changes=tuple(filter(is_new, seen.changes)))


def _distinct(failures: Iterable[Failure]) -> list[Finding]:
    """Return the findings of failures; of the same fault the first, of the more special invariant."""
    found: dict[Signature, Finding] = {}
    for failure in failures:
        for finding in failure.findings:
            found.setdefault(signature(finding), finding)
    return list(found.values())


def _comes_of(known: frozenset[Signature], seen: Observation) -> bool:
    """Return whether a command fails past a revision that is known to spoil the schema."""
    if seen.error is None:
        return False
    earlier = seen.spoilers - {seen.error.revision}
    return any(("path-independence", revision, seen.command.verb) in known for revision in earlier)


def _without(known: frozenset[Signature], seen: Observation) -> Observation:
    """Leave out of an observation what a known fault explains, so that it hides no other."""
    verb = seen.command.verb
    guilty = {revision for kind, revision, function in known if kind == "path-independence" and function == verb}
    stained = {revision for kind, revision, function in known if kind == "clean-session" and function == verb}
    return replace(
        seen,
        changes=tuple(each for each in seen.changes if seen.guilty.get((each.kind, each.name)) not in guilty),
        leftovers=tuple(each for each in seen.leftovers if each.revision not in stained),
    )


def replay(walker: Walker, path: Path) -> list[Finding]:
    """Take a path from an empty database; return what does not hold after its first command that shows anything.

    Raises:
        IllegalCommand: Alembic would refuse a command of the path, or PostgreSQL a row.
    """
    walker.explorer.state(path)
    for count, action in enumerate(path, 1):
        if isinstance(action, Insert):
            refused = walker.explorer.insert(path[: count - 1], action)
            if refused is not None:
                raise IllegalCommand(f"PostgreSQL refuses `{action.shell()}`:\n    {refused.reason}")
            continue
        found = walker.findings(path[:count])
        if found or walker.explorer.observe(path[:count]).error is not None:
            return found
    return []


def count_transitions(explorer: Explorer, most: int) -> int | None:
    """Return how many transitions the state graph has: a state and a command with an effect; None if over `most`."""
    seen: set[State] = {explorer.floor}
    todo: list[State] = [explorer.floor]
    count = 0
    while todo:
        state = todo.pop()
        reached = [explorer.graph.after(state, command) for command in explorer.candidates(state)]
        count += len(reached)
        if count > most:
            return None
        todo += [after for after in dict.fromkeys(reached) if after not in seen]
        seen.update(reached)
    return count


def exhaust(walker: Walker, transitions: int) -> list[Finding]:
    """Take every transition, so many of them; return each distinct fault, with the first path that shows it.

    Breadth first, by paths that pass, so that no shorter path shows it; of paths as long, the one that runs fewer
    revisions comes first. A state that is reached without a fault is gone on from.
    """
    explorer = walker.explorer
    found: list[Finding] = []
    for state, way in tour(explorer, transitions).items():
        for command in explorer.candidates(state):
            if new := walker.findings((*way, command)):
                found += new
                walker = walker.knowing(new)
    return found


class _Ended(BaseException):
    """Ends the walks with an error that is no finding: Hypothesis would look for the simplest walk to it."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class WalkMachine(RuleBasedStateMachine):
    """Walks at random from an empty database.

    Attributes:
        walker: takes the steps; a subclass sets it.
        shrinking: how many revisions may be run in vain for a simpler path: as many as one walk may.
        simplest: the size of the simplest path to each kind of failure by now.
    """

    walker: ClassVar[Walker]
    shrinking: ClassVar[int]
    simplest: ClassVar[dict[type[Failure], tuple[int, int]]]

    def __init__(self) -> None:
        super().__init__()
        self.path: Path = ()
        self.is_lost = False
        self.begin()

    @staticmethod
    def begin() -> None:
        """Note that a walk begins; a subclass knows of how many."""

    @rule(data=st.data())
    def command(self, data: st.DataObject) -> None:
        """Run a command from where the walk is; the nearest target is the simplest."""
        explorer = self.walker.explorer
        candidates = explorer.candidates(explorer.state(self.path))
        if candidates:
            command = candidates[data.draw(nearest(len(candidates)))]
            try:
                self.prepare(data, command)
                self._take(command)
            except (GauntletError, psycopg.Error) as error:
                raise _Ended(error) from None

    def prepare(self, data: st.DataObject, command: Command) -> None:
        """Do what is to be done before a command: nothing."""

    def _take(self, command: Command) -> None:
        explorer, path = self.walker.explorer, (*self.path, command)
        if self.is_lost or explorer.is_spent(path):
            # Nothing more is run, but Hypothesis has to see the same choices after the same walk.
            self.path = path
            return
        try:
            self.path = self.walker.step(self.path, command)
        except Irreproducible:
            if not has_rows(path):
                raise
            # Rows may have keys that are made at random. The walk is over; what it has found by now holds.
            self.path, self.is_lost = path, True
        except Failure as failure:
            self._shrink_on(failure, explorer.observe((*self.path, command)))
            raise

    def _shrink_on(self, failure: Failure, seen: Observation) -> None:
        size, kind = (len(seen.path), len(seen.revisions)), type(failure)
        if kind not in self.simplest or size < self.simplest[kind]:
            self.simplest[kind] = size
            self.walker.explorer.allow(self.shrinking)


def nearest(count: int) -> st.SearchStrategy[int]:
    """Choose one of so many places, those of each order of magnitude as often: near targets come up most."""
    last = count.bit_length() - 1
    magnitudes = st.integers(0, last)
    return magnitudes.flatmap(lambda each: st.integers(2**each - 1, min(2 ** (each + 1) - 2, count - 1)))


def walk(
    walker: Walker,
    name: str,
    profile: settings,
    max_commands: int,
    machine: type[WalkMachine] = WalkMachine,
    share: Share = WHOLE,
    **attributes: Any,
) -> list[Finding]:
    """Walk at random until an invariant breaks or the explorer's limit is reached; return each distinct fault.

    Args:
        walker: takes the steps.
        name: the key of the example database, besides the machine itself: the test's own name.
        profile: the Hypothesis settings.
        max_commands: the most commands in one walk.
        machine: chooses them.
        share: the part of the walks to take.
        attributes: class attributes of the machine.
    """
    if not {Phase.reuse, Phase.generate}.intersection(profile.phases):
        return []
    limited = settings(share.profile(profile), stateful_step_count=max_commands)
    begin = staticmethod(_progress(walker.explorer, limited.max_examples))
    attributes |= {"walker": walker, "shrinking": max_commands * REVISIONS, "simplest": {}, "begin": begin}
    ours = type(f"Walk of {name}", (machine,), attributes)
    chosen = share.walk_seed(profile)
    if chosen is not None:
        ours = seed(chosen)(ours)
    return _collected(lambda: run_state_machine_as_test(ours, settings=limited))


def _progress(explorer: Explorer, walks: int) -> Callable[[], None]:
    """Return what notes that one more of so many walks begins; they end when the explorer's limit is reached, too."""
    begun = itertools.count()
    return lambda: explorer.reach("random walks", max(next(begun) / walks, explorer.spent))


def _collected(run: Callable[[], Any]) -> list[Finding]:
    try:
        run()
    except _Ended as ended:
        raise ended.error from None
    except Failure as failure:
        return list(failure.findings)
    except BaseExceptionGroup as group:
        failures, others = group.split(Failure)
        if others is not None:
            raise
        assert failures is not None
        return [finding for failure in _leaves(failures) for finding in failure.findings]
    return []


def _leaves(group: BaseExceptionGroup[Failure]) -> list[Failure]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (_leaves(each) if isinstance(each, BaseExceptionGroup) else [each])
    ]


def minimised(walker: Walker, finding: Finding, attempts: int | None = None) -> Finding:
    """Return a finding with the shortest path to it that leaving out commands leads to, and the nearest targets.

    Hypothesis deletes its choices, each of which depends on those before it; here a command keeps its target when
    another one goes, so that one jump takes the place of many steps. At most so many `attempts` are made to leave out.
    """
    return _nearer(walker, _shorter(walker, finding, itertools.count() if attempts is None else range(attempts)))


def _shorter(walker: Walker, finding: Finding, attempts: Iterable[int]) -> Finding:
    left, size = iter(attempts), len(commands(finding.path)) - 1
    while size:
        places = [place for place, each in enumerate(finding.path) if isinstance(each, Command)]
        for start in range(len(places) - size):
            if next(left, None) is None:
                return finding
            gone = places[start : start + size]
            path = tuple(each for place, each in enumerate(finding.path) if place not in gone)
            found = shown(walker, path, finding)
            if found is not None:
                finding = found
                size = min(size, len(places) - size - 1) + 1
                break
        size -= 1
    return finding


def _nearer(walker: Walker, finding: Finding) -> Finding:
    """Return a finding whose commands go no further than it takes to show it, as far as a few attempts tell."""
    explorer = walker.explorer
    for position, command in enumerate(finding.path):
        before, after = finding.path[:position], finding.path[position + 1 :]
        if isinstance(command, Insert):
            continue
        for other in explorer.nearer(explorer.state(before), command, finding.revision)[:_NEARER]:
            path = (*before, other, *after)
            found = shown(walker, path, finding) if _is_worth_a_try(explorer, finding, path, position) else None
            if found is not None:
                finding = found
                break
    return finding


def _is_worth_a_try(explorer: Explorer, finding: Finding, path: Path, position: int) -> bool:
    """Whether a path with a nearer target at a position can show a finding, and runs less, not only later."""
    following = next((at for at in range(position + 1, len(path)) if isinstance(path[at], Command)), None)
    if following is None:
        ran = explorer.state(path[:position]) ^ explorer.state(path)
        return finding.revision is None or finding.revision in ran
    verbs = {each.verb for each in (path[position], path[following]) if isinstance(each, Command)}
    if verbs != {"upgrade"}:
        return True
    return explorer.state(path[: following + 1]) != explorer.state(finding.path[: following + 1])


def shown(walker: Walker, path: Path, finding: Finding) -> Finding | None:
    """Return the same fault as a path shows it at its end; None if it does not."""
    if _is_walkable(walker, path):
        for found in walker.findings(path):
            if signature(found) == signature(finding):
                return replace(found, path=path)
    return None


def _is_walkable(walker: Walker, path: Path) -> bool:
    """Whether every command of a path is a legal one, and those before the last do no harm."""
    explorer = walker.explorer
    state = explorer.floor
    for count, command in enumerate(path, 1):
        if isinstance(command, Insert):
            if explorer.insert(path[: count - 1], command) is not None:
                return False
            continue
        if not explorer.may_take(state, command):
            return False
        if count < len(path) and not passes(walker, path[:count], state):
            return False
        state = explorer.graph.after(state, command)
    return True


def passes(walker: Walker, path: Path, before: State) -> bool:
    """Whether the last command of a path, from the state `before`, does no harm: the next is judged by itself."""
    explorer = walker.explorer
    assert isinstance(path[-1], Command), "what a row does is not observed"
    return not explorer.bodes_ill(path, before) and explorer.observe(path).is_clean and not walker.findings(path)
