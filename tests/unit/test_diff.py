from alembic_gauntlet.diff import Change, condense, diff
from alembic_gauntlet.schema import Schema, SchemaObject, matches_table, split_name

TABLE = SchemaObject("table", "public.t", "", "public.t", "t")
COLUMN = SchemaObject("column", "public.t.a", "text", "public.t", "a")
DEFAULT = SchemaObject("column default", "public.t.a", "'x'::text", "public.t", "a")
KEY = SchemaObject("primary key", "public.t.t_pkey", "PRIMARY KEY (a)", "public.t", "t_pkey")
ENUM = SchemaObject("enum type", "public.st", "('x', 'y')", None, "st")
COMMENT = SchemaObject("comment", "table public.t", "'x'", "public.t", "t")


def test_equal_schemas_have_no_differences() -> None:
    """The order in which objects were read is no difference."""
    assert Schema([TABLE, COLUMN]) == Schema([COLUMN, TABLE])
    assert hash(Schema([TABLE, COLUMN])) == hash(Schema([COLUMN, TABLE]))
    assert diff(Schema([TABLE, COLUMN]), Schema([COLUMN, TABLE])) == ()


def test_added_and_removed_mirror_each_other() -> None:
    """Each side is None where the object is not there."""
    assert diff(Schema(), Schema([ENUM])) == (Change("added", "enum type", "public.st", None, "('x', 'y')"),)
    assert diff(Schema([ENUM]), Schema()) == (Change("removed", "enum type", "public.st", "('x', 'y')", None),)


def test_changed_definitions_show_both() -> None:
    """An object of the same kind and name with another definition changed."""
    other = COLUMN._replace(definition="text NOT NULL")
    (change,) = diff(Schema([TABLE, COLUMN]), Schema([TABLE, other]))
    assert change == Change("changed", "column", "public.t.a", "text", "text NOT NULL")
    assert change.to_json() == {
        "change": "changed",
        "kind": "column",
        "name": "public.t.a",
        "before": "text",
        "after": "text NOT NULL",
    }


def test_changes_are_sorted_for_a_reader() -> None:
    """Types before tables before columns before constraints; unknown kinds, then comments come last."""
    unknown = SchemaObject("server", "s", "")
    objects = [COMMENT, unknown, KEY, DEFAULT, COLUMN, ENUM, TABLE]
    kinds = [each.kind for each in diff(Schema(), Schema(objects))]
    assert kinds == ["enum type", "table", "column", "column default", "primary key", "server", "comment"]
    assert diff(Schema(), Schema(objects)) == diff(Schema(), Schema(objects[::-1]))


def test_whole_table_implies_what_belongs_to_it() -> None:
    """One line for a table, with its columns; in the other direction the same."""
    objects = Schema([TABLE, COLUMN, DEFAULT, KEY, COMMENT])
    text = "(a text DEFAULT 'x'::text)"
    assert condense(diff(Schema(), objects)) == (Change("added", "table", "public.t", None, text),)
    assert condense(diff(objects, Schema())) == (Change("removed", "table", "public.t", text, None),)


def test_parts_of_a_table_that_stays_are_kept() -> None:
    """Only a column takes its default along."""
    changes = condense(diff(Schema([TABLE]), Schema([TABLE, COLUMN, DEFAULT, KEY, COMMENT])))
    assert [(each.kind, each.after) for each in changes] == [
        ("column", "text DEFAULT 'x'::text"),
        ("primary key", "PRIMARY KEY (a)"),
        ("comment", "'x'"),
    ]


def test_default_alone_is_kept() -> None:
    """A default on a column that was there before is a change of its own."""
    assert len(condense(diff(Schema([TABLE, COLUMN]), Schema([TABLE, COLUMN, DEFAULT])))) == 1


def test_constraint_that_moves_with_nothing_is_kept_when_a_table_goes_the_other_way() -> None:
    """A removed table does not imply what was added."""
    other = SchemaObject("view", "public.t", "SELECT 1", "public.t", "t")
    changes = condense(diff(Schema([TABLE, COLUMN]), Schema([other])))
    assert [(each.change, each.kind) for each in changes] == [("removed", "table"), ("added", "view")]


def test_tables_are_left_out_by_pattern() -> None:
    """A pattern matches the bare or the qualified name, whole; types of that name stay."""
    schema = Schema([TABLE, COLUMN, ENUM])
    assert set(schema.without_tables(["t"])) == set(schema.without_tables(["public.*"])) == {ENUM.key}
    assert schema.without_tables(["other.*", "s*"]) == schema
    assert set(schema.without_kinds(["enum type"])) == {TABLE.key, COLUMN.key}


def test_quoted_names_are_split() -> None:
    """Dots and quotes inside quotes belong to the name."""
    assert split_name("public.users") == ("public", "users")
    assert split_name('"a.b"."c""d"') == ("a.b", 'c"d')
    assert matches_table('public."My.table"', ["My.*"])
    assert not matches_table("public.users", ["user"])
