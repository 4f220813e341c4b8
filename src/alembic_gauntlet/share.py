"""The part of a test that one of several processes takes, such as a worker of pytest-xdist."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import settings

_Each = TypeVar("_Each")

LONG = 100
"""From so many revisions on, a test that climbs over all of them is worth sharing."""
_PASSED = 0.25
"""What it takes to pass a revision on the way to one's own, to what it takes to try it: one command in the place of
three, and nothing is read."""


@dataclass(frozen=True)
class Share:
    """Part `place`, from 0, of `of` parts that take equally long, and have nothing in common.

    `seed`: Hypothesis' seed for all of them; None leaves it to Hypothesis, which draws other walks in every process.
    """

    place: int = 0
    of: int = 1
    seed: str | None = None

    def __str__(self) -> str:
        return f"{self.place + 1}of{self.of}"

    @classmethod
    def all(cls, of: int, seed: str | None) -> tuple[Share, ...]:
        """Return all parts."""
        return tuple(cls(place, of, seed) for place in range(of))

    def of_each(self, things: Iterable[_Each]) -> Iterator[tuple[_Each, bool]]:
        """Yield all things, and whether each falls to this part."""
        return ((each, number % self.of == self.place) for number, each in enumerate(things))

    def stretch(self, count: int) -> range:
        """Return the part of a way of `count` steps: the further up it begins, the more steps lead there."""
        weights = [(1 - _PASSED) ** place for place in range(self.of)]
        first, end = (round(count * sum(weights[:place]) / sum(weights)) for place in (self.place, self.place + 1))
        return range(first, end)

    def profile(self, profile: settings) -> settings:
        """Return a profile with this part of the examples; one at the least."""
        examples = len(range(self.place, profile.max_examples, self.of))
        return settings(profile, max_examples=max(1, examples)) if self.of > 1 else profile

    def walk_seed(self, profile: settings) -> Hashable | None:
        """Return the seed of this part of the random walks; None where Hypothesis chooses it."""
        if self.of == 1 or (self.seed is None and not profile.derandomize):
            return None
        return f"{self.seed} {self}"


WHOLE = Share()
