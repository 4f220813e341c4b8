"""Populated walks: what only rows bring out is found and shown as SQL; what a user says about rows is heeded."""

import json

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from alembic_gauntlet import profiles
from alembic_gauntlet.graph import Command
from alembic_gauntlet.path import Insert, parse_path
from tests.integration.inprocess import open_gauntlet, paths

QUICK = settings(profiles.current(), max_examples=3, database=None, derandomize=True)
FUZZ = ("-m", "fuzz", "-p", "no:randomly")
PROFILE = "from hypothesis import settings, strategies as st\nfrom alembic_gauntlet import profiles"
WALKS = "walk_settings = settings(profiles.current(), max_examples=3, database=None)"


def users(project, *columns: str) -> None:
    """Write a revision that makes a table of users."""
    more = "".join(f", {column}" for column in columns)
    up = statements(f"CREATE TABLE users (id serial PRIMARY KEY{more})")
    project.revision("a1", None, up, statements("DROP TABLE users"))


def statements(*text: str) -> str:
    """Return source that executes statements."""
    return "\n".join(f"op.execute({each!r})" for each in text)


def walked(project, strategies=None, profile=QUICK, **options):
    """Return what populated walks come to."""
    with open_gauntlet(project, **options) as gauntlet:
        return gauntlet.populated_walks(profile, 10, "test", strategies=strategies)


@pytest.fixture
def without_backfill(project):
    """A history whose second revision sets NOT NULL over whatever there is."""
    users(project, "email text")
    up, down = "ALTER TABLE users ALTER email SET NOT NULL", "ALTER TABLE users ALTER email DROP NOT NULL"
    project.revision("a2", "a1", statements(up), statements(down))
    return project


def test_correct_history_is_silent_and_every_table_has_rows(example) -> None:
    """On the example, with a branch and a merge."""
    walks = walked(example)
    assert walks.findings == ()
    assert walks.rows.revisions == walks.rows.of == 9
    assert walks.rows.taken > 0
    assert walks.rows.barren == {}


def test_numbers_of_a_sequence_beside_a_column_are_left_to_it(project) -> None:
    """An application that asks a sequence for its keys has no row with a number that it has not given out yet."""
    up = "CREATE SEQUENCE users_id_seq", "CREATE TABLE users (id integer PRIMARY KEY, name text)"
    project.revision("a1", None, statements(*up), statements("DROP TABLE users", "DROP SEQUENCE users_id_seq"))
    insert = "INSERT INTO users VALUES (nextval('users_id_seq'), 'first'), (nextval('users_id_seq'), 'second')"
    down = statements("DELETE FROM users WHERE name IN ('first', 'second')")
    project.revision("a2", "a1", statements(insert), down)
    walks = walked(project)
    assert walks.findings == ()
    assert walks.rows.taken > 0
    assert walks.rows.barren == {}


def test_failure_shows_the_row_as_sql(without_backfill) -> None:
    """In the text and in the report; it passes on empty tables, so the other walks say nothing."""
    without_backfill.test_class(WALKS, PROFILE)
    result = without_backfill.pytest(*FUZZ, "--gauntlet-report", "report.json")
    result.assert_outcomes(failed=1, passed=1, deselected=6)
    result.stdout.fnmatch_lines(
        [
            "Minimal path (2 commands, 1 row):",
            "    alembic upgrade a1",
            "    INSERT INTO public.users DEFAULT VALUES;",
            "    alembic upgrade a2",
            "`alembic upgrade a2` fails in revision a2 at migrations/versions/a2_.py:* upgrade():",
            "    NotNullViolation: *",
            "Replay: pytest -m fuzz --gauntlet-replay 'upgrade a1; insert public.users {}; upgrade a2'",
            "* rows inserted, *% of those drawn; 2 of 2 revisions with rows that aim at them",
        ]
    )
    report = json.loads((without_backfill.path / "report.json").read_text())
    (failure,) = [failure for test in report["tests"] for failure in test["failures"]]
    assert failure["path"] == [
        {"command": "upgrade", "target": "a1"},
        {"command": "insert", "table": "public.users", "row": {}},
        {"command": "upgrade", "target": "a2"},
    ]


