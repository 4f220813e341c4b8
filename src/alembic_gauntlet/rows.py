"""Rows for a reflected table, as Hypothesis strategies: values for every built-in type, small ones first.

A value is what PostgreSQL reads for the type, as a string, or an integer, a boolean or None; a row maps the names of
columns to values. Columns that the database fills (identity, generated, the next value of a sequence) are left out.

Every strategy works on what `reflect` returns; none of them touches the database. A row may be refused all the same, by
a CHECK, a trigger or a domain: `insert` says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from alembic_gauntlet.path import Insert, Value
from alembic_gauntlet.population import Counters, Inserted, Refused, insert
from alembic_gauntlet.tables import Column, ForeignKey, Table, Type, reflect

__all__ = ["Column", "Counters", "ForeignKey", "Insert", "Inserted", "Refused", "Table", "Type", "Value"]
__all__ += ["distinct", "insert", "reflect", "rows", "samples", "values"]

Row = dict[str, Value]
Keys = Mapping[ForeignKey, Sequence[Sequence[Value]]]

_LONGEST = 300
"""Characters of a text without a limit, at most."""

_BITS = {"smallint": 15, "integer": 31, "bigint": 63, "oid": 31}
_CHARACTERS = st.characters(min_codepoint=1, max_codepoint=0xD7FF) | st.characters(min_codepoint=0xE000)
"""All but NUL, which PostgreSQL does not take, and surrogates, which are no characters."""

_SAMPLES: Mapping[str, tuple[Value, ...]] = {
    "boolean": (False, True),
    "real": (0, "1.5", "-1", "3e38", "NaN"),
    "double precision": (0, "1.5", "-1", "1e300", "NaN"),
    "money": (0, 1, "-92233720368547758.08"),
    "bytea": ("", "\\x00", "\\x27255cff"),
    "date": ("2000-01-01", "2000-01-02", "0001-01-01", "9999-12-31"),
    "timestamp without time zone": ("2000-01-01 00:00:00", "2000-01-01 00:00:01", "0001-01-01 00:00:00",
                                    "9999-12-31 23:59:59"),
    "timestamp with time zone": ("2000-01-01 00:00:00+00", "2000-01-01 00:00:01+00", "0001-01-02 00:00:00+00",
                                 "9999-12-30 23:59:59+00"),
    "time without time zone": ("00:00:00", "12:00:00", "23:59:59.999999"),
    "time with time zone": ("00:00:00+00", "12:00:00+00", "23:59:59.999999+00"),
    "interval": ("0", "1 day", "-1 month", "100 years"),
    "uuid": ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    "json": ("null", "{}", "[]", "0", '"a"', '{"a": null}'),
    "jsonb": ("null", "{}", "[]", "0", '"a"', '{"a": null}'),
    "jsonpath": ("$", "$.a"),
    "xml": ("", "<a/>"),
    "inet": ("0.0.0.0", "::1", "10.0.0.1/8"),
    "cidr": ("0.0.0.0/0", "::/0", "10.0.0.0/8"),
    "macaddr": ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"),
    "macaddr8": ("00:00:00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff"),
    "point": ("(0,0)", "(1,-1)"),
    "line": ("{1,0,0}", "{0,1,1}"),
    "lseg": ("[(0,0),(1,1)]",),
    "box": ("(0,0),(0,0)", "(1,1),(0,0)"),
    "path": ("[(0,0)]", "((0,0),(1,1))"),
    "polygon": ("((0,0))", "((0,0),(1,1),(1,0))"),
    "circle": ("<(0,0),0>", "<(1,1),2>"),
    "tsvector": ("", "'a'", "'a':1 'b':2"),
    "tsquery": ("'a'", "'a' & !'b'"),
    "pg_lsn": ("0/0", "FFFFFFFF/FFFFFFFF"),
    "xid": ("0", "1"), "xid8": ("0", "1"), "cid": ("0", "1"), "tid": ("(0,1)",),
    "txid_snapshot": ("1:1:",), "pg_snapshot": ("1:1:",),
    "int2vector": ("", "1 2"), "oidvector": ("", "1 2"), "refcursor": ("", "a"),
    "hstore": ("", '"a"=>"1"', '"a"=>NULL'),
    "ltree": ("", "a", "a.b"), "lquery": ("a",), "ltxtquery": ("a",), "cube": ("0", "(0),(1)"),
    "geometry": ("POINT(0 0)",), "geography": ("POINT(0 0)",),
}  # fmt: skip
_TEXTS: tuple[str, ...] = ("", "a", "'", "100%", "1", "é", "\U0001f600\n\t\\")
_UNKNOWN: tuple[Value, ...] = ("", "0", "a", "{}", "[0]")


@lru_cache(maxsize=4096)
def samples(type: Type) -> tuple[Value, ...]:
    """Return values of a type that are worth a try: the plainest first, the ends of its range last."""
    bare = _bare(type)
    if type.kind == "enum":
        return type.labels
    if type.kind == "domain":
        return samples(_inner(type))
    if type.kind == "array":
        return ("{}", *(_array([each]) for each in samples(_inner(type))[:4]), _array([None]))
    if type.kind == "range":
        return (*(_range(each, each) for each in samples(_inner(type))[:2]), "empty", "(,)")
    if type.kind == "multirange":
        return ("{}", *(f"{{{each}}}" for each in samples(_inner(type))))
    if type.kind == "composite":
        columns = [samples(each) for _, each in type.attributes]
        return tuple(_record([each[min(place, len(each) - 1)] for each in columns]) for place in (0, -1))
    if bare in _BITS:
        return (
            0,
            1,
            2**15 if bare == "oid" else -1,
            *((-(2 ** _BITS[bare]),) if bare != "oid" else ()),
            2 ** _BITS[bare] - 1,
        )
    if bare == "numeric":
        return _numerics(type)
    if bare in ("bit", "bit varying"):
        length = max(type.modifier, 1)
        return ("0" * length, "1" * length) if bare == "bit" else ("", "1", "1" * min(length, _LONGEST))
    if bare == "vector":
        return ("[{}]".format(",".join("0" * max(type.modifier, 1))),)
    longest = _length(type)
    if longest is not None:
        texts = (each for each in _TEXTS if len(each.encode() if bare == "name" else each) <= longest)
        return (*texts, *(("x" * min(longest, _LONGEST),) if longest > 1 else ()))
    if bare.startswith("reg") or bare == "aclitem":
        return ("0",)
    return _SAMPLES.get(bare, _UNKNOWN)


def values(type: Type) -> st.SearchStrategy[Value]:
    """Return a strategy for the values of a type; it shrinks to the plainest one, NULL is never one."""
    known, more = st.sampled_from(samples(type) or (None,)), _more(type)
    return known if more is None else known | more


def distinct(type: Type, number: int) -> Value:
    """Return the value of a type that has a number: different ones, as far as the type has so many."""
    bare = _bare(type)
    if type.kind == "domain":
        return distinct(_inner(type), number)
    if type.kind == "array":
        return _array([distinct(_inner(type), number)])
    if type.kind == "range":
        value = distinct(_inner(type), number)
        return _range(value, value)
    if type.kind == "composite":
        return _record([distinct(each, number) for _, each in type.attributes])
    if bare in _BITS or bare in ("numeric", "money", "real", "double precision"):
        return number + 1
    if bare == "uuid":
        return str(UUID(int=number + 1))
    if bare == "date":
        return (date(2000, 1, 1) + timedelta(days=number)).isoformat()
    if bare.startswith("time"):
        moment = (datetime(2000, 1, 1) + timedelta(seconds=number)).isoformat(" ")
        return moment if bare.startswith("timestamp") else moment[11:]
    if bare == "interval":
        return f"{number} seconds"
    if bare in ("inet", "cidr"):
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if bare in ("json", "jsonb"):
        return str(number)
    if bare == "bytea":
        return f"\\x{number:04x}"
    if _length(type) is not None:
        return _letters(number)
    known = samples(type)
    return known[number % len(known)] if known else None


@st.composite
def rows(
    draw: st.DrawFn,
    table: Table,
    keys: Keys | None = None,
    count: int = 0,
    given: Mapping[str, st.SearchStrategy[Any]] | None = None,
    fixed: Mapping[str, Value] | None = None,
) -> Row:
    """Return a strategy for the rows of a table. It shrinks to the row that gives the fewest and plainest values.

    Args:
        draw: given by Hypothesis.
        table: as `reflect` returns it.
        keys: what each foreign key may refer to; without any, NULL, or the row itself where the table is its own
            parent. A foreign key that has neither is given a value at random.
        count: how many rows the table has: keys are then different ones, mostly.
        given: strategies for columns, in the place of those by type. Their values may be anything that PostgreSQL
            reads from its text; dicts and lists are written as JSON.
        fixed: values of columns.
    """
    row: Row = dict(fixed or {})
    for name, value in draw(st.sampled_from(table.bounds)) if table.bounds else ():
        row.setdefault(name, value)
    for column in table.columns:
        if column.name in (given or {}):
            row.setdefault(column.name, as_value(draw((given or {})[column.name])))
    own = [each for each in table.foreign_keys if each.table == table.name]
    for each in sorted(table.foreign_keys, key=lambda each: each in own):
        if row.keys().isdisjoint(each.columns):
            row.update(zip(each.columns, draw(_references(table, each, (keys or {}).get(each, ()))), strict=False))
    unique = {name for names in table.uniques for name in names}
    for column in table.columns:
        if column.name not in row and not column.is_filled:
            row[column.name] = draw(_cell(column, count if column.name in unique else None))
    for each in own:
        _refer_to_itself(table, each, row)
    return without_null(table, row)


def _references(
    table: Table, foreign: ForeignKey, keys: Sequence[Sequence[Value]]
) -> st.SearchStrategy[Sequence[Value]]:
    """Draw what a foreign key refers to; nothing where that has to be seen later."""
    columns = [table.column(name) for name in foreign.columns]
    nothing = all(column is not None and column.nullable for column in columns)
    choices: list[Sequence[Value]] = [[None] * len(columns)] if nothing else []
    choices += keys
    return st.sampled_from(choices) if choices else st.just(())


def _refer_to_itself(table: Table, foreign: ForeignKey, row: Row) -> None:
    """Let a row without a parent be its own."""
    required = [name for name in foreign.columns if (column := table.column(name)) and not column.nullable]
    if required and all(name in row for name in foreign.referred):
        own = [row[name] for name in foreign.referred]
        if not set(foreign.columns) & set(foreign.referred):
            row.update(zip(foreign.columns, own, strict=True))


def numbered(column: Column, number: int) -> Value:
    """Return the value of a column that has a number: none that a sequence beside it is going to give."""
    return distinct(column.type, number) if column.below is None else column.below - 1 - number


def _cell(column: Column, count: int | None) -> st.SearchStrategy[Value]:
    if column.below is not None:
        return st.just(numbered(column, count or 0))
    usual = values(column.type)
    if column.hints:
        usual = st.sampled_from(column.hints) | usual
    if count is not None:
        usual = st.just(distinct(column.type, count)) | usual
    return st.none() | usual if column.nullable else usual


def without_null(table: Table, row: Mapping[str, Value]) -> Row:
    """Return a row without the NULLs that its columns have anyway, its columns in the order of the table."""
    order = {column.name: place for place, column in enumerate(table.columns)}
    defaults = {column.name for column in table.columns if column.has_default or not column.nullable}
    kept = {name: value for name, value in row.items() if name in order and (value is not None or name in defaults)}
    return dict(sorted(kept.items(), key=lambda item: order[item[0]]))


def as_value(value: Any) -> Value:
    """Return what a user's strategy has drawn as PostgreSQL reads it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, timedelta):
        return f"{value.days} days {value.seconds}.{value.microseconds:06} seconds"
    return str(getattr(value, "value", value))


