"""The code blocks of the documentation, and what a test does with each: it is run, or compared with what was run.

A page states on which project its blocks are run: `<!-- project: NAME -->` begins a new one (`STARTS`). The blocks
that follow are taken in order, by what stands behind the fence:

- `console`: each line after `$ ` is run by bash; what follows is its output. Where none follows, it has to succeed.
- `title="FILE"`: the file is written. A workflow is checked against its schema and its commands are run; `$WALKS` is 1
  there, and what has the profile `gauntlet-nightly` is collected alone.
- `title="FILE, changed"`: the functions, classes and assignments are put in the place of those of their names.
- `title="FILE, as it is"`: the file has to be like this.
- `title="message"`: the last output has to contain it; that of pytest, where files have been written since.

In what is compared, `...` stands for anything. After the last block pytest runs, where files have been written since
the last command, and has to pass. `python -m tests.integration.pages FILE` prints a page with the outputs as they are.
"""

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from markdown_it import MarkdownIt

from alembic_gauntlet.embedded import EmbeddedServer

ROOT = Path(__file__).parents[2]
FAULT = '    op.execute("DROP TYPE order_status")\n'
_SECONDS = 300
_PROJECT = re.compile(r"<!-- project: (\w+) -->")
_TITLE = re.compile(r'(?:^| )title="([^"]+)"$')
_SCHEMAS = {".github/workflows/": "vendor.github-workflows", ".gitlab": "vendor.gitlab-ci"}
_VOLATILE = (
    (re.compile(r"in [\d.]+s(?: \([\d:]+\))?"), "in 0.00s"),
    (re.compile(r"([=_])\1{2,}"), "==="),
    (re.compile(r" +$", re.MULTILINE), ""),
)


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language} {self.title})".replace(" )", ")")


@dataclass(frozen=True)
class Section:
    """The blocks of a page that are run on one project; without a name where the page states none."""

    page: str
    project: str
    line: int
    blocks: tuple[Block, ...]


