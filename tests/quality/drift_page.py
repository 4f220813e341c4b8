"""Every kind of drift, and what the test of models and `alembic check` say of it: `python -m tests.quality.drift_page`.

It writes docs/drift-kinds.md. Each kind is a project as `alembic init` makes it; `alembic check` runs as a user runs
it, with the defaults of env.py and with all options that make it compare more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import alembic
import sqlalchemy
from alembic.config import Config

from alembic_gauntlet.database import Server
from alembic_gauntlet.diff import condense
from alembic_gauntlet.embedded import EmbeddedServer
from alembic_gauntlet.gauntlet import Gauntlet
from alembic_gauntlet.report import describe
from tests.integration.drift_kinds import DRIFT, EQUIVALENT, Kind

PAGE = Path(__file__).parents[2] / "docs" / "drift-kinds.md"
REVISION = """\
from alembic import op

revision, down_revision = "a1", None


def upgrade():
    op.execute({ddl!r})


def downgrade():
    pass
"""


@dataclass(frozen=True)
class Said:
    """What is said of one kind: by our test, and whether `alembic check` fails, by default and with all options."""

    kind: Kind
    lines: tuple[str, ...]
    check: bool
    check_with_all: bool

    def row(self) -> str:
        """Return the row of the table."""
        ours = "<br>".join(f"`{each}`" for each in self.lines) or "-"
        return (
            f"| {self.kind.name} | {ours.replace('|', '&#124;')} | {_told(self.check)} | {_told(self.check_with_all)} |"
        )


def _told(fails: bool) -> str:
    return "fails" if fails else "-"


def main() -> int:
    """Write the page; return 0 where everything is as the kinds say."""
    with TemporaryDirectory() as folder, EmbeddedServer() as embedded:
        template = Path(folder) / "template"
        template.mkdir()
        _alembic(template, "init", "migrations")
        with Server(embedded.url, throwaway=True) as server:
            kinds = [*DRIFT, *EQUIVALENT]
            with ThreadPoolExecutor(2) as pool:
                checked = list(pool.map(lambda kind: _check(Path(folder), server, kind), kinds))
            said = [
                Said(kind, _ours(Path(folder) / _slug(kind), server, kind), *both)
                for kind, both in zip(kinds, checked, strict=True)
            ]
    PAGE.write_text("\n".join(_page(said[: len(DRIFT)], said[len(DRIFT) :])) + "\n")
    return int(any(bool(each.lines) != bool(each.kind.drift) for each in said))


def _slug(kind: Kind) -> str:
    return f"{(*DRIFT, *EQUIVALENT).index(kind)}"


def _alembic(folder: Path, *arguments: str) -> bool:
    command = [sys.executable, "-m", "alembic", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, env=dict(os.environ)).returncode == 0


def _check(folder: Path, server: Server, kind: Kind) -> tuple[bool, bool]:
    """Return whether `alembic check` fails, by default and with all options."""
    project = folder / _slug(kind)
    shutil.copytree(folder / "template", project)
    (project / "models.py").write_text(kind.source)
    (project / "migrations/versions/a1_.py").write_text(REVISION.format(ddl=kind.ddl))
    with server.create() as sandbox:
        ini, env = project / "alembic.ini", project / "migrations/env.py"
        url = sandbox.url("postgresql+psycopg").render_as_string(hide_password=False)
        ini.write_text(ini.read_text().replace("driver://user:pass@localhost/dbname", url.replace("%", "%%")))
        with_models = "from models import metadata as target_metadata"
        env.write_text(env.read_text().replace("target_metadata = None", with_models))
        if not _alembic(project, "upgrade", "head"):
            raise RuntimeError(f"{kind.name}: the migration fails")
        by_default = not _alembic(project, "check")
        more = "connection=connection, compare_type=True, compare_server_default=True, include_schemas=True,"
        env.write_text(env.read_text().replace("connection=connection,", more))
        return by_default, not _alembic(project, "check")


def _ours(project: Path, server: Server, kind: Kind) -> tuple[str, ...]:
    namespace: dict[str, sqlalchemy.MetaData] = {}
    exec(compile(kind.source, "models.py", "exec"), namespace)
    config = Config(str(project / "alembic.ini"))
    config.set_main_option("script_location", str(project / "migrations"))
    sys.path.insert(0, str(project))  # env.py imports the models
    try:
        with Gauntlet(config, server) as gauntlet:
            findings = gauntlet.up_to_date(namespace["metadata"])
    finally:
        sys.path.remove(str(project))
        sys.modules.pop("models", None)
    return tuple(describe(change) for finding in findings for change in condense(finding.changes))


def _page(drift: list[Said], equivalent: list[Said]) -> Iterator[str]:
    yield "# Kinds of drift\n"
    yield "Written by `make drift`: for each kind a project with one migration and its models; what"
    yield "`test_migrations_up_to_date` reports, and whether `alembic check` fails, with the env.py of `alembic init`"
    yield "and with `compare_type`, `compare_server_default` and `include_schemas`. Alembic"
    yield f"{alembic.__version__}, SQLAlchemy {sqlalchemy.__version__}. What is marked * is reported only where"
    yield "the test class asks for it: [drift](drift.md).\n"
    counts = [
        sum(map(bool, column))
        for column in zip(*((each.lines, each.check, each.check_with_all) for each in drift), strict=True)
    ]
    yield f"Of {len(drift)} kinds the test reports {counts[0]}, and the others on request; `alembic check` fails on"
    yield f"{counts[1]}, and on {counts[2]} with all options.\n"
    yield "| kind | test_migrations_up_to_date | alembic check | with all options |"
    yield "| --- | --- | --- | --- |"
    for each in drift:
        yield each.row().replace(f"| {each.kind.name} |", f"| {each.kind.name}{'' if each.kind.drift else ' *'} |", 1)
    alarms = sum(bool(each.lines) for each in equivalent)
    yield f"\n## Pairs without drift\n\nFalse alarms of the test: {alarms} of {len(equivalent)}.\n"
    yield "| pair | test_migrations_up_to_date | alembic check | with all options |"
    yield "| --- | --- | --- | --- |"
    yield from (each.row() for each in equivalent)


if __name__ == "__main__":
    sys.exit(main())
