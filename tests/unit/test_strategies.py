"""Generated histories, without a database: their shape, their files, and what is known of planted faults."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from alembic_gauntlet.graph import Command, Graph, State, Step
from strategies.faults import FAULT_KINDS, PlantedFault, faulty_histories
from strategies.graphs import history as scripts_of
from strategies.histories import History, histories
from strategies.operations import KINDS, OPERATION_KINDS, unsafe_on_rows
from strategies.places import above, adjacent, anywhere, merges, parallel, three, with_room
from strategies.shortest import shortest
from strategies.world import Other, World

quick = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
quiet = settings(max_examples=20, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@quick
@given(histories())
def test_alembic_loads_a_rendered_history(history: History) -> None:
    """The files say what the history says: ids, parents, heads; and every one compiles."""
    with TemporaryDirectory() as directory:
        script = ScriptDirectory.from_config(history.config(Path(directory)))
        assert Graph.from_scripts(script) == history.graph
        assert set(script.get_heads()) == set(history.graph.heads)


@quick
@given(histories())
def test_a_history_is_parents_first_and_no_revision_but_a_merge_is_empty(history: History) -> None:
    seen: set[str] = set()
    for migration in history.migrations:
        assert set(history.graph.parents(migration.revision)) <= seen
        assert migration.operations or len(migration.script.down_revision or ()) > 1
        seen.add(migration.revision)


@quick
@given(histories(on_any_rows=True))
def test_operations_may_be_kept_to_those_that_work_on_any_rows(history: History) -> None:
    assert history.kinds.isdisjoint(unsafe_on_rows())


def test_every_kind_of_operation_can_be_made_and_compiles() -> None:
    """In worlds where something of everything exists; both directions do something."""
    seen: set[str] = set()

    @settings(quick, max_examples=15, derandomize=True, database=None)
    @given(st.data())
    def make(data: st.DataObject) -> None:
        site = World().site("a", frozenset("a"))
        for kind in (*KINDS, *KINDS):
            if candidates := list(kind.candidates(site)):
                made = kind.make(data.draw, site, data.draw(st.sampled_from(candidates)))
                seen.add(made.kind)
                for source in (made.upgrade, made.downgrade):
                    assert "op." in source
                    compile(source, made.kind, "exec")

    make()
    assert seen == set(OPERATION_KINDS)


def test_the_plainest_history_is_one_operation() -> None:
    (migration,) = find(histories(), lambda history: True, settings=quiet).migrations
    assert len(migration.operations) == 1
    assert migration.script.down_revision is None


def test_revisions_of_two_branches_do_not_touch_the_same_object() -> None:
    """What a branch has made or touched is out of sight of the other, until a merge."""
    graph = Graph.from_scripts(scripts_of("h a:h b:h m:a,b"))
    world = World()
    sites = {id: world.site(id, graph.ancestors(id)) for id in graph.order}
    schema = Other("s", "schema")
    sites["h"].put(schema)
    assert sites["b"].all(Other) == [schema]
    sites["a"].put(schema)
    assert sites["b"].all(Other) == []
    assert sites["m"].all(Other) == [schema]


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_the_minimal_path_is_legal_and_runs_the_guilty_revision(kind: str) -> None:
    """Whatever the graph; and the fault is planted where it is said to be."""

    @settings(quick, max_examples=3)
    @given(faulty_histories(kind))
    def check(pair: tuple[History, PlantedFault]) -> None:
        history, fault = pair
        state: State = frozenset()
        run: set[Step] = set()
        for command in fault.minimal_path:
            run |= set(history.graph.plan(state, command))
            state = history.graph.after(state, command)
        assert (fault.revision, fault.direction) in run
        assert f"planted: {kind}" in [operation.kind for operation in history[fault.revision].operations]

    check()


def test_a_fault_shrinks_to_the_revisions_that_it_concerns() -> None:
    history, fault = find(faulty_histories("hidden dependency"), lambda pair: True, settings=quiet)
    assert len(history.migrations) == 2
    assert fault.minimal_path == (Command("upgrade", fault.revision),)


@pytest.mark.parametrize("place", [anywhere, above, adjacent, three, parallel, merges])
def test_there_is_always_room_for_a_fault(place) -> None:
    extended = with_room(scripts_of("a000"), place)
    assert place(Graph.from_scripts(extended))
    assert extended[:1] == scripts_of("a000")


def test_the_shortest_path_takes_alembics_order_of_branches() -> None:
    """The memory is the last branch to run; one command runs them in Alembic's order, not in the canonical one."""
    graph = Graph.from_scripts(scripts_of("h000 a000:h000 b000:h000"))

    def run(memory: str, step: Step) -> str:
        return step[0] if step[1] == "upgrade" else ""

    def last(state: State) -> str:
        return next((id for id in reversed(graph.order) if id in state), "")

    path = shortest(graph, "", run, last)
    assert path == (Command("upgrade", "heads"),)
