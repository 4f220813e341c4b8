"""Packs the library that lays out the graph of the HTML report into the package when that is built.

It comes from the npm registry that npm is set up for, in the version and with the content named here. An sdist holds
it, so that a wheel can be built from that without npm. Where a wheel is built from a checkout without npm or network,
it lacks the library, and `--gauntlet-report x.html` says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE, VERSION = "d3-dag", "1.2.2"
BUNDLE = "dist/d3-dag.iife.min.js"
SHA256 = "d72413976861ffbc7fa3a400d33262ce47490e7637fce90b812f1631eec65fb5"
TARGET = "src/alembic_gauntlet/assets/d3-dag.js"
TITLE = f"/*! {PACKAGE} {VERSION}, with what it bundles.\n"
SECONDS = 60


class LibraryHook(BuildHookInterface[Any]):
    """Fetches the library where it is not there yet."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the library. Only an sdist, from which releases are made, cannot do without."""
        target = Path(self.root, TARGET)
        if target.exists() and target.read_text(encoding="utf-8").startswith(TITLE):
            return
        try:
            replace(target, library())
        except LibraryMissing as missing:
            if self.target_name == "sdist":
                raise
            target.unlink(missing_ok=True)
            self.app.display_warning(f"{missing} The HTML report of alembic-gauntlet will not be available.")


def replace(target: Path, text: str) -> None:
    """Write a file at once: several environments may be installed side by side."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, target)


class LibraryMissing(Exception):
    """The library cannot be had."""


def library() -> str:
    """Return the library, its licence texts before it, from the npm registry."""
    npm = shutil.which("npm")
    if npm is None:
        raise LibraryMissing("npm is not installed.")
    with tempfile.TemporaryDirectory() as folder:
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save", "--fetch-retries=1"]
        options += ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"]
        command = [npm, "install", "--prefix", folder, *options, f"{PACKAGE}@{VERSION}"]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS, cwd=folder)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or error
            raise LibraryMissing(f"npm cannot fetch {PACKAGE} {VERSION}: {said}") from error
        modules = Path(folder, "node_modules")
        bundle = (modules / PACKAGE / BUNDLE).read_bytes()
        if hashlib.sha256(bundle).hexdigest() != SHA256:
            raise LibraryMissing(f"{PACKAGE} {VERSION} is not the file it was.")
        return f"{TITLE}\n{notices(modules)}\n*/\n{bundle.decode()}"


def notices(modules: Path) -> str:
    """Return the licence texts of all packages, each text once, below the names of those that have it."""
    texts: dict[str, list[str]] = {}
    for package in sorted(packages(modules)):
        told = json.loads((package / "package.json").read_text(encoding="utf-8"))
        files = sorted(file for file in package.iterdir() if file.name.lower().startswith("licen"))
        text = "\n\n".join(file.read_text(encoding="utf-8").strip() for file in files)
        texts.setdefault(text or f"Licence: {told['license']}", []).append(f"{told['name']} {told['version']}")
    blocks = [f"{', '.join(names)}:\n\n{text}" for text, names in texts.items()]
    return "\n\n".join(blocks).replace("*/", "* /")


def packages(modules: Path) -> Iterator[Path]:
    """Yield the folders of all packages in a node_modules, scoped and nested ones, too."""
    for file in modules.rglob("package.json"):
        scope = file.parent.parent
        if scope.name == "node_modules" or (scope.name.startswith("@") and scope.parent.name == "node_modules"):
            yield file.parent
