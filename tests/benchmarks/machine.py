"""The machine and the versions, as the page tells them: nothing that names a host or a path."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.server import SharedServer

_PACKAGES = {
    "alembic-gauntlet": "alembic-gauntlet",
    "alembic": "Alembic",
    "sqlalchemy": "SQLAlchemy",
    "psycopg": "psycopg",
    "hypothesis": "Hypothesis",
    "pytest": "pytest",
    "pytest-xdist": "pytest-xdist",
}


def describe() -> str:
    """Return cores, processor, memory and system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {_processor()}, {memory:.0f} GiB of memory, {platform.system()}"


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", file.read_text(), re.M) if file.exists() else None
    return found[1].strip() if found else platform.machine()


def versions(server: SharedServer) -> str:
    """Return the versions of all that takes part on our side."""
    packages = (f"{title} {version(name)}" for name, title in _PACKAGES.items())
    return ", ".join([f"Python {platform.python_version()}", f"PostgreSQL {server.version()}", *packages])


def warn_where_busy() -> None:
    """Tell where something else keeps the machine from being measured."""
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"The machine is busy: a load of {load:.1f} over the last minute.", file=sys.stderr)
