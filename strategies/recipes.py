"""Kinds of faults.

What is planted uses names of its own, so that nothing else of a history depends on it, and a fault shows itself and
nothing more.
"""

from __future__ import annotations

from collections.abc import Callable

from alembic_gauntlet.graph import Command, Graph, State, Step, Verb
from strategies.fault import FoundBy, Path, Plant, Recipe
from strategies.operation import lines, sql
from strategies.places import Place, Roles, above, adjacent, anywhere, merges, parallel, three
from strategies.shortest import shortest

_TABLE = "CREATE TABLE planted (id integer CONSTRAINT pk_planted PRIMARY KEY, a text, n integer)"
_DROP_TABLE = "DROP TABLE planted"

# Paths


def _up(graph: Graph, roles: Roles) -> Path:
    return (Command("upgrade", roles[-1]),)


def _one_by_one(graph: Graph, roles: Roles) -> Path:
    return tuple(Command("upgrade", role) for role in roles)


def _last_two(graph: Graph, roles: Roles) -> Path:
    """From the lowest, the others in one command."""
    return Command("upgrade", roles[0]), Command("upgrade", roles[-1])


def _back(graph: Graph, roles: Roles) -> Path:
    """Up, and one revision down."""
    down = graph.one_step_downgrade(roles[-1], graph.ancestors(roles[-1]))
    assert down is not None, "at the ancestors of a revision, it is the only head"
    return Command("upgrade", roles[-1]), down


def _again(graph: Graph, roles: Roles) -> Path:
    return (*_back(graph, roles), Command("upgrade", roles[-1]))


def _down_to_the_lowest(graph: Graph, roles: Roles) -> Path:
    """Up, and down over the two upper ones in one command."""
    return Command("upgrade", roles[-1]), Command("downgrade", roles[0])


# One downgrade that does not restore what was there


def _spoilt(kind: str, upgrade: str, downgrade: str = "", place: Place = anywhere) -> Recipe:
    return Recipe(kind, place, (Plant(0, upgrade, downgrade),), _back, "schema", "downgrade")


def _spoilt_table(kind: str, upgrade: str, downgrade: str = "", more: str = "", less: str = "") -> Recipe:
    """What is spoilt is of an earlier revision: a table, and what the statement `more` makes and `less` drops."""
    below = Plant(0, sql(*filter(None, (_TABLE, more))), sql(*filter(None, (less, _DROP_TABLE))))
    return Recipe(kind, above, (below, Plant(1, upgrade, downgrade)), _back, "schema", "downgrade")


_NUMBERED = "CREATE OR REPLACE FUNCTION planted(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + {}'"
_TRIGGER_FUNCTION = "CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"

_FORGOTTEN = (
    _spoilt("forgotten table", sql(_TABLE)),
    _spoilt(
        "forgotten enum type",
        'op.create_table("planted", sa.Column("kind", sa.Enum("a", "b", name="planted_kind")))',
        'op.drop_table("planted")',
    ),
    _spoilt("forgotten sequence", sql("CREATE SEQUENCE planted")),
    _spoilt("forgotten function", sql(_NUMBERED.format(1))),
    _spoilt("forgotten domain", sql("CREATE DOMAIN planted AS text")),
    _spoilt(
        "forgotten schema",
        sql("CREATE SCHEMA planted", "CREATE TABLE planted.t (a integer)"),
        sql("DROP TABLE planted.t"),
    ),
    _spoilt("forgotten extension", sql("CREATE EXTENSION citext")),
    _spoilt("hidden by if not exists", sql(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))),
    _spoilt_table("forgotten column", 'op.add_column("planted", sa.Column("b", sa.Text()))'),
    _spoilt_table("forgotten index", 'op.create_index("idx_planted", "planted", ["a"])'),
    _spoilt_table("forgotten check", sql("ALTER TABLE planted ADD CONSTRAINT chk_planted CHECK (n > 0)")),
    _spoilt_table("forgotten default", sql("ALTER TABLE planted ALTER n SET DEFAULT 1")),
    _spoilt_table("forgotten comment", 'op.create_table_comment("planted", "planted")'),
    _spoilt_table("forgotten grant", sql("GRANT SELECT ON planted TO PUBLIC")),
    _spoilt_table(
        "forgotten policy",
        sql("ALTER TABLE planted ENABLE ROW LEVEL SECURITY", "CREATE POLICY planted ON planted USING (n > 0)"),
        sql("DROP POLICY planted ON planted"),
    ),
    _spoilt_table("forgotten view", sql("CREATE VIEW planted_view AS SELECT id FROM planted")),
    _spoilt_table(
        "forgotten trigger",
        sql("CREATE TRIGGER planted BEFORE UPDATE ON planted FOR EACH ROW EXECUTE FUNCTION planted()"),
        more=_TRIGGER_FUNCTION,
        less="DROP FUNCTION planted() CASCADE",
    ),
)

