"""Every invariant has a page, and what the page says is what happens: the example, its message, its remedy."""

import re

import alembic
import psycopg
import pytest
from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.invariants import INVARIANTS, Broken, Invariant
from alembic_gauntlet.report import render
from tests.integration.inprocess import open_gauntlet
from tests.integration.pages import ROOT, replace_definitions, sections

pytestmark = pytest.mark.once

PAGES = ROOT / "docs/invariants"
IDS = sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "index")
# Room for every transition; and walks of one command, which find nothing more: no page depends on chance.
MANY = settings(profiles.current(), max_examples=40, database=None)
REMEDIED = ", remedied"
ABOUT_ROWS = ("rows-survive", "row-round-trip", "sequences-ahead")


def blocks(page: str) -> dict[str, str]:
    """Return the code blocks of a page, by title."""
    found = [(block.title, block.text) for section in sections(PAGES / f"{page}.md") for block in section.blocks]
    assert len(dict(found)) == len(found), f"{page}.md has two blocks of one title"
    assert all(title for title, _ in found), f"{page}.md has a block without a title"
    return dict(found)


def raised_by(invariant: Invariant) -> type[Broken]:
    """Return the class that an invariant raises: the one `Broken` that its code names."""
    named = [invariant.__globals__.get(name) for name in invariant.__code__.co_names]
    (kind,) = (each for each in named if isinstance(each, type) and issubclass(each, Broken))
    return kind


def walked(project, with_rows: bool, **declared) -> tuple[Finding, ...]:
    """Return what is found where every transition is taken, or every revision with rows."""
    with open_gauntlet(project, **declared) as gauntlet:
        if with_rows:
            return gauntlet.populated_walks(MANY, 1, "test").findings
        walks = gauntlet.walks(MANY, 1, "test")
    assert walks.transitions is not None
    return walks.findings


def is_as_on_the_pages(project) -> bool:
    """Whether all is as on the pages, to the letter.

    Older versions of Alembic order `upgrade heads` otherwise, so that other paths are minimal, and lose count of the
    version table after some remedies; PostgreSQL before 17 lets nobody use a new enum value before COMMIT even where
    the type is as new.
    """
    with psycopg.connect(project.server.url) as connection:
        major = connection.info.server_version // 10000
    return major >= 17 and tuple(map(int, alembic.__version__.split(".")[:2])) >= (1, 20)


def test_every_invariant_has_a_page_and_a_line_in_the_index() -> None:
    """Pages and index are those of INVARIANTS: the id, a link, and the class that is raised."""
    kinds = list(map(raised_by, INVARIANTS))
    assert sorted(kind.invariant for kind in kinds) == IDS
    rows = re.findall(r"^\| \[(\S+)\]\((\S+)\) \| .+ \| `(\w+)` \|$", (PAGES / "index.md").read_text(), re.MULTILINE)
    assert rows == [(kind.invariant, f"{kind.invariant}.md", kind.__name__) for kind in kinds]
    for id in IDS:
        assert (PAGES / f"{id}.md").read_text().startswith(f"# {id}\n")


@pytest.mark.parametrize("id", IDS)
def test_page_shows_what_happens(project, id) -> None:
    """The example breaks this invariant and no other, with the message on the page; remedied or declared, none."""
    page = blocks(id)
    message = page.pop("message")
    declared: dict[str, object] = {}
    exec(page.pop("on the test class", ""), {}, declared)
    remedies = {title: page.pop(title) for title in list(page) if title.endswith(REMEDIED)}
    for file, text in page.items():
        project.write(file, text)
    with_rows = id in ABOUT_ROWS
    findings = walked(project, with_rows)
    assert {each.invariant for each in findings} == {id}
    if is_as_on_the_pages(project):
        assert render(findings, project.path) == message.rstrip("\n")
    if declared:
        assert id not in {each.invariant for each in walked(project, with_rows, **declared)}
    assert remedies
    for title, text in remedies.items():
        replace_definitions(project.path / title.removesuffix(REMEDIED), text)
    left = walked(project, with_rows)
    assert id not in {each.invariant for each in left}
    assert not (left and is_as_on_the_pages(project))


def test_index_shows_how_to_add_an_invariant(project) -> None:
    """The test file in the index is a whole one: it fails as the index says where its invariant does not hold."""
    page = blocks("index")
    project.table("a1", None, "orders")
    project.table("b1", "a1", "prices")
    project.table("c1", "a1", "order_forms")
    project.write("test_migrations.py", page["test_migrations.py"])
    profile = 'settings.register_profile("two", settings.get_profile("gauntlet"), max_examples=2, database=None)'
    project.write("conftest.py", f"from hypothesis import settings\n\n{profile}\n")
    result = project.pytest("-m", "fuzz", "--hypothesis-profile", "two")
    result.assert_outcomes(failed=1, passed=1, deselected=6)
    assert page["message"] in result.stdout.str()
