"""docs/reliability.md names the test of each row, as `file.py::test_name`."""

import ast
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_NAMED = re.findall(r"`(\w+\.py)::(\w+)", (_ROOT / "docs/reliability.md").read_text())


@pytest.mark.parametrize(("file", "test"), _NAMED, ids="::".join)
def test_each_named_test_is_there(file: str, test: str) -> None:
    """A row names one test file below tests/, and a function in it."""
    (path,) = (_ROOT / "tests").rglob(file)
    functions = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
    assert test in functions