_AFTER_REFERENCE = "ALTER TABLE planted ADD CONSTRAINT fk_planted FOREIGN KEY (n) REFERENCES planted (id)"
_WITHOUT_REFERENCE = "ALTER TABLE planted DROP CONSTRAINT fk_planted"

_WRONG = (
    _spoilt_table(
        "wrong type restored",
        'op.alter_column("planted", "n", type_=sa.BigInteger())',
        'op.alter_column("planted", "n", type_=sa.SmallInteger())',
    ),
    _spoilt_table(
        "wrong nullability restored",
        'op.drop_column("planted", "n")',
        'op.add_column("planted", sa.Column("n", sa.Integer()))',
        more="ALTER TABLE planted ALTER n SET NOT NULL",
    ),
    _spoilt_table(
        "wrong default restored",
        'op.alter_column("planted", "n", server_default="2")',
        'op.alter_column("planted", "n", server_default=None)',
        more="ALTER TABLE planted ALTER n SET DEFAULT 1",
    ),
    _spoilt_table(
        "on delete lost",
        sql(_WITHOUT_REFERENCE),
        sql(_AFTER_REFERENCE),
        more=f"{_AFTER_REFERENCE} ON DELETE CASCADE",
    ),
    _spoilt_table(
        "constraint under another name",
        sql("ALTER TABLE planted DROP CONSTRAINT uq_planted"),
        sql("ALTER TABLE planted ADD UNIQUE (a)"),
        more="ALTER TABLE planted ADD CONSTRAINT uq_planted UNIQUE (a)",
    ),
    _spoilt_table(
        "index not unique",
        sql("DROP INDEX uq_planted"),
        sql("CREATE INDEX uq_planted ON planted (a)"),
        more="CREATE UNIQUE INDEX uq_planted ON planted (a)",
    ),
    _spoilt_table(
        "index not partial",
        sql("DROP INDEX idx_planted"),
        sql("CREATE INDEX idx_planted ON planted (a)"),
        more="CREATE INDEX idx_planted ON planted (a) WHERE n > 0",
    ),
    _spoilt_table(
        "old function not restored",
        sql(_NUMBERED.format(2)),
        sql("DROP FUNCTION planted(integer)"),
        more=_NUMBERED.format(1),
        less="DROP FUNCTION IF EXISTS planted(integer)",
    ),
    _spoilt_table(
        "earlier object dropped",
        sql("ALTER TABLE planted ADD b text"),
        sql("ALTER TABLE planted DROP b", "DROP INDEX idx_planted"),
        more="CREATE INDEX idx_planted ON planted (a)",
    ),
    Recipe(
        "branch undone by merge",
        merges,
        (
            Plant(0, sql("CREATE SEQUENCE planted"), sql("DROP SEQUENCE IF EXISTS planted")),
            Plant(1, "", sql("DROP SEQUENCE planted")),
        ),
        _back,
        "schema",
        "downgrade",
    ),
)

# Commands that fail

