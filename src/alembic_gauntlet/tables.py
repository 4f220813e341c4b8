"""What a row has to fit: tables with their columns, types and constraints, read from pg_catalog.

The schema values of `catalog` say how PostgreSQL prints an object; what is drawn for a column takes more structure.
Sources: the chapter "System Catalogs" of the PostgreSQL manual.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg

from alembic_gauntlet.path import Value

Kind = Literal["base", "enum", "domain", "array", "range", "multirange", "composite"]

_KINDS: Mapping[str, Kind] = {
    "b": "base",
    "e": "enum",
    "d": "domain",
    "r": "range",
    "m": "multirange",
    "c": "composite",
}


@dataclass(frozen=True)
class Type:
    """A type of a column.

    Attributes:
        name: as `format_type` prints it without a modifier: `character varying`, `public.mood`.
        kind: what it is.
        modifier: `atttypmod`; -1 for none. `rows` reads lengths and precisions from it.
        labels: of an enum, in its order.
        element: of an array its element, of a domain its base, of a range its subtype, of a multirange its range.
        attributes: of a composite type: names and types.
        checks: of a domain: its CHECK constraints, as PostgreSQL prints them.
    """

    name: str
    kind: Kind = "base"
    modifier: int = -1
    labels: tuple[str, ...] = ()
    element: Type | None = None
    attributes: tuple[tuple[str, Type], ...] = ()
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: without quotes.
        type: its type.
        nullable: whether it takes NULL.
        has_default: whether it may be left out though it takes no NULL.
        is_filled: the database gives it its value: identity, generated, or the next value of a sequence.
        sequence: the qualified name of the sequence that it owns, if any.
        below: where the numbers of a sequence begin that is named as the column's own and is no default of it: the
            application asks it for them, and what migrations insert may, too.
        hints: values that a CHECK of the table or of its domain names, and their neighbours: some of them pass it.
    """

    name: str
    type: Type
    nullable: bool = True
    has_default: bool = False
    is_filled: bool = False
    sequence: str | None = None
    below: int | None = None
    hints: tuple[Value, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether a row has to give it a value."""
        return not (self.nullable or self.has_default or self.is_filled)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key: `columns` refer to `referred` of `table`."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table that rows can be inserted into: an ordinary or a partitioned one, but no partition.

    Attributes:
        name: qualified, and quoted where PostgreSQL needs quotes: `public.users`.
        columns: in their order.
        key: the columns of the primary key; none where it has none.
        uniques: the columns of each unique constraint and unique index, those of the primary key among them.
        foreign_keys: all of them.
        checks: CHECK and EXCLUDE constraints and unique indexes of expressions, as PostgreSQL prints them.
        bounds: of a partitioned table: values that each partition takes, by column, as far as its bounds say.
        may_do_more: whether an inserted row may do more than what its statement says, in its own table or in others:
            there is a trigger or a rule in the database.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[str, ...] = ()
    bounds: tuple[tuple[tuple[str, Value], ...], ...] = ()
    may_do_more: bool = False

    def column(self, name: str) -> Column | None:
        """Return the column of a name; None where there is none."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def is_self_referential(self) -> bool:
        """Whether one of its foreign keys refers to itself."""
        return any(each.table == self.name for each in self.foreign_keys)


def reflect(connection: psycopg.Connection[Any], leave_out: Iterable[str] = ()) -> tuple[Table, ...]:
    """Return the tables of a database, by name; none of the system's, of extensions, of `leave_out`, no partitions.

    Args:
        connection: an idle one.
        leave_out: names, qualified or bare, quoted where needed, such as that of Alembic's version table.
    """
    with connection.transaction():
        connection.execute("SET LOCAL search_path TO ''")
        major = connection.info.server_version // 10000
        types = _Types(
            {row[0]: row for row in connection.execute(_TYPES.format(_MULTIRANGES if major > 13 else "NULL"))}
        )
        columns = connection.execute(_COLUMNS, {"leave_out": list(leave_out)}).fetchall()
        constraints = connection.execute(_CONSTRAINTS).fetchall()
        bounds = connection.execute(_BOUNDS).fetchall()
        ((more,),) = connection.execute(_MORE).fetchall()
    tables = _tables(columns, types, _by_table(constraints), _by_table(bounds))
    return tuple(replace(table, may_do_more=more) for table in tables)


def _by_table(rows: Iterable[tuple[Any, ...]]) -> Mapping[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for table, *rest in rows:
        found[table].append(tuple(rest))
    return found


def _tables(
    rows: list[tuple[Any, ...]],
    types: _Types,
    constraints: Mapping[int, list[tuple[Any, ...]]],
    bounds: Mapping[int, list[tuple[Any, ...]]],
) -> tuple[Table, ...]:
    names: dict[int, str] = {}
    columns: dict[int, list[Column]] = defaultdict(list)
    for oid, name, column, type, modifier, *rest in rows:
        names[oid] = name
        if column is not None:
            columns[oid].append(Column(column, types.of(type, modifier), *rest))
    return tuple(
        Table(
            name,
            tuple(_hinted(column, constraints[oid]) for column in columns[oid]),
            key=next((tuple(each[1]) for each in constraints[oid] if each[0] == "p"), ()),
            uniques=tuple(dict.fromkeys(tuple(each[1]) for each in constraints[oid] if each[0] in "pu")),
            foreign_keys=tuple(
                ForeignKey(tuple(each[1]), each[2], tuple(each[3])) for each in constraints[oid] if each[0] == "f"
            ),
            checks=tuple(each[4] for each in constraints[oid] if each[0] in "cx"),
            bounds=tuple(filter(None, (_bound(names_, text) for names_, text in bounds[oid]))),
        )
        for oid, name in names.items()
    )


_NUMBER = re.compile(r"(?<![\w.'])-?\d+(?![\w.'])")


def _hinted(column: Column, constraints: list[tuple[Any, ...]]) -> Column:
    """Return a column with the values that the CHECKs which name it are about."""
    mention = re.compile(rf"\b{re.escape(column.name)}\b")
    checks = [each[4] for each in constraints if each[0] == "c" and mention.search(each[4])]
    found: list[Value] = []
    for check in (*checks, *column.type.checks):
        found += [text.replace("''", "'") for text in re.findall(r"'((?:[^']|'')*)'", check)]
        found += [number + by for number in map(int, _NUMBER.findall(check)) for by in (1, 0, -1)]
    return replace(column, hints=tuple(dict.fromkeys(found)))


_LITERAL = re.compile(r"'((?:[^']|'')*)'|[^\s,()]+")


def _bound(columns: list[str], text: str) -> tuple[tuple[str, Value], ...]:
    """Return values that a partition takes: the first of a list, the lower end of a range."""
    found = re.match(r"FOR VALUES (?:IN|FROM) \((.*?)\)(?: TO |$)", text, re.DOTALL)
    if found is None:
        return ()
    values = [each[1].replace("''", "'") if each[1] is not None else each[0] for each in _LITERAL.finditer(found[1])]
    pairs = zip(columns, values, strict=False)
    return tuple((name, None if value == "NULL" else value) for name, value in pairs if value != "MINVALUE")


@dataclass
class _Types:
    """Types by OID, each made once."""

    rows: Mapping[int, tuple[Any, ...]]
    _made: dict[tuple[int, int], Type] = field(default_factory=dict)

    def of(self, oid: int, modifier: int = -1) -> Type:
        if (oid, modifier) not in self._made:
            self._made[oid, modifier] = self._make(oid, modifier)
        return self._made[oid, modifier]

    def _make(self, oid: int, modifier: int) -> Type:
        if oid not in self.rows:
            return Type("unknown")
        _, name, letter, element, base, base_modifier, labels, subtype, attributes, checks = self.rows[oid]
        if element:
            return Type(name, "array", modifier, element=self.of(element, modifier))
        kind = _KINDS[letter]
        if kind == "domain":
            return Type(name, kind, element=self.of(base, base_modifier), checks=tuple(checks or ()))
        if kind in ("range", "multirange"):
            return Type(name, kind, element=self.of(subtype))
        inner = tuple((each["name"], self.of(int(each["type"]), int(each["modifier"]))) for each in attributes or ())
        return Type(name, kind, modifier, tuple(labels or ()), attributes=inner)


_OURS = """n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid
                    AND e.deptype = 'e')"""

_NAME = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)"

_COLUMNS = f"""\
SELECT c.oid::int8, {_NAME}, a.attname, a.atttypid::int8, a.atttypmod,
    NOT (a.attnotnull OR t.typtype = 'd' AND t.typnotnull), d.oid IS NOT NULL,
    a.attidentity <> '' OR a.attgenerated <> '' OR coalesce(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%%', false),
    pg_get_serial_sequence({_NAME}, a.attname),
    (SELECT q.seqstart FROM pg_class s JOIN pg_sequence q ON q.seqrelid = s.oid
     WHERE s.relnamespace = c.relnamespace AND s.relname = c.relname || '_' || a.attname || '_seq'
        AND t.typcategory = 'N' AND d.oid IS NULL AND a.attidentity = '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND {_OURS}
    AND {_NAME} <> ALL (%(leave_out)s) AND quote_ident(c.relname) <> ALL (%(leave_out)s)
ORDER BY 2, a.attnum"""

_MORE = f"""\
SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal)
    OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND c.relhasrules AND {_OURS})"""

_ATTRIBUTES = """(SELECT array_agg(a.attname::text ORDER BY u.position)
    FROM unnest({}) WITH ORDINALITY AS u (number, position)
    JOIN pg_attribute a ON a.attrelid = {} AND a.attnum = u.number)"""

_CONSTRAINTS = f"""\
SELECT k.conrelid::int8, k.contype::text, coalesce({_ATTRIBUTES.format("k.conkey", "k.conrelid")}, '{{}}'),
    quote_ident(fn.nspname) || '.' || quote_ident(f.relname), {_ATTRIBUTES.format("k.confkey", "k.confrelid")},
    pg_get_constraintdef(k.oid)
FROM pg_constraint k LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace fn ON fn.oid = f.relnamespace
WHERE k.conrelid >= 16384 AND k.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
SELECT i.indrelid::int8, 'u', {_ATTRIBUTES.format("i.indkey::int2[]", "i.indrelid")}, NULL, NULL, NULL
FROM pg_index i
WHERE i.indrelid >= 16384 AND i.indisunique AND i.indexprs IS NULL
UNION ALL
SELECT i.indrelid::int8, 'x', '{{}}', NULL, NULL, pg_get_indexdef(i.indexrelid)
FROM pg_index i
WHERE i.indrelid >= 16384 AND i.indisunique AND i.indexprs IS NOT NULL
ORDER BY 1, 2, 3"""

_BOUNDS = f"""\
SELECT p.partrelid::int8, {_ATTRIBUTES.format("p.partattrs::int2[]", "p.partrelid")},
    pg_get_expr(c.relpartbound, c.oid)
FROM pg_partitioned_table p JOIN pg_inherits i ON i.inhparent = p.partrelid JOIN pg_class c ON c.oid = i.inhrelid
WHERE p.partrelid >= 16384 AND p.partexprs IS NULL AND p.partstrat IN ('l', 'r')
    AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
ORDER BY 1, 3"""

_MULTIRANGES = "(SELECT rngtypid FROM pg_range WHERE rngmultitypid = t.oid)::int8"

_TYPES = """\
SELECT t.oid::int8, format_type(t.oid, NULL), t.typtype::text,
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 AND t.oid NOT IN (22, 30) THEN t.typelem::int8 END,
    t.typbasetype::int8, t.typtypmod,
    CASE WHEN t.typtype = 'e' THEN
        (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid) END,
    CASE t.typtype WHEN 'r' THEN (SELECT rngsubtype FROM pg_range WHERE rngtypid = t.oid)::int8
        WHEN 'm' THEN {} END,
    CASE WHEN t.typtype = 'c' THEN (SELECT json_agg(json_build_object('name', attname, 'type', atttypid::int8,
            'modifier', atttypmod) ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped) END,
    CASE WHEN t.typtype = 'd' THEN (SELECT array_agg(pg_get_constraintdef(k.oid) ORDER BY k.conname)
        FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c') END
FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typtype IN ('b', 'e', 'd', 'r', 'm') OR t.typtype = 'c' AND t.oid >= 16384"""
