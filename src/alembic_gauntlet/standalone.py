"""A pytest plugin that has the tests of a project without a test file: `alembic-gauntlet run` loads it.

pytest is given a file that is there: the conftest.py of the tests, else alembic.ini. So it finds its configuration and
every conftest.py as it does for the project's own tests. In the place of that file it collects the class below, by the
name of the file that `alembic-gauntlet init` would write.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from alembic_gauntlet.suite import MigrationTestBase


class TestMigrations(MigrationTestBase):
    """The tests of a project that has no class of its own."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that the command line gives."""
    group = parser.getgroup("gauntlet")
    group.addoption("--gauntlet-anchor", metavar="FILE", help=argparse.SUPPRESS)
    group.addoption("--gauntlet-test-file", metavar="FILE", help=argparse.SUPPRESS)


def _test_file(config: pytest.Config) -> str:
    return Path(os.path.relpath(config.getoption("--gauntlet-test-file"), config.rootpath)).as_posix()


def pytest_report_header(config: pytest.Config) -> str:
    """Say which file stands for itself."""
    return f"alembic-gauntlet: {_test_file(config)} is built in; `alembic-gauntlet init` writes it"


class _Module(pytest.Module):
    def _getobj(self) -> ModuleType:
        return sys.modules[__name__]


def _standing_in(file: Path, parent: pytest.Collector) -> pytest.Module | None:
    if file != Path(parent.config.getoption("--gauntlet-anchor")):
        return None
    module: pytest.Module = _Module.from_parent(parent, path=file, nodeid=_test_file(parent.config))
    return module


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the class in the place of alembic.ini or pyproject.toml."""
    return None if file_path.suffix == ".py" else _standing_in(file_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Collect the class in the place of conftest.py."""
    return _standing_in(module_path, parent)
