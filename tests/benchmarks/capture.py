"""A pytest plugin: keep what Alembic's commands write. `pytest -p tests.benchmarks.capture`, BENCH_CAPTURE=file."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from alembic_gauntlet.database import Sandbox, Server
from alembic_gauntlet.runner import Runner
from tests.benchmarks.ddl import Made, Step, Transaction, reduced

_READS = re.compile(r"\s*(SELECT|SHOW|SET|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b", re.I)


class _Capture:
    """Listens to SQLAlchemy while a command runs."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._open: list[str] = []
        self._listens = False

    def install(self) -> None:
        """Begin; there is no end, since the process ends with the tests."""
        event.listen(Engine, "before_cursor_execute", self._execute)
        event.listen(Engine, "commit", self._commit)
        event.listen(Engine, "rollback", lambda connection: self._open.clear())
        runner: Any = Runner
        # Before the first command, env.py is run with nothing to migrate: it makes the version table.
        runner.run, runner.survey = self._listening(Runner.run), self._listening(Runner.survey)
        server: Any = Server
        server.create = self._noting(Server.create)

    def _listening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def listening(*arguments: Any, **keywords: Any) -> Any:
            before, self._listens = self._listens, True
            try:
                return function(*arguments, **keywords)
            finally:
                self._listens = before

        return listening

    def _noting(self, create: Callable[..., Sandbox]) -> Callable[..., Sandbox]:
        @wraps(create)
        def noting(server: Server, template: Sandbox | None = None, *arguments: Any, **keywords: Any) -> Sandbox:
            sandbox = create(server, template, *arguments, **keywords)
            self.steps.append(Made(sandbox.name, template.name if template is not None else None))
            return sandbox

        return noting

    def _execute(self, connection: Connection, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if self._listens and not _READS.match(statement):
            assert not parameters, "the generated histories, and Alembic, write without parameters"
            self._open.append(statement)

    def _commit(self, connection: Connection) -> None:
        if self._open:
            self.steps.append(Transaction(str(connection.engine.url.database), tuple(self._open)))
            self._open.clear()


_capture = _Capture()


def pytest_configure() -> None:
    """Begin to listen."""
    _capture.install()


def pytest_sessionfinish() -> None:
    """Write what has been heard."""
    steps = [asdict(step) for step in reduced(_capture.steps)]
    Path(os.environ["BENCH_CAPTURE"]).write_text(json.dumps(steps))
