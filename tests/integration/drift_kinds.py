"""Kinds of differences between models and migrations, one pair each, with what the test of models says.

Each kind is the DDL that the migrations run and the source of the models' tables. `drift`: the name of the object that
has to be reported; None: the pair is equivalent, or differs in what is no drift.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HEADER = """\
import sqlalchemy as sa
from sqlalchemy import Boolean, Column, Integer, MetaData, Numeric, String, Table, Text
from sqlalchemy.dialects import postgresql as pg

metadata = MetaData()
"""


@dataclass(frozen=True)
class Kind:
    """One kind of difference.

    Attributes:
        name: in a few words.
        ddl: what the migrations run.
        models: the source of the models' tables.
        drift: what is reported, as `kind name`; None where nothing is.
        opted: what is reported where the settings ask for it; default: as `drift`.
        settings: those of `opted`.
    """

    name: str
    ddl: str
    models: str
    drift: str | None = None
    opted: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The module of the models."""
        return HEADER + textwrap.dedent(self.models)


def _table(ddl: str, models: str) -> tuple[str, str]:
    """A table `t` with a key and more."""
    return f"CREATE TABLE t (id integer PRIMARY KEY{ddl})", f'Table("t", metadata, {_ID}{models})'


_ID = 'Column("id", Integer, primary_key=True, autoincrement=False)'


def _of_table(name: str, ddl: str, models: str, drift: str | None, **more: Any) -> Kind:
    return Kind(name, *_table(ddl, models), drift, **more)


def _after(name: str, ddl: str, models: str, drift: str | None, columns: str = "", **more: Any) -> Kind:
    """A kind whose statements come after the table."""
    made, source = _table(columns, models)
    return Kind(name, f"{made};{ddl}", source, drift, **more)


_N, _A, _AB = ", n integer", ", a text", ", a text, b text"
_MN, _MA, _MAB = (
    ', Column("n", Integer)',
    ', Column("a", Text)',
    ', Column("a", Text), Column("b", Text)',
)
_OTHER = "CREATE TABLE o (id integer PRIMARY KEY);"
_MO = f'Table("o", metadata, {_ID})\n'


def _foreign(name: str, ddl: str, models: str, drift: str | None) -> Kind:
    made, source = _table(f", o_id integer CONSTRAINT fk_o REFERENCES o {ddl}", f', Column("o_id", Integer{models})')
    return Kind(name, _OTHER + made, _MO + source, drift)


def _fk(options: str = "", name: str = "fk_o") -> str:
    return f', sa.ForeignKey("o.id", name={name!r}{options})'


STRICT = {"strict": True}
DEFAULTS = {"migration_diff_compare_server_default": True}

