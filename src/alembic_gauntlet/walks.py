"""The walks over one history: replayed paths, every transition where they are few, and random ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import settings

from alembic_gauntlet.baseline import Known
from alembic_gauntlet.findings import Finding, NothingToCheck
from alembic_gauntlet.graph import IllegalCommand
from alembic_gauntlet.machine import (
    REVISIONS,
    Signature,
    Walker,
    count_transitions,
    exhaust,
    minimised,
    replay,
    signature,
    walk,
)
from alembic_gauntlet.path import Path, has_rows
from alembic_gauntlet.populated import PopulatedMachine, PopulatedWalker, simplified, sow_every_revision
from alembic_gauntlet.share import WHOLE, Share
from alembic_gauntlet.sowing import Sower

_FEWER = 3
"""Of so many random walks one has rows: where there are rows, nothing that was run once is known of other paths."""


@dataclass(frozen=True)
class Rows:
    """What has become of the rows of populated walks.

    Attributes:
        tried: how many were drawn; `taken`: how many of them PostgreSQL has taken.
        revisions: how many revisions were taken up and down with rows that aim at them; `of`: how many there are.
        poor: the tables that have refused some, those that have refused most first, with the part that they have taken.
        barren: the tables that never got a row, and why.
        irreproducible: rows and commands that have passed on a path and failed on the same path from a new database.
    """

    tried: int
    taken: int
    revisions: int
    of: int
    poor: Mapping[str, float] = field(default_factory=dict)
    barren: Mapping[str, str] = field(default_factory=dict)
    irreproducible: tuple[str, ...] = ()


@dataclass(frozen=True)
class Walks:
    """What came of walks.

    Attributes:
        findings: each distinct fault.
        fixed: the replayed paths that show nothing any more.
        replayed: how many paths of the past were replayed.
        transitions: how many transitions the state graph has, where all were taken; None where they were too many.
        is_cut_short: whether the random walks ended before the profile's examples, since they had run many revisions.
        only_upgrades: whether no downgrade may be run, as the settings declare it.
        rows: of populated walks: what has become of the rows.
    """

    findings: tuple[Finding, ...]
    fixed: tuple[Path, ...] = ()
    replayed: int = 0
    transitions: int | None = None
    is_cut_short: bool = False
    only_upgrades: bool = False
    rows: Rows | None = None


@dataclass(frozen=True)
class Plan:
    """How to walk.

    Attributes:
        profile: the Hypothesis settings.
        max_commands: the most commands in one walk.
        name: the key of the walks in Hypothesis' example database.
        paths: paths that have failed once.
        baseline: faults that are known, and left aside; None where nobody keeps account of them.
        share: the part of it that falls to this process.
    """

    profile: settings
    max_commands: int = 20
    name: str = ""
    paths: Sequence[Path] = ()
    baseline: Known | None = None
    share: Share = WHOLE


def take_walks(walker: Walker, plan: Plan, start: Path = ()) -> Walks:
    """Replay, exhaust where that is possible, then walk at random; with a baseline, until nothing new is found.

    All random walks together run as many revisions as the plan's commands times `REVISIONS`; each that is failing, and
    shown by a simpler path, a walk's worth more.

    `start` has led from an empty database to where the walker stands; the paths in `plan`, and those of the findings,
    begin with it.

    Raises:
        NothingToCheck: the profile lets nothing be run, or another process takes all walks.
    """
    walker = replace(walker, baseline=plan.baseline or Known())
    transitions = count_transitions(walker.explorer, plan.profile.max_examples * plan.max_commands)
    plan = plan if transitions is None else _undivided(plan)
    replayed = _replayed(walker, plan, plan.paths, start)
    found = _new(walker, (each for shown in replayed.values() for each in shown))
    if transitions is not None:
        found += exhaust(walker.knowing(found), transitions)
        plan = replace(plan, profile=_less(plan, transitions))
    walker.explorer.limit(plan.profile.max_examples * plan.max_commands * REVISIONS)
    new = _walked(walker.knowing(found), plan)
    found += new
    while plan.baseline is not None and new:
        new = _walked(walker.knowing(found), plan)
        found += new
    if walker.explorer.is_unused:
        raise NothingToCheck("the Hypothesis profile leaves no phase that walks")
    return Walks(
        findings=tuple(replace(each, path=(*start, *each.path)) for each in found),
        fixed=tuple(path for path, shown in replayed.items() if not shown),
        replayed=len(replayed),
        transitions=transitions,
        is_cut_short=not new and walker.explorer.is_spent(()),
        only_upgrades=not walker.explorer.may_downgrade_anything,
    )


def take_populated_walks(walker: PopulatedWalker, plan: Plan, sower: Sower, start: Path = ()) -> Walks:
    """Replay, take every revision with rows that aim at it, then walk at random with random rows.

    `start`: as for `take_walks`.

    Raises:
        NothingToCheck: the profile lets nothing be run.
    """
    explorer = walker.explorer
    walker = replace(walker, baseline=plan.baseline or Known())
    replayed = _replayed(walker, plan, [path for path in plan.paths if has_rows(path)], start)
    found = _new(walker, (each for shown in replayed.values() for each in shown))
    budget = plan.profile.max_examples * plan.max_commands
    new, tried = sow_every_revision(walker.knowing(found), sower, budget, plan.share)
    found += _new(walker.knowing(found), new)
    explorer.limit(budget * REVISIONS / _FEWER)
    profile = settings(plan.profile, max_examples=max(1, plan.profile.max_examples // _FEWER))
    attributes: dict[str, Any] = {"sower": sower, "with_rows": {}, "share": plan.share}
    walked = walk(walker.knowing(found), plan.name, profile, plan.max_commands, PopulatedMachine, **attributes)
    found += _new(walker.knowing(found), simplified(walker.knowing(found), walked))
    if explorer.is_unused:
        raise NothingToCheck("the Hypothesis profile leaves no phase that walks")
    return Walks(
        findings=tuple(replace(each, path=(*start, *each.path)) for each in found),
        fixed=tuple(path for path, shown in replayed.items() if not shown),
        replayed=len(replayed),
        is_cut_short=explorer.is_spent(()),
        only_upgrades=not explorer.may_downgrade_anything,
        rows=_account(sower, tried),
    )


def _undivided(plan: Plan) -> Plan:
    """Return a plan for the first process alone: what walks over few transitions meet is known, and free.

    Raises:
        NothingToCheck: this is another one.
    """
    if plan.share.place > 0:
        raise NothingToCheck("the revision graph has so few transitions that one process takes them all")
    return replace(plan, share=WHOLE)


def _account(sower: Sower, revisions: int) -> Rows:
    tallies, explorer = sower.tallies, sower.explorer
    of = len(explorer.graph.full - explorer.floor)
    part = {name: tally.taken / tally.tried for name, tally in tallies.items() if tally.tried and tally.taken}
    poor = {name: each for name, each in sorted(part.items(), key=lambda item: item[1]) if each < 1}
    barren = {name: tallies[name].reason or "no row was tried" for name in sower.barren}
    return Rows(sower.total.tried, sower.total.taken, revisions, of, poor, barren, explorer.irreproducible)


def _less(plan: Plan, transitions: int) -> settings:
    """Return the profile with fewer examples, since so many commands have been run: half of them at the least."""
    examples = plan.profile.max_examples
    return settings(plan.profile, max_examples=max(examples - transitions // plan.max_commands, (examples + 1) // 2))


def _replayed(walker: Walker, plan: Plan, paths: Iterable[Path], start: Path) -> dict[Path, list[Finding]]:
    """Return what each path of the past shows, known or not; those that begin elsewhere are left out.

    A path whose revisions are no longer there shows nothing.
    """
    unprejudiced = replace(walker, known=frozenset(), baseline=Known())
    found: dict[Path, list[Finding]] = {}
    for path, is_ours in plan.share.of_each(paths):
        if is_ours and path[: len(start)] == start:
            try:
                found[path] = replay(unprejudiced, path[len(start) :])
            except IllegalCommand:
                found[path] = []
    return found


def _walked(walker: Walker, plan: Plan) -> list[Finding]:
    """Walk at random; return each new fault with its minimal path, the shortest first."""
    walked = walk(walker, plan.name, plan.profile, plan.max_commands, share=plan.share)
    return _new(walker, sorted((minimised(walker, each) for each in walked), key=lambda each: len(each.path)))


def _new(walker: Walker, findings: Iterable[Finding]) -> list[Finding]:
    """Return each distinct fault that neither the walker nor its baseline knows."""
    distinct: dict[Signature, Finding] = {}
    for finding in findings:
        distinct.setdefault(signature(finding), finding)
    new = (walker.baseline.less(each) for key, each in distinct.items() if key not in walker.known)
    return [each for each in new if each is not None]
