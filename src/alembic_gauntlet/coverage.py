"""What has been run: counted in one place, for the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Stretch:
    """A part of the work whose size is known.

    Attributes:
        name: what it is.
        began: when, by `time.monotonic`.
        part: how much of it is done, from 0 to 1.
    """

    name: str
    began: float
    part: float

    def left(self, now: float) -> float | None:
        """Return how many seconds it may take yet; None where nothing can be said."""
        return (now - self.began) * (1 - self.part) / self.part if 0 < self.part < 1 else None


@dataclass
class Coverage:
    """Revisions run in each direction, states seen, jumps over several revisions, and commands.

    `times` has how long each run of a revision took, in microseconds, by revision and `upgrade` or `downgrade`: its
    function and Alembic's own write to the version table, without env.py and without the commit of several together.
    """

    revisions: set[str] = field(default_factory=set)
    upgraded: set[str] = field(default_factory=set)
    downgraded: set[str] = field(default_factory=set)
    states: set[tuple[str, ...]] = field(default_factory=set)
    jumps: set[tuple[str, ...]] = field(default_factory=set)
    commands: int = 0
    times: dict[tuple[str, str], list[int]] = field(default_factory=dict)

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
        self.time(other.times)

    def see(self, heads: Iterable[str]) -> None:
        """Count a state by its heads."""
        self.states.add(tuple(sorted(heads)))

    def time(self, times: Mapping[tuple[str, str], Iterable[int]]) -> None:
        """Add runs of revisions, in microseconds."""
        for run, microseconds in times.items():
            self.times.setdefault(run, []).extend(microseconds)

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
        times = [[*run, microseconds] for run, microseconds in sorted(self.times.items())]
        return {**sets, **lists, "commands": self.commands, "times": times}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Coverage:
        """Return what `to_json` was called on."""
        ids: dict[str, Any] = {name: set(data[name]) for name in ("revisions", "upgraded", "downgraded")}
        lists: dict[str, Any] = {name: set(map(tuple, data[name])) for name in ("states", "jumps")}
        times = {(revision, verb): list(runs) for revision, verb, runs in data["times"]}
        return cls(**ids, **lists, commands=data["commands"], times=times)
