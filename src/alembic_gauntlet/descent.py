"""The way down from head, as far as the settings allow, and who is to blame for what is left there."""

from __future__ import annotations

from collections.abc import Sequence

from alembic_gauntlet.canonical import Canonical, Unreachable
from alembic_gauntlet.database import Sandbox
from alembic_gauntlet.diff import Change, diff
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.graph import Command, State
from alembic_gauntlet.runner import Runner
from alembic_gauntlet.tell import tell_changes, tell_error


class Descent:
    """One way down.

    Args:
        canonical: the oracle.
        runner: runs the commands.
        to_head: the command that has led to head.
        order: the revisions that it ran.
    """

    def __init__(self, canonical: Canonical, runner: Runner, to_head: Command, order: Sequence[str]) -> None:
        self._canonical = canonical
        self._runner = runner
        self._graph = canonical.graph
        self._to_head = to_head
        self._order = order

    def descend(self, sandbox: Sandbox, floor: State) -> tuple[Finding, ...]:
        """Downgrade a sandbox at head to the state `floor`; return what is wrong there."""
        path, state = [self._to_head], self._graph.full
        for command in self._way_down(floor):
            path.append(command)
            outcome = self._runner.run(sandbox, command)
            if outcome.error is not None:
                return (tell_error(outcome.error, tuple(path)),)
            state = self._graph.after(state, command)
        try:
            changes = diff(self._canonical.expected(state), self._canonical.read(sandbox))
        except Unreachable as unreachable:
            return (tell_unreachable(unreachable, self._canonical.way(state)),)
        return self._blamed(changes, tuple(path), state, self._order) if changes else ()

    def _way_down(self, floor: State) -> list[Command]:
        """Return commands that lead from the heads to `floor`, one where one will do."""
        state, commands = self._graph.full, []
        while steps := self._steps_down(state, floor):
            command, state = min(steps, key=lambda step: len(step[1]))
            commands.append(command)
        return commands

    def _steps_down(self, state: State, floor: State) -> list[tuple[Command, State]]:
        targets = ["base", *self._graph.version_heads(floor)] if floor else ["base"]
        commands = [Command("downgrade", target) for target in targets]
        for revision in self._graph.version_heads(state) - floor:
            commands += filter(None, [self._graph.one_step_downgrade(revision, state)])
        reached = []
        for command in commands:
            try:
                after = self._graph.after(state, command)
            except GauntletError:
                continue
            if floor <= after < state:
                reached.append((command, after))
        return reached

    # Blame

    def _blamed(
        self, changes: tuple[Change, ...], path: tuple[Command, ...], state: State, order: Sequence[str]
    ) -> tuple[Finding, ...]:
        """Return a finding for each revision that is guilty of some of the changes, and one for the others.

        By delta: the last revision, of those that the path has run, whose upgrade made, changed or removed the object.
        """
        function = "downgrade" if path[-1].verb == "downgrade" else "upgrade"
        moved = [revision for revision in order if function == "upgrade" or revision not in state]
        guilty = self._last_touched({(change.kind, change.name) for change in changes}, moved, order)
        heads = tuple(sorted(self._graph.version_heads(state)))
        by_revision: dict[str | None, list[Change]] = {}
        for change in changes:
            by_revision.setdefault(guilty.get((change.kind, change.name)), []).append(change)
        return tuple(
            tell_changes(
                tuple(theirs), path, heads, self._runner.location(revision, function) if revision else None, revision
            )
            for revision, theirs in by_revision.items()
        )

    def _last_touched(
        self, keys: set[tuple[str, str]], among: Sequence[str], order: Sequence[str]
    ) -> dict[tuple[str, str], str]:
        """Upgrade one revision per command, in an order that is known to work, and see which one touches what."""
        found: dict[tuple[str, str], str] = {}
        if self._canonical.is_on_the_way([*order]):
            found = {key: each for each in order if each in among for key in self._canonical.touched(each) & keys}
            if found.keys() == keys:
                return found
        failed: set[str] = set()
        with self._canonical.fresh() as sandbox:
            before = self._canonical.read(sandbox)
            for revision in order:
                if not failed.isdisjoint(self._graph.ancestors(revision)):
                    continue
                if self._runner.run(sandbox, Command("upgrade", revision)).error is not None:
                    failed.add(revision)
                    continue
                after = self._canonical.read(sandbox)
                if revision in among:
                    found.update({key: revision for key in keys if before.get(key) != after.get(key)})
                before = after
            if not failed and keys - found.keys():
                found |= self._made_on_the_way_down(sandbox, keys - found.keys(), among, order)
        return found

    def _made_on_the_way_down(
        self, sandbox: Sandbox, keys: set[tuple[str, str]], among: Sequence[str], order: Sequence[str]
    ) -> dict[tuple[str, str], str]:
        """Downgrade one revision per command, and see whose downgrade makes what no upgrade has touched."""
        found: dict[tuple[str, str], str] = {}
        state, before = self._graph.state(*order), self._canonical.read(sandbox)
        for revision in reversed(among):
            command = self._graph.one_step_downgrade(revision, state)
            if command is None or self._runner.run(sandbox, command).error is not None:
                break
            state, after = state - {revision}, self._canonical.read(sandbox)
            found.update({key: revision for key in keys if before.get(key) != after.get(key)})
            before = after
        return found


def tell_unreachable(unreachable: Unreachable, way: tuple[Command, ...]) -> Finding:
    """Tell that `way`, one revision per command, does not lead where it should."""
    return tell_error(unreachable.error, way[: way.index(unreachable.error.command) + 1])
