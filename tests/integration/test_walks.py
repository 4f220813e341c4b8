"""Random walks find planted faults, each once, and shrink each to its minimal path; a correct history is silent."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import settings

from alembic_gauntlet import profiles
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.invariants import INVARIANTS, Broken
from alembic_gauntlet.machine import count_transitions
from alembic_gauntlet.walk import Explorer, Observation
from tests.integration.inprocess import open_gauntlet, paths

QUICK = settings(profiles.current(), max_examples=4, database=None, derandomize=True)


def walked(
    project, invariants=INVARIANTS, profile=QUICK, commands=36, **settings_: object
) -> dict[str, tuple[str, str | None]]:
    """Return what walks find: the invariant and the guilty revision, by path."""
    with open_gauntlet(project, **settings_) as gauntlet:
        found = gauntlet.walks(profile, commands, "test", invariants).findings
    return {path: (each.invariant, each.revision) for path, each in zip(paths(found), found, strict=True)}


def test_correct_history_is_silent(example) -> None:
    """Walks over a branch and a merge find nothing to complain of."""
    assert walked(example) == {}


def test_four_faults_are_found_each_with_its_minimal_path(example) -> None:
    """A forgotten type, a hidden dependency, a wrong type restored and a leaked setting are four reports."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    example.edit(
        "migrations/versions/c20_user_phone.py",
        "def upgrade():\n",
        'def upgrade():\n    op.execute("COMMENT ON TABLE products IS NULL")\n',
    )
    example.edit(
        "migrations/versions/d30_order_total.py",
        "def downgrade():\n",
        'def downgrade():\n    op.alter_column("users", "email", type_=sa.String(100))\n',
    )
    example.edit(
        "migrations/versions/b20_product_price.py",
        "def upgrade():\n",
        "def upgrade():\n    op.execute(\"SET statement_timeout = '1h'\")\n",
    )
    found = walked(example)
    wrong_type = {path: each for path, each in found.items() if each == ("path-independence", "d30")}
    assert {path: each for path, each in found.items() if path not in wrong_type} == {
        "upgrade b20": ("clean-session", "b20"),
        "upgrade c20": ("command-succeeds", "c20"),
        "upgrade a20; downgrade a10": ("path-independence", "a20"),
    }
    # `upgrade d30` alone fails on the hidden dependency, so that one command more is needed.
    (path,) = wrong_type
    assert path in ("upgrade b10; upgrade d30; downgrade d20", "upgrade b20; upgrade d30; downgrade d20")


def test_fault_of_a_shared_transaction_is_found_in_one_command(project) -> None:
    """An enum value that is added and used fails where both revisions share a transaction, and not one by one."""
    make = 'op.execute("CREATE TYPE mood AS ENUM (\'sad\')")\nop.execute("CREATE TABLE t (m mood)")'
    project.revision("a1", None, make, 'op.execute("DROP TABLE t")\nop.execute("DROP TYPE mood")')
    swap = (
        'op.execute("ALTER TABLE t ALTER m TYPE text")\nop.execute("DROP TYPE mood")\n'
        'op.execute("CREATE TYPE mood AS ENUM (\'sad\')")\nop.execute("ALTER TABLE t ALTER m TYPE mood USING m::mood")'
    )
    project.revision("a2", "a1", "op.execute(\"ALTER TYPE mood ADD VALUE 'glad'\")", swap)
    use = "op.execute(\"ALTER TABLE t ALTER m SET DEFAULT 'glad'\")"
    project.revision("a3", "a2", use, 'op.execute("ALTER TABLE t ALTER m DROP DEFAULT")')
    found = walked(project)
    assert found == {"upgrade a1; upgrade a3": ("transaction-granularity", "a3")}


@pytest.mark.once
def test_history_that_matters_beyond_the_schema_is_found(project) -> None:
    """Rows that a downgrade leaves behind break a later upgrade, though no schema shows them: three commands."""
    project.revision("a1", None, 'op.execute("CREATE TABLE t (n int)")', 'op.execute("DROP TABLE t")')
    project.revision("a2", "a1", 'op.execute("INSERT INTO t VALUES (1)")')
    unique = 'op.create_index("idx_t_n", "t", ["n"], unique=True)'
    project.revision("a3", "a2", unique, 'op.drop_index("idx_t_n")')
    found = walked(project, profile=settings(QUICK, max_examples=40), commands=12)
    assert found == {"upgrade a2; downgrade a1; upgrade a3": ("command-succeeds", "a3")}


@pytest.mark.once
def test_order_of_columns_that_matters_is_found(project) -> None:
    """The same schema with its columns in another order is not taken for the same database."""
    project.revision("a1", None, 'op.execute("CREATE TABLE t (a text, n int)")', 'op.execute("DROP TABLE t")')
    anew = 'op.execute("DROP TABLE t; CREATE TABLE t (n int, a text)")'
    project.revision("a2", "a1", 'op.execute("ALTER TABLE t ADD c int")', anew)
    project.revision("b1", "a1", "op.execute(\"INSERT INTO t VALUES ('x', 1)\")", 'op.execute("DELETE FROM t")')
    found = walked(project, profile=settings(QUICK, max_examples=40), commands=12)
    assert found == {"upgrade a2; downgrade a1; upgrade b1": ("command-succeeds", "b1")}


def test_same_database_is_not_walked_from_twice(project) -> None:
    """Once every transition has been taken, random walks over empty tables run no command any more."""
    for number in range(4):
        project.table(f"a{number}", f"a{number - 1}" if number else None, f"t{number}")
    with open_gauntlet(project) as gauntlet:
        walks = gauntlet.walks(settings(QUICK, max_examples=20), 20, "test")
        commands = gauntlet.take_coverage().commands
    assert walks.transitions == 20
    assert commands < 30


