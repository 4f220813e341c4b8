"""The reference names everything that there is, and nothing else."""

import re
from pathlib import Path

import pytest

import alembic_gauntlet
from alembic_gauntlet import MigrationTestBase
from alembic_gauntlet.invariants import INVARIANTS
from alembic_gauntlet.naming import DEFAULTS

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
HIDDEN = ["--gauntlet-anchor", "--gauntlet-replay-with", "--gauntlet-test-file"]
SOURCE = "\n".join(path.read_text() for path in (ROOT / "src/alembic_gauntlet").rglob("*.py"))


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the tables below a heading."""
    section = (REFERENCE / page).read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def names(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def test_every_class_attribute_is_there_with_its_default() -> None:
    """In the table of the page, once."""
    listed = {name: cells[1] for cells in rows("test-class.md", "Class attributes") for name in names(cells[0])}
    assert sorted(listed) == sorted(MigrationTestBase.__annotations__)
    for name, default in listed.items():
        value = getattr(MigrationTestBase, name)
        if value is INVARIANTS:
            assert default == "`INVARIANTS`"
        elif name not in DEFAULTS:
            assert default == f"`{value!r}`"


@pytest.mark.parametrize("category", ["index", "fk", "check", "uq", "pk"])
def test_naming_rules_are_those_that_hold(category) -> None:
    """Prefixes and suffixes of each category."""
    (cells,) = (each for each in rows("test-class.md", "Class attributes") if f"allowed_{category}_" in each[0])
    prefixes, suffixes = DEFAULTS[f"allowed_{category}_prefixes"], DEFAULTS[f"allowed_{category}_suffixes"]
    assert names(cells[1]) == [" ".join(prefixes), " ".join(suffixes)]


def test_every_test_of_the_class_is_there() -> None:
    """The five, and those of the marker."""
    listed = {names(cells[0])[0] for cells in rows("test-class.md", "Tests")}
    assert listed == {name for name in vars(MigrationTestBase) if name.startswith("test_")}


def test_every_option_is_there() -> None:
    """Those that the plugin adds to pytest, less those that `alembic-gauntlet` alone passes on."""
    listed = [names(cells[0])[0].split()[0] for cells in rows("options.md", "On the command line")]
    assert listed
    added = re.findall(r'addoption\(\s*"(--gauntlet-[\w-]+)"', SOURCE)
    assert sorted([*listed, *HIDDEN]) == sorted(added)


def test_every_environment_variable_is_there() -> None:
    """Those that are read."""
    listed = {names(cells[0])[0] for cells in rows("options.md", "Environment variables")}
    assert listed == set(re.findall(r'_ENV = "(GAUNTLET_\w+)"', SOURCE))


def test_every_public_name_is_documented() -> None:
    """What can be imported from the package."""
    documented = re.findall(r"auto\w+:: alembic_gauntlet\.(\w+)$", (REFERENCE / "api.md").read_text(), re.MULTILINE)
    assert set(documented) >= set(alembic_gauntlet.__all__)
