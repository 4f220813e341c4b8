"""One Alembic command on one sandbox: Alembic's own machinery and the user's own env.py, guarded.

What `alembic.command.upgrade` does once its ScriptDirectory is loaded is done here with one that is loaded once:
loading it is most of the cost of a command on a long history. No transaction is held around env.py, so that
`autocommit_block`, `transaction_per_migration` and `CONCURRENTLY` work as from the command line.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep

from alembic_gauntlet.blame import Explanation, Location, explain, raised_by, sqlstate
from alembic_gauntlet.config import as_from_the_command_line, load_script, version_folders, with_url
from alembic_gauntlet.coverage import Coverage, Stretch
from alembic_gauntlet.database import SESSION_ENDED, Sandbox, written_url
from alembic_gauntlet.delivery import Delivery, connectable, deliveries
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Command, Graph, Verb
from alembic_gauntlet.guard import Guard, GuardError, guarded
from alembic_gauntlet.leftovers import Watch
from alembic_gauntlet.process import (
    ends_the_session,
    environment,
    logging_kept,
    only_in_this_process,
    open_files,
    place_kept,
    without_running_loop,
)

_DUPLICATE, _OF_THE_SERVER = "42710", ("CreateRole", "CreateTableSpace")

Work = Callable[[Any, MigrationContext], Iterable[Any]]

_TARGET_SCHEMA = "public"
"""What an env.py that was written for alembic-gauntlet before 1.0 finds in `config.attributes["target_schema"]`."""


@dataclass(frozen=True)
class CommandError:
    """Why an Alembic command failed: the revision that was running, if any, and the explanation."""

    command: Command
    revision: str | None
    direction: Verb
    explanation: Explanation
    refused: bool = False
    """The downgrade refuses on purpose, as far as can be told: it raises by itself, or does not exist."""
    is_about_the_server: bool = False
    """It makes a role or a tablespace, which the server has by now: all databases share them."""
    cut_off: bool = False
    """Its session was ended, by the migration or by somebody else."""


@dataclass(frozen=True)
class Outcome:
    """What came of a command: the revisions that ran, in order, and the error, if it failed."""

    command: Command
    revisions: tuple[str, ...]
    error: CommandError | None = None


class _Progress:
    """Which revisions have run, each with its time in microseconds; `done` once the last one's function has returned.

    Alembic asks for a step once it is through with the one before.
    """

    def __init__(self) -> None:
        self.heads: tuple[str, ...] = ()
        self.revisions: list[str] = []
        self.microseconds: list[int] = []
        self.done = True

    def follow(self, steps: Iterable[Any]) -> Iterator[Any]:
        for step in steps:
            self.revisions.append(step.revision.revision)
            self.done = False
            began = time.perf_counter_ns()
            yield step
            self.microseconds.append((time.perf_counter_ns() - began) // 1000)
            self.done = True


class Runner:
    """Runs Alembic commands of one history.

    Args:
        config: the user's Config; it is copied, never changed.
        url_env: an environment variable that carries the sandbox's URL while env.py runs.

    Raises:
        GauntletError: the history cannot be loaded.
    """

    def __init__(self, config: Config, *, url_env: str | None = None) -> None:
        self.config = config
        self.script = load_script(config)
        self.graph = Graph.from_scripts(self.script)
        self.coverage = Coverage(revisions=set(self.graph.order))
        self.stretch: Stretch | None = None
        self.on_command: Callable[[Coverage], None] = lambda coverage: None
        self._url_env = url_env
        self._delivery: Delivery | None = None

    def reach(self, name: str, part: float) -> None:
        """Note how much, from 0 to 1, is done of what `name` says; it began when it was first named."""
        is_new = self.stretch is None or self.stretch.name != name
        began = time.monotonic() if self.stretch is None or is_new else self.stretch.began
        self.stretch = Stretch(name, began, min(part, 1.0))

    def survey(self, sandbox: Sandbox) -> Mapping[str, Any]:
        """Run env.py with nothing to migrate; return the options that it passes to `context.configure`.

        How env.py takes the sandbox is found out here: by the URL, or else by an Engine or a Connection in
        `config.attributes["connection"]`.

        Raises:
            GauntletError: env.py raises, never calls `context.configure`, or insists on another database.
        """
        errors: list[BaseException] = []
        for delivery in deliveries(self.config, sandbox.server.url.drivername):
            options: dict[str, Any] = {}
            try:
                self._run_env(sandbox, delivery, lambda heads, context: (), options)
            except BaseException as error:
                if ends_the_session(error):
                    raise
                trouble = sandbox.server.trouble(error)
                if trouble is not None:
                    raise trouble from error
                errors.append(error)
            else:
                if options:
                    self._delivery = delivery
                    return options
        raise self._broken_env(errors)

    def run(self, sandbox: Sandbox, command: Command, watch: Watch | None = None) -> Outcome:
        """Run one command to its end. A failure of a migration is in the outcome, not raised.

        `watch` looks at the session that the command runs in.

        Raises:
            GauntletError: env.py reached for a database that is not the sandbox.
        """
        progress = _Progress()

        def work(heads: Any, context: MigrationContext) -> Iterable[Any]:
            progress.heads = heads
            steps = progress.follow(self._plan(command, heads))
            return steps if watch is None else watch.over(steps, context)

        error = None
        files = open_files()
        try:
            self.inside(sandbox, work, destination_rev=command.target)
        except GauntletError:
            raise
        except BaseException as raised:
            if ends_the_session(raised):
                raise
            error = self._error(command, progress, raised)
            trouble = sandbox.server.trouble(raised, _meanwhile(error))
            if trouble is not None:
                raise trouble from raised
            about_the_server = sqlstate(raised) == _DUPLICATE and raised_by(raised) in _OF_THE_SERVER
            cut_off = sqlstate(raised) in SESSION_ENDED
            error = replace(error, is_about_the_server=about_the_server, cut_off=cut_off)
        if open_files() > files:
            sandbox.server.end_strays(sandbox)
        self._count(command, progress, error is None)
        return Outcome(command, tuple(progress.revisions), error)

    def _plan(self, command: Command, heads: Any) -> Iterable[Any]:
        """Return Alembic's steps, without its walk over the whole history where one revision is known to be all.

        On a long history that walk takes most of the time of a command.
        """
        upgrade = command.verb == "upgrade"
        lone = self.graph.lone_step(heads, command)
        if lone is None:
            return (self.script._upgrade_revs if upgrade else self.script._downgrade_revs)(command.target, heads)
        make = MigrationStep.upgrade_from_script if upgrade else MigrationStep.downgrade_from_script
        return [make(self.script.revision_map, self.script.get_revision(lone))]

    def _count(self, command: Command, progress: _Progress, succeeded: bool) -> None:
        self.coverage.commands += 1
        self.coverage.see(progress.heads)
        if succeeded:
            if len(progress.revisions) > 1:
                self.coverage.jumps.add((str(command), *sorted(progress.heads)))
            upgrade = command.verb == "upgrade"
            (self.coverage.upgraded if upgrade else self.coverage.downgraded).update(progress.revisions)
            timed = zip(progress.revisions, progress.microseconds, strict=True)
            self.coverage.time({(revision, command.verb): [microseconds] for revision, microseconds in timed})
        self.on_command(self.coverage)

    def inside(
        self, sandbox: Sandbox, work: Work, *, configure: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """Run env.py with `work` in the place of the migrations.

        `configure` goes before what env.py passes to `context.configure`; `options` are those of EnvironmentContext.
        Whatever `work` or env.py raises is passed on.
        """
        if self._delivery is None:
            self.survey(sandbox)
        assert self._delivery is not None
        self._run_env(sandbox, self._delivery, work, {}, configure or {}, **options)

    def location(self, revision: str, function: str) -> Location:
        """Return where a revision's `upgrade` or `downgrade` begins; line 1 where it has none."""
        script = self.script.get_revision(revision)
        code = getattr(getattr(script.module, function, None), "__code__", None)
        if code is None or not _same_file(code.co_filename, script.path):
            return Location(Path(script.path), 1)
        return Location(Path(script.path), code.co_firstlineno, function)

    def _run_env(
        self,
        sandbox: Sandbox,
        delivery: Delivery,
        work: Work,
        seen: dict[str, Any],
        overrides: Mapping[str, Any] = MappingProxyType({}),
        **options: Any,
    ) -> None:
        __tracebackhide__ = True  # pytest shows local variables on request, and these hold the password
        url = written_url(sandbox.url(delivery.drivername))
        config = with_url(self.config, url, pinned=delivery.pinned)
        with ExitStack() as stack:
            stack.enter_context(only_in_this_process())
            stack.enter_context(place_kept())
            guard = stack.enter_context(guarded(sandbox))
            stack.enter_context(sandbox.server.compiled.given())
            stack.enter_context(as_from_the_command_line())
            restore_logging = stack.enter_context(logging_kept())
            stack.enter_context(environment(sandbox.server.hidden))
            stack.enter_context(environment({self._url_env: url} if self._url_env else {}))
            if delivery.attribute is not None:
                config.attributes["connection"] = stack.enter_context(connectable(url, delivery.attribute))
                config.attributes.setdefault("target_schema", _TARGET_SCHEMA)
            # With a target always, as `alembic upgrade` has: env.py may ask for it.
            context = EnvironmentContext(config, self.script, fn=work, **{"destination_rev": "heads", **options})
            configure = context.configure

            def guarded_configure(connection: Any = None, *args: Any, **keywords: Any) -> None:
                if connection is None:
                    raise GauntletError("env.py passes no connection to context.configure, in online mode.")
                guard.check(connection)
                seen.update(keywords, connection=None)
                # env.py's fileConfig has silenced the loggers of everybody else by now, and made Alembic's loud.
                restore_logging()
                logging.getLogger("alembic").setLevel(logging.WARNING)
                configure(connection, *args, **{**keywords, **overrides})

            # On the instance, before it is entered: Alembic's module proxy takes it from there.
            context.configure = guarded_configure  # type: ignore[method-assign]
            stack.enter_context(context)
            try:
                without_running_loop(self.script.run_env)
            except BaseException as error:
                if not ends_the_session(error):
                    self._raise_refusal(guard, error)
                raise
            self._raise_refusal(guard)

    def _raise_refusal(self, guard: Guard, error: BaseException | None = None) -> None:
        """Raise what the guard refused, whatever env.py has made of it."""
        if guard.refusal is None:
            return
        if guard.refusal.__traceback__ is None and error is not None:
            guard.refusal.__traceback__ = error.__traceback__  # of a connection that was cut off
        folders = [Path(self.script.dir), *version_folders(self.script)]
        guard.refusal.location = explain(guard.refusal, folders).location
        if guard.refusal.location is not None:
            guard.refusal.in_migration = not _same_file(guard.refusal.location.file, self._env_file())
        raise guard.refusal from (None if error is guard.refusal else error)

    def _broken_env(self, errors: list[BaseException]) -> GauntletError:
        for error in errors:
            if isinstance(error, GuardError):
                error.given = self._url_env
                return error
        if not errors:
            return GauntletError(f"{self._env_file()} never calls context.configure: there is nothing to test.")
        if isinstance(errors[0], GauntletError):
            return errors[0]
        fault = explain(errors[0], within=[Path(self.script.dir)])
        statement = f"\n    statement: {fault.statement}" if fault.statement else ""
        broken = GauntletError(
            f"env.py fails before any migration has run.\n    {fault.location or self._env_file()}: {fault.summary}"
            f"{statement}\nIt was given the sandbox's URL as the option sqlalchemy.url of Alembic's Config"
            + (f" and as ${self._url_env}." if self._url_env else ".")
            + (_missing_variable(errors[0]) or "\n`alembic current` shows whether it works from the command line.")
        )
        broken.__cause__ = errors[0]
        return broken

    def _env_file(self) -> Path:
        return Path(self.script.dir) / "env.py"

    def _error(self, command: Command, progress: _Progress, error: BaseException) -> CommandError:
        revision = progress.revisions[-1] if progress.revisions else None
        within = [Path(self.script.dir), *version_folders(self.script)]
        explanation = explain(error, within)
        if revision is None:
            # Alembic takes the functions of all revisions before the first one runs.
            lacking = _module_without(command.verb, error)
            if lacking is None:
                return CommandError(command, None, command.verb, explanation)
            summary = f"the migration has no function {command.verb}()"
            explanation = replace(explanation, summary=summary, location=self.location(lacking, command.verb))
            return CommandError(command, lacking, command.verb, explanation, command.verb == "downgrade")
        if progress.done:
            # Alembic commits after the last revision: what a constraint deferred to there concerns them all.
            explanation = replace(explanation, location=None, summary=f"at COMMIT: {explanation.summary}")
            if len(progress.revisions) > 1:
                return CommandError(command, None, command.verb, explanation)
        script = self.script.get_revision(revision)
        location = explanation.location
        if location is None or not _same_file(location.file, script.path):
            # In something that several migrations share: the line of this one that calls it.
            own = explain(error, [Path(script.path)]).location
            explanation = replace(explanation, location=own or self.location(revision, command.verb))
        refused = command.verb == "downgrade" and (explanation.raised_there or isinstance(error, NotImplementedError))
        return CommandError(command, revision, command.verb, explanation, refused)


def _missing_variable(error: BaseException) -> str:
    """Return what to do where env.py looks for an environment variable, as far as the error tells."""
    name = error.args[0] if isinstance(error, KeyError) and error.args else None
    if not isinstance(name, str) or not name.isupper() or name in os.environ:
        return ""
    return (
        "\nIf that is an environment variable with the URL of the database, name it on the test class:"
        f'\n    migration_url_env = "{name}"'
    )


def _meanwhile(error: CommandError) -> str:
    """Tell what a command was at when the server was lost."""
    where = f", at {error.explanation.location}" if error.explanation.location else ""
    return f"`{error.command.shell()}` was running{where}.\n"


def _module_without(function: str, error: BaseException) -> str | None:
    """Return the revision of the migration that lacks a function, where that is what `error` says."""
    if isinstance(error, AttributeError) and error.name == function:
        revision: str | None = getattr(error.obj, "revision", None)
        return revision
    return None


def _same_file(one: str | Path, other: str | Path) -> bool:
    return Path(one).resolve() == Path(other).resolve()
