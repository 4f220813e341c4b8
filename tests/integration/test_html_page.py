"""The HTML report in a real browser, opened from disk: what it shows, by mouse and by keyboard, and what it fetches.

Where there is no Chromium, these tests are skipped; with GAUNTLET_REQUIRE_CHROMIUM they fail there.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alembic_gauntlet.embedded import EmbeddedServer
from tests.benchmarks.histories import write
from tests.library import needs_library

pytestmark = [pytest.mark.once, needs_library]

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
HOSTILE = "</script><script>hacked=1</script><img src=x onerror=hacked=1>"
"""As long as a name in PostgreSQL may be."""


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A Chromium without a window, with a profile of its own."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        (pytest.fail if os.environ.get("GAUNTLET_REQUIRE_CHROMIUM") else pytest.skip)("no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, headless=True, args=list(FLAGS))
        yield launched
        launched.close()


@dataclass
class Opened:
    """A report in a browser's page, and all that the page has complained of or asked for."""

    page: object
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that fit."""
        return self.page.locator(selector).all_inner_texts()

    def on_path(self) -> set[str]:
        """The revisions that are highlighted as run by the chosen failure."""
        return set(self.texts(".revision.on-path .id"))

    def halos(self) -> int:
        """How many edges and revisions have the highlight drawn around them."""
        return self.page.locator("#edges .halo").count()

    def edges(self) -> dict[tuple[str, str], str]:
        """The edges, parent to revision, with what they are drawn as."""
        drawn = self.page.eval_on_selector_all(
            "#edges path[data-from]", "all => all.map(e => [e.dataset.from, e.dataset.to, e.getAttribute('class')])"
        )
        return {(start.removeprefix("r:"), end.removeprefix("r:")): kind for start, end, kind in drawn}

    def focused(self) -> str:
        """The text of what has the focus."""
        return self.page.evaluate("document.activeElement.innerText")

    def is_in_view(self, revision: str) -> bool:
        """Whether a revision's row is inside of what the graph shows."""
        row = self.page.locator(f".revision[data-key='r:{revision}']").bounding_box()
        shown = self.page.locator("#scroll").bounding_box()
        return shown["y"] <= row["y"] and row["y"] + row["height"] <= shown["y"] + shown["height"]


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Opened]]:
    """Return a function that opens a file; at the end, no page may have complained or asked for anything else."""
    opened: list[tuple[Opened, str]] = []
    contexts = []

    def open_file(file: Path, width: int = 1280, height: int = 800, **options: object) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        made = Opened(page)
        page.on("console", lambda message: made.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on("request", lambda request: made.requests.append(request.url))
        opened.append((made, file.as_uri()))
        page.goto(file.as_uri())
        return made

    yield open_file
    for made, url in opened:
        assert made.complaints == []
        assert made.requests == [url]
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, server: EmbeddedServer) -> Path:
    """The report of the example project with two faults: a20 forgets its enum type, c20's downgrade refuses."""
    folder = tmp_path_factory.mktemp("report") / "example"
    source = Path(__file__).parents[2] / "docs/example"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name, old, new in (
        ("a20_orders.py", '    op.execute("DROP TYPE order_status")\n', ""),
        ("c20_user_phone.py", "def downgrade():\n", "def downgrade():\n    raise ValueError\n"),
    ):
        file = folder / "migrations/versions" / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
    options = ["-k", "stairway", "--gauntlet-url", server.url, "--gauntlet-report", "report.html"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_XDIST_WORKER"}
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    return folder / "report.html"


def test_failure_and_its_path(open_page, report) -> None:
    """The first failure is chosen; choosing another one highlights its path, and shows its source."""
    opened = open_page(report)
    assert opened.texts("#verdict strong") == ["1 of 1 test failed"]
    chips = opened.texts(".failures .chip")
    assert sorted(chips) == ["a20", "c20"]
    assert sorted(opened.texts(".revision.faulty .id")) == ["a20", "c20"]
    opened.page.click(f".failures [role=option] >> nth={chips.index('a20')}")
    assert opened.texts(".commands >> nth=0") == ["alembic upgrade a20\nalembic downgrade a10"]
    assert opened.on_path() == {"a10", "a20"}
    assert opened.halos() == 4, "two revisions, and the edge to each"
    assert opened.texts(".revision.on-path .chip.path") == ["1↑", "2↓", "1↑"]
    assert opened.texts(".change h4") == ["+\nenum type public.order_status"]
    assert opened.texts(".sides") == ["Expected\nnot there\nFound\n('open', 'paid', 'sent')"]
    assert opened.texts(".source .guilty") == ["24\ndef downgrade():"]
    opened.page.click(f".failures [role=option] >> nth={chips.index('c20')}")
    assert "c20" in opened.on_path()
    assert "b10" not in opened.on_path()
    assert "raise ValueError" in opened.texts(".source .guilty")[0]


def test_edges_show_what_was_covered(open_page, report) -> None:
    """Each edge is there, from parent to revision, by both directions or one."""
    edges = open_page(report).edges()
    assert edges[("base", "a10")] == edges[("a10", "a20")] == "both"
    assert edges[("b20", "d10")] == edges[("c20", "d10")] == edges[("d20", "d30")]
    assert edges[("c10", "c20")] == "up", "its downgrade refuses"
    assert len(edges) == 10


def test_coverage_times_and_tests_are_listed(open_page, report) -> None:
    """What never ran is named; times sort by a click on a heading."""
    opened = open_page(report)
    opened.page.click("#tab-coverage")
    assert "c20" in opened.texts("section:has(h3:text('Never downgraded')) .link")
    assert "a20" not in opened.texts("section:has(h3:text('Never downgraded')) .link")
    opened.page.click("#tab-timings")
    assert len(opened.texts("#view tbody tr")) == 9
    opened.page.click("th button:text('Revision')")
    assert opened.texts("#view tbody td:first-child")[0] == "a10"
    opened.page.click("th button:text('Revision')")
    assert opened.texts("#view tbody td:first-child")[0] == "d30"
    opened.page.click("#tab-tests")
    assert opened.texts("#view .outcome") == ["failed"]


def test_commands_are_copied(open_page, report) -> None:
    """As they are typed into a shell, one in a line."""
    opened = open_page(report, permissions=["clipboard-read", "clipboard-write"])
    opened.page.click(f".failures [role=option] >> nth={opened.texts('.failures .chip').index('a20')}")
    opened.page.click("[aria-label='Copy the commands']")
    opened.page.wait_for_selector(".copy:text('Copied')")
    assert opened.page.evaluate("navigator.clipboard.readText()") == "alembic upgrade a20\nalembic downgrade a10\n"


def test_keyboard_alone(open_page, report) -> None:
    """Arrows choose failures, tabs and revisions, Enter opens, `/` searches; the focus can be seen."""
    opened = open_page(report)
    press = opened.page.keyboard.press
    opened.page.focus(".failures [aria-selected=true]")
    press("ArrowDown")
    second = opened.texts(".failures .chip")[1]
    assert opened.focused().startswith(second)
    assert second in opened.on_path()
    assert opened.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    press("Enter")
    assert opened.page.evaluate("document.activeElement.className") == "detail"
    opened.page.focus("#tab-failures")
    press("ArrowRight")
    assert opened.focused() == "Revision"
    press("/")
    opened.page.keyboard.type("products from")
    assert opened.texts("#matches") == ["1 of 1"]
    press("ArrowDown")
    assert opened.focused().startswith("d20")
    press("ArrowDown")
    press("ArrowDown")
    press("Enter")
    assert opened.texts("#view h2") == ["c20"]
    assert opened.texts(".revision[aria-selected=true] .id") == ["c20"]
    press("End")
    assert opened.focused().startswith("base")


@pytest.mark.parametrize(("text", "revision"), [("c10", "c10"), ("b20_product_PRICE", "b20"), ("Merge the two", "d10")])
def test_search_by_id_file_and_message(open_page, report, text, revision) -> None:
    """The first match is selected and in view; Escape ends the search."""
    opened = open_page(report, height=330)
    opened.page.keyboard.press("/")
    opened.page.keyboard.type(text)
    assert opened.texts(".revision[aria-selected=true] .id") == [revision]
    assert opened.is_in_view(revision)
    opened.page.keyboard.press("Escape")
    assert opened.page.input_value("#search") == ""
    assert opened.texts(".revision.hit") == []


@pytest.mark.parametrize("view", ["failures", "revision", "coverage", "timings", "tests"])
def test_narrow_screen(open_page, report, view) -> None:
    """400 pixels are enough for the page: only a table or source scrolls sideways, inside its own box."""
    opened = open_page(report, width=400)
    opened.page.click(f"#tab-{view}")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 400
    assert opened.page.evaluate("document.querySelector('#scroll').scrollWidth") <= 400


@pytest.mark.parametrize(("system", "other"), [("light", "dark"), ("dark", "light")])
def test_colours_follow_the_system_and_the_switch(open_page, report, system, other) -> None:
    """Background and text change together."""
    opened = open_page(report, color_scheme=system)
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"

    def is_dark() -> bool:
        back, text = (sum(map(int, re.findall(r"\d+", each)[:3])) for each in opened.page.evaluate(colours))
        assert abs(back - text) > 400
        return back < text

    assert is_dark() == (system == "dark")
    opened.page.click("#theme")
    assert is_dark() == (other == "dark")


def test_hostile_names_are_text(open_page, project) -> None:
    """Message, names, SQL and rows of migrations that are HTML: shown as they are, and nothing of it runs."""
    project.table("a1", None, "users")
    enum = f'op.execute("""CREATE TYPE "{HOSTILE}" AS ENUM (\'{HOSTILE}\')""")'
    up = f'{enum}\nop.execute("ALTER TABLE users ADD note text")'
    file = project.revision("a2", "a1", up, 'op.drop_column("users", "note")')
    file.write_text(f'"""{HOSTILE} message"""\n{file.read_text()}')
    path = f"upgrade a2; insert public.users {json.dumps({'id': 1, 'note': HOSTILE})}; downgrade a1"
    project.pytest("-m", "fuzz", "--gauntlet-replay", path, "--gauntlet-report", "report.html")
    opened = open_page(project.path / "report.html")
    name = f'public."{HOSTILE}"'
    assert name in opened.texts(".change h4")[0]
    assert f"'{HOSTILE}'" in opened.texts("#view td")
    assert f"{HOSTILE} message" in opened.texts(".revision .message")
    opened.page.fill("#search", "script><script>")
    assert opened.texts("#matches") == ["1 of 1"]
    for view in ("revision", "coverage", "timings", "tests"):
        opened.page.click(f"#tab-{view}")
    assert opened.page.evaluate("window.hacked") is None
    assert opened.page.locator("img").count() == 0


def test_500_revisions_are_drawn_and_searched(open_page, project) -> None:
    """Long runs are collapsed until they are opened; a search finds what is hidden in one."""
    (project.path / "long").mkdir()
    write(project.path / "long", 500, branched=True)
    project.write("long/test_migrations.py", (project.path / "test_migrations.py").read_text())
    project.pytest("--rootdir=long", "long", "-k", "all_the_way", "--gauntlet-report", "report.html")
    assert (project.path / "report.html").stat().st_size < 2**20
    opened = open_page(project.path / "report.html")
    assert opened.texts(".tile b")[:2] == ["500", "500"]
    collapsed = len(opened.texts(".revision"))
    assert collapsed < 400
    assert "r0283" not in opened.texts(".revision .id")
    opened.page.fill("#search", "r0283")
    assert opened.texts(".revision[aria-selected=true] .id") == ["r0283"]
    assert opened.is_in_view("r0283")
    opened.page.fill("#search", "")
    before = len(opened.texts(".revision"))
    opened.page.click(".revision.run >> nth=0")
    assert len(opened.texts(".revision")) > before
    opened.page.click("#collapse")
    assert len(opened.texts(".revision")) == 501
    assert len(opened.edges()) == 550
    assert set(opened.edges().values()) == {"both"}


def test_page_without_failures_and_without_histories(open_page, project) -> None:
    """It says so."""
    project.table("a1", None, "users")
    project.pytest("-k", "head", "--gauntlet-report", "green.html")
    opened = open_page(project.path / "green.html")
    assert opened.texts("#verdict strong") == ["1 test, none failed"]
    opened.page.click("#tab-failures")
    assert opened.texts("#view") == ["No failures: every check holds."]
    project.write("test_migrations.py", "def test_nothing():\n    pass\n")
    project.pytest("--gauntlet-report", "empty.html")
    opened = open_page(project.path / "empty.html")
    assert opened.texts("#view") == ["No test has used the gauntlet."]


def test_what_fails_all_tests_alike_stands_there_once(open_page, project) -> None:
    """A history that cannot be loaded: one entry, which names them."""
    project.revision("a1", None, "pass")
    project.write("migrations/versions/broken.py", "def upgrade(:\n")
    project.pytest("--gauntlet-report", "report.html")
    opened = open_page(project.path / "report.html")
    assert len(opened.texts(".failures [role=option]")) == 1
    assert "5 tests" in opened.texts(".failures .where")[0]
    tests = [text for text in opened.texts(".facts dd code") if "::test_" in text]
    assert len(tests) == 5
    lefts = opened.page.eval_on_selector_all(".facts dd", "all => all.map(e => e.getBoundingClientRect().left)")
    assert len(set(lefts)) == 1


def test_two_histories_have_a_graph_each(open_page, project) -> None:
    """One is chosen at the top, or by choosing a failure of it."""
    project.table("a1", None, "users")
    shutil.copytree(project.path / "migrations", project.path / "other")
    project.revision("a2", "a1", "op.execute('SELECT 1/0')")
    own = """
        @pytest.fixture
        def alembic_config(self):
            config = Config("alembic.ini")
            config.set_main_option("script_location", "other")
            return config
    """
    project.test_class(own, header="from alembic.config import Config")
    first = "from alembic_gauntlet import MigrationTestBase\nclass TestA(MigrationTestBase):\n    pass\n"
    project.write("test_first.py", first)
    project.pytest("-k", "stairway", "--gauntlet-since", "a1", "--gauntlet-report", "report.html")
    opened = open_page(project.path / "report.html")
    assert opened.texts("#history option") == ["migrations (2)", "other (1)"]
    assert opened.texts(".revision .id") == ["a2", "a1", "base"]
    opened.page.select_option("#history", "1")
    assert opened.texts(".revision .id") == ["a1", "base"]
    assert opened.texts(".revision.faulty") == []
    opened.page.click(".failures [role=option]")
    assert opened.texts(".revision.faulty .id") == ["a2"]
    command = "pytest -m fuzz --gauntlet-since a1 --gauntlet-replay 'upgrade a1; upgrade a2'"
    assert opened.texts(".alone") == [command]
    assert opened.page.input_value("#history") == "0"