@pytest.mark.once
def test_replay_inserts_the_rows(without_backfill) -> None:
    """With the path as it is printed; without the row the same commands pass."""
    failing = "upgrade a1; insert public.users {}; upgrade a2"
    result = without_backfill.pytest(*FUZZ, "--gauntlet-replay", failing)
    result.assert_outcomes(failed=1, deselected=7)
    result.stdout.fnmatch_lines(["Minimal path (2 commands, 1 row):", "    NotNullViolation: *"])
    passing = 'upgrade a1; insert public.users {"email": "it\'s; here"}; upgrade a2'
    without_backfill.pytest(*FUZZ, "--gauntlet-replay", passing).assert_outcomes(passed=1, deselected=7)
    without_backfill.pytest(*FUZZ, "--gauntlet-replay", "upgrade a2").assert_outcomes(passed=1, deselected=7)


def test_replay_says_why_a_row_is_refused(without_backfill) -> None:
    """As it would of a command that Alembic refuses."""
    result = without_backfill.pytest(*FUZZ, "--gauntlet-replay", 'upgrade a2; insert public.users {"id": "x"}')
    result.assert_outcomes(failed=1, deselected=7)
    result.stdout.fnmatch_lines(["PostgreSQL refuses `INSERT INTO public.users (id) VALUES ('x');`:", "*integer*"])


@pytest.mark.once
def test_path_with_rows_is_kept_and_replayed(without_backfill) -> None:
    """In the file of regressions; once it is mended, its line can go."""
    without_backfill.test_class(WALKS, PROFILE)
    without_backfill.pytest(*FUZZ)
    kept = (without_backfill.path / "test_migrations.TestMigrations.paths").read_text()
    assert "upgrade a1; insert public.users {}; upgrade a2  # command-succeeds a2" in kept
    fill = "op.execute(\"UPDATE users SET email = '' WHERE email IS NULL\")\n    op.execute"
    without_backfill.edit("migrations/versions/a2_.py", "def upgrade():\n    op.execute", f"def upgrade():\n    {fill}")
    result = without_backfill.pytest(*FUZZ)
    result.assert_outcomes(passed=2, deselected=6)
    result.stdout.fnmatch_lines(["fixed: upgrade a1; insert public.users {}; upgrade a2 (its line in *.paths can go)"])


def test_path_is_shown_by_plain_sql_and_alembic(without_backfill, server) -> None:
    """What stands in the path can be pasted: text with quotes and percent signs is what it was."""
    value = 'it\'s 100% \\ "x"; #1'
    insert = Insert.of("public.users", {"email": value})
    assert parse_path(f"upgrade a1; {insert}")[1] == insert
    assert "#" not in str(insert)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE users (email text)")
        connection.execute(insert.sql().replace("public.users", "users"))
        assert connection.execute("SELECT email FROM users").fetchall() == [(value,)]


@pytest.mark.once
def test_lossy_revisions_may_lose_rows(project) -> None:
    """They are declared with a reason; what another one loses is still a fault."""
    users(project, "n integer")
    project.revision("a2", "a1", statements("DELETE FROM users"))
    project.revision("a3", "a2", statements("UPDATE users SET n = 0 WHERE n > 0"))
    assert [(each.invariant, each.revision) for each in walked(project).findings] == [
        ("rows-survive", "a2"),
        ("row-round-trip", "a3"),
    ]
    lossy = {"a2": "sessions end with a release"}
    assert [each.revision for each in walked(project, lossy_revisions=lossy).findings] == ["a3"]
    assert walked(project, lossy_revisions={**lossy, "a3": "positive ones were a bug"}).findings == ()


def test_a_downgrade_that_cannot_take_what_was_written_above_it(project) -> None:
    """The row is inserted above it."""
    users(project, "email varchar(5)")
    wide, narrow = (f"ALTER TABLE users ALTER email TYPE varchar({length})" for length in (50, 5))
    project.revision("a2", "a1", statements(wide), statements(narrow))
    (finding,) = walked(project).findings
    assert [str(each).split(" ")[0] for each in finding.path] == ["upgrade", "insert", "downgrade"]
    assert (finding.revision, finding.function) == ("a2", "downgrade")


