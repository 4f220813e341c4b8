"""What the commands of a run have written: transactions on databases, and how the databases were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Made:
    """A database was made, empty or as a copy of another."""

    database: str
    template: str | None = None


@dataclass(frozen=True)
class Transaction:
    """Statements that were committed together."""

    database: str
    statements: tuple[str, ...]


Step = Made | Transaction


def reduced(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with no more databases than it takes: none that nothing is written to, no copy in vain."""
    return list(_without_copies(_without_the_unused(steps)))


def _without_the_unused(steps: Sequence[Step]) -> list[Step]:
    kept: list[Step] = []
    used: set[str] = set()
    for step in reversed(steps):
        if isinstance(step, Made) and step.database not in used:
            continue
        used.add(step.database)
        if isinstance(step, Made) and step.template is not None:
            used.add(step.template)
        kept.append(step)
    return _without_empty_templates(kept[::-1])


def _without_empty_templates(steps: Sequence[Step]) -> list[Step]:
    """Make a copy of what nothing has been written to as an empty database."""
    written: set[str] = set()
    kept: list[Step] = []
    for step in steps:
        if isinstance(step, Transaction) or step.template in written:
            written.add(step.database)
        elif step.template is not None:
            step = Made(step.database)
        kept.append(step)
    later = {step.database for step in kept if isinstance(step, Transaction)}
    later |= {step.template for step in kept if isinstance(step, Made) and step.template is not None}
    return [step for step in kept if step.database in later]


def _without_copies(steps: Sequence[Step]) -> Iterator[Step]:
    """Go on in a database itself where it was copied for the last time, and nothing is written to it any more."""
    names: dict[str, str] = {}
    for place, step in enumerate(steps):
        database = names.get(step.database, step.database)
        if isinstance(step, Transaction):
            yield replace(step, database=database)
        elif step.template is not None and not _is_used(step.template, steps[place + 1 :]):
            names[step.database] = names.get(step.template, step.template)
        else:
            yield Made(database, names.get(step.template, step.template) if step.template else None)


def _is_used(database: str, steps: Iterable[Step]) -> bool:
    return any(database in (step.database, getattr(step, "template", None)) for step in steps)
