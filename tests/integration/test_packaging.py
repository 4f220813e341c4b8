"""What the distributions hold: the page of the HTML report and its library, with npm at hand and without."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.library import needs_library

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
ASSETS = "alembic_gauntlet/assets"
LIBRARY = f"{ASSETS}/d3-dag.js"
FILES = ("src", "docs", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore", ".ci")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the package is built from, its library included."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in FILES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def build(folder: Path, target: str) -> "subprocess.CompletedProcess[str]":
    """Build a distribution where there is no npm."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", "dist"],
        cwd=folder,
        env={**os.environ, "PATH": str(folder / "nothing")},
        capture_output=True,
        text=True,
    )


def built(folder: Path, target: str, suffix: str) -> Path:
    """Build a distribution, and return its file."""
    done = build(folder, target)
    assert done.returncode == 0, done.stderr
    (file,) = (folder / "dist").glob(f"*{suffix}")
    return file


@needs_library
def test_sdist_makes_a_wheel_without_npm(checkout: Path, tmp_path: Path) -> None:
    """It holds the library, and the wheel made from it alone has all that the page needs, and nothing of the build."""
    (tmp_path / "unpacked").mkdir()
    archive = built(checkout, "sdist", ".tar.gz")
    subprocess.run(["tar", "-xf", archive], cwd=tmp_path / "unpacked", check=True)
    (source,) = (tmp_path / "unpacked").iterdir()
    with zipfile.ZipFile(built(source, "wheel", ".whl")) as wheel:
        names = set(wheel.namelist())
        library = wheel.read(LIBRARY).decode()
    assert {f"{ASSETS}/{name}" for name in ("page.html", "page.css", "page.js", "graph.js", "views.js")} < names
    assert not [name for name in names if "hatch_build" in name]
    assert "Permission is hereby granted" in library.split("*/")[0], "the licences of what it bundles"


def test_checkout_without_npm_is_installed_all_the_same(checkout: Path, tmp_path: Path) -> None:
    """The wheel lacks the library and says so; with it, a page is refused before any test runs, and JSON is written."""
    (checkout / "src" / LIBRARY).unlink(missing_ok=True)
    assert "npm is not installed" in build(checkout, "sdist").stderr, "a release without the library is none"
    with zipfile.ZipFile(built(checkout, "wheel", ".whl")) as wheel:
        assert LIBRARY not in wheel.namelist()
        wheel.extractall(tmp_path / "installed")
    (tmp_path / "project").mkdir()
    (tmp_path / "project/test_x.py").write_text("def test_x():\n    pass\n")

    def pytest_with(report: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--gauntlet-report", report]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
        return subprocess.run(command, cwd=tmp_path / "project", env=environment, capture_output=True, text=True)

    refused = pytest_with("r.html")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--gauntlet-report r.html: it needs d3-dag" in refused.stderr
    assert "npm" in refused.stderr
    assert pytest_with("r.json").returncode == pytest.ExitCode.OK