def test_backfill_of_null_is_no_loss(project) -> None:
    """And rows that migrations insert and delete themselves are nobody's."""
    users(project, "email text")
    fill = statements("UPDATE users SET email = '' WHERE email IS NULL", "ALTER TABLE users ALTER email SET NOT NULL")
    project.revision("a2", "a1", fill, statements("ALTER TABLE users ALTER email DROP NOT NULL"))
    seed = "INSERT INTO users (email) VALUES ('admin@example.com')"
    project.revision("a3", "a2", statements(seed), statements("DELETE FROM users WHERE email = 'admin@example.com'"))
    assert walked(project).findings == ()


def test_renamed_table_and_changed_key_lose_nothing(project) -> None:
    """A table is known by its OID and by its name, a row by its key, or by the number of rows where the key changes."""
    users(project, "email text")
    project.revision("a2", "a1", "op.rename_table('users', 'people')", "op.rename_table('people', 'users')")
    wide, narrow = (f"ALTER TABLE people ALTER id TYPE {type}" for type in ("bigint", "integer"))
    project.revision("a3", "a2", statements(wide), statements(narrow))
    renamed, back = "ALTER TABLE people RENAME id TO number", "ALTER TABLE people RENAME number TO id"
    project.revision("a4", "a3", statements(renamed), statements(back))
    key = "ALTER TABLE people DROP CONSTRAINT users_pkey, ADD uid uuid NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY"
    old = "ALTER TABLE people DROP uid, ADD CONSTRAINT users_pkey PRIMARY KEY (number)"
    project.revision("a5", "a4", statements(key), statements(old))
    assert paths(walked(project).findings) == []


def test_key_that_is_made_anew_loses_no_row(project) -> None:
    """The rows are still there, and some of their new keys are old ones by chance."""
    project.revision("a1", None, statements("CREATE TABLE t (id text PRIMARY KEY)"), statements("DROP TABLE t"))
    number, text = (
        ("ALTER TABLE t DROP id", f"ALTER TABLE t ADD id {column} PRIMARY KEY")
        for column in ("serial", "text DEFAULT gen_random_uuid()::text")
    )
    project.revision("a2", "a1", statements(*number), statements(*text))
    assert paths(walked(project, {"t.id": st.sampled_from(["1", "x", "y", "z"])}).findings) == []


def test_users_strategies_make_rows_possible(project) -> None:
    """A column, and whole rows by a function that sees the rows so far; a table without rows is named."""
    code = "code text NOT NULL CHECK (code ~ '^[A-Z]{3}-[0-9]{4}$')"
    users(project, "email text NOT NULL CHECK (email ~ '.@.')", code)
    nothing = walked(project)
    assert list(nothing.rows.barren) == ["public.users"]
    assert "violates check constraint" in nothing.rows.barren["public.users"]
    seen = []

    def rows(so_far):
        seen.append(len(so_far.get("public.users", [])))
        return st.fixed_dictionaries({"email": st.emails(), "code": st.just("ABC-1234"), "comes later": st.integers()})

    with_rows = walked(project, {"public.users": rows})
    assert with_rows.rows.barren == {}
    assert max(seen) > 0
    columns = {"users.email": st.emails(), "users.code": st.just("ABC-1234")}
    assert walked(project, columns).rows.barren == {}


def test_keys_made_at_random_end_a_walk_and_are_named(project) -> None:
    """The same path leads elsewhere the next time: nothing is said of what comes after, and nothing fails."""
    trigger = (
        "CREATE FUNCTION renew() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN NEW.id = gen_random_uuid(); RETURN NEW; END'",
        "CREATE TRIGGER renew BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION renew()",
    )
    make = "CREATE TABLE users (id uuid PRIMARY KEY)", "CREATE TABLE orders (user_id uuid NOT NULL REFERENCES users)"
    project.revision(
        "a1", None, statements(*make, *trigger), statements("DROP TABLE orders, users", "DROP FUNCTION renew")
    )
    add, drop = "ALTER TABLE orders ADD note text", "ALTER TABLE orders DROP note"
    project.revision("a2", "a1", statements(add), statements(drop))
    project.revision("a3", "a2", statements("ALTER TABLE users ADD n int"), statements("ALTER TABLE users DROP n"))
    walks = walked(project, profile=settings(QUICK, max_examples=30))
    assert walks.findings == ()
    assert any(each.startswith("insert public.orders") for each in walks.rows.irreproducible)


