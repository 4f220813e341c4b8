"""The stairway: what is found, where, by which path; and that nothing else is reported."""

import psycopg
import pytest

from alembic_gauntlet.database import Server
from tests.integration.inprocess import assert_reproduced, differences, open_gauntlet, paths, places

ENUM = 'sa.Enum("x", "y", name="st")'


def test_leftover_that_if_not_exists_hides_is_found(project) -> None:
    """A table that the downgrade forgets is reported though the second upgrade does not trip over it."""
    project.table("a1", None, "t1")
    project.revision("a2", "a1", 'op.execute("CREATE TABLE IF NOT EXISTS kept (id int)")')
    project.table("a3", "a2", "t3")
    with open_gauntlet(project) as gauntlet:
        (finding,) = findings = gauntlet.stairway()
        assert places(findings) == ["a2_.py:13 downgrade"]
        assert paths(findings) == ["upgrade a2; downgrade a1"]
        assert "+ table public.kept" in differences(finding)
        assert_reproduced(gauntlet, findings)


def test_every_failure_is_reported_once_at_its_own_revision(project) -> None:
    """A wrong type, a dropped thing of an earlier revision, a failing downgrade, the head: four findings, no more."""
    project.table("a1", None, "t1")
    project.revision("a2", "a1", 'op.add_column("t1", sa.Column("n", sa.Integer))', 'op.drop_column("t1", "n")')
    project.revision(
        "a3",
        "a2",
        'op.alter_column("t1", "n", type_=sa.BigInteger)',
        'op.alter_column("t1", "n", type_=sa.SmallInteger)',
    )
    project.revision(
        "a4",
        "a3",
        'op.add_column("t1", sa.Column("p", sa.Text))',
        'op.drop_column("t1", "p")\nop.drop_column("t1", "n")',
    )
    project.table("a5", "a4", "t5")
    project.revision("a6", "a5", 'op.create_index("t5_id_idx", "t5", ["id"])', 'op.drop_index("wrong_name")')
    project.revision("a7", "a6", 'op.execute("CREATE SEQUENCE numbers")', "pass")
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.stairway()
        assert places(findings) == [
            "a3_.py:13 downgrade",
            "a4_.py:13 downgrade",
            "a6_.py:14 downgrade",
            "a7_.py:13 downgrade",
        ]
        assert paths(findings) == [
            "upgrade a3; downgrade a2",
            "upgrade a4; downgrade a3",
            "upgrade a6; downgrade a5",
            "upgrade a7; downgrade a6",
        ]
        assert differences(findings[0]) == ["~ column public.t1.n: integer became smallint"]
        assert differences(findings[1]) == ["- column public.t1.n bigint"]
        assert "Then `alembic upgrade a7` fails: DuplicateTable" in findings[3].message
        assert_reproduced(gauntlet, findings)


def test_second_upgrade_that_makes_something_else_is_found(project) -> None:
    """A name that is generated anew at each run differs between the first and the second upgrade."""
    project.table("a1", None, "t1")
    project.revision(
        "a2",
        "a1",
        'import uuid\nop.create_index(f"t1_{uuid.uuid4().hex}_idx", "t1", ["id"])',
        'name = sa.inspect(op.get_bind()).get_indexes("t1")[0]["name"]\nop.drop_index(name)',
    )
    project.table("a3", "a2", "t3")
    with open_gauntlet(project) as gauntlet:
        (finding,) = findings = gauntlet.stairway()
        assert places(findings) == ["a2_.py:9 upgrade"]
        assert paths(findings) == ["upgrade a2; downgrade a1; upgrade a2"]
        assert [change.change for change in finding.changes].count("added") == 1
        assert gauntlet.replay(finding.path)


def test_second_upgrade_that_fails_is_found(project) -> None:
    """A leftover that no schema shows, such as a role or a large object, breaks the second upgrade."""
    project.table("a1", None, "t1")
    project.revision("a2", "a1", 'op.execute("SELECT lo_create(4711)")')
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.stairway()
        assert places(findings) == ["a2_.py:10 upgrade"]
        assert paths(findings) == ["upgrade a2; downgrade a1; upgrade a2"]
        assert_reproduced(gauntlet, findings)


