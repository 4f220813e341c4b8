"""`Gauntlet`: one method per check. The base class and the command line are thin drivers over it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from alembic.config import Config
from hypothesis import settings
from sqlalchemy import MetaData

from alembic_gauntlet import drift, naming
from alembic_gauntlet.canonical import Canonical, Prepare, Unreachable
from alembic_gauntlet.config import version_folders
from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.database import Sandbox, Server
from alembic_gauntlet.descent import Descent, tell_unreachable
from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding, NothingToCheck
from alembic_gauntlet.graph import Command, IllegalCommand
from alembic_gauntlet.invariants import INVARIANTS, Invariant
from alembic_gauntlet.machine import Walker, count_transitions, exhaust, minimised, replay, signature, walk
from alembic_gauntlet.runner import CommandError, Runner
from alembic_gauntlet.settings import Reversibility, Settings
from alembic_gauntlet.stairway import Stairway
from alembic_gauntlet.tell import tell_error
from alembic_gauntlet.walk import Explorer

_NO_METADATA = """\
No models to compare the migrations with: env.py passes no target_metadata to context.configure.
Set it in env.py, as for `alembic revision --autogenerate`:
    target_metadata = Base.metadata
or override the fixture:
    @pytest.fixture
    def orm_metadata(self):
        return Base.metadata"""

_SHARED_TRANSACTION = """\
One revision per command passes: it fails only where these revisions run in one command, and so in one transaction.
Remedies: `with op.get_context().autocommit_block():` around the statement that has to be committed first, or
`transaction_per_migration=True` in env.py's context.configure."""


@dataclass(frozen=True)
class Walks:
    """What came of walks.

    Attributes:
        findings: each distinct fault.
        fixed: the replayed paths that show nothing any more.
        transitions: how many transitions the state graph has, where all were taken; None where they were too many.
    """

    findings: tuple[Finding, ...]
    fixed: tuple[tuple[Command, ...], ...] = ()
    transitions: int | None = None


