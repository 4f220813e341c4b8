"""The revision graph: its shape, states, commands as text, and one-revision commands."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Command, Graph, IllegalCommand, Revision, State
from alembic_gauntlet.path import parse_path
from strategies.graphs import commands, graphs, history, legal_commands

pytestmark = pytest.mark.once

MERGED = Graph.from_scripts(history("h a1:h a2:a1 b1:h b2:b1 m:a2,b2"))
TWO_BASES = Graph.from_scripts(history("a1#left a2:a1 b1>a2#right b2:b1"))
COUNT = 1000
LONG = Graph(tuple(Revision(f"r{i:04d}", (f"r{i - 1:04d}",) if i else ()) for i in range(COUNT)))

# On a busy machine an example takes longer than Hypothesis expects.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def graphs_and_states(draw: st.DrawFn) -> tuple[Graph, State]:
    graph = draw(graphs(min_size=1))
    return graph, graph.state(*draw(st.sets(st.sampled_from(graph.order))))


@untimed
@given(graphs())
def test_the_canonical_order_puts_parents_first(graph: Graph):
    """Every revision comes once, after all that it needs."""
    assert sorted(graph.order) == [revision.id for revision in graph.revisions]
    for id in graph.order:
        assert all(graph.order.index(parent) < graph.order.index(id) for parent in graph.parents(id))


@untimed
@given(graphs(), st.randoms())
def test_the_canonical_order_does_not_depend_on_the_order_of_files(graph: Graph, random):
    shuffled = list(graph.revisions)
    random.shuffle(shuffled)
    assert Graph(tuple(shuffled)).order == graph.order


@untimed
@given(graphs())
def test_the_canonical_order_keeps_a_linear_run_together(graph: Graph):
    """A revision that is its only parent's only dependent follows it at once."""
    for id in graph.order:
        if len(graph.dependents(id)) == 1 and len(graph.parents(graph.dependents(id)[0])) == 1:
            assert graph.order[graph.order.index(id) + 1] == graph.dependents(id)[0]


@untimed
@given(graphs_and_states())
def test_a_state_is_the_closure_of_its_version_heads(drawn: tuple[Graph, State]):
    graph, state = drawn
    heads = graph.version_heads(state)
    assert graph.state(*heads) == state
    assert all(graph.state(*heads - {head}) < state for head in heads)


@untimed
@given(graphs_and_states(), st.data())
def test_after_and_plan_agree_and_states_stay_closed(drawn: tuple[Graph, State], data: st.DataObject):
    """Running the plan revision by revision leads to the state predicted, through closed states only."""
    graph, state = drawn
    command = data.draw(commands(graph, state))
    try:
        after = graph.after(state, command)
    except IllegalCommand:
        with pytest.raises(IllegalCommand, match=re.escape(f"would refuse '{command}'")):
            graph.plan(state, command)
        return
    for id, verb in graph.plan(state, command):
        assert verb == command.verb
        assert (id in state) == (verb == "downgrade")
        state ^= {id}
        assert graph.state(*state) == state
    assert state == after


@untimed
@given(graphs_and_states())
def test_one_step_commands_change_one_revision(drawn: tuple[Graph, State]):
    """The downgrade exists for what is current and for nothing else."""
    graph, state = drawn
    for id in graph.order:
        command = graph.one_step_downgrade(id, state)
        assert (command is not None) == (id in graph.version_heads(state))
        if command is not None:
            assert graph.after(state, command) == state - {id}
            assert graph.after(state - {id}, graph.one_step_upgrade(id)) == state


@pytest.mark.parametrize(
    ("graph", "id", "applied", "expected"),
    [
        (MERGED, "h", ["h"], "downgrade base"),
        (MERGED, "a2", ["a2"], "downgrade a1"),
        (MERGED, "a1", ["a1", "b1"], "downgrade a1@h"),
        (MERGED, "m", ["m"], "downgrade a2"),
        (TWO_BASES, "a1", ["a1"], "downgrade base"),
        (TWO_BASES, "b1", ["b1"], "downgrade b1@base"),
        (MERGED, "a1", ["m"], None),
        (MERGED, "a1", ["h"], None),
    ],
)
def test_one_step_downgrade_names_the_plainest_target(graph: Graph, id: str, applied: list[str], expected: str | None):
    command = graph.one_step_downgrade(id, graph.state(*applied))
    assert (command and str(command)) == expected