def test_hidden_dependency_between_branches_is_found_and_the_rest_is_tried(project) -> None:
    """From its canonical parents the revision fails; the other branch, the merge and the head are tried."""
    project.table("r", None, "root")
    project.table("a1", "r", "ta")
    project.table("b1", "r", "tb")
    project.revision("a2", "a1", 'op.add_column("tb", sa.Column("n", sa.Integer))', 'op.drop_column("tb", "n")')
    project.revision("b2", "b1", 'op.execute("CREATE TYPE b2 AS ENUM ()")')
    project.revision("m", ("a2", "b2"), 'op.execute("CREATE TYPE m AS ENUM ()")')
    project.revision("n", "m", 'op.execute("CREATE TYPE n AS ENUM ()")')
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.stairway()
        assert places(findings) == [
            "a2_.py:10 upgrade",
            "b2_.py:13 downgrade",
            "m_.py:13 downgrade",
            "n_.py:13 downgrade",
        ]
        assert paths(findings) == [
            "upgrade a2",
            "upgrade b2; downgrade b1",
            "upgrade m; downgrade a2",
            "upgrade n; downgrade m",
        ]
        assert_reproduced(gauntlet, findings)


def test_branches_that_do_not_go_together_are_reported_once(project) -> None:
    """Each branch passes by itself; their merge, and all above it, cannot be reached: one finding says so."""
    project.table("r", None, "root")
    project.table("a", "r", "same")
    project.table("b", "r", "same")
    project.table("m", ("a", "b"), "tm")
    project.table("n", "m", "tn")
    with open_gauntlet(project) as gauntlet:
        (finding,) = findings = gauntlet.stairway()
        assert places(findings) == ["b_.py:10 upgrade"]
        assert paths(findings) == ["upgrade a; upgrade b"]
        assert "The 2 revisions above it are not tried." in finding.message
        assert_reproduced(gauntlet, findings)


def test_bases_dependencies_and_a_merge_of_three_are_climbed(project) -> None:
    """Several bases with depends_on and a three-way merge: silent where all is well, exact where one thing is not."""
    project.table("a1", None, "a1")
    project.table("b1", None, "b1")
    project.revision(
        "b2",
        "b1",
        'op.execute("CREATE TABLE b2 (id int REFERENCES a1)")',
        'op.drop_table("b2")',
        depends_on="a1",
    )
    for branch in "xyz":
        project.table(branch, "a1", branch)
    project.table("m", ("x", "y", "z"), "m")
    project.table("top", ("m", "b2"), "top")
    with open_gauntlet(project) as gauntlet:
        assert gauntlet.stairway() == ()
        assert gauntlet.take_coverage().summary()["downgraded"] == 8
    project.revision("m", ("x", "y", "z"), 'op.create_table("m", sa.Column("id", sa.Integer))')
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.stairway()
        assert places(findings) == ["m_.py:13 downgrade"]
        assert paths(findings) == ["upgrade m; downgrade x"]
        assert_reproduced(gauntlet, findings)


def test_what_passes_in_one_command_and_fails_one_by_one(project) -> None:
    """SQLAlchemy skips a second CREATE TYPE within one run; alone it fails. What stands above is tried all the same."""
    drop = 'op.drop_table("t1")\nop.execute("DROP TYPE st")'
    project.revision("a1", None, f'op.create_table("t1", sa.Column("s", {ENUM}))', drop)
    project.revision("a2", "a1", f'op.create_table("t2", sa.Column("s", {ENUM}))', "pass")
    project.table("a3", "a2", "t3")
    project.revision("a4", "a3", 'op.execute("CREATE TYPE a4 AS ENUM ()")')
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.stairway()
        assert places(findings) == ["a2_.py:10 upgrade", "a2_.py:13 downgrade", "a4_.py:13 downgrade"]
        assert paths(findings) == ["upgrade a1; upgrade a2", "upgrade a2; downgrade a1", "upgrade a4; downgrade a3"]
        assert 'type "st" already exists' in findings[0].message
        assert "`alembic upgrade a2` passes on an empty database" in findings[0].message
        assert_reproduced(gauntlet, findings)


