"""The engine of the walks: a path of commands and rows in, an observation of its last command out.

What a path does is a function of the path alone, since every walk starts from the same prepared database. So each path
is run once and its observation kept: shrinking replays what is known without touching the database, and only new
suffixes run, on a clone of the nearest checkpoint. And where two paths have led to the same database, rows and all that
a schema does not tell included, what comes after is run once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from alembic_gauntlet.baseline import Known
from alembic_gauntlet.blame import Location
from alembic_gauntlet.canonical import Canonical, Unreachable
from alembic_gauntlet.checkpoints import Checkpoints, Irreproducible, Place
from alembic_gauntlet.diff import Change, diff
from alembic_gauntlet.graph import Command, Graph, IllegalCommand, State
from alembic_gauntlet.imprint import Imprint
from alembic_gauntlet.leftovers import Leftover, Watch
from alembic_gauntlet.path import Insert, Path, has_rows
from alembic_gauntlet.population import Fate, Refused, Texts, row_count
from alembic_gauntlet.runner import CommandError, Outcome, Runner
from alembic_gauntlet.schema import Key, Schema
from alembic_gauntlet.settings import Reversibility
from alembic_gauntlet.tables import Table

_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class Observation:
    """What one command did, at the end of a path from an empty database.

    Attributes:
        path: the commands that were run and the rows that were inserted, this command last.
        before: the state it began in; `after`: the one that the revision graph predicts.
        error: why it failed, if it did.
        revisions: what it ran, in order.
        changes: how the schema differs from the canonical one of `after`, less what `inherited` has.
        inherited: the objects that differed before the command already.
        stained: whether anything was wrong before the command already, if only the version table.
        guilty: the revision whose `upgrade` or `downgrade` made a change, by the change's (kind, name).
        locations: where those functions, and those of `revisions`, begin.
        rows: what the version table holds; `expected_rows`: what the graph says it has to.
        leftovers: what a revision has left on the session for the next one of the same command.
        one_by_one: whether the same revisions, one per command, lead to the canonical schema; None where that was
            not tried: a single revision, or nothing wrong.
        spoilers: the revisions after which, one per command, the schema first differs.
        schema: what is there now; None where the command has failed.
        astray: the path has passed a state that no fresh upgrade leads to, so that nothing judges what comes after.
        fate: what the command has made of the rows of the path; `row_guilty`: the revision that has done it;
            `row_location`: where the function of it begins that has.
        locked: of walks with rows, the tables that the command has read or written; none where that is not known.
    """

    path: Path
    before: State
    after: State
    error: CommandError | None = None
    revisions: tuple[str, ...] = ()
    schema: Schema | None = None
    changes: tuple[Change, ...] = ()
    inherited: frozenset[Key] = frozenset()
    stained: bool = False
    guilty: Mapping[Key, str] = field(default_factory=dict)
    locations: Mapping[str, Location] = field(default_factory=dict)
    rows: frozenset[str] = frozenset()
    expected_rows: frozenset[str] = frozenset()
    leftovers: tuple[Leftover, ...] = ()
    one_by_one: bool | None = None
    spoilers: frozenset[str] = frozenset()
    astray: bool = False
    fate: Fate = field(default_factory=Fate)
    row_guilty: str | None = None
    row_location: Location | None = None
    locked: frozenset[str] = frozenset()

    @property
    def is_clean(self) -> bool:
        """Whether the database is what the state says, so that what comes next is judged by itself."""
        return self.error is None and not self.changes and self.rows == self.expected_rows and not self.stained

    @property
    def command(self) -> Command:
        """The command that was observed."""
        command = self.path[-1]
        assert isinstance(command, Command), "what a row does is not observed"
        return command


@dataclass(frozen=True)
class _Singly:
    """What comes of a command's revisions run one per command: whether they pass, and which spoils what."""

    passes: bool
    guilty: Mapping[Key, str]
    row_guilty: str | None = None