def pages() -> list[Path]:
    """Return all pages: the README and the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def sections(page: Path, root: Path = ROOT) -> list[Section]:
    """Return what a page has to run, in its order. Directives of Sphinx are no code blocks."""
    name = page.relative_to(root).as_posix()
    found: list[tuple[str, int, list[Block]]] = [("", 0, [])]
    for token in MarkdownIt("commonmark").parse(page.read_text()):
        line = token.map[0] + 1 if token.map else 0
        started = _PROJECT.search(token.content) if token.type == "html_block" else None
        if started:
            found.append((started[1], line, []))
        if token.type in ("fence", "code_block") and not token.info.startswith("{"):
            title = _TITLE.search(token.info)
            language = token.info.partition(" ")[0]
            found[-1][2].append(Block(name, line, language, title[1] if title else "", token.content))
    return [Section(name, project, line, tuple(blocks)) for project, line, blocks in found if blocks or project]


def replace_definitions(file: Path, text: str) -> None:
    """Put the functions, classes and assignments of `text` in the place of those of the same names in `file`."""
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            file.write_text(f"{ast.unparse(statement)}\n{file.read_text()}")
            continue
        lines = file.read_text().splitlines(keepends=True)
        (old,) = (each for each in ast.parse("".join(lines)).body if name_of(each) == name_of(statement))
        new = ast.get_source_segment(text, statement)
        file.write_text("".join([*lines[: old.lineno - 1], f"{new}\n", *lines[old.end_lineno :]]))


def name_of(statement: ast.stmt) -> str:
    """Return what a statement at the top of a module defines; nothing for an import."""
    return getattr(statement, "name", None) or "".join(map(ast.unparse, getattr(statement, "targets", [])))


def settled(text: str) -> str:
    """Return an output without what changes from run to run: times, and the length of rules."""
    for pattern, replacement in _VOLATILE:
        text = pattern.sub(replacement, text)
    return text.strip("\n")


def expected(text: str) -> str:
    """Return the regular expression of an output on a page."""
    return ".*?".join(re.escape(part) for part in settled(text).split("..."))


def is_as_shown(shown: str, text: str) -> bool:
    """Whether a text is what a page shows of it."""
    return re.fullmatch(expected(shown), settled(text), re.DOTALL) is not None


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that is shown."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), ""))
        elif found and found[-1][0].endswith("\\") and line.startswith("> "):
            found[-1] = (f"{found[-1][0]}\n{line[2:]}".rstrip("\n"), "")
        else:
            assert found, f"{block} begins with an output"
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def start_empty(path: Path) -> None:
    """Begin with nothing at all."""


def start_example(path: Path) -> None:
    """Begin with the example project: nine revisions with a branch and a merge, models, all correct."""
    shutil.copytree(ROOT / "docs/example", path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))


def start_demo(path: Path) -> None:
    """Begin with the example project and the fault that `make demo` plants."""
    start_example(path)
    file = path / "migrations/versions/a20_orders.py"
    assert FAULT in file.read_text()
    file.write_text(file.read_text().replace(FAULT, ""))


def environment() -> dict[str, str]:
    """Return the environment of a command: that of a user who has set nothing. pip fetches nothing."""
    left_out = ("PYTEST_XDIST", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "GAUNTLET_DATABASE_URL", "CI", "GITHUB_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    env |= {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"}
    return env | {"COLUMNS": "100", "PIP_NO_INDEX": "1", "NO_COLOR": "1"}


STARTS: dict[str, Callable[[Path], None]] = {"empty": start_empty, "example": start_example, "demo": start_demo}


@dataclass
class Scene:
    """A project in a directory, as far as the blocks have been taken.

    Attributes:
        path: the directory.
        url: of a server; the pages call it $TEST_DATABASE_URL, and services of a workflow are this one.
        output: that of the last command; None where files have been written since.
        ran: whether anything has been run since files were written.
        shown: what the commands printed, in order, by block.
    """

    path: Path
    url: str
    output: str | None = None
    ran: bool = True
    shown: dict[int, list[str]] = field(default_factory=dict)

    def take(self, block: Block, compare: bool = True) -> None:
        """Do with a block what its fence says. `compare`: whether outputs have to be as shown."""
        file, _, how = block.title.partition(", ")
        if block.language == "console" and not block.title:
            for command, output in commands(block):
                self.run(command, output, block, compare)
        elif block.title == "message":
            printed = self.output if self.output is not None else self._run("pytest")[1]
            assert not compare or re.search(expected(block.text), settled(printed), re.DOTALL), f"{block}\n{printed}"
        elif how == "as it is":
            text = (self.path / file).read_text()
            self.shown[block.line] = [text]
            self._take_workflow(file)
            assert not compare or is_as_shown(block.text, text), f"{block}\n{text}"
        elif file and how in ("", "changed"):
            self._write(file, block, how)
        else:
            raise AssertionError(f"{block}: nothing says how this block is run or checked")

    def finish(self) -> None:
        """Run pytest, where files have been written since the last command."""
        if not self.ran:
            code, printed = self._run("pytest")
            assert code == 0, printed

    def run(self, command: str, output: str, block: Block, compare: bool) -> None:
        """Run a command, and compare what it prints."""
        code, printed = self._run(command)
        self.shown.setdefault(block.line, []).append(printed)
        if compare:
            passes = is_as_shown(output, printed) if output else code == 0
            assert passes, f"{block}\n$ {command}\n{printed}"

    def _write(self, file: str, block: Block, how: str) -> None:
        target = self.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if how:
            replace_definitions(target, block.text)
        else:
            target.write_text(block.text)
        self.output, self.ran = None, False
        self._take_workflow(file)

    def _take_workflow(self, file: str) -> None:
        """Where a file is a workflow, check it against its schema, and run its commands."""
        schema = next((schema for place, schema in _SCHEMAS.items() if file.startswith(place)), None)
        if schema is None:
            return
        target = self.path / file
        checked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(target)]
        result = subprocess.run(checked, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
        for command, env in workflow_commands(yaml.safe_load(target.read_text())):
            # A night of walks is collected, and not run.
            dry = " --collect-only" if "gauntlet-nightly" in command else ""
            code, printed = self._run(command + dry, env)
            assert code == 0, f"{command}\n{printed}"

    def _run(self, command: str, more: dict[str, str] | None = None) -> tuple[int, str]:
        env = environment()
        env |= {"TEST_DATABASE_URL": self.url.replace("postgresql:", "postgresql+asyncpg:")}
        here = {"GAUNTLET_DATABASE_URL": self.url, "WALKS": "1"}
        given = {name: here.get(name, value) for name, value in (more or {}).items()}
        process = subprocess.Popen(
            ["bash", "-c", command], cwd=self.path, env=env | given, text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            self.output, self.ran = process.communicate(timeout=_SECONDS)[0], True
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        return process.returncode, self.output


def workflow_commands(workflow: dict) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the commands of a workflow of GitHub or GitLab, with their variables; of a matrix the first entry."""
    if "jobs" not in workflow:  # GitLab
        for job in workflow.values():
            if isinstance(job, dict) and "script" in job:
                for command in job["script"]:
                    yield command, {name: str(value) for name, value in job.get("variables", {}).items()}
        return
    for job in workflow["jobs"].values():
        matrix = {
            f"matrix.{name}": str(values[0]) for name, values in job.get("strategy", {}).get("matrix", {}).items()
        }
        for step in job["steps"]:
            if "run" in step:
                env = {**workflow.get("env", {}), **job.get("env", {}), **step.get("env", {})}
                yield fill(step["run"], matrix), {name: fill(str(value), matrix) for name, value in env.items()}


def fill(text: str, values: dict[str, str]) -> str:
    """Put values in the place of the expressions of GitHub."""
    values = values | {"github.run_id": "1", "github.run_number": "1"}
    return re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda match: values[match[1]], text)


def options_of(command: str) -> tuple[list[str], list[str]]:
    """Return the program of a command of this repository, and the options that it is given."""
    words = shlex.split(command, comments=True)
    count = 3 if words[1:2] == ["-m"] else 1
    return words[:count], [word.partition("=")[0] for word in words[count:] if word.startswith("--")]


def renewed_block(block: Block, scene: Scene) -> list[str]:
    """Return the text of a block, with what is shown there as it is now; what it leaves out is left out."""
    if block.title:
        return scene.shown[block.line]
    pairs = zip(commands(block), scene.shown[block.line], strict=True)
    return [f"$ {command}\n{shown if is_as_shown(shown, now) else now}" for (command, shown), now in pairs]


def renewed(page: Path, url: str) -> str:
    """Return the text of a page with the outputs of its commands as they are now."""
    lines = page.read_text().splitlines(keepends=True)
    for section in reversed([each for each in sections(page) if each.project in STARTS]):
        with tempfile.TemporaryDirectory() as directory:
            scene = Scene(Path(directory), url)
            STARTS[section.project](scene.path)
            for block in section.blocks:
                scene.take(block, compare=False)
        for block in reversed(section.blocks):
            if block.line in scene.shown:
                lines[block.line : block.line + len(block.text.splitlines())] = renewed_block(block, scene)
    return "".join(lines)


if __name__ == "__main__":
    with EmbeddedServer() as running:
        print(renewed(Path(sys.argv[1]).resolve(), running.url), end="")