# Types


def _bare(type: Type) -> str:
    """Return the name of a base type; of an extension's type, without its schema."""
    if type.kind != "base":
        return ""
    return type.name if type.name in _SAMPLES or "." not in type.name else type.name.rpartition(".")[2].strip('"')


def _inner(type: Type) -> Type:
    assert type.element is not None, "an array, a domain and a range have one"
    return type.element


def _length(type: Type) -> int | None:
    """Return how many characters a text type takes; None for other types."""
    bare = _bare(type)
    if bare in ("character varying", "character"):
        return type.modifier - 4 if type.modifier > 4 else (_LONGEST if bare == "character varying" else 1)
    return {"text": _LONGEST, "citext": _LONGEST, "name": 63, '"char"': 1, "bpchar": _LONGEST}.get(bare)


def _precision(type: Type) -> tuple[int, int] | None:
    """Return the precision and the scale of a numeric type, which may be negative since PostgreSQL 15."""
    if type.modifier < 4:
        return None
    packed = type.modifier - 4
    scale = packed & 0x7FF
    return packed >> 16 & 0xFFFF, scale - 0x800 if scale & 0x400 else scale


def _numerics(type: Type) -> tuple[Value, ...]:
    precise = _precision(type)
    if precise is None:
        return (0, 1, -1, "0.1", "1e30", "NaN")
    digits, scale = precise
    largest = (Decimal(10) ** digits - 1).scaleb(-scale)
    return (0, *((1, -1) if largest >= 1 else ()), f"{-largest:f}", f"{largest:f}")


