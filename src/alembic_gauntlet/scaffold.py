"""The files that `alembic-gauntlet init` writes: the test class, and a job that runs the walks every night."""

from __future__ import annotations

import os
import string
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.layout import repository

_TEST_CLASS = '''\
"""The migrations, tested by alembic-gauntlet: five tests, and under the marker `fuzz` random walks."""

from alembic_gauntlet import MigrationTestBase


class TestMigrations(MigrationTestBase):
    """What can be set is an attribute of this class."""
'''
_ADVICE = """\
pytest needs no configuration for it: the plugin registers the marker.
`pytest` runs five tests, `pytest -m fuzz` the walks."""
_GITHUB = "It runs once it is on the default branch; by hand: gh workflow run migrations-nightly.yml"
_GITLAB = """\
Include it in .gitlab-ci.yml, and add a schedule (Build > Pipeline schedules):
    include:
      - local: {path}"""


class _Template(string.Template):
    """`@{name}`: both CI systems have a use for `$`."""

    delimiter = "@"


@dataclass(frozen=True)
class Place:
    """Where things are in the project: the file that configures Alembic, and the test file."""

    config: Path
    tests: Path

    @property
    def root(self) -> Path:
        """The root of the repository."""
        return repository(self.config.parent)


@dataclass(frozen=True)
class Draft:
    """A file to be written; `advice` is what is left to do then."""

    path: Path
    text: str
    advice: str = ""

    def write(self) -> bool:
        """Write the file, and the directories above it, unless it is there; return whether it was written.

        Raises:
            GauntletError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("x") as file:
                file.write(self.text)
        except FileExistsError:
            return False
        except OSError as error:
            raise GauntletError(f"{self.path} cannot be written: {error.strerror}.") from error
        return True


def class_file(place: Place) -> Draft:
    """Return the test file."""
    return Draft(place.tests, _TEST_CLASS, _ADVICE)


def github(place: Place) -> Draft:
    """Return a workflow of GitHub Actions."""
    path = place.root / ".github/workflows/migrations-nightly.yml"
    return Draft(path, _filled("github.yml", place), _GITHUB)


def gitlab(place: Place) -> Draft:
    """Return a job of GitLab CI, to be included."""
    path = place.root / ".gitlab/migrations-nightly.yml"
    return Draft(path, _filled("gitlab.yml", place), _GITLAB.format(path=f"/{_relative(path, place.root)}"))


def _filled(name: str, place: Place) -> str:
    text = resources.files("alembic_gauntlet").joinpath("templates", name).read_text()
    home = place.config.parent
    inside = home != place.root
    return _Template(text).safe_substitute(
        directory=_relative(home, place.root),
        prefix=f"{_relative(home, place.root)}/" if inside else "",
        test_file=_relative(place.tests, home),
        install=_installation(home, place.root),
    )


def _relative(path: Path, start: Path) -> str:
    return Path(os.path.relpath(path, start)).as_posix()


def _installation(home: Path, root: Path) -> str:
    """Return what installs the project, as pip knows it, from the directory `home`."""
    for directory in dict.fromkeys([home, root]):
        where = _relative(directory, home)
        if any((directory / name).is_file() for name in ("setup.py", "setup.cfg")) or _is_package(directory):
            return f"python -m pip install -e {where}"
        requirements = directory / "requirements.txt"
        if requirements.is_file():
            return f"python -m pip install -r {_relative(requirements, home)}"
    return "python -m pip install alembic sqlalchemy  # and what env.py imports"


def _is_package(directory: Path) -> bool:
    file = directory / "pyproject.toml"
    return file.is_file() and any(f"[{name}]" in file.read_text() for name in ("project", "build-system"))
