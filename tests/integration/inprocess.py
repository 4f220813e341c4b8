"""The gauntlet on a project, in this process: findings as values, without the start of another pytest."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from alembic.config import Config

from alembic_gauntlet.database import Server
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.report import describe
from alembic_gauntlet.settings import Settings


@contextmanager
def open_gauntlet(project: Any, prepare: Any = None, since: str | None = None, **settings: Any) -> Iterator[Gauntlet]:
    """Open the gauntlet of a project on the shared server, where clones are cheap."""
    config = Config(str(project.path / "alembic.ini"))
    with (
        pytest.MonkeyPatch.context() as patch,
        Server(project.server.url, throwaway=True) as server,
    ):
        patch.chdir(project.path)
        with Gauntlet(config, server, Settings(**settings), prepare, since) as gauntlet:
            yield gauntlet


def places(findings: Sequence[Finding]) -> list[str]:
    """Return where each finding is: `a2_.py:14 downgrade` or, without a place, its first line."""
    return [f"{each.file.name}:{each.line} {each.function}" if each.file else each.message for each in findings]


def paths(findings: Sequence[Finding]) -> list[str]:
    """Return the path of each finding, as `--gauntlet-replay` takes it."""
    return ["; ".join(map(str, each.path)) for each in findings]


def differences(finding: Finding) -> list[str]:
    """Return what differs, a line for each object."""
    signs = {"added": "+", "removed": "-", "changed": "~"}
    return [f"{signs[change.change]} {describe(change)}" for change in finding.changes]


def assert_reproduced(gauntlet: Gauntlet, findings: Sequence[Finding]) -> None:
    """Replay the path of every finding; each shows its fault again: the same objects, or the same failing command."""
    for finding in findings:
        replayed = gauntlet.replay(finding.path)
        assert replayed, f"{paths([finding])} passes when it is replayed"
        if finding.changes:
            assert set(finding.changes) <= {change for each in replayed for change in each.changes}
        else:
            assert replayed[0].path == finding.path
            assert replayed[0].invariant in ("command-succeeds", "transaction-granularity")