def _more(type: Type) -> st.SearchStrategy[Value] | None:
    """Return a strategy for values of a type beyond the samples; None where these are all there is."""
    bare, longest = _bare(type), _length(type)
    if type.kind == "domain":
        return _more(_inner(type))
    if type.kind == "array":
        return st.lists(values(_inner(type)) | st.none(), max_size=3).map(_array)
    if type.kind == "range":
        return _ranges(_inner(type))
    if type.kind == "multirange":
        return values(_inner(type)).map(lambda each: f"{{{each}}}")
    if type.kind == "composite":
        return st.tuples(*(values(each) | st.none() for _, each in type.attributes)).map(_record)
    if longest is not None:
        return st.text(_CHARACTERS if longest > 1 else st.sampled_from("abc"), max_size=min(longest, 20))
    if bare in _BITS:
        most = 2 ** _BITS[bare]
        return st.integers(0 if bare == "oid" else -most, most - 1)
    if bare == "numeric":
        return _decimals(type)
    simple = _SIMPLE.get(bare)
    return None if simple is None else simple()


def _decimals(type: Type) -> st.SearchStrategy[Value]:
    precise = _precision(type)
    if precise is None:
        return st.decimals(-(10**9), 10**9, places=4).map(lambda each: f"{each:f}")
    digits, scale = precise
    whole = st.integers(1 - 10**digits, 10**digits - 1)
    return whole.map(lambda each: f"{Decimal(each).scaleb(-scale):f}")


