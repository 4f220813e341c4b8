"""Naming rules: three layers, names that were cut, partitions."""

import pytest
from sqlalchemy import MetaData

from alembic_gauntlet.naming import Rule, conventional_name, offences, resolve_rules
from alembic_gauntlet.schema import Schema, SchemaObject

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uniq__%(table_name)s",
    "ck": "%(table_name)s_chk",
    "fk": "fk_%(table_name)s_%(column_0_name)s_ref",
    "pk": "%(table_name)s",
}


def named(kind: str, name: str, table: str = "public.users") -> SchemaObject:
    return SchemaObject(kind, f"{table}.{name}", "", table, name)


def bad(*objects: SchemaObject, models: tuple[MetaData, ...] = (), **overrides: tuple[str, ...]) -> list[str]:
    return [each.object.local_name for each in offences(Schema(objects), resolve_rules(models, overrides))]


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        ("index", ["idx_a", "uq_a", "a_idx", "a_pkey", "a_key", "a_idx1"], ["a", "ix_a", "aidx", "a_idx1b", "_idxa"]),
        ("unique constraint", ["uq_a", "a_key", "a_key12"], ["a", "idx_a", "a_keys"]),
        ("foreign key", ["fk_a", "a_fkey", "a_fkey1"], ["a", "a_fk"]),
        ("check constraint", ["chk_a", "a_check", "a_check1"], ["a", "ck_a"]),
        ("primary key", ["pk_a", "a_pkey", "a_pkey1"], ["a", "a_pk"]),
        ("exclusion constraint", ["idx_a", "a_excl", "a_excl2"], ["a", "a_exclusion"]),
    ],
)
def test_defaults_accept_what_postgresql_itself_gives(kind: str, good: list[str], wrong: list[str]) -> None:
    """One prefix or one suffix, which may have digits after it, is enough; every offence is returned."""
    assert bad(*(named(kind, name) for name in [*good, *wrong])) == sorted(wrong)


def test_convention_of_the_models_replaces_the_defaults_of_its_categories() -> None:
    """Literal text before the first and after the last placeholder counts; without any, every name passes."""
    models = (MetaData(naming_convention=CONVENTION),)
    objects = [
        named("index", "ix_a"), named("index", "idx_a"), named("index", "uniq__a"),
        named("unique constraint", "uniq__a"), named("unique constraint", "uq_a"),
        named("check constraint", "a_chk"), named("check constraint", "a_check"),
        named("foreign key", "fk_a"), named("foreign key", "a_ref"), named("foreign key", "a_fkey"),
        named("primary key", "anything"),
    ]  # fmt: skip
    assert bad(*objects, models=models) == ["a_check", "a_fkey", "idx_a", "uq_a"]


def test_builtin_convention_of_sqlalchemy_counts_as_none() -> None:
    """Every MetaData has an ix convention of its own: it must not replace the defaults."""
    assert bad(named("index", "idx_a"), named("index", "ix_a"), models=(MetaData(),)) == ["ix_a"]


def test_several_models_allow_the_names_of_each() -> None:
    """With two MetaData, a name passes on the convention of either."""
    models = (
        MetaData(naming_convention={"ix": "one_%(column_0_name)s"}),
        MetaData(naming_convention={"ix": "two_%(x)s"}),
    )
    assert bad(named("index", "one_a"), named("index", "two_a"), named("index", "idx_a"), models=models) == ["idx_a"]


def test_a_list_set_on_the_class_wins_and_leaves_the_others_alone() -> None:
    """Overriding the prefixes keeps the suffixes of the layer below."""
    models = (MetaData(naming_convention=CONVENTION),)
    objects = [named("foreign key", name) for name in ("ref_a", "a_ref", "fk_a")]
    assert bad(*objects, models=models, allowed_fk_prefixes=("ref_",)) == ["fk_a"]
    assert bad(named("index", "a"), allowed_index_prefixes=(), allowed_index_suffixes=()) == []


@pytest.mark.parametrize(
    "name",
    [
        "a" * 63,
        "é" * 31 + "a",
        "a" * 55 + "_3f2c",
    ],
)
def test_suffix_that_was_cut_off_is_no_offence(name: str) -> None:
    """PostgreSQL cuts at 63 bytes, SQLAlchemy puts four digits of a hash in the place of the end."""
    assert Rule((), ("_idx",)).allows(name)
    assert not Rule(("idx_",), ()).allows(name)


def test_short_name_that_looks_hashed_is_an_offence() -> None:
    """Only a name as long as SQLAlchemy cuts it to counts as cut."""
    assert not Rule((), ("_idx",)).allows("a_3f2c")


def test_what_a_partition_has_is_left_out() -> None:
    """PostgreSQL names the indexes of partitions after the parent's; the parent's own are checked."""
    partition = SchemaObject("table", "public.p1", "PARTITION OF public.p FOR VALUES IN (1)", "public.p1", "p1")
    assert bad(partition, named("index", "x", "public.p1"), named("index", "y", "public.p")) == ["y"]


@pytest.mark.parametrize(
    ("kind", "definition", "name"),
    [
        ("primary key", "PRIMARY KEY (id)", "Order"),
        ("unique constraint", "UNIQUE (a, b)", "uniq__Order"),
        ("unique constraint", "UNIQUE NULLS NOT DISTINCT (a)", "uniq__Order"),
        (
            "foreign key",
            'FOREIGN KEY ("User Id", b) REFERENCES s."Users"(id, b) ON DELETE CASCADE',
            "fk_Order_User Id_Users",
        ),
        (
            "index",
            'CREATE UNIQUE INDEX i ON public."Order" USING btree (a, b) INCLUDE (c) WHERE (a > 1)',
            "ix_Order_a_b",
        ),
        ("index", 'CREATE INDEX i ON public."Order" USING btree (lower(a))', None),
        ("index", 'CREATE INDEX i ON public."Order" USING btree (a DESC)', None),
        ("check constraint", "CHECK (a > 0)", None),
        ("exclusion constraint", "EXCLUDE USING gist (a WITH =)", None),
    ],
)
def test_name_that_the_convention_would_have_given(kind: str, definition: str, name: str | None) -> None:
    """By SQLAlchemy's own rules; none where the database does not hold what the convention asks for."""
    convention = {
        **CONVENTION,
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "%(table_name)s_%(constraint_name)s_chk",
    }
    each = SchemaObject(kind, "public.x", definition, 'public."Order"', "x")
    assert conventional_name(each, MetaData(naming_convention=convention)) == name
    assert conventional_name(each, MetaData(naming_convention={"ix": None})) is None


def test_offence_reads_as_a_sentence() -> None:
    """Object, table and rule are named."""
    (offence,) = offences(Schema([named("primary key", "users")]), resolve_rules((), {}))
    assert str(offence) == "primary key users on public.users does not begin with pk_ or end in _pkey"
