"""What pytest shows of the gauntlet and writes to files: failures as their own messages, reports, the baseline, notes.

A plugin of its own, which the sessions have that use the gauntlet. With pytest-xdist the workers send what their tests
have found with the reports of pytest, as plain values, and the controller gathers it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alembic_gauntlet.annotations import annotation
from alembic_gauntlet.baseline import Baseline, Fault, Known, faults
from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Failure, Finding
from alembic_gauntlet.path import parse_path
from alembic_gauntlet.progress import Progress
from alembic_gauntlet.report import Report, render, replay_command
from alembic_gauntlet.secrets import Secrets
from alembic_gauntlet.shown import Shown
from alembic_gauntlet.styled import Line, plain

if TYPE_CHECKING:
    from alembic_gauntlet.gauntlet import Gauntlet
    from alembic_gauntlet.html import Page

_LINES, _COLUMNS = 10, 200
_KNOWN = pytest.StashKey[Known]()


class Reporting:
    """Shows failures, and gathers and writes what the tests have found.

    Args:
        config: pytest's, whose options are checked.

    Raises:
        pytest.UsageError: an option is wrong.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.secrets = Secrets()
        """The passwords that are shown nowhere."""
        self._config = config
        self._report = Report()
        self._first: dict[str, pytest.Item] = {}
        self._problems: list[str] = []
        self._annotations: list[str] = []
        self._progress: Progress | None = None
        self._running: Gauntlet | None = None
        _check_replay(config)
        _find_config(config)
        self._page = _page(config)
        self._baseline = _baseline(config)

    # Of the tests

    def watch(self, gauntlet: Gauntlet) -> None:
        """Show the progress of a gauntlet, and count what it has run by the time when the test is interrupted."""
        progress = self._progress = Progress(self._config)
        gauntlet.on_command(lambda coverage: progress.show(coverage, gauntlet.stretch))
        self._running = gauntlet

    def known(self, item: pytest.Item) -> Known | None:
        """Return the faults that the baseline knows of a test; None without a baseline."""
        if self._baseline is None:
            return None
        is_walk = item.get_closest_marker("fuzz") is not None
        return item.stash.setdefault(_KNOWN, self._baseline.known(item.nodeid, is_walk=is_walk))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, None]:
        """Show a failure of the gauntlet as its own message, and pass on what it found."""
        outcome: Any = yield
        report: pytest.TestReport = outcome.get_result()
        self._clear_progress()
        error = call.excinfo.value if call.excinfo is not None else None
        findings: tuple[Finding, ...] = ()
        if isinstance(error, Failure):
            findings = error.findings
            report.longrepr = self._failure(error)  # type: ignore[assignment]
        elif isinstance(error, GauntletError):
            findings = (Finding("set-up", str(error)),)
            report.longrepr = self._mistake(error, item)  # type: ignore[assignment]
        if findings and not _wants_tracebacks(self._config):
            report.sections = [(name, _end(text)) for name, text in report.sections]
        _clean(report, self.secrets)
        if "gauntlet" in getattr(item, "fixturenames", ()) and (report.when == "call" or not report.passed):
            self._pass_on(item, report, error, tuple(map(self._cleaned, findings)), call.duration)

    def _failure(self, error: Failure) -> Shown:
        summary = error.findings[0].message.splitlines()[0]
        return _shown(self._config, error.lines, summary, [finding.traceback for finding in error.findings])

    def _mistake(self, error: GauntletError, item: pytest.Item) -> Shown:
        # Not pytest's own traceback: it shows the arguments of functions, and those hold URLs with passwords.
        trace = "".join(traceback.format_exception(error))
        lines = plain(self._once(item, str(error)).splitlines())
        return _shown(self._config, lines, str(error).splitlines()[0], [trace])

    def _once(self, item: pytest.Item, message: str) -> str:
        """Show a mistake in the set-up in full once, and not for each test that it stops."""
        first = self._first.setdefault(message, item)
        return message if first is item else f"{message.splitlines()[0]}\n(in full under {first.name})"

    def _cleaned(self, finding: Finding) -> Finding:
        message, trace = self.secrets.clean(finding.message), self.secrets.clean(finding.traceback)
        return replace(finding, message=message, traceback=trace)

    def _pass_on(
        self,
        item: pytest.Item,
        report: pytest.TestReport,
        error: BaseException | None,
        findings: tuple[Finding, ...],
        seconds: float,
    ) -> None:
        properties = _properties(findings, self._config.rootpath)
        # Of the item, too: pytest writes the XML of JUnit when the test has been torn down.
        item.user_properties += properties
        report.user_properties += properties
        gauntlet: Gauntlet | None = getattr(item, "funcargs", {}).get("gauntlet")
        coverage = Coverage() if gauntlet is None else gauntlet.take_coverage()
        report.gauntlet = {  # type: ignore[attr-defined]
            "failures": [finding.to_json(self._config.rootpath) for finding in findings],
            "coverage": coverage.to_json(),
            "baseline": _against_baseline(item, error, findings),
            "page": None if self._page is None else _for_page(gauntlet, findings, seconds, self._config.rootpath),
            "shown": report.longrepr.to_json() if isinstance(report.longrepr, Shown) else None,
            "annotations": list(_annotations(self._config, findings)),
        }

    def _clear_progress(self) -> None:
        if self._progress is not None:
            self._progress.clear()

    # Of the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather a report, and let one that comes from a worker look as it does there."""
        found = getattr(report, "gauntlet", None)
        if found is None:
            return
        if found["shown"] is not None:
            report.longrepr = Shown.from_json(found["shown"])  # type: ignore[assignment]
        if report.failed:
            self._annotations.extend(found["annotations"])
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        coverage = Coverage.from_json(found["coverage"])
        self._report.add(report.nodeid, outcome, found["failures"], coverage)
        if self._page is not None and found["page"] is not None:
            self._page.add(report.nodeid, outcome, found["failures"], coverage, found["page"])
        self._report.notes += [str(note) for name, note in report.user_properties if name == "gauntlet"]
        if self._baseline is not None and found["baseline"] is not None:
            _record(self._baseline, report.nodeid, **found["baseline"])

    def pytest_keyboard_interrupt(self) -> None:
        """Count what the interrupted test has covered; there will be no report of it."""
        self._clear_progress()
        coverage = Coverage() if self._running is None else self._running.take_coverage()
        if coverage.commands:
            self._report.coverage.merge(coverage)
            self._report.notes.append("interrupted; by then:")
        if self._running is not None and self._page is not None:
            self._page.cover(self._running.history(self._config.rootpath), coverage)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the reports and the baseline, in the process that collects them."""
        if hasattr(self._config, "workerinput"):
            return
        if self._baseline is not None:
            complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
            try:
                self._report.notes += self._baseline.close(complete)
            except GauntletError as error:
                self._problems.append(str(error))
        for file in self._config.getoption("--gauntlet-report"):
            try:
                self._write(Path(self._config.invocation_params.dir, file))
            except GauntletError as error:
                self._problems.append(str(error))

    def _write(self, file: Path) -> None:
        if file.suffix != ".html":
            self._report.write(file)
        elif self._page is not None:
            self._page.write(file, self._config.rootpath, self._report.notes)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what walks have covered, which past failures are mended, and what became of the reports."""
        if self._report.notes:
            terminalreporter.section("alembic-gauntlet")
            for note in dict.fromkeys(self._report.notes):
                terminalreporter.write_line(note)
            coverage = self._report.coverage
            terminalreporter.write_line(f"{coverage.commands} commands; {coverage}")
        for problem in self._problems:
            terminalreporter.write_line(problem, red=True)
        for command in dict.fromkeys(self._annotations):
            terminalreporter.write_line(command)


