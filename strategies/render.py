"""Real Alembic projects: what `alembic init` writes, and a file for each revision."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from textwrap import indent

from alembic import command
from alembic.config import Config

from strategies.graphs import MigrationScript
from strategies.operation import Operation

_MIGRATION = '''\
"""{doc}."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = {revision!r}
down_revision = {down_revision!r}
branch_labels = {branch_labels!r}
depends_on = {depends_on!r}


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''


@cache
def _initial() -> Mapping[str, str]:
    """What `alembic init migrations` writes, by path; of the template `generic`, unmodified."""
    with tempfile.TemporaryDirectory() as made, contextlib.redirect_stdout(io.StringIO()):
        root = Path(made)
        config = Config(str(root / "alembic.ini"), stdout=io.StringIO())
        command.init(config, str(root / "migrations"))
        files = [path for path in root.rglob("*") if path.is_file() and path.suffix in (".ini", ".py", ".mako")]
        return {str(path.relative_to(root)): path.read_text().replace(made, "%(here)s") for path in files}


def write_project(directory: Path) -> Path:
    """Write an Alembic project without revisions; return its alembic.ini."""
    versions = directory / "migrations" / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for name, text in _initial().items():
        (directory / name).write_text(text)
    return directory / "alembic.ini"


def write_migration(directory: Path, script: MigrationScript, operations: tuple[Operation, ...]) -> Path:
    """Write the file of one revision into the project in `directory`."""
    path = directory / "migrations" / "versions" / f"{script.revision}_.py"
    path.write_text(source(script, operations))
    return path


def source(script: MigrationScript, operations: tuple[Operation, ...]) -> str:
    """Return the text of a migration file."""
    down = script.down_revision
    return _MIGRATION.format(
        doc=", ".join(operation.kind for operation in operations) or "merge",
        revision=script.revision,
        down_revision=down[0] if down and len(down) == 1 else down,
        branch_labels=script.branch_labels,
        depends_on=script.dependencies,
        upgrade=_body(operation.upgrade for operation in operations),
        downgrade=_body(operation.downgrade for operation in reversed(operations)),
    )


def _body(sources: object) -> str:
    text = "\n".join(each for each in sources if each)  # type: ignore[attr-defined]
    return indent(text or "pass", "    ")