@pytest.mark.parametrize(
    ("graph", "applied", "command", "message"),
    [
        (MERGED, [], "upgrade nowhere", "there is no revision 'nowhere'"),
        (MERGED, ["h"], "downgrade a1", "nothing above a1 is applied, and a1 is not current"),
        (MERGED, ["m"], "downgrade m@h", None),
        (MERGED, ["m"], "downgrade a1@a2", None),
        (MERGED, ["m"], "downgrade -1", "ambiguous between a2, b2"),
        (MERGED, ["a1", "b1"], "downgrade -1", "ambiguous: a1, b1 is current"),
        (MERGED, ["h"], "upgrade +1", "ambiguous between a1, b1"),
        (MERGED, ["h"], "upgrade h:m", "a range needs --sql"),
        (MERGED, ["h"], "upgrade '@'", "nothing behind the '@'"),
        (MERGED, ["h"], "downgrade -2", "below base"),
        (TWO_BASES, [], "upgrade head", "the heads are a2, b2"),
        (TWO_BASES, [], "upgrade right@a1", "no revision 'a1' on the branch 'right'"),
        (TWO_BASES, ["b2"], "downgrade a2", "a2 is not current"),
        (LONG, [], "upgrade r001", "'r001' is the beginning of r0010"),
    ],
)
def test_refusals_name_the_command_and_the_cause(graph: Graph, applied: list[str], command: str, message: str | None):
    """None: the command is legal, though it looks odd; Alembic does not check the branch where it has no choice."""
    (parsed,) = parse_path(command)
    if message is None:
        assert graph.after(graph.state(*applied), parsed) < graph.state(*applied)
        return
    with pytest.raises(IllegalCommand) as caught:
        graph.after(graph.state(*applied), parsed)
    assert str(caught.value).startswith(f"alembic would refuse '{parsed}': ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "target", "heads"),
    [
        ("h a1:h b1:h", "heads", {"a1", "b1"}),
        ("h a1:h#left b1:h", "left@head", {"a1"}),
        ("h a1:h#left a2:a1 b1:h", "left", {"a1"}),
        ("h a1:h#left a2:a1 b1:h", "left@a2", {"a2"}),
        ("h a1:h#left a2:a1 b1:h", "a1@head", {"a2"}),
        ("abcd abce:abcd", "abce", {"abce"}),
        ("abcd bcde:abcd", "b", {"bcde"}),
        ("h a1:h", "base", set()),
        ("h a1:h", "h+1", {"a1"}),
        ("", "head", set()),
    ],
)
def test_upgrade_targets_resolve_as_in_alembic(text: str, target: str, heads: set[str]):
    graph = Graph.from_scripts(history(text))
    assert graph.version_heads(graph.after(frozenset(), Command("upgrade", target))) == heads


def test_the_shape_of_a_graph():
    assert MERGED.order == ("h", "a1", "a2", "b1", "b2", "m")
    assert (MERGED.bases, MERGED.heads, MERGED.tips) == (("h",), ("m",), ("m",))
    assert (MERGED.merges, MERGED.branch_points) == (("m",), ("h",))
    assert MERGED.children("h") == ("a1", "b1")
    assert MERGED.parents("m") == ("a2", "b2")
    assert MERGED.ancestors("b2") == {"h", "b1", "b2"}
    assert (TWO_BASES.bases, TWO_BASES.heads, TWO_BASES.tips) == (("a1", "b1"), ("a2", "b2"), ("b2",))
    assert TWO_BASES.parents("b1") == ("a2",)
    assert TWO_BASES.children("a2") == ()
    assert TWO_BASES["a1"].labels == ("left",)
    assert ("a1" in TWO_BASES, "left" in TWO_BASES, len(TWO_BASES)) == (True, False, 4)


def test_dependencies_by_label_become_ids():
    graph = Graph.from_scripts(history("a1#left b1>left"))
    assert graph["b1"].depends_on == ("a1",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b:nothing", "revision b has the down_revision 'nothing', which no file defines"),
        ("a b>nothing", "revision b depends on 'nothing', which no file defines"),
        ("a a", "the name 'a' of revision a is already that of revision a"),
        ("a#x b#x", "the name 'x' of revision b is already that of revision a"),
        ("a#x b:x", "down_revision 'x', which no file defines"),
        ("a b:c c:b", "the revisions b, c form a cycle"),
        ("a:a", "the revisions a form a cycle"),
        ("a>b b>a", "the revisions a, b form a cycle"),
    ],
)
def test_a_broken_history_is_refused(text: str, message: str):
    """Where Alembic fails with a KeyError or a CycleDetected, the message names the revision."""
    with pytest.raises(GauntletError, match=message):
        Graph.from_scripts(history(text))


def test_a_long_history_needs_no_recursion():
    """A thousand revisions in one line: closures, plans and one-revision commands."""
    assert len(LONG.ancestors(LONG.heads[0])) == COUNT
    assert len(LONG.plan(frozenset(), Command("upgrade", "head"))) == COUNT
    assert LONG.after(LONG.full, Command("downgrade", "base")) == frozenset()
    assert LONG.one_step_downgrade(LONG.heads[0], LONG.full) == Command("downgrade", LONG.order[-2])


TARGETS = st.text(min_size=1).filter(str.strip)


@untimed
@given(st.lists(st.builds(Command, st.sampled_from(["upgrade", "downgrade"]), TARGETS), min_size=1))
def test_commands_survive_being_written_and_read(path: list[Command]):
    """Whatever a branch label is called, the replay text means the same commands."""
    assert parse_path("; ".join(map(str, path))) == tuple(path)
    assert parse_path("\n".join(command.shell() for command in path)) == tuple(path)


@untimed
@given(graphs_and_states(), st.data())
def test_shell_lines_split_into_the_words_of_the_command(drawn: tuple[Graph, State], data: st.DataObject):
    command = data.draw(commands(*drawn))
    assert shlex.split(command.shell()) == ["alembic", command.verb, command.target]


def test_plain_commands_are_written_without_quotes():
    assert str(Command("upgrade", "left@head")) == "upgrade left@head"
    assert Command("downgrade", "-1").shell() == "alembic downgrade -1"
    assert Command("upgrade", "my branch@head").shell() == "alembic upgrade 'my branch@head'"


@pytest.mark.parametrize(
    "text", ["up a", "upgrade", "upgrade a b", "upgrade 'a", "alembic", "upgrade ''", "a; upgrade a"]
)
def test_text_that_is_no_command_is_refused(text: str):
    with pytest.raises(GauntletError):
        parse_path(text)


def test_a_verb_that_alembic_does_not_have_is_refused():
    with pytest.raises(GauntletError, match="'stamp' is not a command"):
        replace(Command("upgrade", "a"), verb="stamp")  # type: ignore[arg-type]


@untimed
@given(graphs_and_states(), st.data())
def test_legal_commands_are_legal(drawn: tuple[Graph, State], data: st.DataObject):
    graph, state = drawn
    graph.plan(state, data.draw(legal_commands(graph, state)))
