"""The library of the HTML report, which npm fetches when the project is installed."""

import os
from pathlib import Path

import pytest

import alembic_gauntlet

LIBRARY = Path(alembic_gauntlet.__file__).parent / "assets/d3-dag.js"

needs_library = pytest.mark.skipif(
    not LIBRARY.is_file() and "GAUNTLET_REQUIRE_CHROMIUM" not in os.environ,
    reason="d3-dag is missing, since npm could not fetch it when alembic-gauntlet was installed",
)
"""For a test that writes the HTML report: skipped without the library, and failing where `.ci/run` wants all."""
