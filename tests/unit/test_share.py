"""The parts of a test that several processes take."""

from itertools import pairwise

import pytest
from hypothesis import settings

from alembic_gauntlet.share import Share


def test_parts_have_everything_once() -> None:
    """Each thing falls to one part."""
    ours = [[each for each, is_ours in share.of_each(range(10)) if is_ours] for share in Share.all(3, None)]
    assert sorted(each for part in ours for each in part) == list(range(10))


def test_parts_share_the_examples() -> None:
    """Together they have those of the profile; each has one at the least."""
    profile = settings(max_examples=100)
    assert [share.profile(profile).max_examples for share in Share.all(3, None)] == [34, 33, 33]
    assert Share(2, 3).profile(settings(max_examples=1)).max_examples == 1
    assert Share().profile(profile) is profile


def test_parts_of_the_same_seed_walk_elsewhere() -> None:
    """A seed is another one for each part; what Hypothesis draws differs anyway, unless derandomised."""
    one, other = Share.all(2, "7")
    assert one.walk_seed(settings()) != other.walk_seed(settings())
    assert Share(0, 2).walk_seed(settings(derandomize=False)) is None
    assert Share(0, 2).walk_seed(settings(derandomize=True)) != Share(1, 2).walk_seed(settings(derandomize=True))
    assert Share(seed="7").walk_seed(settings()) is None


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100, 1001])
@pytest.mark.parametrize("of", range(1, 9))
def test_stretches_are_a_whole_way(count, of) -> None:
    """Each step falls to one share; a higher one has no more steps, since more of them lead to it."""
    stretches = [share.stretch(count) for share in Share.all(of, None)]
    assert [step for stretch in stretches for step in stretch] == list(range(count))
    lengths = [len(stretch) for stretch in stretches]
    assert all(higher <= lower + 1 for lower, higher in pairwise(lengths))
    assert of == 1 or count < 100 or lengths[-1] < lengths[0]
