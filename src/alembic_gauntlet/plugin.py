"""The pytest plugin: options, the marker `fuzz`, and fixtures.

Every pytest session of an environment imports this module, whether it tests migrations or not. So it imports next to
nothing: what shows and writes results (`reporting`) is registered where something uses the gauntlet, and the rest is
imported by the fixture that needs it.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from alembic.config import Config

    from alembic_gauntlet.baseline import Known
    from alembic_gauntlet.gauntlet import Gauntlet
    from alembic_gauntlet.reporting import Reporting
    from alembic_gauntlet.session import GauntletSession
    from alembic_gauntlet.share import Share

URL_ENV = "GAUNTLET_DATABASE_URL"
_REPORTING = "gauntlet-reporting"
_CHECKED = ("--gauntlet-baseline", "--gauntlet-config", "--gauntlet-replay", "--gauntlet-report")


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
    # The controller of pytest-xdist collects no tests that would tell.
    has_workers = config.getoption("dist", "no") != "no"
    if has_workers or any(config.getoption(option) not in (None, []) for option in _CHECKED):
        reporting_of(config)


def reporting_of(config: pytest.Config) -> Reporting:
    """Return what shows and writes the results of a session; it is registered when it is first asked for.

    Raises:
        pytest.UsageError: an option of the gauntlet is wrong.
    """
    found: Reporting | None = config.pluginmanager.get_plugin(_REPORTING)
    if found is None:
        from alembic_gauntlet.reporting import Reporting

        found = Reporting(config)
        config.pluginmanager.register(found, _REPORTING)
    return found


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect `fuzz` items unless `-m` names them; with `--gauntlet-replay`, everything but the replay.

    Where tests are left that use the gauntlet, see that their results are shown.
    """
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
    if _workers(config) > 1:
        _keep_parts_apart(items)
    # Whoever has imported it may use it without a fixture.
    uses = "alembic_gauntlet.gauntlet" in sys.modules
    if uses or any("gauntlet_session" in getattr(item, "fixturenames", ()) for item in items):
        reporting_of(config)


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

    reporting = reporting_of(request.config)
    remember_password(reporting.secrets, migration_db_url)
    since = request.config.getoption("--gauntlet-since")
    config = config_of(request, alembic_config)
    gauntlet = gauntlet_session.gauntlet(config, migration_db_url, request.instance, since)
    reporting.watch(gauntlet)
    return gauntlet


@pytest.fixture
def gauntlet_known(request: pytest.FixtureRequest) -> Known | None:
    """Return the faults that the baseline knows of this test; None without a baseline."""
    return reporting_of(request.config).known(request.node)


@pytest.fixture
def orm_metadata(gauntlet: Gauntlet) -> Any:
    """Return the models, a MetaData or several, that env.py passes to `context.configure`; None where it has none."""
    return gauntlet.target_metadata


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Split the walks among the workers of pytest-xdist, and the stairway of a long history.

    A baseline has to see all of them as one test.
    """
    workers, config = _workers(metafunc.config), metafunc.config
    if workers == 1 or "gauntlet_share" not in metafunc.fixturenames or config.getoption("--gauntlet-baseline"):
        return
    from alembic_gauntlet.share import Share

    if metafunc.definition.get_closest_marker("fuzz") is not None or _has_long_history(metafunc.definition):
        seed = config.getoption("--hypothesis-seed", None)
        metafunc.parametrize("gauntlet_share", Share.all(workers, seed), indirect=True, ids=str)


def _workers(config: pytest.Config) -> int:
    workers: int = getattr(config, "workerinput", {}).get("workercount", 1)
    return workers


def _has_long_history(item: pytest.Item) -> bool:
    """Tell whether the history that is found above a test file is long; a fixture may give the test another one."""
    from alembic_gauntlet.config import count_version_files, settle_config
    from alembic_gauntlet.share import LONG

    file = item.config.getoption("--gauntlet-config")
    try:
        return count_version_files(settle_config(None, file, item.path.parent, item.config.rootpath)) >= LONG
    except Exception:  # no configuration, or one that cannot be read: the test will say so
        return False


def _keep_parts_apart(items: list[pytest.Item]) -> None:
    """Let the further parts of a stairway come last in their class: pytest-xdist hands out two neighbours at first."""

    def place(item: pytest.Item) -> int:
        share: Share | None = getattr(getattr(item, "callspec", None), "params", {}).get("gauntlet_share")
        return 0 if share is None or item.get_closest_marker("fuzz") is not None else share.place

    for parent in {item.parent: None for item in items if place(item)}:
        at = [index for index, item in enumerate(items) if item.parent is parent]
        for index, item in zip(at, sorted((items[index] for index in at), key=place), strict=True):
            items[index] = item


@pytest.fixture
def gauntlet_share(request: pytest.FixtureRequest) -> Share:
    """Return the part of the stairway or the walks that this test takes: all, unless several workers share it."""
    from alembic_gauntlet.share import WHOLE

    share: Share = getattr(request, "param", WHOLE)
    return share
