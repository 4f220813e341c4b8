"""What is changed in this process for the time of a check, and put back."""

import gc

import pytest

from alembic_gauntlet.process import garbage_left


@pytest.fixture(autouse=True)
def thawed() -> None:
    """Some versions of Python have objects frozen from the start."""
    gc.unfreeze()


def test_what_exists_is_not_searched_for_garbage() -> None:
    """For the time of the block, which garbage of its own is found in."""
    known = [[] for _ in range(10)]
    with garbage_left():
        assert gc.get_freeze_count() >= len(known)
        made: list[object] = []
        made.append(made)
        del made
        assert gc.collect() >= 1
    assert gc.get_freeze_count() == 0


def test_new_objects_are_searched_more_seldom() -> None:
    """For the time of the block; never, where that is somebody's wish."""
    before = gc.get_threshold()
    with garbage_left():
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
    gc.set_threshold(0)
    try:
        with garbage_left():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_objects_that_somebody_else_has_frozen_stay_frozen() -> None:
    """An inner block is one of these."""
    with garbage_left():
        count = gc.get_freeze_count()
        with garbage_left():
            assert gc.get_freeze_count() == count
        assert gc.get_freeze_count() == count