# Options


def _check_replay(config: pytest.Config) -> None:
    commands = config.getoption("--gauntlet-replay")
    if commands is not None:
        try:
            parse_path(commands)
        except GauntletError as error:
            raise pytest.UsageError(f"--gauntlet-replay: {error}") from error


def _find_config(config: pytest.Config) -> None:
    file = config.getoption("--gauntlet-config")
    if file is not None:
        config.option.gauntlet_config = str(Path(config.invocation_params.dir, file))
        if not Path(config.option.gauntlet_config).is_file():
            raise pytest.UsageError(f"--gauntlet-config {file}: no such file")


def _page(config: pytest.Config) -> Page | None:
    files = [Path(file) for file in config.getoption("--gauntlet-report")]
    for file in files:
        if file.suffix not in (".json", ".html"):
            raise pytest.UsageError(f"--gauntlet-report {file}: the name has to end in .json or .html")
    page = next((file for file in files if file.suffix == ".html"), None)
    if page is None:
        return None
    from alembic_gauntlet.html import Page

    try:
        return Page(replay_command(config))
    except GauntletError as error:
        raise pytest.UsageError(f"--gauntlet-report {page}: {error}") from error


def _baseline(config: pytest.Config) -> Baseline | None:
    file = config.getoption("--gauntlet-baseline")
    if file is None:
        return None
    # Absolute, so that the workers of pytest-xdist find it, too.
    config.option.gauntlet_baseline = str(Path(config.invocation_params.dir, file))
    try:
        return Baseline(Path(config.option.gauntlet_baseline))
    except GauntletError as error:
        raise pytest.UsageError(f"--gauntlet-baseline: {error}") from error