def test_error_at_commit_is_laid_to_the_revision_that_ran_alone(project) -> None:
    """A deferred constraint fails after the function has returned; what stands above cannot be tried."""
    project.table("a1", None, "t1")
    project.revision(
        "a2",
        "a1",
        'op.execute("CREATE TABLE d (id int PRIMARY KEY, p int REFERENCES d DEFERRABLE INITIALLY DEFERRED)")\n'
        'op.execute("INSERT INTO d VALUES (1, 2)")',
        'op.drop_table("d")',
    )
    project.table("a3", "a2", "t3")
    with open_gauntlet(project) as gauntlet:
        (finding,) = findings = gauntlet.stairway()
        assert places(findings) == ["a2_.py:9 upgrade"]
        assert finding.revision == "a2"
        assert "at COMMIT: ForeignKeyViolation" in finding.message
        assert "The 1 revision above it is not tried." in finding.message
        assert_reproduced(gauntlet, findings)


def test_failure_after_an_earlier_round_trip_is_laid_to_that_one(project) -> None:
    """A downgrade leaves rows behind; a later revision fails on them. The later one is innocent, and is tried anew."""
    project.table("a0", None, "t0")
    project.table("a1", "a0", "t1")
    project.revision("a2", "a1", 'op.execute("INSERT INTO t1 VALUES ((SELECT count(*) FROM t1) + 1)")')
    project.table("a3", "a2", "t3")
    project.revision(
        "a4",
        "a3",
        'op.execute("CREATE UNIQUE INDEX t1_idx ON t1 ((id > 0))")',
        'op.drop_index("t1_idx")\nop.execute("CREATE TYPE a4 AS ENUM ()")',
    )
    project.table("a5", "a4", "t5")
    with open_gauntlet(project) as gauntlet:
        findings = gauntlet.stairway()
        assert places(findings) == ["a2_.py:13 downgrade", "a4_.py:13 downgrade"]
        assert paths(findings) == ["upgrade a2; downgrade a1; upgrade a2; upgrade a4", "upgrade a4; downgrade a3"]
        assert "fails in revision a4 at a4_.py:10" in findings[0].message
        assert_reproduced(gauntlet, findings)


def test_fault_that_looks_different_each_time_is_laid_to_its_own_revision(project) -> None:
    """A downgrade that drops one of two, whichever it finds first: no round trip before it is to blame for that."""
    project.write("runs.txt", "")
    for number, parent in enumerate([None, "a0", "a1"]):
        project.table(f"a{number}", parent, f"t{number}")
    project.revision(
        "a3",
        "a2",
        'op.create_table("one")\nop.create_table("two")',
        """
        from pathlib import Path
        file = Path("runs.txt")
        file.write_text(file.read_text() + "x")
        op.drop_table("two" if 1 < len(file.read_text()) <= 4 else "one")
        """,
    )
    with open_gauntlet(project) as gauntlet:
        (finding,) = gauntlet.stairway()
        assert finding.revision == "a3"
        assert [change.name for change in finding.changes] == ["public.one"], "what the path has shown"
        assert "Without that round trip" not in finding.message


def test_failure_that_does_not_come_again_has_no_path(project) -> None:
    """What depends on something outside the database is told as such, without a path that would not show it."""
    project.write("runs.txt", "")
    project.table("a1", None, "t1")
    project.revision(
        "a2",
        "a1",
        """
        from pathlib import Path
        file = Path("runs.txt")
        file.write_text(file.read_text() + "x")
        if len(file.read_text()) == 1:
            raise RuntimeError("only the first time")
        """,
    )
    with open_gauntlet(project) as gauntlet:
        (finding,) = gauntlet.stairway()
        assert finding.path == ()
        assert "The same commands on a new database pass" in finding.message


