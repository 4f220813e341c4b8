"""Up to date: the models and the database at head, both as PostgreSQL has them, within what env.py includes."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic_gauntlet.errors import GauntletError
from tests.integration.inprocess import assert_reproduced, differences, open_gauntlet

CREATE = """
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, server_default="x"),
        sa.Column("old", sa.Integer),
        sa.Column("seen", sa.DateTime, server_default=sa.text("now()")),
    )
    op.create_index("users_old_idx", "users", ["old"])
    op.create_table("extra_one", sa.Column("id", sa.Integer))
"""


def models(**columns: sa.Column) -> sa.MetaData:
    metadata = sa.MetaData()
    given = {
        "name": sa.Column(sa.Text, server_default="x"),
        "old": sa.Column(sa.Integer, index=False),
        "seen": sa.Column(sa.DateTime, server_default=sa.text("now()")),
        **columns,
    }
    table = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for name, column in given.items():
        column.name = column.key = name
        table.append_column(column)
    sa.Index("users_old_idx", table.c.old)
    return metadata


@pytest.fixture
def users(project):
    """A history with one table, and one that no model has."""
    project.revision("a1", None, CREATE, 'op.drop_table("users")\nop.drop_table("extra_one")')
    return project


def test_every_difference_is_told_in_one_finding(users) -> None:
    """Missing and superfluous tables, columns and indexes, types, nullability and defaults: one line each."""
    metadata = models(name=sa.Column(sa.String(20), nullable=False, server_default="y"), new=sa.Column(sa.Text))
    sa.Table("missing", metadata, sa.Column("id", sa.Integer, primary_key=True))
    with open_gauntlet(users) as gauntlet:
        (finding,) = gauntlet.up_to_date(metadata)
    assert finding.message.splitlines()[0].startswith("Schema differences detected")
    assert differences(finding) == [
        "- table public.extra_one (id integer)",
        "+ table public.missing (id integer NOT NULL DEFAULT nextval(its own sequence))",
        "~ column public.users.name: text became character varying(20) NOT NULL",
        "+ column public.users.new text",
        "~ column default public.users.name: 'x'::text became 'y'::character varying",
    ]
    assert "op.drop_table('extra_one')" in finding.message


def test_tables_left_out_and_defaults_of_the_database_only(users) -> None:
    """migration_diff_ignore_tables takes patterns; a default that only the database has counts on request."""
    metadata = models(seen=sa.Column(sa.DateTime))
    with open_gauntlet(users, migration_diff_ignore_tables=["extra_*"]) as gauntlet:
        assert gauntlet.up_to_date(metadata) == ()
    settings = {"migration_diff_ignore_tables": ["extra_*"], "migration_diff_compare_server_default": True}
    with open_gauntlet(users, **settings) as gauntlet:
        (finding,) = gauntlet.up_to_date(metadata)
        assert [(change.kind, change.name, change.after) for change in finding.changes] == [
            ("column default", "public.users.seen", None)
        ]


DEFAULTS = {
    "a_json": ("JSON", "{}", "[]"),
    "b_text": ("TEXT", "it's 100%", "it's"),
    "c_now": ("TIMESTAMP", sa.text("timezone('utc', now())"), sa.text("now()")),
    "d_uuid": ("UUID", sa.text("gen_random_uuid()"), sa.text("md5('x')::uuid")),
    "e_bool": ("BOOLEAN", sa.false(), sa.true()),
    "f_int": ("INTEGER", "0", "1"),
    "g_serial": ("INTEGER", sa.text("nextval('numbers')"), sa.text("currval('numbers')")),
    "h_array": ("TEXT[]", "{}", "{x}"),
    "i_numeric": ("NUMERIC(8, 2)", sa.text("1.50"), sa.text("1.51")),
}


@pytest.mark.parametrize("which", [1, 2])
def test_defaults_that_the_models_declare_are_compared(project, which: int) -> None:
    """As PostgreSQL prints them, of any type and without running them: equal ones are silent, others are told."""
    columns = ", ".join(
        f'sa.Column("{name}", T("{type}"), server_default={name})' for name, (type, *_) in DEFAULTS.items()
    )
    values = "\n".join(
        f"{name} = " + (f"sa.text({str(default)!r})" if isinstance(default, sa.sql.ClauseElement) else repr(default))
        for name, (_, default, _) in DEFAULTS.items()
    )
    project.revision(
        "a1",
        None,
        "class T(sa.types.UserDefinedType):\n    cache_ok = True\n    def __init__(self, name): self.name = name\n"
        f'    def get_col_spec(self, **kw): return self.name\n{values}\nop.execute("CREATE SEQUENCE numbers")\n'
        f'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), {columns})',
    )
    types = [
        sa.JSON(),
        sa.Text(),
        sa.DateTime(),
        getattr(sa, "Uuid", postgresql.UUID)(),
        sa.Boolean(),
        sa.Integer(),
        sa.Integer(),
        sa.ARRAY(sa.Text),
    ]
    metadata = sa.MetaData()
    table = sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for (name, row), type in zip(DEFAULTS.items(), [*types, sa.Numeric(8, 2)], strict=True):
        table.append_column(sa.Column(name, type, server_default=row[which]))
    with open_gauntlet(project) as gauntlet:
        told = [change.name for finding in gauntlet.up_to_date(metadata) for change in finding.changes]
    assert told == ([] if which == 1 else [f"public.t.{name}" for name in DEFAULTS])


def test_generated_columns_and_two_names_of_one_function_are_no_difference(project) -> None:
    """As in MLflow's and Quetz' models: Computed has no default to compare; now() is CURRENT_TIMESTAMP."""
    project.revision(
        "a1",
        None,
        'op.create_table("t", sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer),\n'
        '    sa.Column("twice", sa.Integer, sa.Computed("n * 2")), sa.Column("m", sa.Integer, sa.Identity()),\n'
        '    sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.current_timestamp()))',
    )
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
        sa.Column("twice", sa.Integer, sa.Computed("n * 2")),
        sa.Column("m", sa.Integer, sa.Identity()),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()),
    )
    with open_gauntlet(project) as gauntlet:
        assert gauntlet.up_to_date(metadata) == ()


def test_options_of_env_py_count(users) -> None:
    """include_object is the user's; the version table elsewhere is no difference; types count whatever env.py says."""
    users.edit(
        "migrations/env.py",
        "connection=connection, target_metadata",
        "connection=connection, compare_type=False, version_table='versions_of_mine',\n"
        "            include_object=lambda object, name, *more: name != 'extra_one', target_metadata",
    )
    with open_gauntlet(users) as gauntlet:
        assert gauntlet.up_to_date(models()) == ()
        (finding,) = gauntlet.up_to_date(models(name=sa.Column(sa.String(20), server_default="x")))
    assert [change.name for change in finding.changes] == ["public.users.name"]


