"""Alembic projects of a given length, alike for every tool that is measured on them.

Of ten revisions six make a table (with a foreign key, an index, a default, every second one an enum), and one each adds
a column, an index, a check constraint and a unique constraint: 200 revisions make 120 tables. In every ten of a
branched history, the seventh and the two after it stand side by side, and the tenth merges them. The models agree with
the migrations.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ENV = '''\
"""What every tool that is measured can use: a connection or an engine in the attributes, or else the URL."""

from contextlib import nullcontext

import sqlalchemy as sa
from alembic import context
from models import metadata

given = context.config.attributes.get("connection")
schema = context.config.attributes.get("target_schema")


def connect():
    if isinstance(given, sa.engine.Connection):
        return nullcontext(given)
    engine = given or sa.create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=sa.pool.NullPool)
    return engine.connect()


with connect() as connection:
    if schema:
        connection.execute(sa.text(f'SET LOCAL search_path = "{schema}"'))
    context.configure(connection=connection, target_metadata=metadata, version_table_schema=schema)
    with context.begin_transaction():
        context.run_migrations()
'''

_REVISION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision = {id!r}, {down!r}


def upgrade():
{up}

def downgrade():
{downs}
"""

_CREATE = """\
    op.create_table(
        "t{n}",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("amount", sa.Numeric(12, 2)),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.text("now()")),{enum}
        sa.Column("t{parent}_id", sa.BigInteger, sa.ForeignKey("t{parent}.id", name="t{n}_parent_fkey")),
    )
    op.create_index("t{n}_name_idx", "t{n}", ["name"])
"""
_ENUM = '\n        sa.Column("kind", sa.Enum("a", "b", name="kind{n}"), server_default="a"),'

_MODEL = """
sa.Table(
    "t{n}",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("amount", sa.Numeric(12, 2)),
    sa.Column("made", sa.DateTime(timezone=True), server_default=sa.text("now()")),{enum}
    sa.Column("t{parent}_id", sa.BigInteger, sa.ForeignKey("t{parent}.id", name="t{n}_parent_fkey")),
    sa.Index("t{n}_name_idx", "name"),{more}
)
"""


@dataclass(frozen=True)
class _Step:
    """One revision: what its functions hold, and what it adds to the model of a table."""

    upgrade: str
    downgrade: str
    table: int
    model: str = ""


def _steps(count: int) -> Iterator[_Step]:
    table = -1
    for number in range(count):
        if number % 10 < 6:
            table += 1
            yield _create(table)
        else:
            yield _ALTERATIONS[number % 10 - 6](table)


def _create(table: int) -> _Step:
    enum = _ENUM.format(n=table) if table % 2 else ""
    up = _CREATE.format(n=table, parent=max(0, table - 1), enum=enum)
    drop_type = f'    op.execute("DROP TYPE kind{table}")\n' if enum else ""
    return _Step(up, f'    op.drop_table("t{table}")\n{drop_type}', table)


def _column(table: int) -> _Step:
    column = 'sa.Column("note", sa.Text)'
    return _Step(
        f'    op.add_column("t{table}", {column})\n', f'    op.drop_column("t{table}", "note")\n', table, column
    )


def _index(table: int) -> _Step:
    name = f"t{table}_made_idx"
    return _Step(
        f'    op.create_index("{name}", "t{table}", ["made"])\n', f'    op.drop_index("{name}")\n', table,
        f'sa.Index("{name}", "made")',
    )  # fmt: skip


def _check(table: int) -> _Step:
    name = f"chk_t{table}_amount"
    return _Step(
        f'    op.create_check_constraint("{name}", "t{table}", "amount >= 0")\n',
        f'    op.drop_constraint("{name}", "t{table}")\n', table,
        f'sa.CheckConstraint("amount >= 0", name="{name}")',
    )  # fmt: skip


def _unique(table: int) -> _Step:
    name = f"uq_t{table}_name"
    return _Step(
        f'    op.create_unique_constraint("{name}", "t{table}", ["name"])\n',
        f'    op.drop_constraint("{name}", "t{table}")\n', table, f'sa.UniqueConstraint("name", name="{name}")',
    )  # fmt: skip


_ALTERATIONS = (_column, _index, _check, _unique)


def write(project: Path, count: int, *, branched: bool = False) -> None:
    """Write a project of `count` revisions into an empty folder: models.py, alembic.ini and migrations."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "init", "migrations"], cwd=project, check=True, capture_output=True
    )
    (project / "migrations/env.py").write_text(_ENV)
    steps = list(_steps(count))
    for number, (step, down) in enumerate(zip(steps, _downs(count, branched), strict=True)):
        text = _REVISION.format(id=_id(number), down=down, up=step.upgrade, downs=step.downgrade)
        (project / f"migrations/versions/{_id(number)}_.py").write_text(text)
    (project / "models.py").write_text(
        "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n" + "".join(_models(steps))
    )


def _models(steps: list[_Step]) -> Iterator[str]:
    more: dict[int, str] = {}
    for step in steps:
        more[step.table] = more.get(step.table, "") + (f"\n    {step.model}," if step.model else "")
    for table, text in more.items():
        enum = _ENUM.format(n=table).replace("        ", "    ") if table % 2 else ""
        yield _MODEL.format(n=table, parent=max(0, table - 1), enum=enum, more=text)


def _id(number: int) -> str:
    return f"r{number:04}"


def _downs(count: int, branched: bool) -> Iterator[str | tuple[str, ...] | None]:
    """The `down_revision` of each. Branched: the eighth and the ninth of ten stand beside the seventh.

    Ten that are not complete do not branch, since nothing would merge them.
    """
    for number in range(count):
        place = number % 10
        branches = branched and number - place + 10 <= count
        if number == 0:
            yield None
        elif branches and place == 7:
            yield _id(number - 2)
        elif branches and place == 9:
            yield _id(number - 3), _id(number - 1)
        else:
            yield _id(number - 1)
