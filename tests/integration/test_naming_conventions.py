"""Naming conventions on real databases, and what pytest's own options make of a failure."""

import json

from tests.integration.inprocess import open_gauntlet

UP = """
    op.execute("CREATE TABLE t (id int PRIMARY KEY, n int UNIQUE CHECK (n > 0), p int REFERENCES t)")
    op.execute("CREATE TABLE parts (at date NOT NULL, n int) PARTITION BY RANGE (at)")
    op.execute("CREATE TABLE part PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')")
    op.execute("CREATE INDEX parts_n_idx ON parts (n)")
    op.execute(f"CREATE INDEX {'a' * 62}_idx ON t (n)")
    op.execute("ALTER TABLE t ADD EXCLUDE (n WITH =)")
    op.execute('CREATE TABLE "Mixed" (id int, CONSTRAINT "OddPk" PRIMARY KEY (id))')
    op.execute("CREATE INDEX odd ON t (p)")
    op.execute("ALTER TABLE t ADD CONSTRAINT odd_fk FOREIGN KEY (n) REFERENCES t")
    op.execute("ALTER TABLE t ADD CONSTRAINT odd_ck CHECK (p > 0)")
    op.execute("ALTER TABLE t ADD CONSTRAINT odd_uq UNIQUE (p)")
"""
OFFENCES = [
    'primary key OddPk on public."Mixed" does not begin with pk_ or end in _pkey',
    "check constraint odd_ck on public.t does not begin with chk_ or end in _check",
    "foreign key odd_fk on public.t does not begin with fk_ or end in _fkey",
    "index odd on public.t does not begin with idx_, uq_ or end in _idx, _pkey, _key",
    "unique constraint odd_uq on public.t does not begin with uq_ or end in _key",
]


def test_every_offence_is_told_and_what_postgresql_names_is_none(project) -> None:
    """PostgreSQL's own names, a cut name, and what a partition inherits pass; the version table is left out."""
    project.revision("a1", None, UP)
    with open_gauntlet(project) as gauntlet:
        assert [finding.message for finding in gauntlet.naming()] == OFFENCES
    with open_gauntlet(project, migration_diff_ignore_tables=["t"]) as gauntlet:
        assert [finding.message for finding in gauntlet.naming()] == OFFENCES[:1]


def test_what_was_there_before_the_first_revision_is_named_too(project) -> None:
    """Tables of `prepare_database` are part of the schema at head, and with it of the rules."""
    project.revision("a1", None)

    def prepare(connection) -> None:
        connection.execute("CREATE TABLE before (id int CONSTRAINT odd PRIMARY KEY)")

    with open_gauntlet(project, prepare) as gauntlet:
        assert [finding.message.split(" does")[0] for finding in gauntlet.naming()] == [
            "primary key odd on public.before"
        ]


def test_attributes_of_the_class_and_convention_of_the_models(project) -> None:
    """The convention of target_metadata counts, a list set on the class wins over it."""
    project.edit(
        "migrations/env.py",
        "target_metadata = None",
        "import sqlalchemy\n"
        'target_metadata = sqlalchemy.MetaData(naming_convention={"ix": "odd%(x)s", "pk": "%(x)sPk"})',
    )
    project.revision("a1", None, UP)
    project.test_class('allowed_uq_prefixes = ("odd",)\nallowed_index_suffixes = ("_idx", "_excl")')
    result = project.pytest("-q", "-k", "naming", "--tb=short")
    start = result.outlines.index("3 failures:") + 1
    assert result.outlines[start : start + 3] == [
        OFFENCES[1],
        OFFENCES[2],
        "primary key t_pkey on public.t does not end in Pk",
    ]


def test_options_of_pytest_keep_working(project) -> None:
    """-x stops at the first failure, -vv adds the driver's traceback, and nothing needs the terminal plugin."""
    project.table("a1", None, "t1")
    project.revision("a2", "a1", 'op.execute("SELECT no_such_column")')
    brief = project.pytest("-q", "-x", "--tb=short")
    brief.assert_outcomes(failed=1, deselected=3)
    assert "UndefinedColumn" in brief.stdout.str()
    assert "Traceback" not in brief.stdout.str()
    verbose = project.pytest("-vv", "-x")
    assert "Traceback (most recent call last):" in verbose.stdout.str()
    assert ".errors.UndefinedColumn" in verbose.stdout.str()
    silent = project.pytest("-p", "no:terminal", "--gauntlet-report", "report.json")
    assert silent.ret == 1
    outcomes = [test["outcome"] for test in json.loads((project.path / "report.json").read_text())["tests"]]
    assert outcomes == ["failed", "failed", "passed", "failed", "failed"]
