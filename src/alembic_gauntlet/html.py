"""The report as one HTML file, which opens from disk and loads nothing.

What migrations and rows can put into it is data: JSON in a `<script type="application/json">`, which `assets/*.js` show
as text. The policy in its head lets no other script run than those of this package, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import statistics
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.graph import Command, Graph, State
from alembic_gauntlet.history import History
from alembic_gauntlet.path import Action, Insert, literal, written
from alembic_gauntlet.report import REPLAY, save

_ASSETS = Path(__file__).with_name("assets")
_LIBRARY = _ASSETS / "d3-dag.js"
_SCRIPTS = ("graph.js", "views.js", "page.js")
_AROUND = 8
"""So many lines of a migration are shown before and after the guilty one."""

_NO_LIBRARY = """\
it needs d3-dag, which this build of alembic-gauntlet lacks, since npm or the network was missing when it was built.
Install a wheel of alembic-gauntlet, or install npm and then alembic-gauntlet again. FILE.json works without."""


@dataclass
class _Covered:
    """What was run of one history."""

    coverage: Coverage = field(default_factory=Coverage)
    irreversible: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Test:
    """A test, and its findings as the JSON report has them, each with what the page shows besides."""

    nodeid: str
    outcome: str
    seconds: float
    failures: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]
    history: History | None


def more_of(
    findings: Iterable[Finding], seconds: float, history: History | None = None, irreversible: Iterable[str] = ()
) -> dict[str, Any]:
    """Return what the page needs of a test beside what the JSON report has, as plain values.

    `history` is None where the test has failed before that was known.
    """
    return {
        "seconds": seconds,
        "findings": [{"function": each.function, "hint": each.hint} for each in findings],
        "history": None if history is None else history.to_json(),
        "irreversible": list(irreversible),
    }


class Page:
    """Gathers what the tests of a session have found, and writes it.

    Args:
        replay: what to type before a path to run it again.

    Raises:
        GauntletError: this build of the package lacks the library that lays out the graph.
    """

    def __init__(self, replay: str = REPLAY) -> None:
        if not _LIBRARY.exists():
            raise GauntletError(_NO_LIBRARY)
        self._replay = replay
        self._tests: list[_Test] = []
        self._histories: dict[History, _Covered] = {}

    def cover(self, history: History, coverage: Coverage, irreversible: Iterable[str] = ()) -> None:
        """Add what was run of a history."""
        covered = self._histories.setdefault(history, _Covered())
        covered.coverage.merge(coverage)
        covered.irreversible.update(irreversible)

    def add(
        self,
        nodeid: str,
        outcome: str,
        failures: Sequence[Mapping[str, Any]],
        coverage: Coverage,
        more: Mapping[str, Any],
    ) -> None:
        """Add one test: `failures` as the JSON report has them, `more` as `more_of` returns it."""
        history = None if more["history"] is None else History.from_json(more["history"])
        if history is not None:
            self.cover(history, coverage, more["irreversible"])
        both = tuple(zip(failures, more["findings"], strict=True))
        self._tests.append(_Test(nodeid, outcome, more["seconds"], both, history))

    def write(self, file: Path, root: Path, notes: Iterable[str] = ()) -> None:
        """Write the page. The sources of migrations are read from below `root`, now.

        Raises:
            GauntletError: the file cannot be written.
        """
        save(file, _page(self.data(root, notes)))

    def data(self, root: Path, notes: Iterable[str] = ()) -> dict[str, Any]:
        """Return what the page shows, as plain values."""
        histories = list(self._histories)
        numbers = {history: number for number, history in enumerate(histories)}
        numbered = [(test, numbers.get(test.history) if test.history else None) for test in self._tests]
        return {
            "version": version("alembic-gauntlet"),
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "replay": self._replay,
            "notes": list(dict.fromkeys(notes)),
            "histories": [_history(history, self._histories[history]) for history in histories],
            "tests": [_test(test) for test in self._tests],
            "failures": _together(
                (test.nodeid, {**_failure(failure, more, test.history, root), "history": number})
                for test, number in numbered
                for failure, more in test.failures
            ),
        }


def _together(failures: Iterable[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return each failure once, with the tests that have it: a history that cannot be loaded fails them all."""
    found: dict[str, dict[str, Any]] = {}
    for test, failure in failures:
        found.setdefault(json.dumps(failure, default=str), {**failure, "tests": []})["tests"].append(test)
    return list(found.values())


