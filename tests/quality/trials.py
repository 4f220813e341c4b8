"""One generated history through the five tests and the walks, and what came of it, held against what is known of it."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import core, settings
from sqlalchemy import Connection, ForeignKey, MetaData, create_engine
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from alembic_gauntlet.database import Server
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.graph import Command
from alembic_gauntlet.settings import Settings
from strategies.faults import PlantedFault
from strategies.histories import History
from tests.quality.cases import Case
from tests.quality.plain import PlainAlembic, PlainHistory

MAX_COMMANDS = 20
"""The default of `walk_max_commands`."""

SMALL_EXAMPLES = 1
"""The most walks over each of the many small correct histories; over all others, as many as the profile says."""

FIXED_TESTS = ("stairway", "up to date", "single head", "way down", "names")
"""The five tests, in the words of the tables."""


@dataclass(frozen=True)
class Report:
    """One finding, as far as it is held against the truth."""

    test: str
    invariant: str
    revision: str | None
    function: str
    path: tuple[str, ...]
    message: str

    @classmethod
    def of(cls, test: str, finding: Finding) -> Report:
        """Return the report of a finding."""
        path = tuple(map(str, finding.path))
        return cls(test, finding.invariant, finding.revision, finding.function, path, finding.message)

    def __str__(self) -> str:
        where = f"{self.function} of {self.revision}" if self.revision else "no revision"
        return f"{self.test}: {self.invariant}, {where}, `{'; '.join(self.path)}`"


@dataclass(frozen=True)
class Trial:
    """What came of one case.

    Attributes:
        reports: what the five tests and the walks have reported.
        exhausted: whether the walks took every transition; otherwise they were too many.
        commands: how many Alembic commands the walks ran.
        seconds: how long the walks took; `total`: all of it.
        crash: what was raised, if anything was that is no finding.
    """

    case: Case
    revisions: int
    fault: PlantedFault | None
    reports: tuple[Report, ...] = ()
    exhausted: bool = False
    commands: int = 0
    seconds: float = 0.0
    total: float = 0.0
    crash: str = ""
    history: str = field(default="", repr=False)

    def by(self, test: str) -> list[Report]:
        """Return what one test has reported."""
        return [report for report in self.reports if report.test == test]

    def about(self, test: str = "walks") -> list[Report]:
        """Return what one test has reported about the planted fault, the shortest path first."""
        fault = self._fault
        theirs = [each for each in self.by(test) if each.revision == fault.revision or each.revision in fault.sharing]
        return sorted(theirs, key=lambda each: len(each.path))

    @property
    def _fault(self) -> PlantedFault:
        assert self.fault is not None, "a correct history has no fault to find"
        return self.fault

    @property
    def found(self) -> bool:
        """Whether the walks have found the fault."""
        return bool(self.about())

    @property
    def length(self) -> int | None:
        """How many commands the shortest path has that the walks report for it."""
        return len(self.about()[0].path) if self.found else None

    @property
    def minimal(self) -> bool:
        """Whether that is as short as can be."""
        return self.length == self._fault.minimal_length

    @property
    def blamed(self) -> bool:
        """Whether one of the reports names the guilty revision."""
        return any(report.revision == self._fault.revision for report in self.about())

    @property
    def false(self) -> list[Report]:
        """What the walks have reported and is not there."""
        return [report for report in self.by("walks") if report not in self.about()]

    @property
    def good(self) -> bool:
        """Whether nothing is wrong: the fault found, by a minimal path, blamed rightly, and nothing else."""
        if self.fault is None:
            return not self.reports and not self.crash
        return self.found and self.minimal and self.blamed and not self.false and not self.crash

    def text(self) -> str:
        """Return all of it in lines, for whoever has to find out what went wrong."""
        lines = [f"{self.case} (seed {self.case.seed}), {self.revisions} revisions"]
        if self.fault is not None:
            path = "; ".join(map(str, self.fault.minimal_path))
            lines.append(f"  planted: {self.fault.direction} of {self.fault.revision}, minimal `{path}`")
        lines += [f"  reported by {report}" for report in self.reports]
        if self.crash:
            lines.append(f"  raised: {self.crash}")
        return "\n".join([*lines, self.history])


@dataclass(frozen=True)
class Laboratory:
    """Where cases are tried: a server, the profile of the walks, and Alembic alone, which makes the models."""

    server: Server
    plain: PlainAlembic
    profile: settings

    def tried(self, case: Case) -> Trial:
        """Run the five tests and the walks."""
        history, fault = case.draw()
        trial = Trial(case, len(history.graph), fault, history=history.describe())
        started = time.monotonic()
        try:
            with warnings.catch_warnings():
                # Domains, ranges and the like: SQLAlchemy knows the columns all the same.
                warnings.filterwarnings("ignore", "Did not recognize type")
                trial = self._tried(trial, history)
        except Exception as error:
            trial = replace(trial, crash=f"{type(error).__name__}: {error}")
        return replace(trial, total=time.monotonic() - started)

    def _tried(self, trial: Trial, history: History) -> Trial:
        with TemporaryDirectory() as models_in, TemporaryDirectory() as directory:
            models = self._models(PlainHistory(self.plain, history, Path(models_in)))
            config = history.config(Path(directory))
            chosen = Settings(expected_heads=len(history.graph.heads))
            with Gauntlet(config, self.server, chosen) as gauntlet:
                reports = list(_fixed(gauntlet, models))
                gauntlet.take_coverage()
                started = time.monotonic()
                with seeded(trial.case.key):
                    walks = gauntlet.walks(self._profile(trial.case), MAX_COMMANDS, str(trial.case))
                seconds = time.monotonic() - started
                commands = gauntlet.take_coverage().commands
        reports += [Report.of("walks", finding) for finding in walks.findings]
        return replace(
            trial,
            reports=tuple(reports),
            exhausted=walks.transitions is not None,
            commands=commands,
            seconds=seconds,
        )

    def _profile(self, case: Case) -> settings:
        if case.group != "small clean":
            return self.profile
        return settings(self.profile, max_examples=min(self.profile.max_examples, SMALL_EXAMPLES))

    def _models(self, written: PlainHistory) -> MetaData | None:
        """Return what SQLAlchemy reads at head, after one revision per command: what the author of a history means.

        None where one of them fails, and where a foreign key leads out of the schema: Alembic compares no such models
        unless env.py asks for all schemas.
        """
        models = MetaData()
        with self.plain.database() as name:
            for revision in written.history.graph.order:
                shown = written.run(name, Command("upgrade", revision))
                if shown is not None and shown.by == "error":
                    return None
            engine = create_engine(self.plain.named(name))
            try:
                # env.py does not ask for other schemas, so Alembic does not look at them.
                models.reflect(engine, resolve_fks=False)
                with engine.connect() as connection:
                    _complete(models, connection)
            finally:
                engine.dispose()
        models.remove(models.tables["alembic_version"])
        if any(key.target_fullname.rpartition(".")[0] not in models.tables for key in _foreign_keys(models)):
            return None
        for column in (column for table in models.tables.values() for column in table.columns):
            # Alembic takes a column that owns the sequence of its default for SERIAL, which a model says without one.
            if column.server_default is not None and "nextval(" in str(getattr(column.server_default, "arg", "")):
                column.server_default = None
        return models


def _complete(models: MetaData, connection: Connection) -> None:
    """Add what reflection leaves out: how tables are partitioned, and exclusion constraints; domains once collated."""
    for (child,) in connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'"):
        if child in models.tables:
            models.remove(models.tables[child])
    partitioned = "SELECT relname, pg_get_partkeydef(oid) FROM pg_class WHERE relkind = 'p'"
    for name, key in connection.exec_driver_sql(partitioned):
        if name in models.tables:
            models.tables[name].dialect_options["postgresql"]["partition_by"] = key
    exclusions = """
        SELECT c.relname, k.conname, m.amname, pg_get_constraintdef(k.oid) FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class i ON i.oid = k.conindid JOIN pg_am m ON m.oid = i.relam
        WHERE k.contype = 'x'"""
    for table, name, method, definition in connection.exec_driver_sql(exclusions):
        column, operator = re.findall(r"\((\w+) WITH (\S+)\)", definition)[0]
        if table in models.tables:
            models.tables[table].append_constraint(ExcludeConstraint((column, operator), name=name, using=method))
    for column in (column for table in models.tables.values() for column in table.columns):
        if hasattr(column.type, "data_type"):  # a domain
            column.type.collation = column.type.data_type.collation = None


def _foreign_keys(models: MetaData) -> Iterator[ForeignKey]:
    return (key for table in models.tables.values() for key in table.foreign_keys)


def _fixed(gauntlet: Gauntlet, models: MetaData | None) -> Iterator[Report]:
    """Yield what the five tests report."""
    checks: dict[str, Callable[[], Iterable[Finding]]] = {
        "stairway": gauntlet.stairway,
        "up to date": lambda: gauntlet.up_to_date(models or MetaData()),
        "single head": gauntlet.single_head,
        "way down": gauntlet.downgrade_all_the_way,
        "names": gauntlet.naming,
    }
    for test in FIXED_TESTS:
        for finding in checks[test]():
            # Without models there is nothing to differ from: only that head is not reached counts.
            if models is not None or finding.invariant != "up-to-date":
                yield Report.of(test, finding)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let the walks be drawn by a seed, as `--hypothesis-seed` does: each history has another, and always the same."""
    module: Any = core
    before = module.global_force_seed
    module.global_force_seed = seed
    try:
        yield
    finally:
        module.global_force_seed = before
