"""Generated histories by name: a name and a seed give the same history everywhere, and any one can be tried again."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from strategies.faults import FAULT_KINDS, PlantedFault, faulty_histories
from strategies.graphs import lines, scripts
from strategies.histories import History, histories
from strategies.recipes import RECIPES

Drawn = tuple[History, PlantedFault | None]

KINDS_BY_ROWS = tuple(recipe.kind for recipe in RECIPES if recipe.found_by in ("rows", "data"))
"""Kinds that only a row in a table shows: the walks, whose tables are empty, cannot find them."""

KINDS_BY_COMMANDS = tuple(kind for kind in FAULT_KINDS if kind not in KINDS_BY_ROWS)
"""Kinds that commands alone show."""

GROUPS: dict[str, Callable[[str], st.SearchStrategy[Drawn]]] = {
    "faulty": lambda kind: faulty_histories(kind, 5),
    "long": lambda kind: faulty_histories(kind, max_operations=1, shapes=lines(26, 40)),
    "wide": lambda kind: faulty_histories(kind, max_operations=1, shapes=scripts(26, 40)),
    "clean": lambda kind: histories(8).map(lambda history: (history, None)),
    "rows clean": lambda kind: histories(6, min_revisions=3, on_any_rows=True).map(lambda history: (history, None)),
    "small clean": lambda kind: histories(4, min_revisions=3).map(lambda history: (history, None)),
}
"""What a case may be drawn from, by the kind of fault."""

_ONE = settings(
    max_examples=2,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Case:
    """One generated history. `kind` is the planted fault; none in a correct one."""

    group: str
    number: int
    kind: str = ""
    seed: int = 0

    def __str__(self) -> str:
        return "/".join(filter(None, (self.group, self.kind, str(self.number))))

    @property
    def key(self) -> int:
        """The seed of its own, for what is drawn at random about it."""
        return zlib.crc32(f"{self.seed}/{self}".encode())

    def draw(self) -> Drawn:
        """Return the history, and what is known of its fault."""
        drawn: list[Drawn] = []

        @seed(self.key)
        @_ONE
        @given(GROUPS[self.group](self.kind))
        def collect(each: Drawn) -> None:
            drawn.append(each)

        collect()
        # The first one that Hypothesis generates is the simplest one there is, whatever the seed.
        return drawn[-1]


def named(name: str, seed: int) -> Case:
    """Return the case of a name, as `str` gives it."""
    group, *kind, number = name.split("/")
    return Case(group, int(number), "/".join(kind), seed)


def spread(group: str, count: int, seed: int, kinds: Sequence[str] = KINDS_BY_COMMANDS) -> list[Case]:
    """Return so many histories with a fault, as evenly as can be over kinds; default: all that commands show."""
    return [Case(group, number // len(kinds), kinds[number % len(kinds)], seed) for number in range(count)]


def correct(group: str, count: int, seed: int) -> list[Case]:
    """Return so many correct histories."""
    return [Case(group, number, seed=seed) for number in range(count)]
