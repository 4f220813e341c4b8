"""Histories with one known fault, and the shortest path of commands that shows it."""

from __future__ import annotations

from hypothesis import strategies as st

from alembic_gauntlet.graph import Graph
from strategies.fault import PlantedFault, Recipe
from strategies.graphs import MigrationScript, scripts
from strategies.histories import History, filled
from strategies.operations import COMMITTING, unsafe_on_rows
from strategies.places import with_room
from strategies.recipes import RECIPES

__all__ = ["FAULT_KINDS", "PlantedFault", "faulty_histories"]

_BY_KIND = {recipe.kind: recipe for recipe in RECIPES}

FAULT_KINDS: tuple[str, ...] = tuple(_BY_KIND)
"""The kinds of faults that can be planted."""


def faulty_histories(
    kind: str | None = None,
    max_revisions: int = 8,
    *,
    max_operations: int = 2,
    shapes: st.SearchStrategy[tuple[MigrationScript, ...]] | None = None,
) -> st.SearchStrategy[tuple[History, PlantedFault]]:
    """Generate histories that are correct but for one planted fault, of one kind or of any.

    The rest of a history whose fault takes rows works on any rows. Shrinks towards the few revisions that the fault
    concerns. A history may have up to three revisions more than
    `max_revisions`, where the graph drawn has no room for the fault. `shapes` generates the revisions, if any shape of
    at most `max_revisions` is not what is wanted.
    """
    drawn = scripts(1, max_revisions) if shapes is None else shapes
    recipes = st.just(_BY_KIND[kind]) if kind is not None else st.sampled_from(RECIPES)
    return recipes.flatmap(lambda recipe: _planted(recipe, drawn, max_operations))


@st.composite
def _planted(
    draw: st.DrawFn, recipe: Recipe, shapes: st.SearchStrategy[tuple[MigrationScript, ...]], max_operations: int
) -> tuple[History, PlantedFault]:
    drawn = with_room(draw(shapes), recipe.place)
    graph = Graph.from_scripts(drawn)
    roles = draw(st.sampled_from(recipe.place(graph)))
    # What is planted in several revisions is to share a transaction in a command that runs them all.
    together = roles if len(roles) > 1 else ()
    unsafe = unsafe_on_rows() if recipe.found_by in ("rows", "data") else frozenset[str]()

    def without(id: str) -> frozenset[str]:
        return unsafe | COMMITTING if id in together else unsafe

    history = draw(filled(drawn, most=max_operations, without=without))
    return recipe.applied(history, roles), recipe.truth(graph, roles)
