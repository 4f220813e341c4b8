"""The rules of imports that docs/architecture.md states."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/alembic_gauntlet"
LISTED = (ROOT / "docs/architecture.md").read_text().split("```text")[1].split("```")[0]
LAYERS = re.findall(r"^([\w.]+)  ", LISTED, re.M)
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in SOURCE.rglob("*.py") if path.stem != "__init__"
)


def imported(file: Path) -> set[str]:
    """Return the modules of alembic_gauntlet that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alembic_gauntlet"):
            package = (node.module or "").partition(".")[2]
            found |= {package} if package in MODULES else {f"{package}.{a.name}".lstrip(".") for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.partition(".")[2] for a in node.names if a.name.startswith("alembic_gauntlet.")}
    return found


def test_list_of_modules_is_complete() -> None:
    """The page lists every module there is, and no other."""
    assert sorted(LAYERS) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_from_those_above_it(module: str) -> None:
    """Imports run one way, from the bottom of the list to the top."""
    above = LAYERS[: LAYERS.index(module)]
    assert imported(SOURCE.joinpath(*module.split(".")).with_suffix(".py")) <= set(above)


@pytest.mark.parametrize("file", sorted((ROOT / "strategies").glob("*.py")), ids=lambda file: file.name)
def test_strategies_are_an_independent_oracle(file: Path) -> None:
    """What generates histories knows nothing of how they are judged."""
    assert imported(file).isdisjoint({"catalog", "diff", "canonical", "schema", "stairway"})


@pytest.mark.parametrize("module", ["errors", "schema", "diff", "graph", "coverage", "findings", "naming"])
def test_pure_modules_do_no_input_or_output(module: str) -> None:
    """What works on values alone imports no driver and no engine."""
    source = (SOURCE.joinpath(*module.split(".")).with_suffix(".py")).read_text()
    assert not re.search(r"^\s*(import|from) (psycopg|subprocess|sqlalchemy\.engine)", source, re.M)


def test_plugin_imports_nothing_but_pytest() -> None:
    """A pytest session without migrations pays for nothing else, our own modules among the rest."""
    script = "import sys, alembic_gauntlet.plugin; print(set(sys.modules))"
    loaded = ast.literal_eval(subprocess.check_output([sys.executable, "-c", script], text=True))
    assert {name for name in loaded if name.startswith("alembic_gauntlet")} == {
        "alembic_gauntlet",
        "alembic_gauntlet.plugin",
    }
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint({"alembic", "sqlalchemy", "psycopg", "hypothesis", "testcontainers", "docker"})


def test_contrib_imports_testcontainers_on_use() -> None:
    """A conftest.py that names it can be imported without it."""
    script = "import sys, alembic_gauntlet.contrib.testcontainers; print({m.split('.')[0] for m in sys.modules})"
    loaded = ast.literal_eval(subprocess.check_output([sys.executable, "-c", script], text=True))
    assert loaded.isdisjoint({"testcontainers", "docker"})
