"""The model of Alembic, checked against Alembic itself on generated graphs and commands.

Two levels: Alembic's own planning and bookkeeping of the version table, without a database; and `alembic.command` with
an env.py on PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import alembic.command
import pytest
from alembic.config import Config
from alembic.runtime.migration import HeadMaintainer, MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionMap
from alembic.util import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alembic_gauntlet.database import Sandbox, Server
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.graph import Command, Graph, IllegalCommand, State
from alembic_gauntlet.path import parse_path
from strategies.graphs import MigrationScript, commands, history, scripts

ENV_PY = """
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
MERGED = history("h a1:h a2:a1 b1:h b2:b1 m:a2,b2")
REDUNDANT = history("c a:c r:a>c z")
UNBOUNDED = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


class Refused(Exception):
    """Alembic gives up on a command."""


class Planner:
    """Alembic's planning and its bookkeeping of the version table, on scripts that no file holds."""

    def __init__(self, files: Iterable[MigrationScript], directory: Path) -> None:
        loaded = [Script(_module(file), file.revision, f"{file.revision}.py") for file in files]
        self.directory = ScriptDirectory(str(directory))
        self.directory.revision_map = RevisionMap(lambda: loaded)
        self.context = MigrationContext.configure(
            dialect_name="postgresql", opts={"as_sql": True, "output_buffer": StringIO()}
        )

    def run(self, rows: frozenset[str], command: Command) -> tuple[frozenset[str], list[str]]:
        """The version table after `command`, and the revisions run."""
        plan = self.directory._upgrade_revs if command.verb == "upgrade" else self.directory._downgrade_revs
        maintainer = HeadMaintainer(self.context, rows)
        try:
            steps = plan(command.target, tuple(rows))
        except (CommandError, AssertionError) as error:
            raise Refused from error
        for step in steps:
            maintainer.update_to_step(step)
        return frozenset(maintainer.heads), [step.revision.revision for step in steps]


def _module(file: MigrationScript) -> ModuleType:
    module = ModuleType(file.revision)
    vars(module).update(
        down_revision=file.down_revision,
        depends_on=file.dependencies,
        branch_labels=file.branch_labels,
        upgrade=lambda: None,
        downgrade=lambda: None,
    )
    return module