class Gauntlet:
    """The checks of one migration history on one server.

    Every check makes databases of its own and drops them; nothing else on the server is written. A check returns its
    findings, none where all is well. Use it as a context manager, or call `close`.

    Args:
        config: the Alembic Config of the history.
        server: where the databases are made.
        settings: the options; default: those of `Settings`.
        prepare: called with a psycopg connection to an empty database, before any revision runs there.

    Raises:
        GauntletError: the history cannot be loaded.
    """

    def __init__(
        self, config: Config, server: Server, settings: Settings | None = None, prepare: Prepare | None = None
    ) -> None:
        self.settings = settings or Settings()
        self._runner = Runner(config, url_env=self.settings.migration_url_env)
        self._graph = self._runner.graph
        self._canonical = Canonical(server, self._runner, self.settings, prepare)
        self._head: Sandbox | CommandError | None = None
        self._head_order: Sequence[str] = ()

    def take_coverage(self) -> Coverage:
        """Return what has been run since the last call."""
        taken = self._runner.coverage
        self._runner.coverage = Coverage(revisions=set(self._graph.order))
        return taken

    @property
    def target_metadata(self) -> MetaData | Sequence[MetaData] | None:
        """What env.py passes to `context.configure`."""
        _ = self._canonical.template
        found: MetaData | Sequence[MetaData] | None = self._canonical.options.get("target_metadata")
        return found

    def stairway(self) -> tuple[Finding, ...]:
        """Upgrade, downgrade and upgrade every revision, from the canonical schema of its parents.

        Raises:
            NothingToCheck: there are no revisions.
        """
        self._require_revisions()
        return Stairway(self._canonical, self._runner, self._reversibility()).climb()

    def up_to_date(self, metadata: MetaData | Sequence[MetaData] | None = None) -> tuple[Finding, ...]:
        """Compare the database at head with the models; default: the `target_metadata` of env.py.

        Raises:
            GauntletError: there are no models.
        """
        models = _sequence(self.target_metadata if metadata is None else metadata)
        if not models:
            raise GauntletError(_NO_METADATA)
        head = self._at_head()
        if isinstance(head, CommandError):
            return (self._head_failed(head),)
        with head as sandbox:
            changes = drift.compare(self._runner, sandbox, models, self.settings, self._canonical.options)
        return (_tell_drift(changes),) if changes else ()

    def single_head(self) -> tuple[Finding, ...]:
        """Count the heads."""
        heads, expected = self._graph.heads, self.settings.expected_heads
        if not heads:
            folders = "".join(f"\n    {folder}" for folder in version_folders(self._runner.script))
            message = (
                f"No revisions at all. Looked in:{folders}\n"
                "Check script_location, version_locations and path_separator in the Alembic configuration."
            )
        elif len(heads) == expected:
            return ()
        else:
            listed = "".join(f"\n    {self._describe(head)}" for head in heads)
            title = "Multiple head revisions" if len(heads) > expected else "Too few head revisions"
            merge = "\n`alembic merge heads` joins them." if expected == 1 else ""
            message = (
                f"{title}: {len(heads)}, expected {expected}.{listed}{merge}\n"
                f"A history that keeps several heads on purpose declares it: expected_heads = {len(heads)}"
            )
        return (Finding("single-head", message),)

    def downgrade_all_the_way(self) -> tuple[Finding, ...]:
        """Upgrade to head and downgrade to base, or as far down as the settings allow, each in one command.

        Raises:
            NothingToCheck: there are no revisions, or none may be downgraded.
        """
        self._require_revisions()
        floor = self._reversibility().floor()
        if floor == self._graph.full:
            raise NothingToCheck("every head is declared irreversible: nothing is downgraded")
        head = self._at_head()
        if isinstance(head, CommandError):
            return (self._head_failed(head),)
        with head as sandbox:
            return Descent(self._canonical, self._runner, self._to_head, self._head_order).descend(sandbox, floor)

    def naming(self, metadata: MetaData | Sequence[MetaData] | None = None) -> tuple[Finding, ...]:
        """Check the names of indexes and constraints at head; the models' naming convention counts."""
        models = _sequence(self.target_metadata if metadata is None else metadata)
        head = self._at_head()
        if isinstance(head, CommandError):
            return (self._head_failed(head),)
        with head as sandbox:
            schema = self._canonical.read(sandbox)
        rules = naming.resolve_rules(models, self.settings.naming)
        found = naming.offences(schema, rules)
        return tuple(Finding("naming-conventions", str(offence), hint=naming.REMEDY) for offence in found)

    def replay(self, commands: Sequence[Command], invariants: Sequence[Invariant] = INVARIANTS) -> tuple[Finding, ...]:
        """Run a path from an empty database, and check the invariants after each command.

        Raises:
            GauntletError: Alembic would refuse one of the commands.
        """
        with closing(self._explorer()) as explorer:
            found = replay(Walker(explorer, invariants, frozenset()), tuple(commands))
            return tuple(found) or self._without_oracle(explorer, tuple(commands))

    def _without_oracle(self, explorer: Explorer, path: tuple[Command, ...]) -> tuple[Finding, ...]:
        """Tell of the first state of a path that nothing else leads to: nothing judges it."""
        for count in range(1, len(path) + 1):
            state = explorer.state(path[:count])
            try:
                self._canonical.expected(state)
            except Unreachable as unreachable:
                return (tell_unreachable(unreachable, state, self._graph),)
        return ()

    def _explorer(self) -> Explorer:
        return Explorer(self._canonical, self._runner, self._reversibility())

    def walks(
        self,
        profile: settings,
        max_commands: int = 20,
        name: str = "",
        invariants: Sequence[Invariant] = INVARIANTS,
        paths: Sequence[tuple[Command, ...]] = (),
    ) -> Walks:
        """Walk over the revision graph; return each distinct fault with its minimal path.

        First the given paths are replayed; then, where they fit the budget of examples times commands, all transitions
        are taken; then Hypothesis walks at random, for what is not found by then.

        Args:
            profile: the Hypothesis settings.
            max_commands: the most commands in one walk.
            name: the key of the walks in Hypothesis' example database.
            invariants: what is checked after each command.
            paths: paths that have failed once.

        Raises:
            NothingToCheck: there are no revisions.
        """
        self._require_revisions()
        with closing(self._explorer()) as explorer:
            replayed = {path: self._replayed(Walker(explorer, invariants, frozenset()), path) for path in paths}
            known = {signature(finding): finding for found in replayed.values() for finding in found or ()}
            every = count_transitions(explorer, profile.max_examples * max_commands)
            if every is not None:
                found = exhaust(Walker(explorer, invariants, frozenset(known)))
                known |= {signature(finding): finding for finding in found}
            walker = Walker(explorer, invariants, frozenset(known))
            walked = [minimised(walker, finding) for finding in walk(walker, name, profile, max_commands)]
        for finding in sorted(walked, key=lambda each: len(each.path)):
            known.setdefault(signature(finding), finding)
        fixed = tuple(path for path, found in replayed.items() if not found)
        return Walks(tuple(known.values()), fixed, every)

    def _replayed(self, walker: Walker, path: tuple[Command, ...]) -> list[Finding]:
        """Return what a path of the past shows; nothing where its revisions are no longer there."""
        try:
            return replay(walker, path)
        except IllegalCommand:
            return []

    def close(self) -> None:
        """Drop the databases that are kept between checks."""
        self._canonical.close()
        if isinstance(self._head, Sandbox):
            self._head.drop()
        self._head = None

    def __enter__(self) -> Gauntlet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reversibility(self) -> Reversibility:
        return Reversibility(self._graph, self.settings)

    def _require_revisions(self) -> None:
        if not self._graph.order:
            raise NothingToCheck("there are no revisions")

    def _describe(self, revision: str) -> str:
        script = self._runner.script.get_revision(revision)
        return f"{revision}  {Path(script.path).name}  {script.doc}".rstrip()

    # At head

    @property
    def _to_head(self) -> Command:
        return Command("upgrade", "head" if len(self._graph.heads) == 1 else "heads")

    def _at_head(self) -> Sandbox | CommandError:
        """Return a clone of a database at head, or why there is none."""
        if self._head is None:
            sandbox = self._canonical.fresh()
            outcome = self._runner.run(sandbox, self._to_head) if self._graph.order else None
            if outcome is not None and outcome.error is not None:
                sandbox.drop()
                self._head = outcome.error
            else:
                self._head, self._head_order = sandbox, outcome.revisions if outcome else ()
        return self._head.clone() if isinstance(self._head, Sandbox) else self._head

    def _head_failed(self, error: CommandError) -> Finding:
        finding = tell_error(error, (self._to_head,))
        try:
            self._canonical.schema(self._graph.full)
        except Unreachable:
            return finding
        return replace(finding, message=f"{finding.message}\n{_SHARED_TRANSACTION}")


def _sequence(metadata: MetaData | Sequence[MetaData] | None) -> list[MetaData]:
    if metadata is None:
        return []
    return [metadata] if isinstance(metadata, MetaData) else list(metadata)


def _tell_drift(changes: tuple[Change, ...]) -> Finding:
    return Finding(
        "up-to-date",
        "Schema differences detected: at head, the database (-) and the models (+) disagree:\n"
        "`alembic revision --autogenerate` writes the migration that is missing; or mend the models.",
        changes=changes,
    )