_FAILING = (
    Recipe("upgrade fails", anywhere, (Plant(0, sql("DROP TABLE planted"), ""),), _up, "error", "upgrade"),
    Recipe(
        "downgrade fails",
        anywhere,
        (Plant(0, sql("CREATE SEQUENCE planted"), sql("DROP SEQUENCE plantet")),),
        _back,
        "error",
        "downgrade",
    ),
    Recipe(
        "hidden dependency",
        parallel,
        (
            Plant(0, sql(_TABLE), sql(_DROP_TABLE)),
            Plant(
                1,
                sql("ALTER TABLE planted ADD b text"),
                sql("ALTER TABLE IF EXISTS planted DROP COLUMN IF EXISTS b"),
            ),
        ),
        _up,
        "error",
        "upgrade",
    ),
    Recipe(
        "hidden dependency of downgrade",
        parallel,
        (
            Plant(0, sql(_TABLE), sql(_DROP_TABLE)),
            Plant(1, "", sql("DELETE FROM planted WHERE id = 1")),
        ),
        _back,
        "error",
        "downgrade",
    ),
    Recipe(
        "seed row forgotten",
        above,
        (Plant(0, sql(_TABLE), sql(_DROP_TABLE)), Plant(1, sql("INSERT INTO planted (id) VALUES (1)"), "")),
        _again,
        "error",
        "downgrade",
    ),
    Recipe(
        "second upgrade differs",
        above,
        (
            Plant(0, sql(_TABLE), sql(_DROP_TABLE)),
            Plant(
                1,
                sql(
                    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM planted) THEN CREATE INDEX idx_planted ON planted (a); "
                    "INSERT INTO planted (id) VALUES (1); END IF; END $$"
                ),
                sql("DROP INDEX IF EXISTS idx_planted"),
            ),
        ),
        _again,
        "schema",
        "downgrade",
    ),
)

# Several revisions in one transaction, or not


def _leaking(
    kind: str, leak: str, victim: str, found_by: FoundBy, undo: str = "", made: str = "", undo_victim: str | None = None
) -> Recipe:
    """The lower revision leaves a setting to the upper one, in a command that runs both."""
    undo_victim = sql(_DROP_TABLE) if undo_victim is None else undo_victim
    plants = (Plant(0, lines(made, sql(leak)), undo), Plant(1, victim, undo_victim, first=True))
    return Recipe(kind, adjacent, plants, _up, found_by, "upgrade", guilty=0, leaks=True)


_SCHEMA = sql("CREATE SCHEMA planted_schema")
_NO_SCHEMA = sql("DROP SCHEMA planted_schema CASCADE")
_NOON = "TIMESTAMPTZ '2020-01-01 12:00'"
_AT = f"CREATE TABLE planted (at timestamptz DEFAULT {_NOON})"
_DEFERRED = "CONSTRAINT fk_planted REFERENCES planted (id) DEFERRABLE INITIALLY DEFERRED"
_ENUM = """sa.Column("kind", sa.Enum("a", "b", name="planted_kind"))"""