def _history(history: History, covered: _Covered) -> dict[str, Any]:
    coverage = covered.coverage
    return {
        "name": history.name,
        "heads": history.graph.heads,
        "coverage": coverage.summary(),
        "revisions": [
            {
                **asdict(each),
                "upgrade": _times(coverage, each.id, "upgrade"),
                "downgrade": _times(coverage, each.id, "downgrade"),
                "upgraded": each.id in coverage.upgraded,
                "downgraded": each.id in coverage.downgraded,
                "irreversible": each.id in covered.irreversible,
            }
            for each in history.revisions
        ],
    }


def _times(coverage: Coverage, revision: str, verb: str) -> dict[str, Any] | None:
    """Return how often a revision ran in a direction, and how long that took, in milliseconds."""
    times = coverage.times.get((revision, verb))
    if not times:
        return None
    return {"count": len(times), "total": sum(times) / 1000, "median": statistics.median(times) / 1000}


def _test(test: _Test) -> dict[str, Any]:
    return {
        "nodeid": test.nodeid,
        "outcome": test.outcome,
        "seconds": test.seconds,
        "failures": len(test.failures),
    }


def _failure(
    failure: Mapping[str, Any], more: Mapping[str, Any], history: History | None, root: Path
) -> dict[str, Any]:
    path = [_action(entry) for entry in failure["path"]]
    return {
        **failure,
        **more,
        "path": list(_steps(path, history.graph if history else Graph(()))),
        "replay": written(path),
        "source": _source(root, failure["file"], failure["line"]),
    }


def _action(entry: Mapping[str, Any]) -> Action:
    if entry["command"] == "insert":
        return Insert.of(entry["table"], entry["row"])
    return Command(entry["command"], entry["target"])


def _steps(path: Iterable[Action], graph: Graph) -> Iterator[dict[str, Any]]:
    """Yield each command with the revisions that it runs, and each row, its values as SQL has them.

    Behind a command that Alembic refuses, no revisions are known.
    """
    state: State | None = frozenset()
    for action in path:
        if isinstance(action, Insert):
            row = [[name, literal(value)] for name, value in action.row]
            yield {"verb": "insert", "text": action.shell(), "table": action.table, "row": row}
            continue
        revisions, state = _run(graph, state, action)
        yield {"verb": action.verb, "text": action.shell(), "revisions": revisions}


def _run(graph: Graph, state: State | None, command: Command) -> tuple[list[str], State | None]:
    if state is None:
        return [], None
    try:
        return [id for id, _ in graph.plan(state, command)], graph.after(state, command)
    except GauntletError:
        return [], None


def _source(root: Path, file: str | None, line: int | None) -> dict[str, Any] | None:
    """Return the lines around one of a file; None where it cannot be read."""
    if file is None or line is None:
        return None
    try:
        with tokenize.open(root / file) as opened:
            lines = opened.read().splitlines()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return None
    first = max(0, line - 1 - _AROUND)
    return {"first": first + 1, "lines": lines[first : line + _AROUND]}


def _page(data: Mapping[str, Any]) -> str:
    style, library = _asset("page.css"), _asset(_LIBRARY.name)
    script = "\n".join(map(_asset, _SCRIPTS))
    scripts = f"{_hash(library)} {_hash(script)}"
    return Template(_asset("page.html")).substitute(
        style=style,
        library=library,
        script=script,
        data=embedded(data),
        policy=(
            f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {scripts}; "
            "base-uri 'none'; form-action 'none'"
        ),
    )


def embedded(data: Any) -> str:
    """Return JSON that can stand in a `<script>`, whatever its texts are: in ASCII, without `<`, `>` and `&`."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