@pytest.mark.once
def test_irreversible_revisions_are_never_downgraded(example) -> None:
    """A walk takes no command that would run a downgrade that is declared irreversible."""
    example.edit(
        "migrations/versions/a20_orders.py", "def downgrade():\n", "def downgrade():\n    raise RuntimeError\n"
    )
    assert walked(example, irreversible_revisions=("a20",)) == {}


@dataclass
class Noted:
    """An invariant of a user: no table may be called addresses."""

    seen: int = 0

    def __call__(self, observation: Observation) -> None:
        self.seen += 1
        if "c10" in observation.after:
            raise NoAddresses(Finding("", "There are addresses.", observation.path, "c10"))


def no_sequences(seen: Observation) -> None:
    """No table counts by a sequence."""
    assert seen.schema is None or not list(seen.schema.of_kind("sequence")), "a sequence"


def test_plain_assertion_over_the_schema_is_an_invariant(project) -> None:
    """A function that asserts something of the schema after the command is enough: its name is the id."""
    project.table("a1", None, "users")
    project.revision("a2", "a1", "op.execute('CREATE SEQUENCE s')", "op.execute('DROP SEQUENCE s')")
    project.table("a3", "a2", "orders")
    project.edit("migrations/versions/a1_.py", "sa.Integer)", "sa.Integer, autoincrement=False)")
    project.edit("migrations/versions/a3_.py", "sa.Integer)", "sa.Integer, autoincrement=False)")
    with open_gauntlet(project) as gauntlet:
        (found,) = gauntlet.walks(QUICK, 12, "test", (*INVARIANTS, no_sequences)).findings
    assert (found.invariant, paths([found])) == ("no-sequences", ["upgrade a2"])
    assert found.message == "After `alembic upgrade a2` no-sequences does not hold:\n    a sequence"


class NoAddresses(Broken):
    invariant = "no-addresses"


@pytest.mark.once
def test_a_user_adds_an_invariant(example) -> None:
    """A function of one's own is checked after every command, and its failure is shrunk like any other."""
    mine = Noted()
    assert walked(example, (*INVARIANTS, mine)) == {"upgrade c10": ("no-addresses", "c10")}
    assert mine.seen > 10


def test_transitions_of_a_linear_history_are_counted(project) -> None:
    """A linear history of n revisions has n(n+1)/2 jumps each way; over the limit there is no count."""
    for number in range(6):
        project.table(f"r{number}", f"r{number - 1}" if number else None, f"t{number}")
    with open_gauntlet(project) as gauntlet:
        explorer = Explorer(gauntlet._canonical, gauntlet._runner, gauntlet._reversibility())
        assert count_transitions(explorer, 42) == 42
        assert count_transitions(explorer, 41) is None


@pytest.mark.once
def test_fuzz_marker_selects_the_walks_and_the_report_has_them(example) -> None:
    """`pytest -m fuzz` runs the walks; the message and the report are those of the five tests."""
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    header = "from hypothesis import settings\nfrom alembic_gauntlet import profiles"
    example.write("tests/test_migrations.py", "")
    example.test_class("walk_settings = settings(profiles.current(), max_examples=7)", header)
    result = example.pytest(
        "test_migrations.py", "-m", "fuzz", "--gauntlet-report", "report.json", "--hypothesis-seed", "1"
    )
    result.assert_outcomes(failed=1, passed=1, deselected=6)
    result.stdout.fnmatch_lines(
        [
            "Minimal path (2 commands):",
            "    alembic upgrade a20",
            "    alembic downgrade a10",
            "*+ enum type public.order_status*left behind by a20_orders.py:24 downgrade()",
        ]
    )
    result.stdout.no_fnmatch_line("*state = *")
    result.stdout.fnmatch_lines(["every transition of the revision graph was taken: 133"])
    kept = example.path / "test_migrations.TestMigrations.paths"
    assert "\nupgrade a20; downgrade a10  # path-independence a20\n" in kept.read_text()
    tests = json.loads((example.path / "report.json").read_text())["tests"]
    assert [[failure["revision"] for failure in test["failures"]] for test in tests] == [["a20"], []]


@pytest.mark.once
def test_past_failures_are_replayed_first_and_named_when_mended(example) -> None:
    """A path in the file beside the test is replayed: what it shows is reported, and once it shows nothing, that."""
    header = "from hypothesis import settings\nfrom alembic_gauntlet import profiles"
    # One example of one command: the random walks and the transitions find nothing by themselves.
    example.test_class("walk_settings = settings(profiles.current(), max_examples=1)\nwalk_max_commands = 1", header)
    file = example.write(
        "test_migrations.TestMigrations.paths", "# kept\nupgrade d30; downgrade c20; downgrade a10\nupgrade gone\n"
    )
    mended = example.pytest("test_migrations.py", "-m", "fuzz")
    mended.assert_outcomes(passed=2, deselected=6)
    mended.stdout.fnmatch_lines(["fixed: upgrade d30; downgrade c20; downgrade a10 (its line in *.paths can go)"])
    example.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    before = file.read_text()
    failing = example.pytest("test_migrations.py", "-m", "fuzz")
    failing.assert_outcomes(failed=1, passed=1, deselected=6)
    failing.stdout.fnmatch_lines(["    alembic upgrade d30", "*order_status*left behind by a20_orders.py*"])
    assert file.read_text() == before