def test_repeats_what_another_row_has_where_it_has_to_be_unique(project) -> None:
    """Rows that differ in what is unique by now are alike in what is about to be."""
    make = "CREATE TABLE seats (hall text, row_no int NOT NULL, seat int NOT NULL, UNIQUE (row_no, seat))"
    project.revision("a1", None, statements(make), statements("DROP TABLE seats"))
    up, down = "ALTER TABLE seats ADD CONSTRAINT one UNIQUE (row_no)", "ALTER TABLE seats DROP CONSTRAINT one"
    project.revision("a2", "a1", statements(up), statements(down))
    walks = walked(project)
    (finding,) = walks.findings
    rows = [dict(each.row) for each in finding.path if isinstance(each, Insert)]
    assert [each.keys() for each in rows] == [{"row_no", "seat"}] * 2
    assert rows[0]["row_no"] == rows[1]["row_no"]


def test_ignored_tables_get_no_rows(without_backfill) -> None:
    """By name or pattern."""
    walks = walked(without_backfill, row_tables_ignore=("user*",))
    assert walks.findings == ()
    assert walks.rows.tried == 0


def test_parents_come_first(project) -> None:
    """Along chains of foreign keys; a table that needs itself is its own parent, and a circle begins with NULL."""
    up = statements(
        "CREATE TABLE a (id serial PRIMARY KEY, boss integer)",
        "CREATE TABLE b (id serial PRIMARY KEY, a_id integer NOT NULL REFERENCES a)",
        "CREATE TABLE c (id integer PRIMARY KEY, b_id integer NOT NULL UNIQUE REFERENCES b, "
        "own integer NOT NULL REFERENCES c)",
        "ALTER TABLE a ADD FOREIGN KEY (boss) REFERENCES b",
    )
    project.revision("a1", None, up, statements("DROP TABLE a, b, c"))
    project.revision("a2", "a1", statements("ALTER TABLE c ADD n integer NOT NULL"), statements("ALTER TABLE c DROP n"))
    walks = walked(project)
    assert walks.rows.barren == {}
    (finding,) = walks.findings
    assert [each.table for each in finding.path if isinstance(each, Insert)] == ["public.a", "public.b", "public.c"]


def test_what_shows_without_rows_is_left_to_the_other_walks(project) -> None:
    """A forgotten type and a failing downgrade are theirs."""
    users(project)
    project.revision("a2", "a1", statements("CREATE TYPE forgotten AS ENUM ('x')"))
    project.revision("a3", "a2", "pass", "raise ValueError('no way back')")
    assert walked(project).findings == ()


@pytest.mark.once
def test_baseline_knows_faults_of_rows(without_backfill) -> None:
    """The second run is green."""
    without_backfill.test_class(WALKS, PROFILE)
    options = (*FUZZ, "--gauntlet-baseline", "known.txt")
    without_backfill.pytest(*options).assert_outcomes(failed=1, passed=1, deselected=6)
    assert "command-succeeds  a2 upgrade()" in (without_backfill.path / "known.txt").read_text()
    without_backfill.pytest(*options).assert_outcomes(passed=2, deselected=6)


@pytest.mark.once
def test_no_database_is_left(without_backfill) -> None:
    """After walks that fail."""
    before = without_backfill.databases()
    without_backfill.test_class(WALKS, PROFILE)
    without_backfill.pytest(*FUZZ).assert_outcomes(failed=1, passed=1, deselected=6)
    assert without_backfill.databases() == before


