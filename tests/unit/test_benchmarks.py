"""What the benchmarks conclude from what they have measured: nothing across runs, nothing rounded in our favour."""

import pytest

from tests.benchmarks import figures
from tests.benchmarks.ddl import Made, Transaction, reduced
from tests.benchmarks.samples import Run, Sample, kept, newest
from tests.benchmarks.targets import Target


def run(started: str, **cells: tuple[str, ...]) -> Run:
    """A run with these contenders in each cell."""
    return Run(started, "", "", "", {name: {each: [] for each in names} for name, names in cells.items()})


def write(database: str) -> Transaction:
    """A transaction in a database."""
    return Transaction(database, ("CREATE TABLE t ()",))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([Made("a"), Made("b"), write("b")], [Made("b"), write("b")], id="nothing written"),
        pytest.param([Made("a"), Made("b", "a"), write("b")], [Made("b"), write("b")], id="copy of an empty one"),
        pytest.param(
            [Made("a"), write("a"), Made("b", "a"), write("b"), Made("c", "b"), write("c")],
            [Made("a"), write("a"), write("a"), write("a")],
            id="last copies",
        ),
        pytest.param(
            [Made("a"), write("a"), Made("b", "a"), write("b"), write("a")],
            [Made("a"), write("a"), Made("b", "a"), write("b"), write("a")],
            id="written again",
        ),
    ],
)
def test_captured_steps_take_as_few_databases_as_can_be(steps, expected) -> None:
    """The limit does not pay for databases that plain SQL would not need."""
    assert reduced(steps) == expected


def test_what_is_compared_is_of_one_run() -> None:
    """A ratio is taken where one run has both sides, and a run goes once another one has all that it has."""
    both, ours, more = run("1", x=("ours", "peer")), run("2", x=("ours",)), run("3", x=("ours",), y=("ours",))
    runs = kept(kept(kept((), both), ours), more)
    assert runs == (both, more)
    assert newest(runs, ("x", "ours")) is more
    assert newest(runs, ("x", "ours"), ("x", "peer")) is both
    assert newest(runs, ("x", "peer"), ("y", "ours")) is None


def test_ratios_are_those_of_a_round() -> None:
    """A round that one of two did not go well in counts for neither."""
    ours = [Sample(0, {"whole": 2.0}), Sample(1, {"whole": 4.0}), Sample(2, {"whole": 5.0})]
    peer = [Sample(0, {"whole": 4.0}), Sample(1, {"whole": 4.0}), Sample(2, {"whole": 75.0}, "stopped")]
    assert figures.ratios({"ours": ours, "peer": peer}, ("peer", "whole"), ("ours", "whole")) == [2.0, 1.0]


@pytest.mark.parametrize(
    ("value", "at_least", "shown", "verdict"),
    [(9.999, True, "9.99", "missed"), (10.0, True, "10.00", "met"), (10.001, False, "10.01", "missed")],
)
def test_target_that_is_just_missed_looks_missed(value, at_least, shown, verdict) -> None:
    """Numbers are rounded away from the target."""
    target = Target("", 10, at_least, value)
    assert (target.measured, target.verdict) == (shown, verdict)
