"""What the settings say about which revisions may be downgraded."""

import pytest

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.graph import Graph, Revision
from alembic_gauntlet.settings import Reversibility, Settings

GRAPH = Graph(
    (
        Revision("r"),
        Revision("a1", ("r",)),
        Revision("a2", ("a1",)),
        Revision("b1", ("r",)),
        Revision("m", ("a2", "b1")),
    )
)


def reversibility(**settings: object) -> Reversibility:
    return Reversibility(GRAPH, Settings(**settings))  # type: ignore[arg-type]


def downgraded(**settings: object) -> set[str]:
    return {revision for revision in GRAPH.order if reversibility(**settings).may_downgrade(revision)}


def test_everything_is_downgraded_by_default() -> None:
    """The floor is base."""
    assert downgraded() == set(GRAPH.order)
    assert reversibility().floor() == frozenset()


def test_an_irreversible_revision_keeps_what_it_stands_on() -> None:
    """Its own downgrade is not run, and from head nothing goes below it; the stairway still tries what is below."""
    assert downgraded(irreversible_revisions=("a2",)) == {"r", "a1", "b1", "m"}
    assert reversibility(irreversible_revisions=("a2",)).floor() == {"r", "a1", "a2"}


def test_all_is_forward_only() -> None:
    """Nothing is downgraded."""
    assert downgraded(irreversible_revisions="all") == set()
    assert reversibility(irreversible_revisions="all").floor() == GRAPH.full


def test_nothing_goes_below_the_minimum() -> None:
    """The minimum and its ancestors stay; a parallel branch goes down."""
    assert downgraded(minimum_downgrade_revision="a1") == {"a2", "b1", "m"}
    assert reversibility(minimum_downgrade_revision="a1").floor() == {"r", "a1"}


@pytest.mark.parametrize("settings", [{"irreversible_revisions": ["a1", "zz"]}, {"minimum_downgrade_revision": "zz"}])
def test_unknown_revision_is_refused(settings: dict[str, object]) -> None:
    """The message names it, and how revisions are to be written."""
    with pytest.raises(GauntletError, match="zz,\nwhich this history does not have"):
        reversibility(**settings)


@pytest.mark.parametrize("value", ["a2", "everything"])
def test_string_that_is_not_all_is_refused(value: str) -> None:
    """A string would be read letter by letter."""
    with pytest.raises(GauntletError, match="irreversible_revisions is a collection of revision ids"):
        reversibility(irreversible_revisions=value)


def test_timeouts_are_given_to_postgresql_in_milliseconds() -> None:
    """Seconds, and fractions of them; zero waits for ever."""
    settings = Settings(lock_timeout=0.25, statement_timeout=0)
    assert settings.database_settings() == {"lock_timeout": "250ms", "statement_timeout": "0ms"}