@pytest.mark.once
def test_same_seed_same_rows(example) -> None:
    """`--hypothesis-seed` makes the walks the same."""
    profile = settings(profiles.current(), max_examples=6, database=None, derandomize=True)
    first, second = walked(example, profile=profile), walked(example, profile=profile)
    assert (first.rows.tried, first.rows.taken) == (second.rows.tried, second.rows.taken)


@pytest.mark.once
def test_fewer_rows_refer_to_other_keys(project) -> None:
    """Keys come from sequences: with the rows before it gone, the parent of the guilty row has another one."""
    users(project, "email text")
    orders = "CREATE TABLE orders (id serial PRIMARY KEY, user_id integer NOT NULL REFERENCES users, note text)"
    project.revision("a2", "a1", statements(orders), statements("DROP TABLE orders"))
    up, down = "ALTER TABLE orders ALTER note DROP NOT NULL", "ALTER TABLE orders ALTER note SET NOT NULL"
    undo = statements(down, "ALTER TABLE users DROP age")
    project.revision("a3", "a2", statements("ALTER TABLE users ADD age integer", up), undo)
    project.edit("migrations/versions/a2_.py", "note text", "note text NOT NULL")
    (finding,) = walked(project).findings
    assert [each.table for each in finding.path if isinstance(each, Insert)] == ["public.users", "public.orders"]


def test_parents_that_nothing_refers_to_are_left_out(project) -> None:
    """A row that shows the fault without its parent is shown without it."""
    users(project, "email text")
    orders = "CREATE TABLE orders (id serial PRIMARY KEY, user_id integer REFERENCES users, note text)"
    project.revision("a2", "a1", statements(orders), statements("DROP TABLE orders"))
    up, down = (f"ALTER TABLE orders ALTER note {verb} NOT NULL" for verb in ("SET", "DROP"))
    project.revision("a3", "a2", statements(up), statements(down))
    (finding,) = walked(project).findings
    assert [str(each) for each in finding.path] == ["upgrade a2", "insert public.orders {}", "upgrade a3"]


def test_database_that_is_as_it_was_is_recalled(project) -> None:
    """A walk whose rows have gone with their tables goes on as one that never had any; one that keeps them does not."""
    users(project, "email text")
    project.revision("a2", "a1", "op.execute('CREATE TABLE kept (id integer)')", "pass")
    row = Insert.of("public.users", {"email": "x"})
    with open_gauntlet(project) as gauntlet:
        explorer = gauntlet._explorer(gauntlet._canonical, populated=True)
        up, down = Command("upgrade", "a1"), Command("downgrade", "base")
        for count in (1, 2, 3):
            explorer.observe((up, down, up)[:count])
        assert explorer.insert((up,), row) is None
        assert explorer.observe((up, row, down)).error is None
        gauntlet.take_coverage()
        again = explorer.observe((up, row, down, up))
        assert (again.path, again.error) == ((up, row, down, up), None)
        assert explorer.insert((up, row, down, up), row) is None
        assert explorer.observe((up, row, down, up, row, down)).path == (up, row, down, up, row, down)
        assert gauntlet.take_coverage().commands == 0
        # With the rows in it, the same schema is another database.
        kept = Command("upgrade", "a2")
        explorer.observe((up, kept))
        gauntlet.take_coverage()
        explorer.observe((up, row, kept))
        assert gauntlet.take_coverage().commands == 1


def test_revision_that_passes_together_with_others_alone(project) -> None:
    """Where one command per revision fails and one for all passes, what comes behind is found, and made minimal."""
    users(project, "email text")
    project.edit(
        "migrations/versions/a1_.py",
        "def upgrade():\n",
        'def upgrade():\n    op.execute("CREATE TEMP TABLE mark (a integer) ON COMMIT DROP")\n',
    )
    project.revision("a2", "a1", "op.execute('INSERT INTO mark VALUES (1)')")
    project.table("a3", "a2", "orders")
    project.revision("a4", "a3", "op.alter_column('users', 'email', nullable=False)")
    found = walked(project).findings
    assert paths(found) == ["upgrade a3; insert public.users {}; upgrade a4"]