def test_several_models(users) -> None:
    """A sequence of MetaData is compared as a whole."""
    extra = sa.MetaData()
    sa.Table("extra_one", extra, sa.Column("id", sa.Integer))
    with open_gauntlet(users) as gauntlet:
        assert gauntlet.up_to_date([models(), extra]) == ()


def test_tables_that_postgresql_cannot_make_are_left_to_alembic(users) -> None:
    """By name and with the reason; the others are compared as ever. Where Alembic cannot either, that is a failure."""
    users.revision("a2", "a1", "op.execute('CREATE TYPE s AS ENUM (); CREATE TABLE two (n s)')")
    metadata = models(old=sa.Column(sa.BigInteger))
    one = sa.Table("one", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("n", sa.Integer))
    sa.Table("extra_one", metadata, sa.Column("id", sa.Integer), sa.Column("n", sa.ForeignKey(one.c.n)))
    notes: list[str] = []
    with open_gauntlet(users) as gauntlet:
        (finding,) = gauntlet.up_to_date(metadata, notes.append)
        assert [each.name for each in finding.changes if each.table == "public.users"] == ["public.users.old"]
        assert "extra_one.n" in {each.name for each in finding.changes}
        assert [note for note in notes if "table public.extra_one: ProgrammingError: there is no unique" in note]
        sa.Table("two", metadata, sa.Column("n", sa.Enum("a", "b")))
        if sa.__version__ < "2":
            pytest.skip("with SQLAlchemy 1.4 Alembic compares a type without a name")
        drift, unseen = gauntlet.up_to_date(metadata)
    assert "public.users.old" in {each.name for each in drift.changes}
    assert "PostgreSQL Enum type requires a name" in unseen.message
    assert "table public.two" not in unseen.message
    assert "    public.two: CompileError" in unseen.message


def test_what_is_not_compared_is_counted(users) -> None:
    """Functions and views; and a model that is mapped to a view is named."""
    view = "CREATE VIEW v AS SELECT id FROM users; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    users.revision("a2", "a1", f"op.execute({view!r})")
    metadata = models()
    sa.Table("v", metadata, sa.Column("id", sa.Integer, primary_key=True))
    notes: list[str] = []
    with open_gauntlet(users, migration_diff_ignore_tables=["extra_*"]) as gauntlet:
        assert gauntlet.up_to_date(metadata, notes.append) == ()
    assert notes == [
        "models: not compared, since models cannot declare them: 1 of kind function, 1 of kind view",
        "models: not compared, being views or an extension's: public.v",
    ]


