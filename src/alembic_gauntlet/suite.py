"""`MigrationTestBase`: subclass it, and pytest runs the gauntlet on your migrations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import psycopg
import pytest
from hypothesis import settings
from hypothesis.statistics import collector, describe_statistics
from sqlalchemy import MetaData

from alembic_gauntlet import profiles
from alembic_gauntlet.baseline import Known, counted
from alembic_gauntlet.findings import Failure, Finding, NothingToCheck
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.invariants import INVARIANTS, Invariant
from alembic_gauntlet.naming import DEFAULTS
from alembic_gauntlet.path import parse_path
from alembic_gauntlet.regressions import Regressions
from alembic_gauntlet.report import render_lines, replay_command
from alembic_gauntlet.settings import Settings
from alembic_gauntlet.share import Share
from alembic_gauntlet.sowing import RowStrategies
from alembic_gauntlet.styled import joined
from alembic_gauntlet.walks import Rows, Walks

_NAMED = 5
"""So many tables are named in a note."""

Models = MetaData | Sequence[MetaData] | None


class MigrationTestBase:
    """Five tests of a migration history; under the marker `fuzz`, walks without and with rows, and a path to replay.

    Nothing more than a subclass is needed where alembic.ini is in the root directory and env.py sets
    `target_metadata`. The fixtures `alembic_config`, `migration_db_url` and `orm_metadata` may be overridden, on the
    class or in conftest.py; the attributes below are described in `alembic_gauntlet.settings.Settings`, and
    `row_strategies` in `alembic_gauntlet.sowing.RowStrategies`.
    """

    migration_diff_ignore_tables: ClassVar[Sequence[str]] = Settings.migration_diff_ignore_tables
    migration_diff_compare_server_default: ClassVar[bool] = Settings.migration_diff_compare_server_default
    strict: ClassVar[bool] = Settings.strict
    irreversible_revisions: ClassVar[Collection[str] | Literal["all"]] = Settings.irreversible_revisions
    minimum_downgrade_revision: ClassVar[str | None] = Settings.minimum_downgrade_revision
    expected_heads: ClassVar[int] = Settings.expected_heads
    lock_timeout: ClassVar[float] = Settings.lock_timeout
    statement_timeout: ClassVar[float] = Settings.statement_timeout
    migration_url_env: ClassVar[str | None] = Settings.migration_url_env
    lossy_revisions: ClassVar[Mapping[str, str]] = {}
    row_tables_ignore: ClassVar[Sequence[str]] = Settings.row_tables_ignore
    row_strategies: ClassVar[RowStrategies] = {}

    walk_settings: ClassVar[settings | None] = None
    walk_max_commands: ClassVar[int] = 20
    invariants: ClassVar[Sequence[Invariant]] = INVARIANTS

    allowed_index_prefixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_index_prefixes"]
    allowed_index_suffixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_index_suffixes"]
    allowed_fk_prefixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_fk_prefixes"]
    allowed_fk_suffixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_fk_suffixes"]
    allowed_check_prefixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_check_prefixes"]
    allowed_check_suffixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_check_suffixes"]
    allowed_uq_prefixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_uq_prefixes"]
    allowed_uq_suffixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_uq_suffixes"]
    allowed_pk_prefixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_pk_prefixes"]
    allowed_pk_suffixes: ClassVar[Sequence[str]] = DEFAULTS["allowed_pk_suffixes"]

    def prepare_database(self, connection: psycopg.Connection[Any]) -> None:
        """Prepare an empty database before any revision runs there: extensions, roles, tables that it expects.

        Override it. The connection is in autocommit mode.
        """

    @pytest.mark.usefixtures("gauntlet_share")  # no argument: who overrides the test may pass these two on
    def test_stairway_upgrade_downgrade(self, gauntlet: Gauntlet, request: pytest.FixtureRequest) -> None:
        """Every revision goes up, down and up again, and leaves the schema as it should be."""
        _check(request, gauntlet.stairway, request.getfixturevalue("gauntlet_share"))

    def test_migrations_up_to_date(
        self, gauntlet: Gauntlet, orm_metadata: Models, request: pytest.FixtureRequest
    ) -> None:
        """At head, the database and the models agree."""
        notes: list[str] = []
        try:
            _check(request, gauntlet.up_to_date, orm_metadata, notes.append)
        finally:
            request.node.user_properties += [("gauntlet", note) for note in notes]

    def test_single_head_revision(self, gauntlet: Gauntlet, request: pytest.FixtureRequest) -> None:
        """The history has one head, or as many as `expected_heads` says."""
        _check(request, gauntlet.single_head)

    def test_downgrade_all_the_way(self, gauntlet: Gauntlet, request: pytest.FixtureRequest) -> None:
        """From head, one command leads back to base, where nothing is left."""
        _check(request, gauntlet.downgrade_all_the_way)

    def test_naming_conventions(self, gauntlet: Gauntlet, orm_metadata: Models, request: pytest.FixtureRequest) -> None:
        """Indexes and constraints are named as the conventions say."""
        _check(request, gauntlet.naming, orm_metadata)

    @pytest.mark.fuzz
    def test_random_walks(self, gauntlet: Gauntlet, gauntlet_share: Share, request: pytest.FixtureRequest) -> None:
        """After every command of random walks over the revision graph, the invariants hold."""
        _check(request, self._walks, partial(gauntlet.walks, share=gauntlet_share), request)

    @pytest.mark.fuzz
    def test_populated_walks(self, gauntlet: Gauntlet, gauntlet_share: Share, request: pytest.FixtureRequest) -> None:
        """They hold with rows in the tables, too; what shows on empty tables is left to `test_random_walks`."""
        walk = partial(gauntlet.populated_walks, share=gauntlet_share, strategies=self.row_strategies)
        _check(request, self._walks, walk, request)

    def _walks(self, walk: Callable[..., Walks], request: pytest.FixtureRequest) -> tuple[Finding, ...]:
        profile = self.walk_settings or profiles.current()
        # By the id of the test, which `alembic-gauntlet` gives a file that is not there yet.
        file = Path(request.config.rootpath, request.node.nodeid.partition("::")[0])
        regressions = Regressions(file.with_name(f"{file.stem}.{type(self).__name__}.paths"))
        paths, name, known = regressions.paths(), request.node.nodeid, request.getfixturevalue("gauntlet_known")
        with _statistics(request.node):
            walks = walk(profile, self.walk_max_commands, name, self.invariants, paths, known)
        if known is not None:
            known.certain = walks.transitions is not None or walks.replayed > 0
        request.node.user_properties += [("gauntlet", note) for note in _notes(walks, regressions.file.name)]
        regressions.add(walks.findings)
        return walks.findings

    @pytest.mark.fuzz
    @pytest.mark.gauntlet_replay
    def test_replay(self, gauntlet: Gauntlet, request: pytest.FixtureRequest) -> None:
        """The commands of `--gauntlet-replay` succeed, and leave the schema as it should be."""
        commands = parse_path(request.config.getoption("--gauntlet-replay"))
        _check(request, gauntlet.replay, commands, self.invariants)


def settings_of(test_class: type | None) -> Settings:
    """Return the settings that a test class declares; the defaults for what it does not declare."""
    fields = (name for name in Settings.__dataclass_fields__ if name != "naming")
    declared = {name: getattr(test_class, name) for name in fields if hasattr(test_class, name)}
    naming = {
        name: tuple(getattr(test_class, name))
        for name, default in DEFAULTS.items()
        if getattr(test_class, name, default) is not default
    }
    return Settings(**declared, naming=naming)


def _notes(walks: Walks, file: str) -> Iterator[str]:
    """Yield what there is to say of walks besides their findings."""
    for path in walks.fixed:
        yield f"fixed: {'; '.join(map(str, path))} (its line in {file} can go)"
    if walks.rows is not None:
        yield from _notes_of_rows(walks.rows)
    elif walks.transitions is not None:
        yield f"every transition of the revision graph was taken: {walks.transitions}"
    else:
        yield "random walks alone: the revision graph has more transitions than they have commands"
    if walks.is_cut_short:
        yield "the walks ended early, having run many revisions: --hypothesis-profile gauntlet-nightly goes further"
    if walks.only_upgrades:
        yield "no revision may be downgraded, as the test class declares: the walks have taken upgrades alone"


def _notes_of_rows(rows: Rows) -> Iterator[str]:
    part = f", {rows.taken / rows.tried:.0%} of those drawn" if rows.tried else ""
    yield f"{rows.taken} rows inserted{part}; {rows.revisions} of {rows.of} revisions with rows that aim at them"
    few = [f"{table} {part:.0%}" for table, part in islice(rows.poor.items(), _NAMED)]
    if few:
        yield f"rows taken: {', '.join(few)}{_more(rows.poor)}, all others 100%"
    for table, reason in islice(rows.barren.items(), _NAMED):
        yield f"{table} never got a row: {reason}"
    if len(rows.barren) > _NAMED:
        yield f"so it was with {len(rows.barren) - _NAMED} other tables"
    for action in rows.irreproducible[:_NAMED]:
        yield f"`{action}` does not end the same way each time, and the walks have not gone on behind it"
    if rows.barren:
        yield "row_strategies on the test class can say what a row looks like; row_tables_ignore leaves tables out"


def _more(named: Mapping[str, Any]) -> str:
    return f" and {len(named) - _NAMED} other tables, more than these" if len(named) > _NAMED else ""


@contextmanager
def _statistics(item: pytest.Item) -> Iterator[None]:
    """Have `--hypothesis-show-statistics` show the walks, as Hypothesis' own plugin does it for its tests."""

    def note(statistics: Any) -> None:
        statistics["nodeid"] = item.nodeid
        item.hypothesis_statistics = describe_statistics(statistics)  # type: ignore[attr-defined]

    with collector.with_value(note):  # type: ignore[arg-type]
        yield


def _note_what_stays(request: pytest.FixtureRequest) -> None:
    gauntlet: Gauntlet = request.getfixturevalue("gauntlet")
    left = gauntlet.left_on_the_server
    if left:
        note = f"left on the server, since they belong to no database: {', '.join(left)}"
        request.node.user_properties.append(("gauntlet", note))


def _check(request: pytest.FixtureRequest, check: Any, *arguments: Any) -> None:
    __tracebackhide__ = True
    try:
        findings: tuple[Finding, ...] = check(*arguments)
    except NothingToCheck as nothing:
        pytest.skip(f"Nothing to check: {nothing}")
    _note_what_stays(request)
    known: Known | None = request.getfixturevalue("gauntlet_known")
    if known is not None:
        findings = tuple(new for each in findings if (new := known.less(each)) is not None)
    if findings:
        title = (
            f"Besides {counted(len(known.met), 'known fault')} of the baseline:"
            if known is not None and known.met
            else ""
        )
        lines = render_lines(findings, request.config.rootpath, title, replay_command(request.config))
        raise Failure(joined(lines), findings, lines)
