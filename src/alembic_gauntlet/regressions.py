"""Paths that have failed once, in a small text file beside the test: replayed before the walks, for everyone.

Hypothesis' example database is no store for them: its entries are of one version and one machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.path import Action, parse_path, written

_HEADER = """\
# Paths that have failed once. Each is replayed before the random walks; remove it when its fault is mended.
# To run one alone: pytest -m fuzz --gauntlet-replay 'COMMANDS', or alembic-gauntlet replay 'COMMANDS'
"""


@dataclass(frozen=True)
class Regressions:
    """The file of one test class. It is made when the first failure is added."""

    file: Path

    def paths(self) -> list[tuple[Action, ...]]:
        """Return the paths of the file, in its order; none where there is no file.

        Raises:
            GauntletError: a line is no path.
        """
        if not self.file.exists():
            return []
        paths = []
        for number, line in enumerate(self.file.read_text().splitlines(), 1):
            text = line.partition("#")[0].strip()
            try:
                paths += [parse_path(text)] if text else []
            except GauntletError as error:
                raise GauntletError(f"{self.file}:{number}: {error}") from error
        return paths

    def add(self, findings: Iterable[Finding]) -> None:
        """Append the paths of findings that the file does not have."""
        known = set(self.paths())
        new = {finding.path: finding for finding in findings if finding.path and finding.path not in known}
        if not new:
            return
        before = self.file.read_text() if self.file.exists() else _HEADER
        lines = [f"{written(path)}  # {each.invariant} {each.revision or ''}".rstrip() for path, each in new.items()]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(before + "\n".join(lines) + "\n")
        except OSError as error:
            warnings.warn(f"The failed paths are not kept: {self.file}: {error.strerror}", stacklevel=2)