@pytest.mark.parametrize("schemas", ["include_schemas=True, ", ""])
def test_schema_of_a_tenant(project, schemas: str) -> None:
    """Where env.py translates schemas, it does so for the models too; of other schemas no table is missed unasked."""
    up = "CREATE SCHEMA tenant; CREATE TABLE tenant.t (id integer PRIMARY KEY, n integer); CREATE TABLE tenant.u ()"
    project.revision("a1", None, f"op.execute({up!r})")
    project.edit(
        "migrations/env.py",
        "connection=connection, target_metadata",
        "connection=connection.execution_options(schema_translate_map={'x': 'tenant'}),\n"
        f"            {schemas}target_metadata",
    )
    metadata = sa.MetaData(schema="x")
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True, autoincrement=False), sa.Column("n", sa.Text))
    with open_gauntlet(project) as gauntlet:
        (finding,) = gauntlet.up_to_date(metadata)
    others = ["tenant.u"] if schemas else []
    assert [change.name for change in finding.changes] == [*others, "tenant.t.n"]


def test_version_table_in_a_schema_of_its_own_is_no_difference(users) -> None:
    """Nor is the schema that is prepared for it."""
    users.edit(
        "migrations/env.py",
        "connection=connection, target_metadata",
        "connection=connection, include_schemas=True, version_table_schema='meta', target_metadata",
    )
    ignored = {"migration_diff_ignore_tables": ["extra_*"]}
    with open_gauntlet(users, lambda connection: connection.execute("CREATE SCHEMA meta"), **ignored) as gauntlet:
        assert gauntlet.up_to_date(models()) == ()


def test_migrations_that_change_the_models_in_memory_change_nothing(project) -> None:
    """As MLflow's do, when they run and when they are loaded: the models are taken as they were before."""
    source = """\
import sqlalchemy as sa
metadata = sa.MetaData()
t = sa.Table("t", metadata, sa.Column("n", sa.Integer), sa.CheckConstraint("n > 0", name="chk"))
"""
    project.write("models_of_mine.py", source)
    project.edit(
        "migrations/env.py", "target_metadata = None", "from models_of_mine import metadata as target_metadata"
    )
    change = "t.append_column(sa.Column('m', sa.Integer))"
    file = project.revision(
        "a1", None, f"op.execute('CREATE TABLE t (n integer CONSTRAINT chk CHECK (n > 0))')\n{change}"
    )
    loaded = "from models_of_mine import t\nt.append_constraint(sa.CheckConstraint('n > 1', name='chk'))\n"
    file.write_text(file.read_text().replace("revision = ", f"{loaded}\nrevision = ", 1))
    notes: list[str] = []
    with open_gauntlet(project) as gauntlet:
        assert gauntlet.up_to_date(note=notes.append) == ()
    assert notes == []


def test_models_of_env_py_are_taken_and_needed(users) -> None:
    """target_metadata is enough; without it the message says what to do; a broken head is told instead."""
    with open_gauntlet(users) as gauntlet, pytest.raises(GauntletError, match="No models to compare"):
        gauntlet.up_to_date()
    users.edit(
        "migrations/env.py", "target_metadata = None", "import sqlalchemy\ntarget_metadata = sqlalchemy.MetaData()"
    )
    users.revision("a2", "a1", 'op.execute("CREATE TABLE users ()")')
    with open_gauntlet(users) as gauntlet:
        (finding,) = findings = gauntlet.up_to_date()
        assert (finding.revision, finding.line) == ("a2", 10)
        assert_reproduced(gauntlet, findings)


def test_message_of_both_sides(users) -> None:
    """What pytest shows: the sides, the objects, the remedy."""
    users.write("models.py", "import sqlalchemy as sa\nmetadata = sa.MetaData()\n")
    users.test_class("@pytest.fixture\ndef orm_metadata(self):\n    return metadata", "from models import metadata")
    result = users.pytest("-q", "-k", "up_to_date")
    result.stdout.fnmatch_lines(
        [
            "Schema differences detected: at head, the migrations (-) and the models (+) disagree:",
            "    - table public.extra_one (id integer)",
            "    - table public.users (id integer NOT NULL, name text, old integer, seen timestamp without time zone)",
            "`alembic revision --autogenerate` would write the following; or mend the models.",
        ],
        consecutive=True,
    )
