"""The pytest plugin: options, the marker `fuzz`, fixtures, and how a failure is shown.

Every pytest session of an environment imports this module, whether it tests migrations or not. So what needs Alembic
and SQLAlchemy is imported by the fixture that needs it.
"""

from __future__ import annotations

import argparse
import os
import re
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
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
    from alembic.config import Config

    from alembic_gauntlet.gauntlet import Gauntlet
    from alembic_gauntlet.html import Page
    from alembic_gauntlet.session import GauntletSession
    from alembic_gauntlet.share import Share

URL_ENV = "GAUNTLET_DATABASE_URL"
_LINES, _COLUMNS = 10, 200
_REPORT = pytest.StashKey[Report]()
_PAGE = pytest.StashKey["Page"]()
_SHOWN = pytest.StashKey[dict[str, pytest.Item]]()
_PROBLEMS = pytest.StashKey[list[str]]()
_ANNOTATIONS = pytest.StashKey[list[str]]()
_PROGRESS = pytest.StashKey[Progress]()
_RUNNING = pytest.StashKey["Gauntlet"]()
_BASELINE = pytest.StashKey[Baseline]()
_KNOWN = pytest.StashKey[Known]()
_SECRETS = pytest.StashKey[Secrets]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the gauntlet."""
    group = parser.getgroup("gauntlet", "Alembic migrations (alembic-gauntlet)")
    group.addoption(
        "--gauntlet-url",
        metavar="URL",
        help=f"server to make throw-away databases on; default: ${URL_ENV}, else an embedded PostgreSQL",
    )
    group.addoption(
        "--gauntlet-config",
        metavar="FILE",
        help="alembic.ini, or pyproject.toml with [tool.alembic]; default: the nearest one above the test file",
    )
    group.addoption(
        "--gauntlet-report",
        metavar="FILE",
        action="append",
        default=[],
        help="write what the tests found to FILE.json, or as a page to FILE.html (repeatable)",
    )
    group.addoption(
        "--gauntlet-replay",
        metavar="COMMANDS",
        help="run this path and nothing else: 'upgrade a1; downgrade base' (with -m fuzz)",
    )
    group.addoption(
        "--gauntlet-since",
        metavar="REVISION",
        help="stairway, naming and walks only for what `alembic upgrade heads` runs on a database at REVISION",
    )
    group.addoption(
        "--gauntlet-baseline",
        metavar="FILE",
        help="write today's failures to FILE where it does not exist; else only others fail",
    )
    # What to type before a path to replay it: `alembic-gauntlet` says its own name.
    group.addoption("--gauntlet-replay-with", help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and refuse bad options before anything runs."""
    config.addinivalue_line("markers", "fuzz: random walks over migrations; deselected unless -m names fuzz")
    config.addinivalue_line("markers", "gauntlet_replay: selected by --gauntlet-replay alone")
    config.stash[_REPORT] = Report()
    config.stash[_SHOWN] = {}
    config.stash[_PROBLEMS] = []
    config.stash[_SECRETS] = Secrets()
    _prepare_reports(config)
    config.stash[_ANNOTATIONS] = []
    if config.getoption("--gauntlet-replay") is not None:
        try:
            parse_path(config.getoption("--gauntlet-replay"))
        except GauntletError as error:
            raise pytest.UsageError(f"--gauntlet-replay: {error}") from error
    file = config.getoption("--gauntlet-config")
    if file is not None:
        config.option.gauntlet_config = str(Path(config.invocation_params.dir, file))
        if not Path(config.option.gauntlet_config).is_file():
            raise pytest.UsageError(f"--gauntlet-config {file}: no such file")
    file = config.getoption("--gauntlet-baseline")
    if file is not None:
        # Absolute, so that the workers of pytest-xdist find it, too.
        config.option.gauntlet_baseline = str(Path(config.invocation_params.dir, file))
        try:
            config.stash[_BASELINE] = Baseline(Path(config.option.gauntlet_baseline))
        except GauntletError as error:
            raise pytest.UsageError(f"--gauntlet-baseline: {error}") from error