_TOGETHER = (
    _leaking(
        "leaked search_path", "SET search_path TO planted_schema, public", sql(_TABLE), "schema", _NO_SCHEMA, _SCHEMA
    ),
    _leaking(
        "leaked local search_path",
        "SET LOCAL search_path TO planted_schema, public",
        sql(_TABLE),
        "schema",
        _NO_SCHEMA,
        _SCHEMA,
    ),
    _leaking("leaked time zone", "SET LOCAL TimeZone = 'Asia/Tokyo'", sql(_AT), "schema"),
    _leaking(
        "leaked statement_timeout",
        "SET LOCAL statement_timeout = '250ms'",
        sql("SELECT pg_sleep(0.5)", _TABLE),
        "error",
    ),
    _leaking(
        "leaked role",
        "SET LOCAL ROLE pg_monitor",
        _SCHEMA,
        "error",
        sql("REVOKE ALL ON alembic_version FROM pg_monitor"),
        sql("GRANT ALL ON alembic_version TO pg_monitor"),
        _NO_SCHEMA,
    ),
    _leaking(
        "temporary table twice",
        "CREATE TEMPORARY TABLE planted_rows (id integer)",
        sql("CREATE TEMPORARY TABLE planted_rows (id integer) ON COMMIT DROP"),
        "error",
        undo_victim="",
    ),
    Recipe(
        "leaked by a downgrade",
        three,
        (
            Plant(0, sql(_AT), sql(_DROP_TABLE)),
            Plant(
                1,
                sql("ALTER TABLE planted ALTER at DROP DEFAULT"),
                sql(f"ALTER TABLE planted ALTER at SET DEFAULT {_NOON}"),
            ),
            Plant(2, "", sql("SET LOCAL TimeZone = 'Asia/Tokyo'"), first=True),
        ),
        _down_to_the_lowest,
        "schema",
        "downgrade",
        leaks=True,
    ),
    Recipe(
        "pending trigger events",
        adjacent,
        (
            Plant(
                0,
                sql(
                    _TABLE,
                    f"ALTER TABLE planted ADD b integer {_DEFERRED}",
                    "INSERT INTO planted (id, b) VALUES (1, 1)",
                ),
                sql(_DROP_TABLE),
            ),
            Plant(1, sql("ALTER TABLE planted ADD c integer"), sql("ALTER TABLE planted DROP c"), first=True),
        ),
        _up,
        "error",
        "upgrade",
    ),
    Recipe(
        "enum value used at once",
        three,
        (
            Plant(0, f'op.create_table("planted", {_ENUM})', sql(_DROP_TABLE, "DROP TYPE planted_kind")),
            Plant(
                1,
                sql("ALTER TYPE planted_kind ADD VALUE 'c'"),
                sql(
                    "ALTER TYPE planted_kind RENAME TO planted_old",
                    "CREATE TYPE planted_kind AS ENUM ('a', 'b')",
                    "ALTER TABLE planted ALTER kind TYPE planted_kind USING kind::text::planted_kind",
                    "DROP TYPE planted_old",
                ),
            ),
            Plant(
                2,
                sql("ALTER TABLE planted ALTER kind SET DEFAULT 'c'"),
                sql("ALTER TABLE planted ALTER kind DROP DEFAULT"),
                first=True,
            ),
        ),
        _last_two,
        "error",
        "upgrade",
    ),
    Recipe(
        "enum created twice",
        adjacent,
        (
            Plant(0, f'op.create_table("planted", {_ENUM})', sql(_DROP_TABLE, "DROP TYPE planted_kind")),
            Plant(1, f'op.create_table("planted_too", {_ENUM})', sql("DROP TABLE planted_too")),
        ),
        _one_by_one,
        "error",
        "upgrade",
    ),
)

# Left in the session

_SESSION = (
    Recipe(
        "temporary table left",
        anywhere,
        (Plant(0, sql("CREATE TEMPORARY TABLE planted (id integer)"), ""),),
        _up,
        "session",
        "upgrade",
    ),
    Recipe(
        "advisory lock left",
        anywhere,
        (Plant(0, sql("SELECT pg_advisory_lock(42)"), ""),),
        _up,
        "session",
        "upgrade",
    ),
    Recipe(
        "setting left by a downgrade",
        anywhere,
        (Plant(0, "", sql("SET statement_timeout = '1h'")),),
        _back,
        "session",
        "downgrade",
    ),
)

# Two branches and one object


def _last_writer(graph: Graph, roles: Roles) -> Path:
    """Whoever upgrades last has written the function; whoever downgrades drops it."""

    def run(memory: str | None, step: Step) -> str | None:
        revision, verb = step
        if revision not in roles:
            return memory
        return revision if verb == "upgrade" else None

    def canonical(state: State) -> str | None:
        return max((role for role in roles if role in state), key=graph.order.index, default=None)

    start: str | None = None
    return shortest(graph, start, run, canonical)


def _shared(graph: Graph, roles: Roles) -> Path:
    """Whoever comes first makes the sequence; whoever goes first drops it."""

    def run(exists: bool, step: Step) -> bool:
        revision, verb = step
        return exists if revision not in roles else verb == "upgrade"

    return shortest(graph, False, run, lambda state: not state.isdisjoint(roles))


