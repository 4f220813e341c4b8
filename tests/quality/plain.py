"""Paths of commands run with Alembic alone, and judged by pg_dump: what is known of a fault is checked against it."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import alembic.command
import psycopg
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import Pool

from alembic_gauntlet.embedded import find_binaries
from alembic_gauntlet.graph import Command, State
from strategies.histories import History
from strategies.shortest import legal

Steps = tuple[Command, ...]

_LEFT = """
    SELECT 'advisory lock' FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()
    UNION ALL SELECT 'setting ' || name FROM pg_settings WHERE source = 'session'
"""


@dataclass(frozen=True)
class Shown:
    """What is wrong after a command: its error, or how the schema differs, or what is left in the session."""

    by: str
    detail: str


@dataclass
class PlainAlembic:
    """A server, and its own count of databases."""

    url: str
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database, and drop it afterwards."""
        name = f"plain_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            yield name
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def named(self, name: str) -> URL:
        return make_url(self.url).set(database=name, drivername="postgresql+psycopg")

    def execute(self, name: str, statement: str) -> None:
        url = self.named(name).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def dump(self, name: str) -> tuple[str, ...]:
        """The lines of pg_dump, in an order that the order of columns does not change."""
        host = make_url(self.url).query["host"]
        options = ["--schema-only", "--no-owner", "--exclude-table=alembic_version", "-h", str(host), "-U", "postgres"]
        command = [str(find_binaries() / "pg_dump"), *options, name]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        lines = (line.strip().rstrip(",") for line in text.splitlines())
        return tuple(sorted(line for line in lines if line and not line.startswith(("--", "\\"))))


@dataclass
class PlainHistory:
    """One history, its project written to a directory."""

    server: PlainAlembic
    history: History
    directory: Path
    _dumps: dict[State, tuple[str, ...] | None] = field(default_factory=dict)
    _left: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.config = self.history.config(self.directory)

    def run(self, name: str, command: Command) -> Shown | None:
        """Run a command; return its error, or what it leaves in the session."""
        config = Config(self.config.config_file_name)
        config.set_main_option("sqlalchemy.url", self.server.named(name).render_as_string(False).replace("%", "%%"))
        # env.py then leaves logging alone.
        config.config_file_name = None
        self._left.clear()
        event.listen(Pool, "close", self._at_the_end)
        try:
            getattr(alembic.command, command.verb)(config, command.target)
        except Exception as error:
            return Shown("error", str(error))
        finally:
            event.remove(Pool, "close", self._at_the_end)
        return Shown("session", ", ".join(self._left)) if self._left else None

    def _at_the_end(self, connection: "psycopg.Connection[tuple[str]]", record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_LEFT)
            self._left += [found for (found,) in cursor.fetchall()]

    def canonical(self, state: State) -> tuple[str, ...] | None:
        """What pg_dump says after one revision per command; None where one of them fails."""
        if state not in self._dumps:
            with self.server.database() as name:
                commands = [Command("upgrade", id) for id in self.history.graph.order if id in state]
                failed = any((shown := self.run(name, each)) and shown.by == "error" for each in commands)
                self._dumps[state] = None if failed else self.server.dump(name)
        return self._dumps[state]

    def judged(self, name: str, command: Command, after: State) -> Shown | None:
        """Run a command, and compare the schema with the canonical one."""
        shown = self.run(name, command)
        if shown is not None and shown.by == "error":
            return shown
        canonical, dumped = self.canonical(after), self.server.dump(name)
        if canonical is None or canonical == dumped:
            return shown
        return Shown("schema", "\n".join(sorted(set(canonical) ^ set(dumped))) or "lines twice")

    def along(self, path: Steps, row: str | None = None, row_at: int = 0, probe: str = "") -> list[Shown | None]:
        """What is wrong after each command of a path; `row` is run behind so many of them, `probe` at the end."""
        state: State = frozenset()
        found = []
        with self.server.database() as name:
            for count, command in enumerate(path):
                if row and count == row_at:
                    self.server.execute(name, row)
                state = self.history.graph.after(state, command)
                found.append(self.judged(name, command, state))
            if probe:
                found[-1] = found[-1] or self._probed(name, probe)
        return found

    def _probed(self, name: str, probe: str) -> Shown | None:
        try:
            self.server.execute(name, probe)
        except psycopg.Error as error:
            return Shown("data", str(error))
        return None

    def shorter(self, length: int, template: str = "template1", state: State = frozenset()) -> Iterator[Steps]:
        """Every path of at most `length` commands that shows something wrong."""
        if not length:
            return
        for command, after in legal(self.history.graph, state):
            with self.server.database(template) as name:
                if self.judged(name, command, after) is not None:
                    yield (command,)
                else:
                    yield from ((command, *rest) for rest in self.shorter(length - 1, name, after))