def _json() -> st.SearchStrategy[Value]:
    texts = st.text(_CHARACTERS, max_size=5)
    leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
    trees = st.recursive(leaves, lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each, max_size=3))
    return trees.map(lambda each: json.dumps(each, ensure_ascii=False))


_SIMPLE: Mapping[str, Callable[[], st.SearchStrategy[Value]]] = {
    "real": lambda: st.floats(width=32).map(repr),
    "double precision": lambda: st.floats().map(repr),
    "bytea": lambda: st.binary(max_size=20).map(as_value),
    "date": lambda: st.dates().map(str),
    "timestamp without time zone": lambda: st.datetimes().map(str),
    "timestamp with time zone": lambda: st.datetimes(timezones=st.just(UTC)).map(str),
    "time without time zone": lambda: st.times().map(str),
    "time with time zone": lambda: st.times(timezones=st.just(UTC)).map(str),
    "interval": lambda: st.timedeltas().map(as_value),
    "uuid": lambda: st.uuids().map(str),
    "json": _json,
    "jsonb": _json,
    "inet": lambda: st.ip_addresses().map(str),
    "cidr": lambda: st.ip_addresses().map(str),
}


def _ranges(subtype: Type) -> st.SearchStrategy[Value]:
    """Ranges between two values of types whose order is known here; of other types, from a value to itself."""
    order = _ORDERS.get(_bare(subtype))
    if order is None:
        return values(subtype).map(lambda each: _range(each, each))
    pairs = st.lists(values(subtype), min_size=2, max_size=2)
    return pairs.map(lambda each: _span(sorted(each, key=order)))


def _span(ends: Sequence[Value]) -> str:
    # Half open, since the largest integer has no successor.
    return _range(ends[0], ends[1], ")" if ends[0] != ends[1] else "]")


_ORDERS: Mapping[str, Callable[[Any], Any]] = {
    "integer": int,
    "bigint": int,
    "numeric": lambda each: Decimal("Infinity" if each == "NaN" else each),
    "date": str,
}


def _range(lower: Value, upper: Value, end: str = "]") -> str:
    return f"[{_part(lower)},{_part(upper)}{end}"


def _array(elements: Sequence[Value]) -> str:
    return "{{{}}}".format(",".join("NULL" if each is None else _part(each) for each in elements))


def _record(attributes: Sequence[Value]) -> str:
    return "({})".format(",".join("" if each is None else _part(each) for each in attributes))


def _part(value: Value) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return str(value) if isinstance(value, int) else f'"{text}"'


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    letters = ""
    while number >= 0:
        letters = chr(97 + number % 26) + letters
        number = number // 26 - 1
    return letters
