"""How findings are told: cause first, at most a screenful, each of them in the file."""

import json
from pathlib import Path

import pytest

from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.graph import Command
from alembic_gauntlet.path import parse_path
from alembic_gauntlet.report import Report, render

ROOT = Path("/project")
FILE = ROOT / "migrations/versions/a1_add_p.py"
SCREEN = 50


def leftover(number: int = 1, objects: int = 1, **more: object) -> Finding:
    changes = tuple(Change("added", "sequence", f"public.s{at}", None, "AS bigint") for at in range(objects))
    values: dict[str, object] = {
        "invariant": "path-independence",
        "message": f"After `alembic downgrade r{number}` the schema is another one:",
        "path": (Command("upgrade", f"a{number}"), Command("downgrade", f"r{number}")),
        "revision": f"a{number}",
        "file": FILE,
        "line": 22,
        "function": "downgrade",
        "changes": changes,
    }
    return Finding(**{**values, **more})  # type: ignore[arg-type]


def test_a_finding_with_changes_is_told_as_the_design_has_it() -> None:
    """Path, what differs, who did it, and one line to run it again."""
    assert render([leftover(message="After `alembic downgrade r1` it differs:\nAnd then.")], ROOT).splitlines() == [
        "Minimal path (2 commands):",
        "    alembic upgrade a1",
        "    alembic downgrade r1",
        "After `alembic downgrade r1` it differs:",
        "    + sequence public.s0 AS bigint    left behind by a1_add_p.py:22 downgrade()",
        "And then.",
        "Replay: pytest -m fuzz --gauntlet-replay 'upgrade a1; downgrade r1'",
    ]


def test_a_failing_command_is_told_with_its_place() -> None:
    """File and line follow the revision; the driver's traceback is no part of the message."""
    finding = leftover(
        message="`alembic downgrade r1` fails in revision a1:\n    UndefinedTable: no t",
        changes=(),
        traceback="Traceback",
    )
    assert render([finding], ROOT).splitlines()[3:5] == [
        "`alembic downgrade r1` fails in revision a1 at migrations/versions/a1_add_p.py:22 downgrade():",
        "    UndefinedTable: no t",
    ]
    assert "Traceback" not in render([finding], ROOT)


@pytest.mark.parametrize("count", [2, 6, 40, 500])
@pytest.mark.parametrize("objects", [1, 30])
def test_many_findings_fit_on_a_screen(count: int, objects: int) -> None:
    """The first ones in full, then one line each, then a count."""
    text = render([leftover(number, objects) for number in range(count)], ROOT)
    assert text.startswith(f"{count} failures:\n\nMinimal path (2 commands):")
    assert len(text.splitlines()) <= SCREEN
    if count == 500:
        assert "more: --gauntlet-report FILE.json writes them all" in text


@pytest.mark.parametrize("length", [1, 6, 7, 300])
def test_a_long_path_is_cut_but_can_be_replayed(length: int) -> None:
    """What the replay line holds is the whole path, quoted for a shell, however long."""
    path = tuple(Command("upgrade", f"r{number}") for number in range(length))
    lines = render([leftover(path=path)], ROOT).splitlines()
    assert len(lines) <= SCREEN
    if length <= 20:
        shown = lines[-1].removeprefix("Replay: pytest -m fuzz --gauntlet-replay ").strip("'")
        assert parse_path(shown) == path
    else:
        assert "--gauntlet-report" in lines[-1]


def test_short_findings_are_listed_without_blank_lines() -> None:
    """Offences against naming rules are one line each, with one remedy for all."""
    findings = [Finding("naming-conventions", f"index i{at} is bad", hint="Rename it.") for at in range(3)]
    assert render(findings, ROOT).splitlines() == [
        "3 failures:",
        "index i0 is bad",
        "index i1 is bad",
        "index i2 is bad",
        "Rename it.",
    ]


def refusal(number: int) -> Finding:
    return leftover(message="refuses", changes=(), revision=f"{number:012x}", hint=f"declare {number}", refused=True)


@pytest.mark.parametrize("count", [2, 70])
def test_refusals_share_a_declaration_to_copy(count: int) -> None:
    """What is printed is Python that declares every one of them."""
    text = render([refusal(number) for number in range(count)], ROOT)
    start, end = text.index("    irreversible_revisions = ("), text.index("\nor\n")
    declared: dict[str, object] = {}
    exec(text[start:end].replace("\n    )", "\n)").strip(), declared)
    assert declared["irreversible_revisions"] == tuple(f"{number:012x}" for number in range(count))
    assert len(text.splitlines()) <= SCREEN


def test_refusals_too_many_to_copy_are_declared_together() -> None:
    """Hundreds of revisions are not listed."""
    text = render([refusal(number) for number in range(400)], ROOT)
    assert 'irreversible_revisions = "all"' in text
    assert len(text.splitlines()) <= SCREEN


def test_a_single_refusal_keeps_its_own_hint() -> None:
    """Where there is one, its hint is the last word."""
    assert render([refusal(1)], ROOT).endswith("declare 1")


def test_drift_is_told_from_both_sides() -> None:
    """What changed in the schema became something; what drifted is one thing here and another there."""
    change = Change("changed", "column type", "t.n", "TEXT", "VARCHAR(20)")
    finding = Finding("up-to-date", "Schema differences detected:", changes=(change,))
    assert "~ column type t.n: TEXT in the migrations, VARCHAR(20) in the models" in render([finding], ROOT)


def test_report_file_has_the_fixed_format(tmp_path: Path) -> None:
    """Tests in order, failures as values, coverage added up."""
    report = Report()
    coverage = Coverage({"a1", "r1"}, {"a1"}, set(), {("a1",)}, {("upgrade r1",)}, 3)
    second = Coverage({"a1", "r1"}, {"r1"}, {"a1"}, {("a1",), ("r1",)}, {("upgrade r1",), ("downgrade base", "r1")}, 4)
    report.add("t.py::one", "failed", [leftover().to_json(ROOT)], coverage)
    report.add("t.py::two", "passed", [], second)
    report.write(tmp_path / "deep/report.json")
    assert json.loads((tmp_path / "deep/report.json").read_text()) == {
        "version": 1,
        "tests": [
            {
                "nodeid": "t.py::one",
                "outcome": "failed",
                "failures": [
                    {
                        "invariant": "path-independence",
                        "message": "After `alembic downgrade r1` the schema is another one:",
                        "path": [{"command": "upgrade", "target": "a1"}, {"command": "downgrade", "target": "r1"}],
                        "revision": "a1",
                        "file": "migrations/versions/a1_add_p.py",
                        "line": 22,
                        "changes": [
                            {
                                "change": "added",
                                "kind": "sequence",
                                "name": "public.s0",
                                "before": None,
                                "after": "AS bigint",
                            }
                        ],
                    }
                ],
            },
            {"nodeid": "t.py::two", "outcome": "passed", "failures": []},
        ],
        "coverage": {"revisions": 2, "upgraded": 2, "downgraded": 1, "states": 2, "jumps": 2, "commands": 7},
    }


def test_report_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    """A file in the way of a directory is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(GauntletError, match="cannot be written"):
        Report().write(tmp_path / "file/report.json")
