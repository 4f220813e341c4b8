"""Every code block of the README and the documentation is run, or is compared with what was run."""

import subprocess
from pathlib import Path

import alembic
import psycopg
import pytest
import sqlalchemy

from tests.integration.pages import (
    ROOT,
    STARTS,
    Scene,
    Section,
    commands,
    environment,
    options_of,
    pages,
    sections,
)
from tests.library import needs_library

pytestmark = pytest.mark.once

# Another test runs the blocks of these pages.
ELSEWHERE = {
    "docs/architecture.md": "tests/unit/test_architecture.py",
    "docs/cli.md": "tests/integration/test_command_line.py",
    "docs/howto/nightly.md": "tests/integration/test_nightly.py",
    "docs/invariants": "tests/integration/test_invariant_pages.py",
    "docs/testcontainers.md": "tests/integration/test_testcontainers.py",
}
SECTIONS = [section for page in pages() for section in sections(page)]
OF_THE_REPOSITORY = [each for each in SECTIONS if each.project == "repository"]
RUN = [each for each in SECTIONS if each.project in STARTS]


def is_elsewhere(page: str) -> bool:
    """Whether another test runs the blocks of a page."""
    return page in ELSEWHERE or str(Path(page).parent) in ELSEWHERE


def name(section: Section) -> str:
    """Return what a section is called in a test: its page and its line."""
    return f"{section.page.removeprefix('docs/')}:{section.line}"


def needed(section: Section) -> list[pytest.MarkDecorator]:
    """Return the marks of a section whose commands write the HTML report."""
    return [needs_library] if any(".html" in block.text for block in section.blocks) else []


@pytest.fixture
def as_on_the_pages(server) -> bool:
    """Whether outputs have to be as on the pages: those are of current versions."""
    if tuple(map(int, alembic.__version__.split(".")[:2])) < (1, 20) or sqlalchemy.__version__ < "2.0":
        pytest.skip("the projects of the pages are of Alembic 1.20 and SQLAlchemy 2")
    with psycopg.connect(server.url) as connection:
        return connection.info.server_version >= 180000


@pytest.mark.parametrize("page", [path.relative_to(ROOT).as_posix() for path in pages()])
def test_page_says_where_its_blocks_are_run(page) -> None:
    """No block stands before the project of its page, and no project is unknown."""
    for section in sections(ROOT / page):
        known = section.project in STARTS or section.project == "repository"
        assert known or is_elsewhere(page), f"{section.blocks[0] if section.blocks else page} has no project to run on"


@pytest.mark.parametrize("place", ELSEWHERE)
def test_what_is_run_elsewhere_is_run_there(place) -> None:
    """The test that is named for a page reads that page, or the pages of that folder."""
    assert place in (ROOT / ELSEWHERE[place]).read_text()


@pytest.mark.parametrize("section", [pytest.param(each, marks=needed(each), id=name(each)) for each in RUN])
def test_page_shows_what_happens(section, server, tmp_path, as_on_the_pages) -> None:
    """Block by block: files are written, commands run and print what is shown; at the end pytest passes."""
    scene = Scene(tmp_path, server.url)
    STARTS[section.project](tmp_path)
    for block in section.blocks:
        scene.take(block, as_on_the_pages)
    scene.finish()


@pytest.mark.parametrize("section", OF_THE_REPOSITORY, ids=name)
def test_command_for_this_repository_is_there(section) -> None:
    """They take minutes to hours; so make is asked what it would do, and a module whether it knows the options."""
    for block in section.blocks:
        assert block.language == "console", f"{block}: only commands are run in the repository"
        for command, _ in commands(block):
            program, options = options_of(command)
            asked = f"{command} --dry-run" if program == ["make"] else f"{' '.join(program)} --help"
            result = subprocess.run(["bash", "-c", asked], cwd=ROOT, env=environment(), capture_output=True, text=True)
            assert result.returncode == 0, result.stderr
            assert [each for each in options if each not in result.stdout] == []


def test_a_wrong_output_is_noticed(server, tmp_path) -> None:
    """A page that shows another output than the command's fails, and so does a block without a title."""
    page = tmp_path / "page.md"
    block = "```console\n$ echo one two\none ...\n```\n\n```console\n$ echo one\ntwo\n```\n\n```python\npass\n```\n"
    page.write_text(block)
    right, wrong, untitled = sections(page, root=tmp_path)[0].blocks
    scene = Scene(tmp_path, server.url)
    scene.take(right)
    for each in (wrong, untitled):
        with pytest.raises(AssertionError, match=r"page\.md"):
            scene.take(each)