DRIFT = (
    # Tables and columns
    Kind("table only in the models", "SELECT 1", f'Table("t", metadata, {_ID})', "table public.t"),
    Kind("table only in the migrations", "CREATE TABLE t (id integer)", "", "table public.t"),
    _of_table("column only in the models", "", _MN, "column public.t.n"),
    _of_table("column only in the migrations", _N, "", "column public.t.n"),
    _of_table("column renamed", ", m integer", _MN, "column public.t.n"),
    _of_table("type", ", n text", _MN, "column public.t.n"),
    _of_table("integer and bigint", ", n bigint", _MN, "column public.t.n"),
    _of_table("length of varchar", ", n varchar(10)", ', Column("n", String(20))', "column public.t.n"),
    _of_table("varchar and text", ", n varchar", ', Column("n", Text)', "column public.t.n"),
    _of_table("char and varchar", ", n char(3)", ', Column("n", String(3))', "column public.t.n"),
    _of_table("precision of numeric", ", n numeric(8, 2)", ', Column("n", Numeric(10, 2))', "column public.t.n"),
    _of_table("scale of numeric", ", n numeric(8, 2)", ', Column("n", Numeric(8, 3))', "column public.t.n"),
    _of_table("real and double precision", ", n real", ', Column("n", sa.Float(53))', "column public.t.n"),
    _of_table("timestamp without time zone", ", n timestamp", ', Column("n", sa.DateTime(True))', "column public.t.n"),
    _of_table(
        "precision of timestamp", ", n timestamptz(0)", ', Column("n", pg.TIMESTAMP(True, 3))', "column public.t.n"
    ),
    _of_table("fields of interval", ", n interval", ', Column("n", pg.INTERVAL(fields="DAY"))', "column public.t.n"),
    _of_table("array and element", ", n integer", ', Column("n", sa.ARRAY(Integer))', "column public.t.n"),
    _of_table("json and jsonb", ", n json", ', Column("n", pg.JSONB)', "column public.t.n"),
    _of_table("uuid and text", ", n text", ', Column("n", pg.UUID)', "column public.t.n"),
    _of_table("length of bit", ", n bit(3)", ', Column("n", pg.BIT(4))', "column public.t.n"),
    _of_table("collation", ", n text", ', Column("n", Text(collation="C"))', "column public.t.n"),
    _of_table("NOT NULL only in the models", _N, ', Column("n", Integer, nullable=False)', "column public.t.n"),
    _of_table("NOT NULL only in the migrations", ", n integer NOT NULL", _MN, "column public.t.n"),
    # Server defaults and comments
    _of_table(
        "default only in the models", _N, ', Column("n", Integer, server_default="1")', "column default public.t.n"
    ),
    _of_table(
        "default that is another",
        ", n integer DEFAULT 2",
        ', Column("n", Integer, server_default="1")',
        "column default public.t.n",
    ),
    _of_table(
        "default of a function",
        ", n timestamptz DEFAULT now()",
        ', Column("n", sa.DateTime(True), server_default=sa.text("clock_timestamp()"))',
        "column default public.t.n",
    ),
    _of_table(
        "default of json",
        ", n jsonb DEFAULT '{}'",
        ', Column("n", pg.JSONB, server_default=sa.text("\'[]\'"))',
        "column default public.t.n",
    ),
    Kind(
        "serial only in the models",
        "CREATE TABLE t (id integer PRIMARY KEY)",
        'Table("t", metadata, Column("id", Integer, primary_key=True))',
        "column default public.t.id",
    ),
    _of_table(
        "default only in the migrations",
        ", n integer DEFAULT 1",
        _MN,
        None,
        opted="column default public.t.n",
        settings=DEFAULTS,
    ),
    _of_table(
        "comment of a column only in the models", _N, ', Column("n", Integer, comment="x")', "comment column public.t.n"
    ),
    _after(
        "comment of a column that is another",
        "COMMENT ON COLUMN t.n IS 'y'",
        ', Column("n", Integer, comment="x")',
        "comment column public.t.n",
        _N,
    ),
    _after(
        "comment of a table that is another", "COMMENT ON TABLE t IS 'y'", ', comment="x"', "comment table public.t"
    ),
    _of_table("comment of a table only in the models", "", ', comment="x"', "comment table public.t"),
    _after(
        "comment only in the migrations",
        "COMMENT ON TABLE t IS 'y'",
        "",
        None,
        opted="comment table public.t",
        settings=STRICT,
    ),
    # Generated and identity columns
    _of_table("computed only in the models", _N, ', Column("n", Integer, sa.Computed("id + 1"))', "column public.t.n"),
    _of_table(
        "computed only in the migrations", ", n integer GENERATED ALWAYS AS (id + 1) STORED", _MN, "column public.t.n"
    ),
    _of_table(
        "expression of a computed column",
        ", n integer GENERATED ALWAYS AS (id + 2) STORED",
        ', Column("n", Integer, sa.Computed("id + 1", persisted=True))',
        "column public.t.n",
    ),
    _of_table(
        "identity only in the models",
        ", n integer NOT NULL",
        ', Column("n", Integer, sa.Identity())',
        "column public.t.n",
    ),
    _of_table(
        "identity only in the migrations",
        ", n integer GENERATED BY DEFAULT AS IDENTITY",
        ', Column("n", Integer, nullable=False)',
        "column public.t.n",
    ),
    _of_table(
        "identity ALWAYS and BY DEFAULT",
        ", n integer GENERATED ALWAYS AS IDENTITY",
        ', Column("n", Integer, sa.Identity())',
        "column public.t.n",
    ),
    _of_table(
        "start of an identity",
        ", n integer GENERATED BY DEFAULT AS IDENTITY",
        ', Column("n", Integer, sa.Identity(start=100))',
        "column public.t.n",
    ),
    # Keys and constraints
    Kind(
        "primary key only in the models",
        "CREATE TABLE t (id integer NOT NULL)",
        f'Table("t", metadata, {_ID})',
        "primary key public.t.t_pkey",
    ),
    _of_table(
        "columns of the primary key",
        ", n integer NOT NULL",
        ', Column("n", Integer, primary_key=True, autoincrement=False)',
        "primary key public.t.t_pkey",
    ),
    Kind(
        "name of the primary key",
        "CREATE TABLE t (id integer CONSTRAINT pk_old PRIMARY KEY)",
        'Table("t", metadata, Column("id", Integer), sa.PrimaryKeyConstraint("id", name="pk_t"))',
        "primary key name public.t.pk_t",
    ),
    Kind(
        "foreign key only in the models",
        _OTHER + _table(", o_id integer", "")[0],
        _MO + _table("", f', Column("o_id", Integer{_fk()})')[1],
        "foreign key public.t.fk_o",
    ),
    _foreign("foreign key only in the migrations", "", "", "foreign key public.t.fk_o"),
    _foreign("ON DELETE", "ON DELETE CASCADE", _fk(), "foreign key public.t.fk_o"),
    _foreign("ON UPDATE", "", _fk(', onupdate="CASCADE"'), "foreign key public.t.fk_o"),
    _foreign("DEFERRABLE", "DEFERRABLE", _fk(), "foreign key public.t.fk_o"),
    _foreign(
        "INITIALLY DEFERRED", "DEFERRABLE", _fk(', deferrable=True, initially="DEFERRED"'), "foreign key public.t.fk_o"
    ),
    _foreign("MATCH FULL", "", _fk(', match="FULL"'), "foreign key public.t.fk_o"),
    _foreign("name of a foreign key", "", _fk(name="fk_new"), "foreign key name public.t.fk_new"),
    Kind(
        "target of a foreign key",
        _OTHER
        + "CREATE TABLE p (id integer PRIMARY KEY);"
        + _table(", o_id integer CONSTRAINT fk_o REFERENCES p", "")[0],
        _MO + f'Table("p", metadata, {_ID})\n' + _table("", f', Column("o_id", Integer{_fk()})')[1],
        "foreign key public.t.fk_o",
    ),
    _of_table(
        "unique only in the models",
        _A,
        ', Column("a", Text), sa.UniqueConstraint("a", name="uq_a")',
        "unique constraint public.t.uq_a",
    ),
    _of_table(
        "unique only in the migrations", ", a text CONSTRAINT uq_a UNIQUE", _MA, "unique constraint public.t.uq_a"
    ),
    _of_table(
        "columns of a unique constraint",
        _AB + ", CONSTRAINT uq_a UNIQUE (a)",
        _MAB + ', sa.UniqueConstraint("a", "b", name="uq_a")',
        "unique constraint public.t.uq_a",
    ),
    _of_table(
        "deferrable unique constraint",
        _A + ", CONSTRAINT uq_a UNIQUE (a)",
        _MA + ', sa.UniqueConstraint("a", name="uq_a", deferrable=True)',
        "unique constraint public.t.uq_a",
    ),
    _after(
        "unique index in the place of a unique constraint",
        "CREATE UNIQUE INDEX uq_a ON t (a)",
        _MA + ', sa.UniqueConstraint("a", name="uq_a")',
        "unique constraint public.t.uq_a",
        _A,
    ),
    _of_table(
        "name of a unique constraint",
        _A + ", CONSTRAINT uq_old UNIQUE (a)",
        _MA + ', sa.UniqueConstraint("a", name="uq_a")',
        "unique constraint name public.t.uq_a",
    ),
    _of_table(
        "check only in the models",
        _N,
        _MN + ', sa.CheckConstraint("n > 0", name="chk_n")',
        "check constraint public.t.chk_n",
    ),
    _of_table(
        "check only in the migrations",
        ", n integer CONSTRAINT chk_n CHECK (n > 0)",
        _MN,
        "check constraint public.t.chk_n",
    ),
    _of_table(
        "expression of a check",
        ", n integer CONSTRAINT chk_n CHECK (n > 1)",
        _MN + ', sa.CheckConstraint("n > 0", name="chk_n")',
        "check constraint public.t.chk_n",
    ),
    _of_table(
        "labels of an enum without a type",
        ", n varchar(1) CONSTRAINT s CHECK (n IN ('a'))",
        ', Column("n", sa.Enum("a", "b", name="s", native_enum=False, create_constraint=True, length=1))',
        "check constraint public.t.s",
    ),
    _of_table(
        "exclusion only in the models",
        ", n int4range",
        ', Column("n", pg.INT4RANGE), pg.ExcludeConstraint(("n", "&&"), name="x")',
        "exclusion constraint public.t.x",
    ),
    _of_table(
        "operator of an exclusion",
        ", n int4range, CONSTRAINT x EXCLUDE USING gist (n WITH =)",
        ', Column("n", pg.INT4RANGE), pg.ExcludeConstraint(("n", "&&"), name="x")',
        "exclusion constraint public.t.x",
    ),
    # Indexes
    _of_table("index only in the models", _A, _MA + ', sa.Index("ix_a", "a")', "index public.ix_a"),
    _after("index only in the migrations", "CREATE INDEX ix_a ON t (a)", _MA, "index public.ix_a", _A),
    _after(
        "columns of an index",
        "CREATE INDEX ix_a ON t (a)",
        _MAB + ', sa.Index("ix_a", "a", "b")',
        "index public.ix_a",
        _AB,
    ),
    _after(
        "order of the columns of an index",
        "CREATE INDEX ix_a ON t (b, a)",
        _MAB + ', sa.Index("ix_a", "a", "b")',
        "index public.ix_a",
        _AB,
    ),
    _after(
        "direction in an index",
        "CREATE INDEX ix_a ON t (a)",
        _MA + ', sa.Index("ix_a", sa.desc("a"))',
        "index public.ix_a",
        _A,
    ),
    _after(
        "NULLS FIRST in an index",
        "CREATE INDEX ix_a ON t (a)",
        _MA + ', sa.Index("ix_a", sa.nullsfirst(sa.text("a")))',
        "index public.ix_a",
        _A,
    ),
    _after(
        "unique index and plain one",
        "CREATE INDEX ix_a ON t (a)",
        _MA + ', sa.Index("ix_a", "a", unique=True)',
        "index public.ix_a",
        _A,
    ),
    _after(
        "condition of an index",
        "CREATE INDEX ix_a ON t (a) WHERE a <> ''",
        _MA + ', sa.Index("ix_a", "a", postgresql_where=sa.text("a IS NOT NULL"))',
        "index public.ix_a",
        _A,
    ),
    _after(
        "condition only in the models",
        "CREATE INDEX ix_a ON t (a)",
        _MA + ', sa.Index("ix_a", "a", postgresql_where=sa.text("a IS NOT NULL"))',
        "index public.ix_a",
        _A,
    ),
    _after(
        "method of an index",
        "CREATE INDEX ix_a ON t (a)",
        _MA + ', sa.Index("ix_a", "a", postgresql_using="hash")',
        "index public.ix_a",
        _A,
    ),
    _after(
        "operator class of an index",
        "CREATE INDEX ix_a ON t (a)",
        _MA + ', sa.Index("ix_a", "a", postgresql_ops={"a": "text_pattern_ops"})',
        "index public.ix_a",
        _A,
    ),
    _after(
        "INCLUDE of an index",
        "CREATE INDEX ix_a ON t (a)",
        _MAB + ', sa.Index("ix_a", "a", postgresql_include=["b"])',
        "index public.ix_a",
        _AB,
    ),
    _after(
        "expression of an index",
        "CREATE INDEX ix_a ON t (upper(a))",
        _MA + ', sa.Index("ix_a", sa.text("lower(a)"))',
        "index public.ix_a",
        _A,
    ),
    _after(
        "name of an index",
        "CREATE INDEX ix_old ON t (a)",
        _MA + ', sa.Index("ix_a", "a")',
        "index name public.ix_a",
        _A,
    ),
    # Types, sequences, and what a table is
    Kind(
        "label of an enum only in the models",
        "CREATE TYPE s AS ENUM ('a');" + _table(", n s", "")[0],
        _table("", ', Column("n", sa.Enum("a", "b", name="s"))')[1],
        "enum type public.s",
    ),
    Kind(
        "label of an enum only in the migrations",
        "CREATE TYPE s AS ENUM ('a', 'b', 'c');" + _table(", n s", "")[0],
        _table("", ', Column("n", sa.Enum("a", "b", name="s"))')[1],
        "enum type public.s",
    ),
    Kind(
        "order of the labels of an enum",
        "CREATE TYPE s AS ENUM ('b', 'a');" + _table(", n s", "")[0],
        _table("", ', Column("n", sa.Enum("a", "b", name="s"))')[1],
        "enum type public.s",
    ),
    Kind(
        "enum that the models do not create",
        "CREATE TYPE s AS ENUM ('b');" + _table(", n s", "")[0],
        _table("", ', Column("n", pg.ENUM("a", "b", name="s", create_type=False))')[1],
        "enum type public.s",
    ),
    Kind(
        "labels of an enum in an array",
        "CREATE TYPE s AS ENUM ('b');" + _table(", n s[]", "")[0],
        _table("", ', Column("n", sa.ARRAY(sa.Enum("a", "b", name="s")))')[1],
        "enum type public.s",
    ),
    _of_table("enum and text", ", n text", ', Column("n", sa.Enum("a", "b", name="s"))', "column public.t.n"),
    Kind(
        "name of an enum",
        "CREATE TYPE old AS ENUM ('a');" + _table(", n old", "")[0],
        _table("", ', Column("n", sa.Enum("a", name="s"))')[1],
        "column public.t.n",
    ),
    Kind(
        "sequence only in the models",
        _table(", n integer", "")[0],
        'sa.Sequence("numbers", metadata=metadata)\n' + _table("", _MN)[1],
        "sequence public.numbers",
    ),
    Kind(
        "increment of a sequence",
        "CREATE SEQUENCE numbers;" + _table(", n integer", "")[0],
        'sa.Sequence("numbers", increment=5, metadata=metadata)\n' + _table("", _MN)[1],
        "sequence public.numbers",
    ),
    Kind(
        "unlogged table",
        "CREATE UNLOGGED TABLE t (id integer PRIMARY KEY)",
        f'Table("t", metadata, {_ID})',
        "table public.t",
    ),
    Kind(
        "partitioned table",
        "CREATE TABLE t (id integer PRIMARY KEY)",
        f'Table("t", metadata, {_ID}, postgresql_partition_by="RANGE (id)")',
        "table public.t",
    ),
    Kind(
        "table in another schema",
        "CREATE SCHEMA s; CREATE TABLE s.t (id integer PRIMARY KEY)",
        f'Table("t", metadata, {_ID})',
        "table public.t",
    ),
    Kind(
        "column of a table in another schema",
        "CREATE SCHEMA s; CREATE TABLE s.t (id integer PRIMARY KEY)",
        f'Table("t", metadata, {_ID}{_MN}, schema="s")',
        "column s.t.n",
    ),
    Kind(
        "enum type that no model has",
        "CREATE TYPE s AS ENUM ('a')",
        "",
        None,
        opted="enum type public.s",
        settings=STRICT,
    ),
    _of_table("storage parameter only in the models", "", ', postgresql_with={"fillfactor": 70}', "table public.t"),
)

