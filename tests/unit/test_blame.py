"""What an exception out of a migration is told as."""

from pathlib import Path

import pytest

from alembic_gauntlet.blame import Explanation, explain

SOURCE = """\
def refuses():
    raise RuntimeError(
        "not on my watch"
    )

def misspells():
    int().misspelt

def calls_wrongly():
    object(1)

def converts_wrongly():
    int("raised")
"""


def explanation_of(folder: Path, function: str) -> Explanation:
    file = folder / "migration.py"
    file.write_text(SOURCE)
    scope: dict[str, object] = {}
    exec(compile(SOURCE, str(file), "exec"), scope)
    with pytest.raises((RuntimeError, AttributeError, TypeError, ValueError)) as raised:
        scope[function]()  # type: ignore[operator]
    return explain(raised.value, [folder])


def test_raise_of_its_own_is_a_refusal(tmp_path: Path) -> None:
    """A `raise` in the migration, over several lines, is told as one."""
    told = explanation_of(tmp_path, "refuses")
    assert told.raised_there
    assert told.summary == "RuntimeError: not on my watch"
    assert told.location is not None
    assert told.location.line == 2


@pytest.mark.parametrize("function", ["misspells", "calls_wrongly", "converts_wrongly"])
def test_mistake_is_no_refusal(tmp_path: Path, function: str) -> None:
    """What the interpreter rejects in a line of the migration is a fault, not a decision."""
    assert not explanation_of(tmp_path, function).raised_there