def _prepare_reports(config: pytest.Config) -> None:
    files = [Path(file) for file in config.getoption("--gauntlet-report")]
    for file in files:
        if file.suffix not in (".json", ".html"):
            raise pytest.UsageError(f"--gauntlet-report {file}: the name has to end in .json or .html")
    page = next((file for file in files if file.suffix == ".html"), None)
    if page is not None:
        from alembic_gauntlet.html import Page

        try:
            config.stash[_PAGE] = Page(replay_command(config))
        except GauntletError as error:
            raise pytest.UsageError(f"--gauntlet-report {page}: {error}") from error


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect `fuzz` items unless `-m` names them; with `--gauntlet-replay`, everything but the replay."""
    replaying = config.getoption("--gauntlet-replay") is not None
    fuzzing = re.search(r"\bfuzz\b", config.getoption("markexpr", "") or "") is not None

    def is_selected(item: pytest.Item) -> bool:
        is_replay = item.get_closest_marker("gauntlet_replay") is not None
        if is_replay or replaying:
            return is_replay and replaying
        return fuzzing or item.get_closest_marker("fuzz") is None

    deselected = [item for item in items if not is_selected(item)]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if is_selected(item)]


@pytest.fixture(scope="session")
def gauntlet_session(request: pytest.FixtureRequest) -> Iterator[GauntletSession]:
    """Return what the gauntlet keeps for the session; at its end every database is dropped."""
    from alembic_gauntlet.process import sigterm_as_ctrl_c
    from alembic_gauntlet.session import GauntletSession

    # The workers of pytest-xdist share a server.
    session = GauntletSession(getattr(request.config, "workerinput", {}).get("testrunuid"))
    with sigterm_as_ctrl_c(), closing(session):
        yield session


@pytest.fixture(scope="session")
def migration_db_url(request: pytest.FixtureRequest, gauntlet_session: GauntletSession) -> str:
    """Return the URL of a server and a maintenance database: as the option or the variable says, else embedded.

    Nothing is ever migrated in that database itself. Override it in conftest.py or on the test class.
    """
    given: str | None = request.config.getoption("--gauntlet-url") or os.environ.get(URL_ENV)
    return given or gauntlet_session.embedded_url()


def config_of(request: pytest.FixtureRequest, given: object = None) -> Config:
    """Return the Alembic Config for a test: of `--gauntlet-config`, else the given one, else the nearest above it."""
    from alembic_gauntlet.config import settle_config

    file = request.config.getoption("--gauntlet-config")
    return settle_config(given, file, request.path.parent, request.config.rootpath)


@pytest.fixture
def alembic_config(request: pytest.FixtureRequest) -> Any:
    """Return the Alembic Config, of `--gauntlet-config` or the nearest alembic.ini or pyproject.toml above the test."""
    return config_of(request)


@pytest.fixture
def gauntlet(
    request: pytest.FixtureRequest, gauntlet_session: GauntletSession, alembic_config: Any, migration_db_url: Any
) -> Gauntlet:
    """Return the `Gauntlet` of this history, configured by the attributes of the test class."""
    __tracebackhide__ = True  # pytest shows arguments at -vv, and the URL holds the password
    from alembic_gauntlet.database import remember_password

    remember_password(request.config.stash[_SECRETS], migration_db_url)
    since = request.config.getoption("--gauntlet-since")
    config = config_of(request, alembic_config)
    gauntlet = gauntlet_session.gauntlet(config, migration_db_url, request.instance, since)
    progress = request.config.stash[_PROGRESS] = Progress(request.config)
    gauntlet.on_command(lambda coverage: progress.show(coverage, gauntlet.stretch))
    request.config.stash[_RUNNING] = gauntlet
    return gauntlet


@pytest.fixture
def gauntlet_known(request: pytest.FixtureRequest) -> Known | None:
    """Return the faults that the baseline knows of this test; None without a baseline."""
    baseline = request.config.stash.get(_BASELINE, None)
    if baseline is None:
        return None
    is_walk = request.node.get_closest_marker("fuzz") is not None
    known: Known = request.node.stash.setdefault(_KNOWN, baseline.known(request.node.nodeid, is_walk=is_walk))
    return known


@pytest.fixture
def orm_metadata(gauntlet: Gauntlet) -> Any:
    """Return the models, a MetaData or several, that env.py passes to `context.configure`; None where it has none."""
    return gauntlet.target_metadata


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Split the walks among the workers of pytest-xdist; a baseline has to see all of them as one test."""
    workers: int = getattr(metafunc.config, "workerinput", {}).get("workercount", 1)
    if workers > 1 and "gauntlet_share" in metafunc.fixturenames and _BASELINE not in metafunc.config.stash:
        from alembic_gauntlet.share import Share

        seed = metafunc.config.getoption("--hypothesis-seed", None)
        metafunc.parametrize("gauntlet_share", Share.all(workers, seed), indirect=True, ids=str)


