"""The models as they were before any migration has run in this process: some migrations change them in memory."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import CheckConstraint, MetaData, Table


@dataclass(frozen=True)
class Pristine:
    """Copies of MetaData, each beside what it was copied from."""

    copies: tuple[tuple[MetaData, MetaData], ...] = ()

    @classmethod
    def of(cls, metadata: MetaData | Sequence[MetaData] | None) -> Pristine:
        """Copy what env.py passes as `target_metadata`; what cannot be copied is left out."""
        return cls(tuple((each, made) for each in sequence(metadata) if (made := _copy(each)) is not None))

    def models(self, metadata: Iterable[MetaData]) -> list[MetaData]:
        """Return each MetaData as it was; as it is where that is not known, or where it has got more tables since."""
        return [self._as_it_was(each) for each in metadata]

    def _as_it_was(self, metadata: MetaData) -> MetaData:
        was = next((made for each, made in self.copies if each is metadata), None)
        return was if was is not None and was.tables.keys() == metadata.tables.keys() else metadata


def sequence(metadata: MetaData | Sequence[MetaData] | None) -> list[MetaData]:
    """Return one MetaData, several or none as a list."""
    if metadata is None:
        return []
    return [metadata] if isinstance(metadata, MetaData) else list(metadata)


def _copy(metadata: MetaData) -> MetaData | None:
    try:
        made = copy.deepcopy(metadata)
    except Exception:  # types and defaults may hold whatever the user likes
        return None
    for table in made.tables.values():
        _drop_doubles(table)
    return made


def _drop_doubles(table: Table) -> None:
    """Keep the first CHECK of each name: a version file that is loaded may have added those of its own table."""
    seen = set()
    for constraint in sorted(table.constraints, key=lambda each: each._creation_order):
        if isinstance(constraint, CheckConstraint) and constraint.name is not None:
            if str(constraint.name) in seen:
                table.constraints.discard(constraint)
            seen.add(str(constraint.name))
