"""What has been run: counted in one place, for the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Coverage:
    """Revisions run in each direction, states seen, jumps over several revisions, and commands."""

    revisions: set[str] = field(default_factory=set)
    upgraded: set[str] = field(default_factory=set)
    downgraded: set[str] = field(default_factory=set)
    states: set[tuple[str, ...]] = field(default_factory=set)
    jumps: set[tuple[str, ...]] = field(default_factory=set)
    commands: int = 0

    def __str__(self) -> str:
        counts = self.summary()
        return (
            f"of {counts['revisions']} revisions {counts['upgraded']} upgraded and {counts['downgraded']} downgraded, "
            f"{counts['states']} states, {counts['jumps']} jumps over several revisions"
        )

    def merge(self, other: Coverage) -> None:
        """Add what another coverage has."""
        for name in ("revisions", "upgraded", "downgraded", "states", "jumps"):
            getattr(self, name).update(getattr(other, name))
        self.commands += other.commands

    def see(self, heads: Iterable[str]) -> None:
        """Count a state by its heads."""
        self.states.add(tuple(sorted(heads)))

    def summary(self) -> dict[str, int]:
        """Return the counts, as the report file has them."""
        return {
            "revisions": len(self.revisions),
            "upgraded": len(self.upgraded & self.revisions),
            "downgraded": len(self.downgraded & self.revisions),
            "states": len(self.states),
            "jumps": len(self.jumps),
            "commands": self.commands,
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values, to send between processes."""
        sets = {name: sorted(getattr(self, name)) for name in ("revisions", "upgraded", "downgraded")}
        lists = {name: sorted(map(list, getattr(self, name))) for name in ("states", "jumps")}
        return {**sets, **lists, "commands": self.commands}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Coverage:
        """Return what `to_json` was called on."""
        ids: dict[str, Any] = {name: set(data[name]) for name in ("revisions", "upgraded", "downgraded")}
        lists: dict[str, Any] = {name: set(map(tuple, data[name])) for name in ("states", "jumps")}
        return cls(**ids, **lists, commands=data["commands"])
