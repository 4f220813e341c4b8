"""Kinds of operations of which generated migrations are made."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import strategies as st

from strategies import object_operations, table_operations
from strategies.operation import Kind, Operation
from strategies.world import Site

KINDS: tuple[Kind, ...] = (*table_operations.kind.kinds, *object_operations.kind.kinds)
"""The plainest first."""

OPERATION_KINDS = tuple(kind.name for kind in KINDS)
"""Their names: what `Operation.kind` may be."""

COMMITTING = frozenset({"create index concurrently"})
"""Kinds that end the transaction of their command."""


@st.composite
def operations(
    draw: st.DrawFn, site: Site, *, most: int = 3, least: int = 1, without: Collection[str] = ()
) -> tuple[Operation, ...]:
    """Generate the operations of one revision, and change `site` as they do."""
    return tuple(_operation(draw, site, without) for _ in range(draw(st.integers(least, most))))


def _operation(draw: st.DrawFn, site: Site, without: Collection[str]) -> Operation:
    offers = [(kind, each) for kind in KINDS if kind.name not in without for each in kind.candidates(site)]
    making = [offer for offer in offers if offer[1] is None]
    changing = [offer for offer in offers if offer[1] is not None]
    # What is made anew is always possible: without this, little else would happen.
    changes = bool(changing) and draw(st.integers(0, 4)) > 0
    kind, candidate = draw(st.sampled_from(changing if changes else making))
    made: Operation = kind.make(draw, site, candidate)
    return made


def unsafe_on_rows() -> frozenset[str]:
    """Return the kinds that may fail, up or down, on rows that they do not expect."""
    return frozenset(kind.name for kind in KINDS if not kind.on_any_rows)
