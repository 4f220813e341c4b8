"""The test of models beside `alembic upgrade head` and `alembic check`: `python -m tests.benchmarks.drift`.

Whole processes, one after the other on the same server, alternating; medians of the ratios of each round. The history
makes one table per revision, with a foreign key, an index, an enum and a default, and the models agree with it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from alembic_gauntlet.database import Server
from alembic_gauntlet.embedded import EmbeddedServer

COLUMNS = """\
sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.Enum("a", "b", name="kind_{number}"), server_default="a"),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("t{parent}.id")),"""
REVISION = """\
import sqlalchemy as sa
from alembic import op

revision, down_revision = "r{number:04}", {down!r}


def upgrade():
    op.create_table(
        "t{number}",
        {columns}
    )
    op.create_index("t{number}_name_idx", "t{number}", ["name"])


def downgrade():
    op.drop_table("t{number}")
    op.execute("DROP TYPE kind_{number}")
"""
MODEL = """
sa.Table("t{number}", metadata, {columns} sa.Index("t{number}_name_idx", "name"))
"""
TEST = "from alembic_gauntlet import MigrationTestBase\n\n\nclass TestMigrations(MigrationTestBase):\n    pass\n"


def write(project: Path, count: int) -> None:
    """Write a project of so many revisions, as `alembic init` makes it."""
    subprocess.run(
        [sys.executable, "-m", "alembic", "init", "migrations"], cwd=project, check=True, capture_output=True
    )
    models = "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"
    for number in range(count):
        columns = COLUMNS.format(number=number, parent=max(0, number - 1))
        down = f"r{number - 1:04}" if number else None
        text = REVISION.format(number=number, down=down, columns=columns)
        (project / f"migrations/versions/r{number:04}_.py").write_text(text)
        models += MODEL.format(number=number, columns=columns)
    (project / "models.py").write_text(models)
    env = project / "migrations/env.py"
    env.write_text(env.read_text().replace("target_metadata = None", "from models import metadata as target_metadata"))
    (project / "test_migrations.py").write_text(TEST)


def timed(command: Sequence[str], folder: Path, **environment: str) -> float:
    """Return how many seconds a command takes."""
    started = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, **environment})
    return time.monotonic() - started


def main(arguments: Sequence[str]) -> int:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--revisions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args(arguments)
    rounds: list[tuple[float, float, float]] = []
    with TemporaryDirectory() as folder, EmbeddedServer() as embedded, Server(embedded.url, throwaway=True) as server:
        project = Path(folder)
        write(project, chosen.revisions)
        plain = (project / "alembic.ini").read_text()
        for _ in range(chosen.rounds):
            with server.create() as sandbox:
                url = sandbox.url("postgresql+psycopg").render_as_string(hide_password=False).replace("%", "%%")
                (project / "alembic.ini").write_text(plain.replace("driver://user:pass@localhost/dbname", url))
                alembic = [sys.executable, "-m", "alembic"]
                theirs = timed([*alembic, "upgrade", "head"], project) + timed([*alembic, "check"], project)
            (project / "alembic.ini").write_text(plain)
            test = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "up_to_date", "--junit-xml=x"]
            process = timed(test, project, GAUNTLET_DATABASE_URL=str(embedded.url))
            case = ElementTree.parse(project / "x").getroot().find(".//testcase")
            assert case is not None
            rounds.append((theirs, float(case.attrib["time"]), process))
    names = ("alembic upgrade head, alembic check", "the test, as pytest times it", "the whole pytest process")
    print(f"{chosen.revisions} revisions, {chosen.rounds} rounds: medians, and ratios to the first")
    for place, name in enumerate(names):
        ratios = [each[place] / each[0] for each in rounds]
        middle = statistics.median(each[place] for each in rounds)
        print(f"{name:36} {middle:5.2f} s  {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