EQUIVALENT = (
    Kind(
        "serial",
        "CREATE TABLE t (id serial PRIMARY KEY)",
        'Table("t", metadata, Column("id", Integer, primary_key=True))',
    ),
    Kind(
        "serial of a renamed table",
        "CREATE TABLE old (id serial PRIMARY KEY); ALTER TABLE old RENAME TO t",
        'Table("t", metadata, Column("id", Integer, primary_key=True))',
    ),
    Kind(
        "identity of a renamed table",
        "CREATE TABLE old (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY); ALTER TABLE old RENAME TO t",
        'Table("t", metadata, Column("id", Integer, sa.Identity(), primary_key=True))',
    ),
    _of_table("order of columns", ", b text, a text", _MAB, None),
    _of_table("two names of one type", ", n int, b decimal(8, 2)", _MN + ', Column("b", Numeric(8, 2))', None),
    _of_table(
        "names that the models leave to PostgreSQL",
        ", a text, CONSTRAINT mine UNIQUE (a)",
        ', Column("a", Text, unique=True)',
        None,
    ),
    Kind(
        "foreign key without a name in the models",
        _OTHER + _table(", o_id integer CONSTRAINT fk_mine REFERENCES o", "")[0],
        _MO + _table("", ', Column("o_id", sa.ForeignKey("o.id"))')[1],
    ),
    _of_table(
        "check without a name in the models",
        ", n integer CONSTRAINT mine CHECK (n > 0)",
        _MN + ', sa.CheckConstraint("n > 0")',
        None,
    ),
    _of_table(
        "check in other words",
        ", n integer CONSTRAINT c CHECK ((n)>(0))",
        _MN + ', sa.CheckConstraint("n > 0", name="c")',
        None,
    ),
    _of_table(
        "IN and ANY",
        ", a text CONSTRAINT c CHECK (a IN ('x', 'y'))",
        _MA + ", sa.CheckConstraint(\"a = ANY (ARRAY['x', 'y'])\", name=\"c\")",
        None,
    ),
    _of_table(
        "two names of one function",
        ", n timestamptz DEFAULT CURRENT_TIMESTAMP",
        ', Column("n", sa.DateTime(True), server_default=sa.func.now())',
        None,
    ),
    _of_table(
        "default in other words",
        ", n integer DEFAULT '1'",
        ', Column("n", Integer, server_default=sa.text("1::integer"))',
        None,
    ),
    _of_table(
        "default with a per cent sign", ", a text DEFAULT '5%'", ', Column("a", Text, server_default="5%")', None
    ),
    _of_table("default NULL", ", a text", ', Column("a", Text, server_default=sa.text("NULL"))', None),
    _after(
        "index in other words",
        "CREATE INDEX ix_a ON t (lower((a)))",
        _MA + ', sa.Index("ix_a", sa.text("lower(a)"))',
        None,
        _A,
    ),
    _after(
        "invalid and clustered are states",
        "CREATE INDEX ix_a ON t (a); CLUSTER t USING ix_a",
        _MA + ', sa.Index("ix_a", "a")',
        None,
        _A,
    ),
    _after(
        "NOT VALID is a state",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID",
        _MN + ', sa.CheckConstraint("n > 0", name="c")',
        None,
        _N,
    ),
    _after(
        "storage of a column",
        "ALTER TABLE t ALTER a SET STORAGE EXTERNAL; ALTER TABLE t ALTER a SET STATISTICS 100",
        _MA,
        None,
        _A,
    ),
    _after("storage parameters of a table", "ALTER TABLE t SET (autovacuum_enabled = off)", "", None),
    _after(
        "row level security", "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)", "", None
    ),
    _after(
        "function and trigger",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "",
        None,
    ),
    _after("view", "CREATE VIEW v AS SELECT id FROM t; CREATE MATERIALIZED VIEW m AS SELECT id FROM t", "", None),
    _after("grant", "GRANT SELECT ON t TO PUBLIC", "", None),
    _after("model of a view", "CREATE VIEW v AS SELECT id FROM t", f')\nTable("v", metadata, {_ID}', None),
    _after(
        "partitions",
        "CREATE TABLE p (n integer) PARTITION BY RANGE (n); CREATE TABLE p1 PARTITION OF p DEFAULT",
        ')\nTable("p", metadata, Column("n", Integer), postgresql_partition_by="RANGE (n)"',
        None,
    ),
    Kind(
        "default of a function that migrations make",
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; "
        "CREATE TABLE t (id integer PRIMARY KEY, n integer DEFAULT f())",
        f'Table("t", metadata, {_ID}, Column("n", Integer, server_default=sa.text("f()")))',
    ),
    Kind(
        "type of an extension",
        "CREATE EXTENSION citext; CREATE TABLE t (id integer PRIMARY KEY, a citext)",
        "from sqlalchemy.types import UserDefinedType\n\n\nclass CI(UserDefinedType):\n    cache_ok = True\n\n"
        f'    def get_col_spec(self, **kw):\n        return "citext"\n\n\nTable("t", metadata, {_ID}, Column("a", CI))',
    ),
    Kind(
        "enum",
        "CREATE TYPE s AS ENUM ('a', 'b'); CREATE TABLE t (id integer PRIMARY KEY, n s DEFAULT 'a')",
        f'Table("t", metadata, {_ID}, Column("n", sa.Enum("a", "b", name="s"), server_default="a"))',
    ),
    Kind(
        "table in another schema",
        "CREATE SCHEMA s; CREATE TABLE s.t (id integer PRIMARY KEY)",
        f'Table("t", metadata, {_ID}, schema="s")',
    ),
    Kind(
        "not null by a named constraint",
        "CREATE TABLE t (id integer PRIMARY KEY, n integer CONSTRAINT nn NOT NULL)",
        f'Table("t", metadata, {_ID}, Column("n", Integer, nullable=False))',
    ),
    Kind(
        "names that need quotes",
        'CREATE TABLE "Order" (id integer PRIMARY KEY, "Total" integer); CREATE INDEX "Ix" ON "Order" ("Total")',
        f'Table("Order", metadata, {_ID}, Column("Total", Integer), sa.Index("Ix", "Total"))',
    ),
    _of_table(
        "generated column",
        ", n integer GENERATED ALWAYS AS (id * 2) STORED",
        ', Column("n", Integer, sa.Computed("id * 2", persisted=True))',
        None,
    ),
    _of_table(
        "UNIQUE on the columns of the primary key",
        ", CONSTRAINT uq_t UNIQUE (id)",
        ', sa.UniqueConstraint("id", name="uq_t")',
        None,
    ),
    _of_table("UNIQUE that the primary key is", "", ', sa.UniqueConstraint("id", name="uq_t")', None),
    Kind(
        "foreign key that the models declare twice",
        _OTHER + _table(", o_id integer CONSTRAINT fk_o REFERENCES o", "")[0],
        _MO
        + _table(
            "", ', Column("o_id", sa.ForeignKey("o.id")), sa.ForeignKeyConstraint(["o_id"], ["o.id"], name="fk_o")'
        )[1],
    ),
)