def test_declared_revisions_are_not_downgraded(project) -> None:
    """irreversible_revisions, and all that stands below minimum_downgrade_revision, branches beside it excepted."""
    raising = 'raise NotImplementedError("no way back")'
    project.table("r", None, "root")
    project.revision("a1", "r", "pass", raising)
    project.revision("a2", "a1", "pass", raising)
    project.revision("a3", "a2", "pass", raising)
    project.revision("b1", "r", "pass", raising)
    project.revision("m", ("a3", "b1"), "pass", raising)

    def tried(**settings: object) -> list[str | None]:
        with open_gauntlet(project, **settings) as gauntlet:
            return [finding.revision for finding in gauntlet.stairway()]

    assert tried() == ["a1", "a2", "a3", "b1", "m"]
    assert tried(irreversible_revisions=("a2", "m")) == ["a1", "a3", "b1"]
    assert tried(minimum_downgrade_revision="a2") == ["a3", "b1", "m"]
    assert tried(irreversible_revisions="all") == []


CLEAN = {
    "b_concurrently": (
        "with op.get_context().autocommit_block():\n"
        '    op.create_index("t_n_idx", "t", ["n"], postgresql_concurrently=True)',
        'with op.get_context().autocommit_block():\n    op.drop_index("t_n_idx", "t", postgresql_concurrently=True)',
    ),
    "c_batch": (
        'with op.batch_alter_table("t") as batch:\n    batch.add_column(sa.Column("b", sa.Text))\n'
        '    batch.alter_column("n", nullable=False)',
        'with op.batch_alter_table("t") as batch:\n    batch.alter_column("n", nullable=True)\n'
        '    batch.drop_column("b")',
    ),
    "d_enum": ("op.execute(\"CREATE TYPE st AS ENUM ('x')\")", 'op.execute("DROP TYPE st")'),
    "e_enum_value": (
        "with op.get_context().autocommit_block():\n    op.execute(\"ALTER TYPE st ADD VALUE IF NOT EXISTS 'y'\")",
        'op.execute("ALTER TYPE st RENAME TO st_old")\nop.execute("CREATE TYPE st AS ENUM (\'x\')")\n'
        'op.execute("DROP TYPE st_old")',
    ),
    "f_partitioned": (
        'op.execute("CREATE TABLE p (at date NOT NULL, n int) PARTITION BY RANGE (at)")\n'
        "op.execute(\"CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')\")\n"
        'op.execute("CREATE INDEX p_n_idx ON p (n)")',
        'op.drop_table("p")',
    ),
    "g_code": (
        'op.execute("CREATE VIEW v AS SELECT id FROM t")\n'
        'op.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$")\n'
        'op.execute("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()")',
        'op.execute("DROP TRIGGER tr ON t")\nop.execute("DROP FUNCTION f()")\nop.execute("DROP VIEW v")',
    ),
    "h_extension": ('op.execute("CREATE EXTENSION pg_trgm")', 'op.execute("DROP EXTENSION pg_trgm")'),
    "i_data": ('op.execute("INSERT INTO t (n) VALUES (1), (2)")', 'op.execute("DELETE FROM t")'),
    "k_dropped_column": ('op.drop_column("t", "n")', 'op.add_column("t", sa.Column("n", sa.Integer))'),
    "l_identity": (
        'op.create_table("i", sa.Column("id", sa.Integer, sa.Identity(), primary_key=True))\n'
        'op.execute("CREATE TABLE ser (id bigserial PRIMARY KEY)")',
        'op.drop_table("i")\nop.drop_table("ser")',
    ),
    "m_schema": ('op.execute("CREATE SCHEMA s CREATE TABLE st (id int)")', 'op.execute("DROP SCHEMA s CASCADE")'),
    "n_comment": ("op.execute(\"COMMENT ON TABLE t IS 'people'\")", 'op.execute("COMMENT ON TABLE t IS NULL")'),
    "o_policy": (
        'op.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")\nop.execute("CREATE POLICY own ON t USING (id > 0)")',
        'op.execute("DROP POLICY own ON t")\nop.execute("ALTER TABLE t DISABLE ROW LEVEL SECURITY")',
    ),
    "p_rename": ('op.rename_table("t", "u")', 'op.rename_table("u", "t")'),
}


