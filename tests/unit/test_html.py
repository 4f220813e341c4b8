"""The HTML report as data: what it says, and that nothing which is put into it can be anything but text."""

import json
import re
from pathlib import Path

import pytest

from alembic_gauntlet.coverage import Coverage
from alembic_gauntlet.diff import Change
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.graph import Command
from alembic_gauntlet.history import Described, History
from alembic_gauntlet.html import Page, embedded, more_of
from alembic_gauntlet.path import Insert
from tests.library import needs_library

pytestmark = needs_library

HOSTILE = "</script><script>alert(1)</script><!-- <script> ]]> & \" ' \\ ${x} $data \u2028 \ud800"
NODEID = "test_m.py::TestMigrations::test_random_walks"


def described(id: str, *parents: str, message: str = "", depends_on: tuple[str, ...] = ()) -> Described:
    return Described(id, parents, depends_on, (), f"migrations/versions/{id}_.py", message)


HISTORY = History(
    "migrations", (described("a1"), described("a2", "a1"), described("b2", "a1"), described("m", "a2", "b2"))
)


def shown(page: Page, folder: Path) -> dict:
    """Write a page, and return the data in it."""
    page.write(folder / "deep/report.html", folder)
    text = (folder / "deep/report.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">([^<]*)</script>', text)[1])


def page_of(
    *findings: Finding, root: Path, history: History | None = HISTORY, coverage: Coverage | None = None
) -> Page:
    page = Page()
    failures = [finding.to_json(root) for finding in findings]
    page.add(NODEID, "failed", failures, coverage or Coverage(), plain(more_of(findings, 1.5, history, ["a1"])))
    return page


def plain(values: object) -> dict:
    """Return values as they arrive from another process."""
    return json.loads(json.dumps(values))


def test_embedded_data_ends_no_script_and_comes_back_as_it_was() -> None:
    """Not a `<`, nor anything outside ASCII, and the same texts when it is read."""
    text = embedded({HOSTILE: [HOSTILE]})
    assert text.isascii()
    assert not re.search("[<>&]", text)
    assert json.loads(text) == {HOSTILE: [HOSTILE]}


def test_hostile_names_are_in_the_page_as_data_alone(tmp_path: Path) -> None:
    """Wherever a migration can put them: there are no more scripts than those of the package."""
    history = History(HOSTILE, (Described("a1", (), (), (HOSTILE,), HOSTILE, HOSTILE), described("a2", "a1")))
    finding = Finding(
        "path-independence",
        HOSTILE,
        (Command("upgrade", "a1"), Insert.of(HOSTILE, {HOSTILE: HOSTILE}), Command("upgrade", HOSTILE)),
        HOSTILE,
        Path(HOSTILE.replace("/", "|").replace("\ud800", "")),
        3,
        HOSTILE,
        (Change("changed", HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        HOSTILE,
    )
    page = Page(HOSTILE)
    page.add(HOSTILE, "failed", [finding.to_json(tmp_path)], Coverage(), plain(more_of([finding], 0, history)))
    page.write(tmp_path / "report.html", tmp_path, [HOSTILE])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    body = re.sub(r"<script>/\*! d3-dag.*?</script>", "<script></script>", text, flags=re.DOTALL)
    assert len(re.findall("(?i)<script", body)) == len(re.findall("(?i)</script", body)) == 3
    assert "alert(1)" not in re.sub(r'<script type="application/json".*?</script>', "", text)


def test_policy_lets_only_the_scripts_of_the_package_run(tmp_path: Path) -> None:
    """Their hashes stand in it; nothing may be fetched."""
    page_of(root=tmp_path).write(tmp_path / "report.html", tmp_path)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', (tmp_path / "report.html").read_text())[1]
    assert policy.startswith("default-src 'none';")
    assert len(re.findall("'sha256-[A-Za-z0-9+/]{43}='", policy)) == 3
    assert "unsafe" not in policy
    assert "http" not in policy


def test_path_tells_the_revisions_that_each_command_runs(tmp_path: Path) -> None:
    """In the order in which they run, from an empty database; a row stands between them."""
    row = Insert.of("public.users", {"id": 2**63 - 1, "name": None, "note": "it's"})
    path = (Command("upgrade", "m"), row, Command("downgrade", "a1"), Command("upgrade", "b2"))
    (failure,) = shown(page_of(Finding("x", "y", path), root=tmp_path), tmp_path)["failures"]
    assert [step.get("revisions") for step in failure["path"]] == [
        ["a1", "a2", "b2", "m"],
        None,
        ["m", "b2", "a2"],
        ["b2"],
    ]
    assert failure["path"][1] == {
        "verb": "insert",
        "text": "INSERT INTO public.users (id, name, note) VALUES (9223372036854775807, NULL, 'it''s');",
        "table": "public.users",
        "row": [["id", "9223372036854775807"], ["name", "NULL"], ["note", "'it''s'"]],
    }
    assert [failure["path"][at]["text"] for at in (0, 2)] == ["alembic upgrade m", "alembic downgrade a1"]
    assert failure["replay"].startswith("upgrade m; insert public.users {")
    assert (failure["tests"], failure["history"]) == ([NODEID], 0)


def test_path_that_alembic_refuses_is_told_without_revisions(tmp_path: Path) -> None:
    """From the refused command on."""
    path = (Command("upgrade", "a2"), Command("upgrade", "no-such"), Command("upgrade", "m"))
    (failure,) = shown(page_of(Finding("x", "y", path), root=tmp_path), tmp_path)["failures"]
    assert [step["revisions"] for step in failure["path"]] == [["a1", "a2"], [], []]


def test_lines_around_the_guilty_one_are_shown(tmp_path: Path) -> None:
    """As they are in the file, whatever its encoding; at its end as many as there are."""
    file = tmp_path / "a1_.py"
    file.write_bytes(b"# coding: latin-1\n" + b"".join(b"line = %d  # \xe9\n" % number for number in range(2, 31)))
    (failure,) = shown(page_of(Finding("x", "y", file=file, line=25), root=tmp_path), tmp_path)["failures"]
    assert failure["source"]["first"] == 17
    assert failure["source"]["lines"][8] == "line = 25  # é"
    assert failure["source"]["lines"][-1] == "line = 30  # é"


@pytest.mark.parametrize(("name", "line"), [("gone.py", 3), ("bytes.py", 1), (None, None)])
def test_source_that_cannot_be_read_is_left_out(tmp_path: Path, name: str | None, line: int | None) -> None:
    """The failure is shown all the same."""
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00")
    file = None if name is None else tmp_path / name
    (failure,) = shown(page_of(Finding("x", "y", file=file, line=line), root=tmp_path), tmp_path)["failures"]
    assert failure["source"] is None
    assert (failure["file"], failure["line"]) == (name, line)


def test_times_and_coverage_of_each_revision(tmp_path: Path) -> None:
    """Counts, and milliseconds; what never ran has none. The coverage of several tests is added up."""
    first = Coverage(set(), {"a1", "a2"}, {"a2"}, times={("a1", "upgrade"): [1000, 3000], ("a2", "downgrade"): [500]})
    second = Coverage.from_json(plain(Coverage(set(), {"a1"}, times={("a1", "upgrade"): [8000]}).to_json()))
    page = page_of(root=tmp_path, coverage=first)
    page.add(NODEID, "passed", [], second, more_of((), 0.25, HISTORY))
    (history,) = shown(page, tmp_path)["histories"]
    a1, a2, *_ = history["revisions"]
    assert a1["upgrade"] == {"count": 3, "total": 12.0, "median": 3.0}
    assert (a1["downgrade"], a1["upgraded"], a1["downgraded"], a1["irreversible"]) == (None, True, False, True)
    assert (a2["downgrade"], a2["downgraded"]) == ({"count": 1, "total": 0.5, "median": 0.5}, True)
    assert history["heads"] == ["m"]
    assert first.times == {("a1", "upgrade"): [1000, 3000], ("a2", "downgrade"): [500]}, "it is not written to"


def test_histories_are_kept_apart(tmp_path: Path) -> None:
    """Two histories with revisions of the same ids each have their own coverage and failures."""
    other = History("other", HISTORY.revisions)
    page = page_of(Finding("x", "y"), root=tmp_path, coverage=Coverage(upgraded={"a1"}))
    page.add("two", "failed", [Finding("x", "z").to_json(tmp_path)], Coverage(), more_of([Finding("x", "z")], 0, other))
    data = shown(page, tmp_path)
    assert [history["name"] for history in data["histories"]] == ["migrations", "other"]
    assert [history["revisions"][0]["upgraded"] for history in data["histories"]] == [True, False]
    assert [failure["history"] for failure in data["failures"]] == [0, 1]


def test_failure_without_a_history_is_shown(tmp_path: Path) -> None:
    """A mistake in the set-up comes before that."""
    data = shown(page_of(Finding("set-up", "no server"), root=tmp_path, history=None), tmp_path)
    assert data["histories"] == []
    assert data["failures"][0]["history"] is None
    assert data["tests"] == [{"nodeid": NODEID, "outcome": "failed", "seconds": 1.5, "failures": 1}]


def test_page_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    """A file in the way of a directory is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(GauntletError, match="cannot be written"):
        Page().write(tmp_path / "file/report.html", tmp_path)