class Explorer:
    """Runs paths of one history, each once.

    Args:
        canonical: the oracle, and where the walks start.
        runner: runs the commands.
        reversibility: which downgrades may be run.
        known: faults that are known; who is guilty of these is not looked for again.
        lossy: revisions that may lose rows and change values.
        populated: whether the walks are about rows.
    """

    def __init__(
        self,
        canonical: Canonical,
        runner: Runner,
        reversibility: Reversibility,
        known: Known | None = None,
        lossy: Collection[str] = (),
        populated: bool = False,
    ) -> None:
        self._canonical = canonical
        self._runner = runner
        self._reversibility = reversibility
        self._known = known or Known()
        self._seen: dict[Path, Observation] = {}
        self._firsts: dict[tuple[State, Schema | None, Imprint], Path] = {}
        self._same: dict[Path, Path] = {}
        self._settled_by_now: dict[Path, Path] = {}
        self._harmful: set[tuple[str, State]] = set()
        self._places = Checkpoints(canonical, runner, lossy, populated)
        self._populated = populated
        self._refused: dict[Path, Refused | None] = {}
        self._lost: dict[Path, Irreproducible] = {}
        self._references: dict[tuple[Path, str, tuple[str, ...]], tuple[Texts, ...]] = {}
        self._counts: dict[tuple[Path, str], int] = {}
        self._tables: dict[Schema | None, tuple[Table, ...]] = {}
        self._candidates: dict[State, tuple[Command, ...]] = {}
        self._limit: float = math.inf
        self._left: float = math.inf

    @property
    def graph(self) -> Graph:
        """The revision graph."""
        return self._canonical.graph

    @property
    def floor(self) -> State:
        """The state where every walk starts."""
        return self._canonical.floor

    def reach(self, name: str, part: float) -> None:
        """Note how much, from 0 to 1, is done of what `name` says."""
        self._runner.reach(name, part)

    def straight_to(self, state: State) -> tuple[Command, ...]:
        """Return the commands that lead from the start straight to a state: one for each head."""
        return self._canonical.straight_to(state)

    def way(self, state: State) -> tuple[Command, ...]:
        """Return the canonical way from the start to a state: one revision per command."""
        return self._canonical.way(state)

    def tables_of(self, state: State) -> tuple[Table, ...]:
        """Return the tables that a state has on a fresh database.

        Raises:
            Unreachable: an upgrade on the way fails.
        """
        way = self.way(state)
        counts = range(1, len(way) + 1)
        for count in counts if self._first(way) not in self._seen else counts[-1:]:
            seen = self.observe(way[:count])
            if seen.error is not None:
                raise Unreachable(Outcome(seen.command, seen.revisions, seen.error))
            self.tables(way[:count])
        return self.tables(way)

    def save(self, path: Path) -> None:
        """Keep the database at the end of a path: more than one path is going to go on from there."""
        self._places.save(self._settled(path))

    def candidates(self, state: State) -> tuple[Command, ...]:
        """Return the commands that a walk may take from a state, the nearest target first; one for each effect."""
        if state not in self._candidates:
            self._candidates[state] = self._nearest_first(state)
        return self._candidates[state]

    def _nearest_first(self, state: State) -> tuple[Command, ...]:
        effects: dict[State, Command] = {}
        for command in self._absolute(state):
            if self.may_take(state, command):
                effects.setdefault(self.graph.after(state, command), command)
        ranked = sorted(effects.items(), key=lambda effect: len(effect[0] ^ state))
        return tuple(command for _, command in ranked)

    def may_take(self, state: State, command: Command) -> bool:
        """Return whether a command is legal, does something, and runs no downgrade that is declared irreversible."""
        try:
            after = self.graph.after(state, command)
        except IllegalCommand:
            return False
        allowed = after >= self.floor and all(map(self._reversibility.may_downgrade, state - after))
        return after != state and allowed

    def nearer(self, state: State, command: Command, revision: str | None) -> list[Command]:
        """Return commands of the same direction that run less: first the nearest one that runs `revision`."""
        run = {other: state ^ self.graph.after(state, other) for other in self.candidates(state)}
        most = len(state ^ self.graph.after(state, command))
        less = [other for other, ran in run.items() if other.verb == command.verb and len(ran) < most]
        return sorted(less, key=lambda other: revision not in run[other])

    @property
    def may_downgrade_anything(self) -> bool:
        """Whether any revision above the start may be downgraded, as the settings declare it."""
        return any(map(self._reversibility.may_downgrade, self.graph.full - self.floor))

    def _absolute(self, state: State) -> list[Command]:
        order = self.graph.order
        ups = [Command("upgrade", id) for id in order if id not in state]
        if len(self.graph.heads) > 1:
            ups.append(Command("upgrade", "heads"))
        downs = [Command("downgrade", id) for id in reversed(order) if id in state] + [Command("downgrade", "base")]
        # One branch with all that stands on it, whatever else stands on its parent.
        branches = [
            Command("downgrade", f"{id}@{below}")
            for id in reversed(order)
            for below in (self.graph[id].down_revisions or ("base",))
            if id in state and len(self.graph.bases if below == "base" else self.graph.children(below)) > 1
        ]
        return [*ups, *downs, *branches]

    def state(self, path: Path) -> State:
        """Return the state that a path of legal commands leads to."""
        state = self.floor
        for action in path:
            state = state if isinstance(action, Insert) else self.graph.after(state, action)
        return state

    def observe(self, path: Path) -> Observation:
        """Run the last command of a path, whose other commands have passed; or recall what it did.

        Raises:
            Irreproducible: what has passed on the way fails now. It is raised for this path ever after.
        """
        first = self._first(path)
        if first in self._lost:
            raise self._lost[first]
        if first not in self._seen:
            try:
                self._seen[first] = self._run(first)
            except Irreproducible as error:
                self._lost[first] = error
                raise
        seen = self._seen[first]
        return seen if first == path else replace(seen, path=path)

    def _first(self, path: Path) -> Path:
        """Return a path to the same last command on the same database: the first one that has led there."""
        return (*self._settled(path[:-1]), *path[-1:])

    def _settled(self, path: Path) -> Path:
        """Return the first path that has led to the same database; the rows behind the last command are kept."""
        last = _last_command(path) + 1
        ran = path[:last]
        if ran not in self._settled_by_now:
            found: Path = ()
            begin = 0
            for end, action in enumerate(ran, 1):
                if isinstance(action, Command):
                    found += ran[begin:end]
                    found, begin = self._same.get(found, found), end
            self._settled_by_now[ran] = found
        return self._settled_by_now[ran] + path[last:]

    def bodes_ill(self, path: Path, before: State) -> bool:
        """Return whether the last command of a path runs all that another one has run, without rows, to harm.

        What does harm on a long history often waits for a lock first, which takes longer than all of its revisions.
        What has been run is no guess: it bodes nothing.
        """
        command = path[-1]
        if self._first(path) in self._seen or not isinstance(command, Command):
            return False
        ran = before ^ self.graph.after(before, command)
        return any(verb == command.verb and harmful <= ran for verb, harmful in self._harmful)

    def part(self, revision: str) -> None:
        """Let an upgrade bode ill that runs a revision together with what it stands on."""
        for parent in self.graph[revision].down_revisions:
            self._harmful.add(("upgrade", frozenset({parent, revision})))

    def is_same(self, one: Path, other: Path) -> bool:
        """Return whether two paths that were taken have led to databases that are known to be equal."""
        return self._same.get(one, one) == self._same.get(other, other)

    @property
    def is_unused(self) -> bool:
        """Whether nothing has been run."""
        return not self._seen

    @property
    def irreproducible(self) -> tuple[str, ...]:
        """What has passed on a path and has failed on the same path from a new database: commands and rows."""
        return tuple(self._places.irreproducible)

    def limit(self, revisions: float) -> None:
        """Let `is_spent` say when so many more revisions have been run."""
        self._limit = self._left = revisions

    def allow(self, revisions: float) -> None:
        """Let so many more be run at the least before `is_spent` says that the limit is reached."""
        self._left = max(self._left, revisions)

    @property
    def spent(self) -> float:
        """How much of the limit has been run, from 0 to 1."""
        return 0.0 if math.isinf(self._limit) else 1 - max(0.0, self._left) / self._limit

    def is_spent(self, path: Path) -> bool:
        """Whether it takes more revisions to observe a path than are left."""
        return self._left <= 0 and self._first(path) not in self._seen

    def _run(self, path: Path) -> Observation:
        before = self.state(path[:-1])
        place, observation = self._observed_at(path, before)
        if observation.error is not None and observation.error.cut_off:
            # By somebody else, unless it is again.
            place.drop()
            place, observation = self._observed_at(path, before)
        if not observation.is_clean and not observation.stained and not has_rows(path):
            self._harmful.add((observation.command.verb, before ^ observation.after))
        if observation.error is None:
            self._places.go_on_from(self._known_as(observation, place), place)
        else:
            place.drop()
        return observation

    def _observed_at(self, path: Path, before: State) -> tuple[Place, Observation]:
        place = self._places.standing_at(path[:-1])
        try:
            return place, self._observed(place, path, before)
        except BaseException:
            place.drop()
            raise

    def _known_as(self, seen: Observation, place: Place) -> Path:
        """Return the first path that has led to the database where this one has led."""
        imprint = self._canonical.imprint(place.sandbox) if seen.is_clean and not seen.astray else None
        if imprint is None:
            return seen.path
        same = self._firsts.setdefault((seen.after, seen.schema, imprint), seen.path)
        if same != seen.path:
            self._same[seen.path] = same
            self._settled_by_now.clear()
        return same

    def _observed(self, place: Place, path: Path, before: State) -> Observation:
        command, last, watch = path[-1], self._last_command(path[:-1]), Watch(locks=self._populated)
        assert isinstance(command, Command)
        after = self.graph.after(before, command)
        outcome, fate = self._places.run(place, command, watch)
        self._left -= len(outcome.revisions)
        inherited = self._differing(last)
        schema = None if outcome.error else self._read(place, after)
        if self._populated and schema is not None and schema not in self._tables:
            # Now, since not every path with rows can be taken again.
            self._tables[schema] = self._canonical.tables(place.sandbox)
        changes = () if schema is None else self._changes(schema, after, inherited)
        known = self._known_guilt(changes, outcome)
        faulty = outcome.error is not None or len(known) < len(changes) or bool(fate)
        singly = self._one_by_one(path, before, inherited) if faulty else None
        guilty = self._guilty(changes, outcome, singly) if faulty else known
        culprit = (singly.row_guilty if singly else None) or (outcome.revisions[-1] if fate else None)
        return Observation(
            path=path,
            before=before,
            after=after,
            error=outcome.error,
            revisions=outcome.revisions,
            schema=schema,
            changes=changes,
            inherited=inherited,
            stained=bool(last) and not self.observe(last).is_clean,
            guilty=guilty,
            locations=self._locations({*outcome.revisions, *guilty.values()}, command.verb),
            rows=self._canonical.rows(place.sandbox) if outcome.error is None else frozenset(),
            expected_rows=self.graph.version_heads(after),
            leftovers=self._leftovers(path, outcome, watch),
            one_by_one=None if singly is None else singly.passes,
            spoilers=frozenset(singly.guilty.values()) if singly else frozenset(),
            astray=self._is_astray(last),
            fate=fate,
            row_guilty=culprit,
            row_location=self._runner.location(culprit, fate.by or command.verb) if culprit else None,
            locked=watch.locked,
        )

    def _leftovers(self, path: Path, outcome: Outcome, watch: Watch) -> tuple[Leftover, ...]:
        """Return what is left on the session, and by which revision: looked for only where there may be something."""
        if len(outcome.revisions) > 1 and (watch.found or outcome.error):
            closer = Watch(each=True)
            with self._places.standing_at(path[:-1]) as place:
                self._runner.run(place.sandbox, outcome.command, closer)
            return tuple(closer.found)
        return tuple(watch.found)

    def _last_command(self, path: Path) -> Path:
        """Return a path as far as its last command."""
        return path[: _last_command(path) + 1]

    def _differing(self, path: Path) -> frozenset[Key]:
        if not path:
            return frozenset()
        seen = self.observe(path)
        return seen.inherited | {(change.kind, change.name) for change in seen.changes}

    def _is_astray(self, path: Path) -> bool:
        return bool(path) and (self.observe(path).astray or not self.is_judged(self.state(path)))

    def is_judged(self, state: State) -> bool:
        """Return whether a fresh upgrade leads to a state: if none does, that is a fault, and there is no oracle."""
        try:
            self._canonical.expected(state)
        except Unreachable:
            return False
        return True

    def _locations(self, revisions: set[str], function: str) -> Mapping[str, Location]:
        return {revision: self._runner.location(revision, function) for revision in revisions}

    def _read(self, place: Place, state: State) -> Schema:
        """Return the schema of a sandbox: the expected one itself where they are equal, since many are kept."""
        schema = self._canonical.read(place.sandbox)
        try:
            expected = self._canonical.expected(state)
        except Unreachable:
            return schema
        return expected if schema == expected else schema

    def _changes(self, schema: Schema, state: State, inherited: frozenset[Key] = frozenset()) -> tuple[Change, ...]:
        """Return how a schema differs from the expected one; not at all where nothing else leads to the state."""
        try:
            found = diff(self._canonical.expected(state), schema)
        except Unreachable:
            return ()
        return tuple(change for change in found if (change.kind, change.name) not in inherited)

    def _known_guilt(self, changes: tuple[Change, ...], outcome: Outcome) -> Mapping[Key, str]:
        found = {
            (change.kind, change.name): self._known.guilty(change, outcome.revisions, outcome.command.verb)
            for change in changes
        }
        return {key: revision for key, revision in found.items() if revision is not None}

    def _guilty(self, changes: tuple[Change, ...], outcome: Outcome, singly: _Singly | None) -> Mapping[Key, str]:
        """Blame by delta: the revision after which, one per command, the object first differs from the canonical one.

        Where it differs in one command alone: the last of its revisions whose canonical upgrade touches the object.
        """
        keys = [(change.kind, change.name) for change in changes]
        found = dict(singly.guilty) if singly else {}
        for revision in reversed(outcome.revisions):
            if found.keys() >= {*keys}:
                break
            touched = self._canonical.touched(revision)
            for key in keys:
                if key in touched:
                    found.setdefault(key, revision)
        if outcome.revisions:
            found = {key: found.get(key, outcome.revisions[-1]) for key in keys}
        return {key: found[key] for key in keys if key in found}

    def _one_by_one(self, path: Path, before: State, inherited: frozenset[Key]) -> _Singly | None:
        """Run the revisions of the last command, one per command, from where it began; None where it is only one."""
        command = path[-1]
        assert isinstance(command, Command)
        plan = self.graph.plan(before, command)
        if len(plan) < 2:
            return None
        if len(path) == 1 and self._canonical.is_on_the_way([revision for revision, _ in plan]):
            return _Singly(True, {})
        self._left -= len(plan)
        guilty: dict[Key, str] = {}
        row_guilty: str | None = None
        with self._places.standing_at(path[:-1]) as place:
            state = before
            for revision, verb in plan:
                up = verb == "upgrade"
                step = self.graph.one_step_upgrade(revision) if up else self.graph.one_step_downgrade(revision, state)
                if step is None:
                    return _Singly(False, guilty, row_guilty)
                outcome, fate = self._places.run(place, step)
                if outcome.error is not None:
                    return _Singly(False, guilty, row_guilty)
                row_guilty = row_guilty or (revision if fate else None)
                state = self.graph.after(state, step)
                changes = self._changes(self._canonical.read(place.sandbox), state, inherited)
                for change in changes:
                    guilty.setdefault((change.kind, change.name), revision)
            return _Singly(not changes, guilty, row_guilty)

    # Rows

    def insert(self, path: Path, row: Insert) -> Refused | None:
        """Insert a row at the end of a path; return why it is refused, if it is, or recall it."""
        path = self._settled(path)
        inserted = (*path, row)
        if inserted not in self._refused:
            table = next((each for each in self.tables(path) if each.name == row.table), None)
            insert = partial(self._places.insert, path=inserted, table=table)
            try:
                self._refused[inserted] = self._at(path, insert, inserted)
            except Irreproducible as error:
                self._refused[inserted] = Refused(str(error).splitlines()[0])
        return self._refused[inserted]

    def has_tried(self, path: Path, row: Insert) -> bool:
        """Whether a row has been inserted there, or refused."""
        return (*self._settled(path), row) in self._refused

    def tables(self, path: Path) -> tuple[Table, ...]:
        """Return the tables that rows may be inserted into at the end of a path, by name."""
        path = self._settled(path)
        last = self._last_command(path)
        schema = self.observe(last).schema if last else None
        if schema not in self._tables:
            self._tables[schema] = self._at(path, lambda place: self._canonical.tables(place.sandbox))
        return self._tables[schema]

    def references(self, path: Path, table: str, columns: Sequence[str]) -> tuple[Texts, ...]:
        """Return what a foreign key to some columns of a table may refer to at the end of a path."""
        path = self._settled(path)
        key = (_concerning(path, table), table, tuple(columns))
        if key not in self._references:
            self._references[key] = ()
            with suppress(Irreproducible):
                self._references[key] = self._at(path, lambda place: self._places.key_values(place, table, columns))
        return self._references[key]

    def count(self, path: Path, table: str) -> int:
        """Return how many rows a table has at the end of a path."""
        path = self._settled(path)
        key = _concerning(self._last_command(path), table), table
        if key not in self._counts:
            self._counts[key] = 0
            with suppress(Irreproducible):
                now = self._at(path, lambda place: row_count(place.sandbox.connection, table))
                self._counts[key] = now - _inserted(path, table)
        return self._counts[key] + _inserted(path, table)

    def _at(self, path: Path, look: Callable[[Place], _Seen], after: Path | None = None) -> _Seen:
        """Look at the database at the end of a path; `after`: where it is then, unless what is seen is a refusal."""
        place = self._places.standing_at(path)
        try:
            seen = look(place)
        except BaseException:
            place.drop()
            raise
        self._places.go_on_from(path if after is None or isinstance(seen, Refused) else after, place)
        return seen

    def close(self) -> None:
        """Drop the databases of the walks."""
        self._places.close()


def _concerning(path: Path, table: str) -> Path:
    """Return a path less the rows of other tables, behind its last command."""
    last = _last_command(path)
    return (*path[: last + 1], *(each for each in path[last + 1 :] if isinstance(each, Insert) and each.table == table))


def _inserted(path: Path, table: str) -> int:
    """Return how many rows of a table a path has behind its last command."""
    last = _last_command(path)
    return sum(isinstance(each, Insert) and each.table == table for each in path[last + 1 :])


def _last_command(path: Path) -> int:
    """Return the place of the last command of a path; -1 where it has none."""
    return next((place for place in reversed(range(len(path))) if isinstance(path[place], Command)), -1)
