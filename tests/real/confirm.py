"""Whether plain Alembic and pg_dump show what a report says: `python tests/real/confirm.py CASE REPORT.json [TEST]`.

Each failure's path is run from an empty database by `alembic.command`, through `plain.py` in the case's environment.
Nothing of alembic-gauntlet takes part in the verdict; only the throw-away server is its own. A failure is confirmed

- where it is an error: the commands before the last pass, and the last raises that error in that line;
- where it is about the schema: all commands pass, and `pg_dump --schema-only` differs from that of a fresh database
  upgraded to the same revisions, one per command, in Alembic's own order; each object reported is in what differs;
- where it is about granularity: besides, the same revisions one per command from the same place end well;
- where rows stand in its path: they are inserted as the path has them, and where rows are lost or changed, a look at
  the tables shows it; and whether the same commands pass without the rows is said.

And its path is minimal where leaving out any one command does not show it any more. Exit status 1 where one is not
confirmed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import environments
import psycopg
from psycopg import sql

from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.path import Insert

HERE = Path(__file__).parent
DATABASE = "plain"
_EVERY = 20
"""So often the climb to a state keeps a copy to start from again."""


@dataclass(frozen=True)
class Ran:
    """What became of a path: the answer to each command, and the dump and the version table where all passed."""

    answers: tuple[dict[str, Any], ...]
    dump: Counter[str] = field(default_factory=Counter)
    heads: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every command did."""
        return all(answer["ok"] for answer in self.answers)


class Laboratory:
    """One case's plain Alembic and one database on a server of its own."""

    def __init__(self, case: Path, python: Path, server: EmbeddedServer, binaries: Path) -> None:
        self._binaries = binaries
        self._host = server.url.partition("host=")[2]
        self._admin = psycopg.connect(f"host={self._host} user=postgres dbname=postgres", autocommit=True)
        # As the sandboxes have it: a migration that looks at a table by a second connection would wait for itself.
        self._admin.execute("ALTER ROLE postgres SET lock_timeout = '5s'")
        self._copies: dict[tuple[str, ...], str] = {}
        self._create()
        url = f"postgresql+psycopg2://postgres@/{DATABASE}?host={self._host}"
        self._process = subprocess.Popen(
            [python, HERE / "plain.py", case, url],
            cwd=case, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log(case), text=True,
        )  # fmt: skip
        self._answer()
        self._must("prepare")
        self._keep(())

    def _log(self, case: Path) -> Any:
        return (environments.CACHE / case.name / "plain.log").open("w")

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._admin.close()

    def run(self, path: Sequence[tuple[str, str]]) -> Ran:
        """Run a path from an empty database, to its end or to the first command that fails."""
        self._create(self._copies[()])
        answers = []
        for verb, target in path:
            answers.append(self._insert(target) if verb == "insert" else self._ask(verb, target))
            if not answers[-1]["ok"]:
                return Ran(tuple(answers))
        return Ran(tuple(answers), self._dump(), self._heads())

    def _insert(self, statement: str) -> dict[str, Any]:
        """Insert a row, as psql would."""
        with psycopg.connect(f"host={self._host} user=postgres dbname={DATABASE}", autocommit=True) as connection:
            try:
                connection.execute(statement.encode())
            except psycopg.Error as error:
                return {"ok": False, "type": type(error).__name__, "message": str(error), "frames": []}
        return {"ok": True, "value": None}

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """Return the rows of a table."""
        with psycopg.connect(f"host={self._host} user=postgres dbname={DATABASE}") as connection:
            return connection.execute(f"SELECT * FROM {name} ORDER BY 1".encode()).fetchall()

    def fresh(self, heads: Sequence[str]) -> Counter[str]:
        """Return the dump of the state that the version table names, reached one revision per command."""
        way = tuple(self._must("state", heads))
        done = max((each for each in self._copies if way[: len(each)] == each), key=len)
        self._create(self._copies[done])
        for count, revision in enumerate(way[len(done) :], len(done) + 1):
            self._must("upgrade", revision)
            if count % _EVERY == 0 or count == len(way):
                self._keep(way[:count])
        return self._dump()

    def singly(self, before: Sequence[tuple[str, str]], last: tuple[str, str]) -> Ran:
        """Run the last command's revisions, one per command, where `before` has led to."""
        verb, target = last
        start = self._must("state", self.run(before).heads)
        aim = self._must("state", [] if target == "base" else [target.rpartition("@")[2]])
        if verb == "upgrade":
            path = [(verb, revision) for revision in aim if revision not in start]
        else:
            ran = self.run((*before, last))
            left = self._must("state", ran.heads) if ran.passed else aim
            path = [(verb, f"{revision}@-1") for revision in reversed(start) if revision not in left]
        self.run(before)
        answers = tuple(self._ask(*command) for command in path)
        return Ran(answers, self._dump(), self._heads())

    def _ask(self, *request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("plain.py has ended; see plain.log in the case's environment")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _must(self, *request: Any) -> Any:
        answer = self._ask(*request)
        if not answer["ok"]:
            raise SystemExit(f"{request}: {answer['type']}: {answer['message']}")
        return answer["value"]

    def _create(self, template: str = "template0") -> None:
        self._drop(DATABASE)
        self._admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(DATABASE), sql.Identifier(template))
        )

    def _keep(self, way: tuple[str, ...]) -> None:
        if way not in self._copies:
            self._copies[way] = f"copy_{len(self._copies)}"
            names = sql.Identifier(self._copies[way]), sql.Identifier(DATABASE)
            self._admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))

    def _drop(self, name: str) -> None:
        self._admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _heads(self) -> tuple[str, ...]:
        with psycopg.connect(f"host={self._host} user=postgres dbname={DATABASE}") as connection:
            if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
                return ()
            return tuple(sorted(row[0] for row in connection.execute("SELECT version_num FROM alembic_version")))

    def _dump(self) -> Counter[str]:
        """The lines of pg_dump, in any order: that of columns does not count; less those of the version table."""
        command = [self._binaries / "pg_dump", "-s", "-O", "-x", "-h", self._host, "-U", "postgres"]
        done = subprocess.run([*command, "-T", "alembic_version", DATABASE], capture_output=True, text=True, check=True)
        lines = (line.strip().rstrip(",") for line in done.stdout.splitlines())
        return Counter(line for line in lines if line and not line.startswith(("--", "\\")))