_BRANCHES = (
    Recipe(
        "last branch wins",
        parallel,
        tuple(
            Plant(role, sql(_NUMBERED.format(role)), sql("DROP FUNCTION IF EXISTS planted(integer)")) for role in (0, 1)
        ),
        _last_writer,
        "schema",
        "upgrade",
        guilty=None,
    ),
    Recipe(
        "shared by branches",
        parallel,
        tuple(
            Plant(role, sql("CREATE SEQUENCE IF NOT EXISTS planted"), sql("DROP SEQUENCE IF EXISTS planted"))
            for role in (0, 1)
        ),
        _shared,
        "schema",
        "downgrade",
        guilty=None,
    ),
)

# On rows that a user may have


def _on_rows(
    kind: str,
    row: str,
    upgrade: str,
    downgrade: str,
    more: str = "",
    path: Callable[[Graph, Roles], Path] = _one_by_one,
    less: str = "",
) -> Recipe:
    below = Plant(0, sql(*filter(None, (_TABLE, more))), sql(*filter(None, (_DROP_TABLE, less))))
    plants = (below, Plant(1, upgrade, downgrade))
    return Recipe(kind, above, plants, path, "rows", "upgrade" if path is _one_by_one else "downgrade", row=row)


def _statements(kind: str, row: str, upgrade: str, downgrade: str, more: str = "", less: str = "") -> Recipe:
    return _on_rows(kind, row, sql(upgrade), sql(downgrade), more, less=less)


def _restored(kind: str, row: str, upgrade: str, downgrade: str, more: str = "") -> Recipe:
    """The downgrade restores what rows that were written above it do not fit."""
    return _on_rows(kind, row, sql(upgrade), sql(downgrade), more, _back)


