"""A virtual environment for each case: its pins from the package index, and this tree's alembic-gauntlet."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "real"
_SHARED_PINS = Path(__file__).parent / "requirements.txt"


class InstallError(Exception):
    """A case could not be installed; the message is what pip said."""


def ensure(case: Path) -> Path:
    """Return the Python of a case's environment, made or brought up to date where its pins have changed.

    Raises:
        InstallError: the environment cannot be made, or a pin is not in the package index.
    """
    folder = CACHE / case.name
    python = folder / "bin" / "python"
    pins = "".join(f"{name}=={version}\n" for name, version in sorted(_pins(case).items()))
    requirements = folder / "requirements.txt"
    if not (requirements.is_file() and requirements.read_text() == pins):
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        unfinished = folder / "requirements.part"
        unfinished.write_text(pins)
        _pip(python, "-r", str(unfinished))
        unfinished.rename(requirements)
    stamp = folder / "installed"
    needs = hashlib.sha256((pins + _needs_of_the_tree()).encode()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == needs):
        _pip(python, "-c", str(requirements), "-e", str(ROOT))
        stamp.write_text(needs)
    return python


def version(case: Path, package: str) -> str:
    """Return the pinned version of a package.

    Raises:
        KeyError: the case does not pin it.
    """
    return _pins(case)[package]


def _pins(case: Path) -> dict[str, str]:
    pins: dict[str, str] = {}
    for file in (_SHARED_PINS, case / "requirements.txt"):
        for line in file.read_text().splitlines():
            if line and not line.startswith("#"):
                name, _, number = line.partition("==")
                pins[name.lower().replace("_", "-")] = number
    return pins


def _needs_of_the_tree() -> str:
    """What of pyproject.toml an editable installation has copied: the rest follows the tree by itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return repr((project["dependencies"], project.get("scripts"), project.get("entry-points")))


def _pip(python: Path, *arguments: str) -> None:
    _run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError("\n".join((done.stdout + done.stderr).strip().splitlines()[-10:]))