@pytest.fixture
def gauntlet_share(request: pytest.FixtureRequest) -> Share:
    """Return the part of the walks that this test takes: all, unless pytest-xdist runs several workers."""
    from alembic_gauntlet.share import WHOLE

    share: Share = getattr(request, "param", WHOLE)
    return share


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, None]:
    """Show a failure of the gauntlet as its own message, and pass on what it found."""
    outcome: Any = yield
    report: pytest.TestReport = outcome.get_result()
    _clear_progress(item.config)
    error = call.excinfo.value if call.excinfo is not None else None
    findings: tuple[Finding, ...] = ()
    shown: Shown | None = None
    if isinstance(error, Failure):
        findings = error.findings
        summary = findings[0].message.splitlines()[0]
        shown = _shown(item.config, error.lines, summary, [finding.traceback for finding in findings])
    elif isinstance(error, GauntletError):
        findings = (Finding("set-up", str(error)),)
        # Not pytest's own traceback: it shows the arguments of functions, and those hold URLs with passwords.
        trace = "".join(traceback.format_exception(error))
        lines = plain(_once(item, str(error)).splitlines())
        shown = _shown(item.config, lines, str(error).splitlines()[0], [trace])
    if shown is not None:
        report.longrepr = shown  # type: ignore[assignment]
    if findings and not _wants_tracebacks(item.config):
        report.sections = [(name, _end(text)) for name, text in report.sections]
    secrets = item.config.stash[_SECRETS]
    _clean(report, secrets)
    findings = tuple(
        replace(each, message=secrets.clean(each.message), traceback=secrets.clean(each.traceback)) for each in findings
    )
    if "gauntlet" in getattr(item, "fixturenames", ()) and (report.when == "call" or not report.passed):
        properties = _properties(findings, item.config.rootpath)
        # Of the item, too: pytest writes the XML of JUnit when the test has been torn down.
        item.user_properties += properties
        report.user_properties += properties
        # Plain values: pytest-xdist sends them from the worker to the controller.
        coverage = _coverage(item)
        report.gauntlet = {  # type: ignore[attr-defined]
            "failures": [finding.to_json(item.config.rootpath) for finding in findings],
            "coverage": coverage.to_json(),
            "baseline": _against_baseline(item, error, findings),
            "page": _for_page(item, findings, call.duration) if _PAGE in item.config.stash else None,
            "shown": report.longrepr.to_json() if isinstance(report.longrepr, Shown) else None,
            "annotations": list(_annotations(item.config, findings)),
        }


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


def _clear_progress(config: pytest.Config) -> None:
    progress = config.stash.get(_PROGRESS, None)
    if progress is not None:
        progress.clear()


def _against_baseline(
    item: pytest.Item, error: BaseException | None, findings: Sequence[Finding]
) -> dict[str, Any] | None:
    """Return what a test that has run to its end has found, and what it has met of what is known."""
    known = item.stash.get(_KNOWN, None)
    if known is None or not (error is None or isinstance(error, Failure)):
        return None
    found = [astuple(fault) for finding in findings for fault in faults(finding)]
    return {"found": found, "met": [astuple(fault) for fault in known.met], "certain": known.certain}