_ROWS = (
    _on_rows(
        "not null without backfill",
        "INSERT INTO planted (id) VALUES (1)",
        'op.alter_column("planted", "a", nullable=False)',
        'op.alter_column("planted", "a", nullable=True)',
    ),
    _on_rows(
        "column without default",
        "INSERT INTO planted (id) VALUES (1)",
        'op.add_column("planted", sa.Column("b", sa.Text(), nullable=False))',
        'op.drop_column("planted", "b")',
    ),
    _on_rows(
        "unique over duplicates",
        "INSERT INTO planted (id, a) VALUES (1, 'x'), (2, 'x')",
        'op.create_unique_constraint("uq_planted", "planted", ["a"])',
        'op.drop_constraint("uq_planted", "planted")',
    ),
    _statements(
        "unique expression over duplicates",
        "INSERT INTO planted (id, a) VALUES (1, 'x'), (2, 'x')",
        "CREATE UNIQUE INDEX uq_planted ON planted (lower(a))",
        "DROP INDEX uq_planted",
    ),
    _statements(
        "exclusion over overlaps",
        "INSERT INTO planted (id, during) VALUES (1, '[1,3)'), (2, '[1,3)')",
        "ALTER TABLE planted ADD CONSTRAINT planted_excl EXCLUDE USING gist (during WITH &&)",
        "ALTER TABLE planted DROP CONSTRAINT planted_excl",
        "ALTER TABLE planted ADD during int4range",
    ),
    _statements(
        "primary key over null",
        "INSERT INTO planted (id) VALUES (1)",
        "ALTER TABLE planted DROP CONSTRAINT pk_planted, ADD CONSTRAINT pk_planted PRIMARY KEY (id, n)",
        "ALTER TABLE planted DROP CONSTRAINT pk_planted, ADD CONSTRAINT pk_planted PRIMARY KEY (id); "
        "ALTER TABLE planted ALTER n DROP NOT NULL",
    ),
    _on_rows(
        "type too narrow",
        "INSERT INTO planted (id, a) VALUES (1, 'xxxxxxxxx')",
        'op.alter_column("planted", "a", type_=sa.String(8))',
        'op.alter_column("planted", "a", type_=sa.Text())',
    ),
    _on_rows(
        "integer too small",
        "INSERT INTO planted (id, n) VALUES (1, 40000)",
        'op.alter_column("planted", "n", type_=sa.SmallInteger())',
        'op.alter_column("planted", "n", type_=sa.Integer())',
    ),
    _on_rows(
        "precision too small",
        "INSERT INTO planted (id, amount) VALUES (1, 1000)",
        'op.alter_column("planted", "amount", type_=sa.Numeric(4, 2))',
        'op.alter_column("planted", "amount", type_=sa.Numeric(10, 2))',
        "ALTER TABLE planted ADD amount numeric(10, 2)",
    ),
    _statements(
        "cast that text does not bear",
        "INSERT INTO planted (id, a) VALUES (1, 'x')",
        "ALTER TABLE planted ALTER a TYPE integer USING a::integer",
        "ALTER TABLE planted ALTER a TYPE text",
    ),
    _statements(
        "cast to json",
        "INSERT INTO planted (id, a) VALUES (1, 'x')",
        "ALTER TABLE planted ALTER a TYPE jsonb USING a::jsonb",
        "ALTER TABLE planted ALTER a TYPE text USING a::text",
    ),
    _on_rows(
        "check over old rows",
        "INSERT INTO planted (id, n) VALUES (1, 0)",
        'op.create_check_constraint("chk_planted", "planted", sa.text("n > 0"))',
        'op.drop_constraint("chk_planted", "planted")',
    ),
    _statements(
        "domain over old rows",
        "INSERT INTO planted (id, d) VALUES (1, '')",
        "ALTER DOMAIN planted_text ADD CONSTRAINT chk_planted CHECK (VALUE <> '')",
        "ALTER DOMAIN planted_text DROP CONSTRAINT chk_planted",
        "CREATE DOMAIN planted_text AS text; ALTER TABLE planted ADD d planted_text",
        "DROP DOMAIN planted_text",
    ),
    _statements(
        "foreign key over orphans",
        "INSERT INTO planted (id, n) VALUES (1, 0)",
        _AFTER_REFERENCE,
        _WITHOUT_REFERENCE,
    ),
    _statements(
        "label removed",
        "INSERT INTO planted (id, kind) VALUES (1, 'b')",
        "ALTER TYPE planted_kind RENAME TO planted_old; CREATE TYPE planted_kind AS ENUM ('a'); "
        "ALTER TABLE planted ALTER kind TYPE planted_kind USING kind::text::planted_kind; DROP TYPE planted_old",
        "ALTER TYPE planted_kind RENAME TO planted_old; CREATE TYPE planted_kind AS ENUM ('a', 'b'); "
        "ALTER TABLE planted ALTER kind TYPE planted_kind USING kind::text::planted_kind; DROP TYPE planted_old",
        "CREATE TYPE planted_kind AS ENUM ('a', 'b'); ALTER TABLE planted ADD kind planted_kind",
        "DROP TYPE planted_kind",
    ),
    _statements(
        "backfill of null",
        "INSERT INTO planted (id) VALUES (1)",
        "ALTER TABLE planted ADD b text; UPDATE planted SET b = upper(a); ALTER TABLE planted ALTER b SET NOT NULL",
        "ALTER TABLE planted DROP b",
    ),
    _statements(
        "backfill that divides by zero",
        "INSERT INTO planted (id, n) VALUES (1, 0)",
        "ALTER TABLE planted ADD b integer; UPDATE planted SET b = 100 / n",
        "ALTER TABLE planted DROP b",
    ),
    _statements(
        "update, then alter",
        "INSERT INTO planted (id) VALUES (1)",
        "UPDATE planted SET n = id; ALTER TABLE planted ADD b text",
        "ALTER TABLE planted DROP b",
        f"{_AFTER_REFERENCE} DEFERRABLE INITIALLY DEFERRED",
    ),
    _on_rows(
        "not null restored over rows",
        "INSERT INTO planted (id) VALUES (1)",
        'op.alter_column("planted", "a", nullable=True)',
        'op.alter_column("planted", "a", nullable=False)',
        "ALTER TABLE planted ALTER a SET NOT NULL",
        _back,
    ),
    _restored(
        "type restored over rows",
        "INSERT INTO planted (id, n) VALUES (1, 40000)",
        "ALTER TABLE planted ALTER n TYPE integer",
        "ALTER TABLE planted ALTER n TYPE smallint",
        "ALTER TABLE planted ALTER n TYPE smallint",
    ),
    _restored(
        "unique restored over rows",
        "INSERT INTO planted (id, a) VALUES (1, 'x'), (2, 'x')",
        "ALTER TABLE planted DROP CONSTRAINT uq_planted",
        "ALTER TABLE planted ADD CONSTRAINT uq_planted UNIQUE (a)",
        "ALTER TABLE planted ADD CONSTRAINT uq_planted UNIQUE (a)",
    ),
    _restored(
        "check restored over rows",
        "INSERT INTO planted (id, n) VALUES (1, 0)",
        "ALTER TABLE planted DROP CONSTRAINT chk_planted",
        "ALTER TABLE planted ADD CONSTRAINT chk_planted CHECK (n > 0)",
        "ALTER TABLE planted ADD CONSTRAINT chk_planted CHECK (n > 0)",
    ),
)