@pytest.mark.parametrize("per_migration", [False, True])
def test_correct_history_is_silent(project, per_migration: bool) -> None:
    """What real histories hold, from CONCURRENTLY to policies, passes, in one transaction or many."""
    project.revision(
        "a_table",
        None,
        'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))',
        'op.drop_table("t")',
    )
    down = "a_table"
    for name, (up, undo) in CLEAN.items():
        if name == "k_dropped_column":  # the constraint of batch comes and goes with the column
            undo += '\nop.execute("DELETE FROM t")\nop.alter_column("t", "n", nullable=False)'
            undo += '\nop.create_index("t_n_idx", "t", ["n"])'
        project.revision(name, down, up, undo)
        down = name
    if per_migration:
        project.edit(
            "migrations/env.py",
            "connection=connection, target_metadata",
            "connection=connection, transaction_per_migration=True, target_metadata",
        )
    with open_gauntlet(project) as gauntlet:
        assert [*gauntlet.stairway(), *gauntlet.downgrade_all_the_way(), *gauntlet.single_head()] == []
        coverage = gauntlet.take_coverage().summary()
        assert coverage["upgraded"] == coverage["downgraded"] == coverage["revisions"] == 15


def test_what_fails_in_a_helper_is_shown_at_the_line_that_calls_it(project) -> None:
    """Several migrations may share it: of the migration itself the line is told, not where its function begins."""
    project.write("migrations/helpers.py", "def check():\n    raise RuntimeError('no')\n")
    project.revision("a1", None, "from migrations.helpers import check\n\ncheck()")
    with open_gauntlet(project) as gauntlet:
        (finding,) = gauntlet.stairway()
    assert places([finding]) == ["a1_.py:12 upgrade"]


def test_databases_and_connections_do_not_grow_with_the_number_of_branches(project) -> None:
    """Twelve branches, each merged again, and a downgrade that forgets: what nobody needs any more is dropped."""
    project.table("m0", None, "m0")
    for number in range(12):
        for side in "lr":
            project.table(f"{side}{number}", f"m{number}", f"{side}{number}")
        project.revision(f"m{number + 1}", (f"l{number}", f"r{number}"))
    for number in (2, 7):
        project.edit(f"migrations/versions/l{number}_.py", f'op.drop_table("l{number}")', "pass")
    most = {"databases": 0, "connections": 0}
    with open_gauntlet(project) as gauntlet, psycopg.connect(project.server.url, autocommit=True) as connection:

        def count(coverage: object) -> None:
            for name, catalogue in (("databases", "pg_database"), ("connections", "pg_stat_activity")):
                query = f"SELECT count(*) FROM {catalogue} WHERE datname ~ '^gauntlet_'"
                most[name] = max(most[name], connection.execute(query).fetchone()[0])

        gauntlet.on_command(count)
        assert len(gauntlet.stairway()) == 2
    assert most["databases"] <= 10
    assert most["connections"] <= 6


def test_last_branch_takes_over_what_was_kept_for_it(project, monkeypatch) -> None:
    """Three branches of one revision, and their merge: nothing is cloned that nobody would need besides."""
    project.table("a", None, "a")
    for branch in "bcd":
        project.table(branch, "a", branch)
    project.revision("m", ("b", "c", "d"))
    made, create = [], Server.create

    def counted(server, *given, **named):
        made.append(server)
        return create(server, *given, **named)

    monkeypatch.setattr(Server, "create", counted)
    with open_gauntlet(project) as gauntlet:
        assert gauntlet.stairway() == ()
    # The template, its clone to climb in, one kept at the branching and one of that for the second branch.
    assert len(made) == 4
