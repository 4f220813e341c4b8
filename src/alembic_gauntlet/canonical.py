"""The oracle: the schema that a state has on a fresh database, upgraded one revision per command.

"The first schema seen at this state" would be no oracle: a verdict would then depend on what ran before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from alembic_gauntlet.blame import explain
from alembic_gauntlet.catalog import Reader
from alembic_gauntlet.database import Sandbox, Server
from alembic_gauntlet.diff import diff
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Command, Graph, State
from alembic_gauntlet.imprint import Imprint, imprint
from alembic_gauntlet.path import quoted
from alembic_gauntlet.pristine import Pristine
from alembic_gauntlet.runner import CommandError, Outcome, Runner
from alembic_gauntlet.schema import Key, Schema
from alembic_gauntlet.settings import Settings
from alembic_gauntlet.statements import VersionTable
from alembic_gauntlet.tables import Table, reflect

_TEMPLATES = 8

Prepare = Callable[["psycopg.Connection[Any]"], None]


class Unreachable(Exception):
    """A state cannot be reached by one revision per command; `outcome` is the command that fails."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome.command))
        self.outcome = outcome

    @property
    def error(self) -> CommandError:
        """Why the command fails."""
        assert self.outcome.error is not None
        return self.outcome.error


class Canonical:
    """Sandboxes and schemas of the states of one history.

    Args:
        server: where the sandboxes are made.
        runner: runs the commands.
        settings: the timeouts of the sandboxes, and the tables to leave out of every reading.
        prepare: fills an empty sandbox before any revision runs.
        since: the revision to start from, in the place of base: what is below it is left as one command makes it.

    Attributes:
        start: the commands that lead to where every sandbox starts; `floor`: the state there.
    """

    def __init__(
        self,
        server: Server,
        runner: Runner,
        settings: Settings,
        prepare: Prepare | None = None,
        since: str | None = None,
    ) -> None:
        self.start: tuple[Command, ...] = () if since is None else (Command("upgrade", since),)
        self.floor: State = frozenset() if since is None else runner.graph.ancestors(since)
        self._server = server
        self._runner = runner
        self._settings = settings
        self._prepare = prepare
        self._schemas: dict[State, Schema] = {}
        self._last = Schema()
        self._jumped: dict[State, Schema | None] = {}
        self._unreachable: dict[State, Unreachable] = {}
        self._templates: OrderedDict[State, Sandbox] = OrderedDict()
        self._touched: dict[str, frozenset[Key]] = {}
        self._base: Sandbox | None = None
        self._version_table: VersionTable | None = None

    @property
    def graph(self) -> Graph:
        """The revision graph."""
        return self._runner.graph

    def fresh(self) -> Sandbox:
        """Return a new sandbox at the floor: prepared, and seen once by env.py, which may create schemas there."""
        return self.template.clone()

    @property
    def template(self) -> Sandbox:
        """The sandbox at the floor that `fresh` clones."""
        if self._base is None:
            self._base = self._prepared()
        return self._base

    def _prepared(self) -> Sandbox:
        __tracebackhide__ = True  # pytest shows local variables on request, and these hold the password
        sandbox = self._server.create(settings=self._settings.database_settings())
        try:
            if self._prepare is not None:
                _call_prepare(self._prepare, sandbox)
            options = self._runner.survey(sandbox)
            self.pristine = Pristine.of(options.get("target_metadata"))
            for command in self.start:
                _must_pass(self._runner.run(sandbox, command))
        except BaseException:
            sandbox.drop()
            raise
        self.options = options
        name, schema = options.get("version_table") or "alembic_version", options.get("version_table_schema")
        self._version_table = VersionTable(name, schema)
        return sandbox

    def read(self, sandbox: Sandbox) -> Schema:
        """Read the schema of a sandbox, less the version table and the tables that the settings leave out."""
        if sandbox.reader is None:
            sandbox.reader = Reader(self._version_table)
        schema = sandbox.reader.read(sandbox.connection)
        return schema.without_tables(self._settings.migration_diff_ignore_tables)

    def schema(self, state: State) -> Schema:
        """Return the canonical schema of a state.

        Raises:
            Unreachable: an upgrade on the way fails.
        """
        if state not in self._schemas:
            self._learn(state)
        return self._schemas[state]

    def expected(self, state: State) -> Schema:
        """Return the canonical schema of a state, or where there is none, what a fresh upgrade straight to it gives.

        Raises:
            Unreachable: neither is possible.
        """
        try:
            return self.schema(state)
        except Unreachable as unreachable:
            if state not in self._jumped:
                self._jumped[state] = self._read_by_jumps(state)
            jumped = self._jumped[state]
            if jumped is None:
                raise unreachable from None
            return jumped

    def _read_by_jumps(self, state: State) -> Schema | None:
        found = self.by_jumps(state)
        if found is None:
            return None
        with found[0] as sandbox:
            return self.read(sandbox)

    def _learn(self, state: State) -> None:
        """Go the canonical way from the nearest template; remember every state on it."""
        if state in self._unreachable:
            raise self._unreachable[state]
        way = [command.target for command in self.way(state)]
        passed = [self.floor.union(way[:count]) for count in range(len(way) + 1)]
        at = next((each for each in reversed(passed) if each in self._templates), self.floor)
        sandbox = self._templates[at].clone() if at in self._templates else self.fresh()
        try:
            self.remember(at, self.read(sandbox))
            for reached in passed[passed.index(at) + 1 :]:
                self._upgrade(sandbox, Command("upgrade", way[len(reached - self.floor) - 1]))
                self.remember(reached, self.read(sandbox))
        except BaseException as error:
            sandbox.drop()
            if isinstance(error, Unreachable):
                self._unreachable[state] = error
            raise
        self._keep(state, sandbox)

    def _upgrade(self, sandbox: Sandbox, command: Command) -> None:
        outcome = self._runner.run(sandbox, command)
        if outcome.error is not None:
            raise Unreachable(outcome)

    def _keep(self, state: State, sandbox: Sandbox) -> None:
        """Keep a sandbox that has just been built: the next state to be learnt is often one revision further."""
        sandbox.close()
        self._templates[state] = sandbox
        while len(self._templates) > _TEMPLATES:
            self._templates.popitem(last=False)[1].drop()

    def touched(self, revision: str) -> frozenset[Key]:
        """Return the keys of the objects that the upgrade of a revision makes, changes or removes; none if it fails."""
        if revision not in self._touched:
            above = self.graph.ancestors(revision) | self.floor
            try:
                changes = diff(self.schema(above - {revision}), self.schema(above))
            except Unreachable:
                changes = ()
            self._touched[revision] = frozenset((change.kind, change.name) for change in changes)
        return self._touched[revision]

    def tables(self, sandbox: Sandbox) -> tuple[Table, ...]:
        """Return what rows of a sandbox's tables have to fit; not the version table."""
        assert self._version_table is not None
        schema, name = self._version_table.schema, quoted(self._version_table.name)
        return reflect(sandbox.connection, [f"{quoted(schema)}.{name}" if schema else name])

    def rows(self, sandbox: Sandbox) -> frozenset[str]:
        """Return what the version table holds."""
        query = sql.SQL("SELECT version_num FROM {}").format(self._version_table_name)
        return frozenset(row[0] for row in sandbox.connection.execute(query))

    def imprint(self, sandbox: Sandbox) -> Imprint | None:
        """Return what the schema does not tell of a sandbox; None where there are rows, or `read` leaves tables out."""
        if self._settings.migration_diff_ignore_tables:
            return None
        return imprint(sandbox.connection, self._version_table_name.as_string(sandbox.connection))

    @property
    def _version_table_name(self) -> sql.Identifier:
        assert self._version_table is not None
        return sql.Identifier(*filter(None, (self._version_table.schema, self._version_table.name)))

    def remember(self, state: State, schema: Schema) -> None:
        """Keep a schema that was read on the canonical way to `state`."""
        if state not in self._schemas:
            self._schemas[state] = self._last = schema.sharing(self._last)

    def way(self, state: State) -> tuple[Command, ...]:
        """Return the canonical way from the floor to a state: one revision per command."""
        order = self.graph.order
        return tuple(Command("upgrade", id) for id in order if id in state and id not in self.floor)

    def is_on_the_way(self, revisions: list[str]) -> bool:
        """Return whether these, one per command from the floor, are the canonical way to a state, and pass."""
        state = self.floor.union(revisions)
        try:
            self.schema(state)
        except Unreachable:
            return False
        return [command.target for command in self.way(state)] == revisions

    def straight_to(self, state: State) -> tuple[Command, ...]:
        """Return the commands that lead from the floor straight to a state: one for each head."""
        heads = sorted(self.graph.version_heads(state) - self.floor)
        return tuple(Command("upgrade", head) for head in heads)

    def raised(self, sandbox: Sandbox, at: State, state: State) -> Sandbox:
        """Upgrade a sandbox that is at a state to one above it, by one revision per command; return it.

        Raises:
            Unreachable: an upgrade on the way fails; the sandbox is dropped.
        """
        try:
            for command in self.way(state):
                if command.target not in at:
                    self._upgrade(sandbox, command)
        except BaseException:
            sandbox.drop()
            raise
        return sandbox

    def by_jumps(self, state: State) -> tuple[Sandbox, tuple[Command, ...]] | None:
        """Return a new sandbox at a state, reached by one command for each head, and these commands; None if they fail.

        For a state that is unreachable by one revision per command. Each order of two heads is tried, and of more the
        sorted one and its reverse.
        """
        straight = self.straight_to(state)
        for path in dict.fromkeys([straight, straight[::-1]]):
            sandbox = self.fresh()
            if all(self._runner.run(sandbox, command).error is None for command in path):
                return sandbox, path
            sandbox.drop()
        return None

    def close(self) -> None:
        """Drop the templates."""
        for sandbox in self._templates.values():
            sandbox.drop()
        self._templates.clear()
        if self._base is not None:
            self._base.drop()
            self._base = None


def _must_pass(outcome: Outcome) -> None:
    if outcome.error is not None:
        explanation = outcome.error.explanation
        raise GauntletError(
            f"`{outcome.command.shell()}` fails on an empty database, and the tests are to start from there:\n"
            f"    {explanation.location or 'revision ' + str(outcome.error.revision)}: {explanation.summary}\n"
            "Give --gauntlet-since a revision that a new database can be upgraded to."
        )


def _call_prepare(prepare: Prepare, sandbox: Sandbox) -> None:
    try:
        prepare(sandbox.connection)
    except Exception as error:
        fault = explain(error, within=[Path.cwd()])
        where = f" at {fault.location}" if fault.location else ""
        raise GauntletError(
            f"prepare_database fails{where}:\n    {fault.summary}\n"
            "It runs once on an empty database, before any revision, with a psycopg connection in autocommit mode."
        ) from error
    finally:
        sandbox.close()