# Rows lost, values changed, sequences left behind


def _there_and_back(graph: Graph, roles: Roles) -> Path:
    """One by one, and the last one down."""
    return (*_one_by_one(graph, roles), _back(graph, roles)[-1])


def _on_data(
    kind: str, row: str, upgrade: str, downgrade: str, probe: str, direction: Verb = "upgrade", back: bool = False
) -> Recipe:
    plants = (
        Plant(0, sql(_TABLE), sql(_DROP_TABLE)),
        Plant(1, sql(upgrade) if upgrade else "", sql(downgrade) if downgrade else ""),
    )
    path = _there_and_back if back else _one_by_one
    return Recipe(kind, above, plants, path, "data", direction, row=row, row_at=1, probe=probe)


_ONE = "INSERT INTO planted (id, n) VALUES (1, -1)"
_IS_THERE = "SELECT 1 / count(*) FROM planted"
_IS_SAME = "SELECT 1 / (n = -1)::integer FROM planted"

_DATA = (
    _on_data("table made anew", _ONE, f"{_DROP_TABLE}; {_TABLE}", "", _IS_THERE),
    _on_data("rows deleted", _ONE, "DELETE FROM planted WHERE n < 0", "", _IS_THERE),
    _on_data("rows deleted by cascade", _ONE, "CREATE TABLE planted_by (id integer); TRUNCATE planted CASCADE",
             "DROP TABLE planted_by", _IS_THERE),
    Recipe(
        "rows deleted by a downgrade",
        above,
        (Plant(0, sql(_TABLE), sql(_DROP_TABLE)), Plant(1, "", sql("DELETE FROM planted"))),
        _back,
        "data",
        "downgrade",
        row=_ONE,
        probe=_IS_THERE,
    ),
    _on_data("value overwritten", _ONE, "UPDATE planted SET n = 0 WHERE n < 0", "", _IS_SAME, back=True),
    _on_data("value overwritten by a downgrade", _ONE, "", "UPDATE planted SET n = 0 WHERE n < 0", _IS_SAME,
             "downgrade", back=True),
    _on_data("column made anew", _ONE, "ALTER TABLE planted DROP n; ALTER TABLE planted ADD n integer",
             "", "SELECT 1 / count(n) FROM planted", back=True),
    Recipe(
        "sequence behind",
        above,
        (
            Plant(
                0,
                sql("CREATE TABLE planted (id serial CONSTRAINT pk_planted PRIMARY KEY, a text)"),
                sql(_DROP_TABLE),
            ),
            Plant(1, sql("INSERT INTO planted (id, a) VALUES (1, 'x')"), sql("DELETE FROM planted WHERE a = 'x'")),
        ),
        _up,
        "data",
        "upgrade",
        probe="INSERT INTO planted (a) VALUES ('y')",
    ),
)  # fmt: skip

RECIPES: tuple[Recipe, ...] = (*_FORGOTTEN, *_WRONG, *_FAILING, *_TOGETHER, *_SESSION, *_BRANCHES, *_ROWS, *_DATA)
"""Every kind, the plainest first."""