@dataclass(frozen=True)
class Judgement:
    """What plain Alembic says of one failure."""

    confirmed: bool
    words: str
    minimal: bool = True


def judge(lab: Laboratory, failure: dict[str, Any]) -> Judgement:
    """Run a failure's path, and the paths without one of its commands."""
    path = steps(failure)
    shown, words = shows(lab, path, failure)
    if shown and any(verb == "insert" for verb, _ in path):
        bare = [each for each in path if each[0] != "insert"]
        ran = lab.run(bare)
        words += f"; without rows {'they pass' if ran.passed else _error(ran.answers[-1])}"
    if shown and failure["invariant"] == "transaction-granularity":
        alone = lab.singly(path[:-1], path[-1])
        shown = alone.passed and alone.dump == lab.fresh(alone.heads)
        words += f"; one revision per command {'ends well' if shown else 'does not end well either'}"
    if not shown:
        return Judgement(False, words)
    shorter = [path[:i] + path[i + 1 :] for i in range(len(path)) if len(path) > 1]
    still = [each for each in shorter if shows(lab, each, failure)[0]]
    return Judgement(True, words + "".join(f"; `{_told(each)}` shows it, too" for each in still), not still)


def shows(lab: Laboratory, path: Sequence[tuple[str, str]], failure: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a path ends as a failure says, and how it ends."""
    if failure["invariant"] in ("rows-survive", "row-round-trip"):
        return _changes_rows(lab, path, failure)
    ran = lab.run(path)
    if not failure["changes"]:
        return _raises(ran, len(path), failure)
    if not ran.passed:
        return False, f"{_told(path[: len(ran.answers)])}: {_error(ran.answers[-1])}"
    fresh = lab.fresh(ran.heads)
    differing = sorted([*(f"- {line}" for line in fresh - ran.dump), *(f"+ {line}" for line in ran.dump - fresh)])
    named = [change for change in failure["changes"] if any(_is_about(line, change) for line in differing)]
    others = [line for line in differing if not any(_is_about(line, change) for change in failure["changes"])]
    words = f"pg_dump differs in {len(differing)} lines, which name {len(named)} of {len(failure['changes'])} objects"
    rest = f"; besides: {others[:6]}" if others else ""
    return len(named) == len(failure["changes"]), words + rest


def _changes_rows(lab: Laboratory, path: Sequence[tuple[str, str]], failure: dict[str, Any]) -> tuple[bool, str]:
    """Return whether the tables that a failure is about have other rows at the end than were inserted, and which.

    A round trip has to end at the revisions at which the first of them were inserted.
    """
    places = [place for place, (verb, _) in enumerate(path) if verb == "insert"] or [-1]
    named = (each.split()[2] for verb, each in path if verb == "insert")
    tables = [each for each in dict.fromkeys(named) if each in failure["message"]]
    began = lab.run(path[: places[0] + 1]).heads
    inserted = lab.run(path[: places[-1] + 1])
    if not inserted.passed:
        return False, "a row is refused"
    before = {table: lab.table(table) for table in tables}
    ended = lab.run(path)
    if not ended.passed:
        return False, "a command fails"
    if failure["invariant"] == "row-round-trip" and ended.heads != began:
        return False, "it does not end where the rows were inserted"
    after = {table: lab.table(table) for table in tables}
    changed = [f"{table}: {before[table]} became {after[table]}" for table in tables if before[table] != after[table]]
    return bool(changed), "; ".join(changed)[:300] or "the rows are what they were"


def steps(failure: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a failure's path: each command with its target, each row as the statement that inserts it."""
    return [
        ("insert", Insert.of(step["table"], step["row"]).sql())
        if step["command"] == "insert"
        else (step["command"], step["target"])
        for step in failure["path"]
    ]


def _raises(ran: Ran, length: int, failure: dict[str, Any]) -> tuple[bool, str]:
    answer = ran.answers[-1] if ran.answers else {"ok": True}
    if answer["ok"]:
        return False, "all commands pass"
    if len(ran.answers) < length:
        return False, f"command {len(ran.answers)} fails: {_error(answer)}"
    # By the name of the file: some histories are copied to another folder for each session.
    place = f"{Path(failure['file']).name}:{failure['line']}"
    right, frames = f"{answer['type']}: " in failure["message"], [Path(each) for each in answer["frames"]]
    if not any(each.parent.name == Path(failure["file"]).parent.name for each in frames):
        # A migration that swallows an error: it is Alembic's own next statement that fails.
        return right, f"{_error(answer)} behind the migration"
    return right and place in {each.name for each in frames}, f"{_error(answer)} at {place}"


def _error(answer: dict[str, Any]) -> str:
    return f"{answer['type']}: {' '.join(answer['message'].split())[:100]}"


def _is_about(line: str, change: dict[str, Any]) -> bool:
    """Whether a line of a dump names an object, by the last part of its name: lines know no tables."""
    last = change["name"].rpartition(".")[2].strip('"')
    values = [change["before"], change["after"]] if change["kind"] == "enum type" else []
    labels = {label for value in values for label in re.findall(r"'([^']*)'", value or "")}
    words = re.findall(r"[\w$]+", line)
    return last in words or (len(labels) > 0 and line[2:].strip("'") in labels)


def _told(path: Sequence[tuple[str, str]]) -> str:
    return "; ".join(" ".join(command) for command in path)


def failures(report: Path, test: str) -> Iterator[dict[str, Any]]:
    """Yield the failures of a test that have a path."""
    for each in json.loads(report.read_text())["tests"]:
        if each["nodeid"].endswith(f"::{test}"):
            yield from (failure for failure in each["failures"] if failure["path"])


def main(name: str, report: str, test: str = "test_random_walks") -> int:
    """Judge every failure of one test; return the exit status."""
    case = HERE / name
    python = environments.ensure(case)
    told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
    binaries = Path(told.stdout.strip())
    bad = 0
    with EmbeddedServer(binaries) as server, Laboratory(case, python, server, binaries) as lab:
        for failure in failures(Path(report), test):
            judgement = judge(lab, failure)
            bad += not judgement.confirmed
            verdict = "confirmed" if judgement.confirmed else "NOT CONFIRMED"
            minimal = "" if judgement.minimal else ", not minimal"
            print(f"{failure['invariant']} {failure['revision']}: {verdict}{minimal}")
            print(f"    {_told(steps(failure))}\n    {judgement.words}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