@pytest.fixture(scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("no_scripts")


def check(graph: Graph, state: State, command: Command, planner: Planner) -> State:
    """Run `command` in the model and in Alembic; return the state after it, unchanged where both refuse."""
    try:
        after = graph.after(state, command)
        plan = graph.plan(state, command)
    except IllegalCommand:
        with pytest.raises(Refused):
            planner.run(graph.version_heads(state), command)
        return state
    rows, run = planner.run(graph.version_heads(state), command)
    assert rows == graph.version_heads(after)
    assert sorted(run) == sorted(id for id, _ in plan)
    return after


def is_up_to_the_database(graph: Graph, state: State, command: Command) -> bool:
    """`downgrade -1` with several rows: Alembic takes the first. `base@`, as a branch: a matter of its version."""
    if command.target.startswith("base@"):
        return True
    return command.verb == "downgrade" and command.target[0] == "-" and len(graph.version_heads(state)) > 1


@settings(UNBOUNDED, max_examples=300)
@given(st.data())
def test_any_sequence_of_commands_leaves_the_version_table_that_the_model_predicts(nowhere: Path, data: st.DataObject):
    """Alembic runs what the model says, leaves the rows it says, and refuses what the model refuses."""
    files = data.draw(scripts())
    graph, planner, state = Graph.from_scripts(files), Planner(files, nowhere), frozenset[str]()
    for _ in range(data.draw(st.integers(1, 10))):
        command = data.draw(commands(graph, state))
        if not is_up_to_the_database(graph, state, command):
            state = check(graph, state, command, planner)


@settings(UNBOUNDED, max_examples=150)
@given(scripts())
def test_the_graph_has_the_heads_and_bases_that_alembic_has(nowhere: Path, files: tuple[MigrationScript, ...]):
    """As `alembic heads`, and as the rows after `alembic upgrade heads`; whether from scripts or from a directory."""
    graph, planner = Graph.from_scripts(files), Planner(files, nowhere)
    assert set(graph.heads) == set(planner.directory.get_heads())
    assert set(graph.bases) == set(planner.directory.get_bases())
    rows, _ = planner.run(frozenset(), Command("upgrade", "heads"))
    assert set(graph.tips) == rows
    assert Graph.from_scripts(planner.directory) == graph


@settings(UNBOUNDED, max_examples=150)
@given(scripts(min_size=1), st.data())
def test_one_step_commands_run_one_revision_in_alembic_too(
    nowhere: Path, files: tuple[MigrationScript, ...], data: st.DataObject
):
    """Every row of the version table has a command that takes its revision alone down, and one that brings it back."""
    graph, planner = Graph.from_scripts(files), Planner(files, nowhere)
    state = graph.state(*data.draw(st.sets(st.sampled_from(graph.order), min_size=1)))
    rows = graph.version_heads(state)
    for id in sorted(rows):
        down = graph.one_step_downgrade(id, state)
        assert down is not None
        below, run = planner.run(rows, down)
        assert run == [id]
        assert below == graph.version_heads(state - {id})
        assert planner.run(below, graph.one_step_upgrade(id)) == (rows, [id])


@pytest.mark.parametrize(
    ("files", "commands_run", "rows"),
    [
        pytest.param(MERGED, "upgrade head; downgrade a1", {"a1", "b2"}, id="below one side of a merge"),
        pytest.param(MERGED, "upgrade head; downgrade a2", {"a2", "b2"}, id="a merge alone"),
        pytest.param(MERGED, "upgrade head; downgrade h", {"h"}, id="below both sides of a merge"),
        pytest.param(MERGED, "upgrade head; downgrade a1@h", {"b2"}, id="one branch of two"),
        pytest.param(MERGED, "upgrade a2; upgrade b1", {"a2", "b1"}, id="two branches"),
        pytest.param(
            history("h a:h b:h c:h m:a,b,c"), "upgrade m; downgrade b", {"a", "b", "c"}, id="a merge of three"
        ),
        pytest.param(history("a1 a2:a1 b1>a2 b2:b1"), "upgrade b2", {"b2"}, id="a dependency is no row"),
        pytest.param(history("a1 a2:a1 b1>a2 b2:b1"), "upgrade b2; downgrade a1", {"a1"}, id="dependents go as well"),
        pytest.param(
            history("a1 a2:a1 b1>a2"), "upgrade b1; downgrade b1@base", {"a2"}, id="a dependency becomes a row"
        ),
        pytest.param(history("a1#left b1#right"), "upgrade heads; downgrade left@base", {"b1"}, id="one base of two"),
        pytest.param(history("a1#left b1>left"), "upgrade right@head", None, id="no such branch"),
        pytest.param(
            history("a1#left b1>left b2:b1"), "upgrade b2; downgrade b1@base", {"a1"}, id="depends on a label"
        ),
        pytest.param(history("h a:h>h b:a>a"), "upgrade b; downgrade a", {"a"}, id="parent and dependency at once"),
        pytest.param(history("a b:a>h h"), "upgrade b; downgrade base", set(), id="all the way"),
        pytest.param(history("h a:h b:h"), "upgrade head", None, id="head of two"),
        pytest.param(history("a1 a2:a1 b1>a2"), "upgrade b1; downgrade a2", None, id="applied, but no row"),
        pytest.param(history("a b:a c:b"), "upgrade a; downgrade c", None, id="not applied"),
        pytest.param(history("a b:a c:b"), "upgrade +2", {"b"}, id="relative upgrade"),
        pytest.param(history("a b:a c:b"), "upgrade c; downgrade -2", {"a"}, id="relative downgrade"),
        pytest.param(history("a1 a2:a1 b1>a2"), "upgrade heads", {"b1"}, id="all heads, one below another"),
        pytest.param(history("a1#x a2:a1 b1#x2>a2 b2:b1"), "upgrade a1@heads", {"a2"}, id="the heads of a branch"),
        pytest.param(history("a"), "upgrade a; downgrade nothing@base", set(), id="a branch not looked at"),
        pytest.param(history("a#x"), "upgrade a; downgrade nothing@base", None, id="a labelled base counts twice"),
        pytest.param(history("a"), "upgrade a; downgrade nothing@base-1", None, id="a branch looked at on the way"),
        pytest.param((), "downgrade head@base-1", None, id="a branch of no history"),
        pytest.param(history("abc"), "upgrade ab", None, id="a beginning of a short id"),
        pytest.param(history("abcd"), "upgrade a", {"abcd"}, id="a beginning of a long id"),
        pytest.param(history("a1 b1>a1"), "upgrade b1@a1", None, id="a dependency is on another branch"),
        pytest.param(
            history("a1#x a2:a1 a3:a2 b1>a2"), "upgrade b1; upgrade x@+1", {"b1", "a3"}, id="x@+1 without a row"
        ),
        pytest.param(history("a1#x a2:a1 b1>a2"), "upgrade b1; downgrade x@-1", {"a1"}, id="x@-1 without a row"),
    ],
)
def test_a_command_leaves_these_rows(
    nowhere: Path, files: tuple[MigrationScript, ...], commands_run: str, rows: set[str] | None
):
    """What the model and Alembic both say, case by case; None: the last command is refused."""
    graph, planner, state = Graph.from_scripts(files), Planner(files, nowhere), frozenset[str]()
    *before, last = parse_path(commands_run)
    for command in before:
        state = graph.after(state, command)
    if rows is None:
        with pytest.raises(IllegalCommand):
            graph.after(state, last)
    else:
        assert graph.version_heads(graph.after(state, last)) == rows
    check(graph, state, last, planner)


def test_alembic_loses_count_where_a_parent_stands_below_another_parent(nowhere: Path):
    """Taking `r` down with something else current leaves a row too many, and every later upgrade is refused.

    `r` depends on `c`, which stands below its down_revision `a` already. The model does not copy this: a walk reports
    what Alembic then says.
    """
    graph, planner = Graph.from_scripts(REDUNDANT), Planner(REDUNDANT, nowhere)
    state = graph.after(graph.full, Command("downgrade", "a"))
    rows, _ = planner.run(graph.version_heads(graph.full), Command("downgrade", "a"))
    assert graph.version_heads(state) == {"a", "z"}
    assert rows == {"a", "c", "z"}
    with pytest.raises(Refused):
        planner.run(rows, Command("upgrade", "heads"))


def test_alembic_fails_on_a_merge_that_depends_on_what_stands_below_it(nowhere: Path):
    """It wants to delete the row of `c`, which the row of `a` has replaced; the model takes the upgrade for legal."""
    files = history("c a:c b m:a,b>c")
    assert Graph.from_scripts(files).after(frozenset(), Command("upgrade", "m")) == {"a", "b", "c", "m"}
    with pytest.raises(KeyError, match="c"):
        Planner(files, nowhere).run(frozenset(), Command("upgrade", "m"))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with EmbeddedServer() as embedded, Server(embedded.url, throwaway=True) as server:
        yield server


@settings(UNBOUNDED, max_examples=60)
@given(st.data())
def test_alembic_leaves_the_rows_that_the_model_predicts_on_postgresql(server: Server, data: st.DataObject):
    """The same through `alembic.command` and an env.py, read from the version table itself."""
    files = data.draw(scripts(min_size=1, max_size=10))
    graph, state = Graph.from_scripts(files), frozenset[str]()
    with TemporaryDirectory() as directory, server.create() as sandbox:
        config = render(files, Path(directory), sandbox)
        for _ in range(data.draw(st.integers(1, 6))):
            command = data.draw(commands(graph, state))
            if is_up_to_the_database(graph, state, command):
                continue
            try:
                state = graph.after(state, command)
            except IllegalCommand:
                with pytest.raises((CommandError, AssertionError)):
                    run(config, command)
            else:
                run(config, command)
            assert rows_of(sandbox) == graph.version_heads(state)


def render(files: Iterable[MigrationScript], directory: Path, sandbox: Sandbox) -> Config:
    """Write a project whose migrations do nothing."""
    versions = directory / "versions"
    versions.mkdir()
    (directory / "env.py").write_text(ENV_PY)
    for file in files:
        lines = (
            f"revision = {file.revision!r}",
            f"down_revision = {file.down_revision!r}",
            f"depends_on = {file.dependencies!r}",
            f"branch_labels = {file.branch_labels!r}",
            "def upgrade(): pass",
            "def downgrade(): pass",
        )
        (versions / f"{file.revision}.py").write_text("\n".join(lines))
    config = Config()
    config.set_main_option("script_location", str(directory))
    config.set_main_option("path_separator", "os")
    url = sandbox.url("postgresql+psycopg2").render_as_string(hide_password=False)
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def run(config: Config, command: Command) -> None:
    (alembic.command.upgrade if command.verb == "upgrade" else alembic.command.downgrade)(config, command.target)


def rows_of(sandbox: Sandbox) -> frozenset[str]:
    if sandbox.connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
        return frozenset()
    return frozenset(id for (id,) in sandbox.connection.execute("SELECT version_num FROM alembic_version"))
