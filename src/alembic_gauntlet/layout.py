"""Where a project keeps its tests, and which of them are its own test classes of migrations."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

TEST_FILE = "test_migrations.py"
"""The test file that `alembic-gauntlet init` writes, and whose tests `alembic-gauntlet run` has where it is missing."""

_CONFIGURATION: Sequence[tuple[str, Sequence[str]]] = (
    ("pytest.toml", ("pytest",)),
    (".pytest.toml", ("pytest",)),
    ("pytest.ini", ("pytest",)),
    (".pytest.ini", ("pytest",)),
    ("pyproject.toml", ("tool", "pytest", "ini_options")),
    ("pyproject.toml", ("tool", "pytest")),
    ("tox.ini", ("pytest",)),
    ("setup.cfg", ("tool:pytest",)),
)
"""Where pytest is configured, in its own order."""

_PATTERNS = ("test_*.py", "*_test.py")


def directory_of_tests(home: Path) -> Path:
    """Return where the tests of the project around `home`, the directory of alembic.ini, are kept.

    That is the first directory of pytest's `testpaths` that there is, looked for in `home` and above it; else the
    directory `tests` or `test` beside alembic.ini; `tests` where there is none.
    """
    for directory in (home, *home.parents):
        paths = _testpaths(directory)
        if paths is not None:
            found = next((directory / path for path in paths if (directory / path).is_dir()), None)
            if found is not None:
                return found
            break
        if (directory / ".git").exists():
            break
    return next((home / name for name in ("tests", "test") if (home / name).is_dir()), home / "tests")


def _testpaths(directory: Path) -> list[str] | None:
    """Return `testpaths` of pytest's configuration in a directory; None where it has no configuration."""
    for name, table in _CONFIGURATION:
        options = _read(directory / name)
        for key in table:
            options = options[key] if isinstance(options, Mapping) and key in options else None
        if isinstance(options, Mapping):
            paths = options.get("testpaths", [])
            return paths.split() if isinstance(paths, str) else [str(path) for path in paths]
    return None


def _read(file: Path) -> Any:
    """Return the sections of a configuration file; none where it is not there or cannot be read, which pytest says."""
    try:
        if file.suffix == ".toml":
            return tomllib.loads(file.read_text())
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(file)
        return parser
    except (OSError, configparser.Error, tomllib.TOMLDecodeError):
        return {}


def own_test_files(tests: Path) -> list[Path]:
    """Return the test files below a directory that name `MigrationTestBase`, in alphabetical order."""
    return sorted(file for file in _test_files(tests) if b"MigrationTestBase" in file.read_bytes())


def _test_files(tests: Path) -> Iterator[Path]:
    for pattern in _PATTERNS:
        yield from tests.rglob(pattern)


def repository(home: Path) -> Path:
    """Return the root of the Git repository around `home`; `home` itself where there is none."""
    return next((each for each in (home, *home.parents) if (each / ".git").exists()), home)
