"""`Gauntlet`: one method per check. The base class and the command line are thin drivers over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import wraps
from pathlib import Path as FilePath
from types import TracebackType
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
from alembic.config import Config
from alembic.util import CommandError as CommandLineError
from hypothesis import settings
from sqlalchemy import MetaData

from alembic_gauntlet import drift, naming
from alembic_gauntlet.baseline import Known
from alembic_gauntlet.canonical import Canonical, Prepare, Unreachable
from alembic_gauntlet.config import version_folders
from alembic_gauntlet.coverage import Coverage, Stretch
from alembic_gauntlet.database import Sandbox, Server
from alembic_gauntlet.descent import Descent, tell_unreachable
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding, NothingToCheck
from alembic_gauntlet.graph import Command
from alembic_gauntlet.history import History
from alembic_gauntlet.invariants import INVARIANTS, Invariant
from alembic_gauntlet.machine import Walker, replay
from alembic_gauntlet.path import Action, Path, has_rows
from alembic_gauntlet.populated import PopulatedWalker
from alembic_gauntlet.pristine import sequence
from alembic_gauntlet.process import garbage_left
from alembic_gauntlet.runner import CommandError, Runner
from alembic_gauntlet.schema import Schema
from alembic_gauntlet.settings import Reversibility, Settings
from alembic_gauntlet.share import WHOLE, Share
from alembic_gauntlet.sowing import RowStrategies, Sower
from alembic_gauntlet.stairway import Stairway
from alembic_gauntlet.tell import notes_of_drift, tell_drift, tell_error, tell_unseen
from alembic_gauntlet.walk import Explorer
from alembic_gauntlet.walks import Plan, Walks, take_populated_walks, take_walks

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


_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")


def _tells_of_the_server(
    check: Callable[Concatenate[Gauntlet, _Given], _Found],
) -> Callable[Concatenate[Gauntlet, _Given], _Found]:
    """Let a check that fails since the server is gone, or full, say so."""

    @wraps(check)
    def told(self: Gauntlet, /, *given: _Given.args, **named: _Given.kwargs) -> _Found:
        __tracebackhide__ = True
        try:
            with garbage_left():
                return check(self, *given, **named)
        except psycopg.Error as error:
            trouble = self._server.trouble(error)
            if trouble is None:
                raise
            raise trouble from error

    return told


class Gauntlet:
    """The checks of one migration history on one server.

    Every check makes databases of its own and drops them; nothing else on the server is written. A check returns its
    findings, none where all is well. Use it as a context manager, or call `close`.

    Args:
        config: the Alembic Config of the history.
        server: where the databases are made.
        settings: the options; default: those of `Settings`.
        prepare: called with a psycopg connection to an empty database, before any revision runs there.
        since: a revision; the stairway, the naming rules and the walks concern only what `alembic upgrade heads` runs
            on a database that stands there. Default: the whole history.

    Raises:
        GauntletError: the history cannot be loaded, or does not have the revision.
    """

    def __init__(
        self,
        config: Config,
        server: Server,
        settings: Settings | None = None,
        prepare: Prepare | None = None,
        since: str | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self._server = server
        self._runner = Runner(config, url_env=self.settings.migration_url_env)
        self._graph = self._runner.graph
        self._canonical = Canonical(server, self._runner, self.settings, prepare)
        self._recent = self._canonical
        if since is not None:
            self._recent = Canonical(server, self._runner, self.settings, prepare, self._revision(since))
        self._head: Sandbox | CommandError | None = None
        self._head_schema: Schema | None = None
        self._head_order: Sequence[str] = ()

    def on_command(self, callback: Callable[[Coverage], None]) -> None:
        """Call `callback` after each Alembic command, with what has been run since the last `take_coverage`."""
        self._runner.on_command = callback

    @property
    def stretch(self) -> Stretch | None:
        """How far the present part of a check has come; None where its size is not known."""
        return self._runner.stretch

    def take_coverage(self) -> Coverage:
        """Return what has been run since the last call."""
        self._runner.stretch = None
        taken = self._runner.coverage
        self._runner.coverage = Coverage(revisions=set(self._graph.order))
        return taken

    def history(self, root: FilePath) -> History:
        """Return the revisions as a report draws them; paths relative to `root`."""
        return History.read(self._runner.script, self._graph, root)

    @property
    def irreversible(self) -> tuple[str, ...]:
        """The revisions whose downgrade is not run, as the settings declare it."""
        reversibility = self._reversibility()
        return tuple(id for id in self._graph.order if not reversibility.may_downgrade(id))

    @property
    def target_metadata(self) -> MetaData | Sequence[MetaData] | None:
        """What env.py passes to `context.configure`."""
        _ = self._canonical.template
        found: MetaData | Sequence[MetaData] | None = self._canonical.options.get("target_metadata")
        return found

    @property
    def left_on_the_server(self) -> Sequence[str]:
        """What the server has got since the session began, and keeps, such as `role app`; none on an embedded one."""
        return self._server.left_on_it()

    def _models(self, metadata: MetaData | Sequence[MetaData] | None) -> list[MetaData]:
        models = sequence(self.target_metadata if metadata is None else metadata)
        _ = self._canonical.template
        return self._canonical.pristine.models(models)

    @_tells_of_the_server
    def stairway(self, share: Share = WHOLE) -> tuple[Finding, ...]:
        """Upgrade, downgrade and upgrade every revision, from the canonical schema of its parents.

        Args:
            share: the revisions to try, where several processes share them.

        Raises:
            NothingToCheck: there are no revisions, or none above `since`.
        """
        self._require_recent()
        found = Stairway(self._recent, self._runner, self._reversibility(), share).climb()
        return tuple(map(self._from_empty, found))

    @_tells_of_the_server
    def up_to_date(
        self, metadata: MetaData | Sequence[MetaData] | None = None, note: Callable[[str], object] = str
    ) -> tuple[Finding, ...]:
        """Compare the database at head with the models; default: the `target_metadata` of env.py.

        `note` is called with each line that there is to say besides, such as what could not be compared.

        Raises:
            GauntletError: there are no models.
        """
        models = self._models(metadata)
        if not models:
            raise GauntletError(_NO_METADATA)
        head = self._at_head()
        if isinstance(head, CommandError):
            return (self._head_failed(head),)
        with head as sandbox:
            migrated = self._head_schema = self._canonical.read(sandbox)
            found = drift.find(
                self._runner, self._canonical.read, sandbox, migrated, models, self.settings, self._canonical.options
            )
        for line in notes_of_drift(found):
            note(line)
        findings = [tell_drift(found)] if found.changes else []
        return (*findings, *([tell_unseen(found)] if found.unseen else []))

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
        return (Finding("single-head", message, about=", ".join(heads)),)

    @_tells_of_the_server
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

    @_tells_of_the_server
    def naming(self, metadata: MetaData | Sequence[MetaData] | None = None) -> tuple[Finding, ...]:
        """Check the names of indexes and constraints at head; the models' naming convention counts."""
        models = self._models(metadata)
        schema = self._schema_at_head()
        if isinstance(schema, CommandError):
            return (self._head_failed(schema),)
        rules = naming.resolve_rules(models, self.settings.naming)
        past = self._recent.schema(self._recent.floor) if self._recent.start else Schema()
        old = {each.object.name for each in naming.offences(past, rules)}
        found = [each for each in naming.offences(schema, rules, models) if each.object.name not in old]
        return tuple(Finding("naming-conventions", str(each), hint=naming.REMEDY, about=each.about) for each in found)

    @_tells_of_the_server
    def replay(self, actions: Sequence[Action], invariants: Sequence[Invariant] = INVARIANTS) -> tuple[Finding, ...]:
        """Run a path from an empty database, and check the invariants after each command.

        Raises:
            GauntletError: Alembic would refuse one of the commands, or PostgreSQL one of the rows.
        """
        path, start = tuple(actions), self._recent.start
        recent = path[: len(start)] == start
        canonical, relative = (self._recent, path[len(start) :]) if recent else (self._canonical, path)
        with closing(self._explorer(canonical, populated=has_rows(path))) as explorer:
            found = tuple(replay(Walker(explorer, invariants), relative))
            found = found or self._without_oracle(canonical, explorer, relative)
        return tuple(map(self._from_empty, found)) if recent else found

    def _without_oracle(self, canonical: Canonical, explorer: Explorer, path: Path) -> tuple[Finding, ...]:
        """Tell of the first state of a path that nothing else leads to: nothing judges it."""
        for count in range(1, len(path) + 1):
            state = explorer.state(path[:count])
            try:
                canonical.expected(state)
            except Unreachable as unreachable:
                return (tell_unreachable(unreachable, canonical.way(state)),)
        return ()

    def _explorer(self, canonical: Canonical, known: Known | None = None, populated: bool = False) -> Explorer:
        lossy = self.settings.lossy_revisions
        return Explorer(canonical, self._runner, self._reversibility(), known, lossy, populated)

    def _from_empty(self, finding: Finding) -> Finding:
        """Return a finding with the path to it from an empty database."""
        return replace(finding, path=(*self._recent.start, *finding.path)) if finding.path else finding

    @_tells_of_the_server
    def walks(
        self,
        profile: settings,
        max_commands: int = 20,
        name: str = "",
        invariants: Sequence[Invariant] = INVARIANTS,
        paths: Sequence[Path] = (),
        baseline: Known | None = None,
        share: Share = WHOLE,
    ) -> Walks:
        """Walk over the revision graph; return each distinct fault with its minimal path.

        First the given paths are replayed; then, where they fit the budget of examples times commands, all transitions
        are taken; then Hypothesis walks at random, for what is not found by then; where there is a baseline, over and
        over, until it finds nothing new.

        Args:
            profile: the Hypothesis settings.
            max_commands: the most commands in one walk.
            name: the key of the walks in Hypothesis' example database.
            invariants: what is checked after each command.
            paths: paths that have failed once.
            baseline: faults that are known, and left aside.
            share: the part of the walks to take, where several processes share them.

        Raises:
            NothingToCheck: there are no revisions, or none above `since`; or the profile lets nothing be run.
        """
        self._require_recent()
        plan = Plan(profile, max_commands, name, paths, baseline, share)
        with closing(self._explorer(self._recent, baseline)) as explorer:
            return take_walks(Walker(explorer, invariants), plan, self._recent.start)

    @_tells_of_the_server
    def populated_walks(
        self,
        profile: settings,
        max_commands: int = 20,
        name: str = "",
        invariants: Sequence[Invariant] = INVARIANTS,
        paths: Sequence[Path] = (),
        baseline: Known | None = None,
        share: Share = WHOLE,
        strategies: RowStrategies | None = None,
    ) -> Walks:
        """Walk over the revision graph with rows in the tables; return each distinct fault that takes rows to show.

        First the given paths with rows are replayed; then every revision is taken up and down with rows that aim at
        it; then Hypothesis walks at random.

        Args:
            profile: the Hypothesis settings.
            max_commands: the most commands in one walk.
            name: the key of the walks in Hypothesis' example database.
            invariants: what is checked after each command.
            paths: paths that have failed once.
            baseline: faults that are known, and left aside.
            share: the part of the walks to take, where several processes share them.
            strategies: the user's, for columns and for rows.

        Raises:
            NothingToCheck: there are no revisions, or none above `since`; or the profile lets nothing be run.
        """
        self._require_recent()
        plan = Plan(profile, max_commands, name, paths, baseline, share)
        with closing(self._explorer(self._recent, baseline, populated=True)) as explorer:
            ignore = (*self.settings.row_tables_ignore, *self.settings.migration_diff_ignore_tables)
            sower = Sower(explorer, strategies or {}, ignore)
            return take_populated_walks(PopulatedWalker(explorer, invariants), plan, sower, self._recent.start)

    def close(self) -> None:
        """Drop the databases that are kept between checks."""
        self._canonical.close()
        self._recent.close()
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

    def _revision(self, named: str) -> str:
        """Return the full id of a revision that is named as for `alembic upgrade`."""
        try:
            found = self._runner.script.get_revision(named)
        except CommandLineError:  # it is ambiguous, or not there
            found = None
        if found is None:
            raise GauntletError(f"--gauntlet-since {named}: this history has no such revision (`alembic history`).")
        revision: str = found.revision
        return revision

    def _require_recent(self) -> None:
        self._require_revisions()
        if self._recent.floor == self._graph.full:
            raise NothingToCheck(f"no revision is above the start: {'; '.join(map(str, self._recent.start))}")

    def _describe(self, revision: str) -> str:
        script = self._runner.script.get_revision(revision)
        return f"{revision}  {FilePath(script.path).name}  {script.doc}".rstrip()

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

    def _schema_at_head(self) -> Schema | CommandError:
        """Return the schema at head, which is read once, or why there is none."""
        if self._head_schema is None:
            head = self._at_head()
            if isinstance(head, CommandError):
                return head
            with head as sandbox:
                self._head_schema = self._canonical.read(sandbox)
        return self._head_schema

    def _head_failed(self, error: CommandError) -> Finding:
        finding = tell_error(error, (self._to_head,))
        try:
            self._canonical.schema(self._graph.full)
        except Unreachable:
            return finding
        return replace(finding, message=f"{finding.message}\n{_SHARED_TRANSACTION}")