def _for_page(item: pytest.Item, findings: Sequence[Finding], seconds: float) -> dict[str, Any]:
    from alembic_gauntlet.html import more_of

    gauntlet: Gauntlet | None = getattr(item, "funcargs", {}).get("gauntlet")
    if gauntlet is None:
        return more_of(findings, seconds)
    try:
        irreversible = gauntlet.irreversible
    except GauntletError:  # misshapen settings: the test itself says so
        irreversible = ()
    return more_of(findings, seconds, gauntlet.history(item.config.rootpath), irreversible)


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


def _once(item: pytest.Item, message: str) -> str:
    """Show a mistake in the set-up in full once, and not for each test that it stops."""
    first = item.config.stash[_SHOWN].setdefault(message, item)
    if first is item:
        return message
    return f"{message.splitlines()[0]}\n(in full under {first.name})"


def _coverage(item: pytest.Item) -> Coverage:
    gauntlet: Gauntlet | None = getattr(item, "funcargs", {}).get("gauntlet")
    return Coverage() if gauntlet is None else gauntlet.take_coverage()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the reports and the baseline, in the process that collects them."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    baseline = config.stash.get(_BASELINE, None)
    if baseline is not None:
        complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        try:
            config.stash[_REPORT].notes += baseline.close(complete)
        except GauntletError as error:
            config.stash[_PROBLEMS].append(str(error))
    for file in config.getoption("--gauntlet-report"):
        try:
            _write_report(config, Path(config.invocation_params.dir, file))
        except GauntletError as error:
            config.stash[_PROBLEMS].append(str(error))


def _write_report(config: pytest.Config, file: Path) -> None:
    report = config.stash[_REPORT]
    if file.suffix == ".html":
        config.stash[_PAGE].write(file, config.rootpath, report.notes)
    else:
        report.write(file)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what walks have covered, which past failures are mended, and what became of the reports."""
    report, problems = config.stash[_REPORT], config.stash[_PROBLEMS]
    if report.notes:
        terminalreporter.section("alembic-gauntlet")
        for note in dict.fromkeys(report.notes):
            terminalreporter.write_line(note)
        terminalreporter.write_line(f"{report.coverage.commands} commands; {report.coverage}")
    for problem in problems:
        terminalreporter.write_line(problem, red=True)
    annotations: list[str] = config.stash[_ANNOTATIONS]
    for command in dict.fromkeys(annotations):
        terminalreporter.write_line(command)


class _Collector:
    """Gathers what the tests found, in the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._report = config.stash[_REPORT]
        self._baseline = config.stash.get(_BASELINE, None)
        self._page: Page | None = config.stash.get(_PAGE, None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather a report, and let one that comes from a worker look as it does there."""
        found = getattr(report, "gauntlet", None)
        if found is not None:
            if found["shown"] is not None:
                report.longrepr = Shown.from_json(found["shown"])  # type: ignore[assignment]
            if report.failed:
                self._config.stash[_ANNOTATIONS].extend(found["annotations"])
            outcome = "error" if report.failed and report.when != "call" else report.outcome
            coverage = Coverage.from_json(found["coverage"])
            self._report.add(report.nodeid, outcome, found["failures"], coverage)
            if self._page is not None and found["page"] is not None:
                self._page.add(report.nodeid, outcome, found["failures"], coverage, found["page"])
            self._report.notes += [str(note) for name, note in report.user_properties if name == "gauntlet"]
            if self._baseline is not None and found["baseline"] is not None:
                self._record(report.nodeid, self._baseline, **found["baseline"])

    def _record(self, test: str, baseline: Baseline, found: Any, met: Any, certain: bool) -> None:
        baseline.record(test, [Fault(*each) for each in found], [Fault(*each) for each in met], certain)

    def pytest_keyboard_interrupt(self) -> None:
        """Count what the interrupted test has covered; there will be no report of it."""
        _clear_progress(self._config)
        running = self._config.stash.get(_RUNNING, None)
        coverage = Coverage() if running is None else running.take_coverage()
        if coverage.commands:
            self._report.coverage.merge(coverage)
            self._report.notes.append("interrupted; by then:")
        if running is not None and self._page is not None:
            self._page.cover(running.history(self._config.rootpath), coverage)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin to gather."""
    session.config.pluginmanager.register(_Collector(session.config), "gauntlet-collector")