# What goes with a report


def _properties(findings: Sequence[Finding], root: Path) -> list[tuple[str, object]]:
    """Return what the XML of JUnit tells of findings, which are counted from 1."""
    return [
        (f"gauntlet.{number}.{name}", value)
        for number, finding in enumerate(findings, 1)
        for name, value in finding.properties(root).items()
    ]


def _annotations(config: pytest.Config, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield what GitHub Actions shows at the guilty lines; nothing elsewhere."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        root, replay = Path(os.environ.get("GITHUB_WORKSPACE") or config.rootpath), replay_command(config)
        for finding in findings:
            yield annotation(finding, render([finding], config.rootpath, replay=replay), root)


def _clean(report: pytest.TestReport, secrets: Secrets) -> None:
    """Take passwords out of what pytest shows: a user's exception and local variables may have a URL in them."""
    report.sections = [(name, secrets.clean(text)) for name, text in report.sections]
    if isinstance(report.longrepr, Shown):
        report.longrepr = report.longrepr.changed(secrets.clean)
        return
    text = str(report.longrepr) if report.failed else ""
    cleaned = secrets.clean(text)
    if cleaned != text:
        summary = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
        report.longrepr = Shown(plain(cleaned.splitlines()), secrets.clean(summary))  # type: ignore[assignment]


def _against_baseline(
    item: pytest.Item, error: BaseException | None, findings: Sequence[Finding]
) -> dict[str, Any] | None:
    """Return what a test that has run to its end has found, and what it has met of what is known."""
    known = item.stash.get(_KNOWN, None)
    if known is None or not (error is None or isinstance(error, Failure)):
        return None
    found = [astuple(fault) for finding in findings for fault in faults(finding)]
    return {"found": found, "met": [astuple(fault) for fault in known.met], "certain": known.certain}


def _record(baseline: Baseline, test: str, found: Any, met: Any, certain: bool) -> None:
    baseline.record(test, [Fault(*each) for each in found], [Fault(*each) for each in met], certain)


def _for_page(gauntlet: Gauntlet | None, findings: Sequence[Finding], seconds: float, root: Path) -> dict[str, Any]:
    from alembic_gauntlet.html import more_of

    if gauntlet is None:
        return more_of(findings, seconds)
    try:
        irreversible = gauntlet.irreversible
    except GauntletError:  # misshapen settings: the test itself says so
        irreversible = ()
    return more_of(findings, seconds, gauntlet.history(root), irreversible)


def _end(output: str) -> str:
    """Return the end of what was captured: migrations may print much, and run many times."""
    lines = [line if len(line) <= _COLUMNS else f"{line[:_COLUMNS]} ..." for line in output.splitlines()]
    if len(lines) > _LINES:
        lines[:-_LINES] = [f"... ({len(lines) - _LINES} lines more; -vv shows them)"]
    return "\n".join(lines)


def _wants_tracebacks(config: pytest.Config) -> bool:
    # Without the terminal plugin there is no such option.
    return int(config.getoption("verbose", 0)) >= 2


def _shown(config: pytest.Config, lines: Sequence[Line], summary: str, tracebacks: Sequence[str]) -> Shown:
    traces = [text for text in tracebacks if text] if _wants_tracebacks(config) else []
    return Shown([*lines, *plain(line for trace in traces for line in ("", *trace.splitlines()))], summary)
