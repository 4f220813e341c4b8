"""All pg_catalog SQL of the catalogue reader.

Sources: the chapter "System Catalogs" of the PostgreSQL manual, and what `pg_dump --schema-only` tells apart (tests
hold both together). Left out: OIDs, owners, the order of columns, what belongs to extensions, system and temporary
schemas, subscriptions, security labels, large objects, and whatever lives outside the database (roles, tablespaces,
settings).
"""

from functools import cache
from typing import NamedTuple


class VersionTable(NamedTuple):
    """Alembic's version table. `schema` None: a table of that name in any schema."""

    name: str
    schema: str | None = None


# What decides how PostgreSQL prints names and constants is set as pg_dump sets it.
# jit, plans: estimates on fresh catalogues are far off, and compiling and planning take longer than reading.
BEGIN = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    """
SELECT set_config('search_path', '', true), set_config('quote_all_identifiers', 'off', true),
    set_config('DateStyle', 'ISO', true), set_config('IntervalStyle', 'postgres', true),
    set_config('TimeZone', 'UTC', true), set_config('extra_float_digits', '3', true),
    set_config('bytea_output', 'hex', true), set_config('jit', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true)""",
)

# Of the objects with a lower OID (`FirstNormalObjectId`) initdb made every one.
_USER = "16384"

_PROBES = {
    "views": 'r."v"',
    "materialized views": 'r."m"',
    "sequences": 'r."S"',
    "table settings": "r.toast",
    "relation grants": "r.acl",
    "column grants": "a.acl",
    "enum types": 't."e"',
    "domains": 't."d"',
    "composite types": 'r."c"',
    "range types": 't."r"',
    "base types": "t.base",
    "type grants": "t.acl",
    "functions": f"EXISTS (SELECT FROM pg_proc WHERE oid >= {_USER})",
    "triggers": f"EXISTS (SELECT FROM pg_trigger WHERE oid >= {_USER} AND (NOT tgisinternal OR tgparentid <> 0))",
    "rules": f"EXISTS (SELECT FROM pg_rewrite WHERE oid >= {_USER} AND rulename <> '_RETURN')",
    "policies": "EXISTS (SELECT FROM pg_policy)",
    "statistics": "EXISTS (SELECT FROM pg_statistic_ext)",
    "event triggers": "EXISTS (SELECT FROM pg_event_trigger)",
    "default privileges": "EXISTS (SELECT FROM pg_default_acl)",
    "publications": "EXISTS (SELECT FROM pg_publication)",
    "foreign data": f"EXISTS (SELECT FROM pg_foreign_data_wrapper WHERE oid >= {_USER})",
    "operators": f"EXISTS (SELECT FROM pg_operator WHERE oid >= {_USER})",
    "operator classes": f"EXISTS (SELECT FROM pg_opfamily WHERE oid >= {_USER})",
    "casts": f"EXISTS (SELECT FROM pg_cast WHERE oid >= {_USER})",
    "text search": f"""EXISTS (SELECT FROM pg_ts_config WHERE oid >= {_USER})
        OR EXISTS (SELECT FROM pg_ts_dict WHERE oid >= {_USER})
        OR EXISTS (SELECT FROM pg_ts_template WHERE oid >= {_USER})
        OR EXISTS (SELECT FROM pg_ts_parser WHERE oid >= {_USER})""",
    "collations": f"EXISTS (SELECT FROM pg_collation WHERE oid >= {_USER})",
    "conversions": f"EXISTS (SELECT FROM pg_conversion WHERE oid >= {_USER})",
    "languages": f"EXISTS (SELECT FROM pg_language WHERE oid >= {_USER})",
    "language grants": "EXISTS (SELECT FROM pg_language WHERE lanacl IS NOT NULL)",
    "access methods": f"EXISTS (SELECT FROM pg_am WHERE oid >= {_USER})",
    "transforms": f"EXISTS (SELECT FROM pg_transform WHERE oid >= {_USER})",
    "disabled foreign keys": "EXISTS (SELECT FROM pg_trigger WHERE tgisinternal AND tgenabled <> 'O')",
    "comments": f"EXISTS (SELECT FROM pg_description WHERE objoid >= {_USER})",
}


@cache
def survey() -> str:
    """One row: what the database has, and what of it is new since a transaction, the parameter; all where it is NULL.

    The keys of `_PROBES` of which there is something; the transaction to ask about next time; namespaces, members of
    extensions and inheritance, as a text; then three pairs of (how many there are, pairs of OIDs that are new): of
    tables, views, sequences and indexes, with the table of an index; of constraints, with the table; of enum types,
    with the type as a negative number; then, without a count, the tables and indexes of which another row is new, the
    sequences, the enum types. An index belongs to its table, and so does the sequence of an identity.

    A row's `xmin` tells the transaction that has written it; clones of a database keep it; and what was running at
    the time of the last look counts as new. A catalogue row that is deleted is missing in the count; those of
    attributes, defaults and labels are deleted with their table, attribute or type alone.
    """
    tests = ",\n".join(f"CASE WHEN {test} THEN '{name}' END" for name, test in _PROBES.items())
    return f"SELECT array_remove(ARRAY[{tests}], NULL), {_TRACKED}"


def _any(column: str, letters: str) -> str:
    return ", ".join(f"bool_or({column} = '{letter}') AS \"{letter}\"" for letter in letters)


def _new(xmin: str = "xmin") -> str:
    return f"(%(since)s::text IS NULL OR age({xmin}) <= (SELECT age(%(since)s::text::xid)))"


_CLASSES = "c.relkind NOT IN ('t', 'c') AND c.relnamespace <> 'pg_toast'::regnamespace"
_OWNER = """CASE c.relkind
    WHEN 'i' THEN (SELECT indrelid FROM pg_index WHERE indexrelid = c.oid)
    WHEN 'I' THEN (SELECT indrelid FROM pg_index WHERE indexrelid = c.oid)
    WHEN 'S' THEN coalesce((SELECT refobjid FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'i'), c.oid)
    ELSE c.oid END"""
_TRACKED = f"""pg_snapshot_xmin(pg_current_snapshot())::xid::text,
    concat_ws(' ',
        (SELECT string_agg(concat(oid, ':', nspname), ',' ORDER BY oid) FROM pg_namespace
         WHERE oid >= {_USER} AND left(nspname, 3) <> 'pg_'),
        (SELECT concat(count(*), ':', sum(objid::int8)) FROM pg_depend
         WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'),
        (SELECT string_agg(concat(inhrelid, '<', inhparent, to_jsonb(i) ->> 'inhdetachpending'), ','
                           ORDER BY inhrelid, inhseqno) FROM pg_inherits i)),
    r.number, r.new, k.number, k.new, t.number, t.new,
    a.new || (SELECT array_agg(adrelid) FROM pg_attrdef WHERE {_new()})
        || (SELECT array_agg(indrelid) FROM pg_index WHERE indexrelid >= {_USER} AND {_new()})
        || (SELECT array_agg(ftrelid) FROM pg_foreign_table WHERE {_new()}),
    (SELECT array_agg(seqrelid) FROM pg_sequence WHERE {_new()}),
    (SELECT array_agg(-enumtypid::int8) FROM pg_enum WHERE {_new()})
FROM (SELECT {_any("relkind", "vmSc")}, bool_or(relkind = 't' AND reloptions IS NOT NULL) AS toast,
             bool_or(relacl IS NOT NULL) AS acl, count(*) FILTER (WHERE {_CLASSES}) AS number,
             array_agg(ARRAY[c.oid, {_OWNER}]) FILTER (WHERE {_new()} AND {_CLASSES}) AS new
      FROM pg_class c WHERE oid >= {_USER}) r,
     (SELECT {_any("typtype", "edr")}, bool_or(typtype IN ('b', 'p') AND typcategory <> 'A') AS base,
             bool_or(typacl IS NOT NULL) AS acl, count(*) FILTER (WHERE typtype = 'e') AS number,
             array_agg(ARRAY[oid::int8, -oid::int8]) FILTER (WHERE {_new()} AND typtype = 'e') AS new
      FROM pg_type WHERE oid >= {_USER}) t,
     (SELECT bool_or(attacl IS NOT NULL) AS acl,
             array_agg(DISTINCT attrelid) FILTER (WHERE {_new()} AND attnum > 0) AS new
      FROM pg_attribute WHERE attrelid >= {_USER}) a,
     (SELECT count(*) FILTER (WHERE conrelid <> 0) AS number,
             array_agg(ARRAY[oid, conrelid]) FILTER (WHERE {_new()} AND conrelid <> 0) AS new
      FROM pg_constraint WHERE oid >= {_USER}) k"""

ALL_OIDS = (
    f"SELECT array_agg(c.oid) FROM pg_class c WHERE c.oid >= {_USER} AND {_CLASSES}",
    f"SELECT array_agg(oid) FROM pg_constraint WHERE conrelid <> 0 AND oid >= {_USER}",
    f"SELECT array_agg(oid) FROM pg_type WHERE typtype = 'e' AND oid >= {_USER}",
)
"""What is there now of the three that `survey` counts."""


# Which statements read what of which tables, sequences and enum types is new; all others are read as a whole.
_TRACKED_KINDS = ("sequences", "enum types")


@cache
def tracked(major: int, version_table: VersionTable | None, only: bool) -> tuple[str, ...]:
    """The statements that read tables, sequences and enum types; `only` those in the parameters `of` and `types`."""
    text = _Statements(major, version_table, only)
    return tuple(map(text.finished, (text.relations(), *(each for name in _TRACKED_KINDS for each in text.of(name)))))


@cache
def names(version_table: VersionTable | None, only: bool) -> str:
    """The statement that names tables, views, sequences and enum types, as (OID, kind of part, name)."""
    text = _Statements(0, version_table, only)
    return text.finished(text.names())


@cache
def others(present: tuple[str, ...], major: int, version_table: VersionTable | None) -> tuple[str, ...]:
    """The statements that read everything else of these kinds."""
    text = _Statements(major, version_table)
    return (text.schemas(), *(each for name in present if name not in _TRACKED_KINDS for each in text.of(name)))


DEPENDENTS = """
SELECT array_agg(DISTINCT coalesce(k.conrelid, d.objid)) FROM pg_depend d
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (%(of)s::oid[])
  AND d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass)"""
"""The tables and sequences that hold what depends on some of them: foreign keys, owned sequences."""


def _literal(text: str) -> str:
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _ours(namespace: str = "n") -> str:
    return f"left({namespace}.nspname, 3) <> 'pg_' AND {namespace}.nspname <> 'information_schema'"


def _not_of_extension(catalog: str, oid: str) -> str:
    return f"""{oid} <> ALL (ARRAY(SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_extension'::regclass AND classid = '{catalog}'::regclass AND deptype = 'e'))"""


def _options(column: str) -> str:
    """`a=1, b=2` in alphabetical order: setting one again moves it to the end."""
    return f"(SELECT string_agg(o, ', ' ORDER BY o) FROM unnest({column}) o)"


def _role(oid: str) -> str:
    return f"CASE WHEN {oid} = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid({oid})) END"


def _enabled(column: str) -> str:
    return f"""CASE {column} WHEN 'D' THEN ' DISABLED' WHEN 'R' THEN ' ENABLE REPLICA' WHEN 'A' THEN
        ' ENABLE ALWAYS' ELSE '' END"""


_RELATION_KIND = """CASE c.relkind WHEN 'f' THEN 'foreign table' WHEN 'v' THEN 'view' WHEN 'm' THEN
    'materialized view' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type' WHEN 'i' THEN 'index'
    WHEN 'I' THEN 'index' ELSE 'table' END"""

_CONSTRAINT_KIND = """CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint' WHEN 'f' THEN
    'foreign key' WHEN 'c' THEN 'check constraint' WHEN 'x' THEN 'exclusion constraint' ELSE
    'not-null constraint' END"""

_TYPE_KIND = """CASE t.typtype WHEN 'e' THEN 'enum type' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite type'
    WHEN 'r' THEN 'range type' ELSE 'base type' END"""

_ROUTINE_KIND = "CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END"
_ROUTINE_NAME = "quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '(' || oidvectortypes(p.proargtypes) || ')'"

# What an index or the constraint on it has beyond its definition; x pg_index, i its pg_class.
_INDEX_STATE = """concat(
    CASE WHEN i.reltablespace <> 0 THEN ' TABLESPACE ' ||
        (SELECT quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = i.reltablespace) END,
    CASE WHEN i.relispartition THEN ' PARTITION OF ' ||
        (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = i.oid) END,
    CASE WHEN x.indexprs IS NOT NULL THEN
        (SELECT string_agg(' STATISTICS ' || attnum || '=' || attstattarget, '' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = i.oid AND attstattarget >= 0) END,
    CASE WHEN x.indisclustered THEN ' CLUSTER' END,
    CASE WHEN x.indisreplident THEN ' REPLICA IDENTITY' END,
    CASE WHEN NOT x.indisvalid THEN ' INVALID' END)"""

# The parameters that differ from those of a plain CREATE SEQUENCE; s pg_sequence.
_SEQUENCE_PARAMETERS = """concat(
    CASE WHEN s.seqincrement <> 1 THEN ' INCREMENT BY ' || s.seqincrement END,
    CASE WHEN s.seqmin <> CASE WHEN s.seqincrement > 0 THEN 1 ELSE b.least END THEN ' MINVALUE ' || s.seqmin END,
    CASE WHEN s.seqmax <> CASE WHEN s.seqincrement > 0 THEN b.greatest ELSE -1 END
        THEN ' MAXVALUE ' || s.seqmax END,
    CASE WHEN s.seqstart <> CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END
        THEN ' START WITH ' || s.seqstart END,
    CASE WHEN s.seqcache <> 1 THEN ' CACHE ' || s.seqcache END,
    CASE WHEN s.seqcycle THEN ' CYCLE' END)"""
_SEQUENCE_BOUNDS = """(VALUES (20::oid, -9223372036854775808, 9223372036854775807),
    (23::oid, -2147483648, 2147483647), (21::oid, -32768, 32767)) b (type, least, greatest)"""

# Option values may be secrets; a mapping holds nothing else.
_SERVER_OPTIONS = """(SELECT string_agg(CASE WHEN option_name ~* 'pass|secret|token|key|credential|cert'
    THEN option_name || ' ***' ELSE option_name || ' ' || quote_literal(option_value) END, ', ' ORDER BY option_name)
    FROM pg_options_to_table({}))"""


_OF, _TYPES = "<of>", "<types>"


class _Statements:
    """The text of every statement. Each yields rows (kind, name, definition, table, local name).

    Args:
        major: the version of PostgreSQL.
        version_table: what is left out.
        only: for the relations alone whose OIDs are in the parameter `of`, and the types of the parameter `types`.
    """

    def __init__(self, major: int, version_table: VersionTable | None, only: bool = False) -> None:
        self.major = major
        self.version_table = version_table
        self.only = only

    def of(self, present: str) -> list[str]:
        """The statements for one key of `_PROBES`."""
        result = getattr(self, present.replace(" ", "_"))()
        return [result] if isinstance(result, str) else list(result)

    def only_relations(self) -> str:
        return f" AND c.oid = ANY ({_OF})" if self.only else ""

    def only_types(self) -> str:
        return f" AND t.oid = ANY ({_TYPES})" if self.only else ""

    def finished(self, text: str) -> str:
        """A statement as psycopg takes it with parameters."""
        if not self.only:
            return text
        return text.replace("%", "%%").replace(_OF, "%(of)s::oid[]").replace(_TYPES, "%(types)s::oid[]")

    def not_version(self) -> str:
        if self.version_table is None:
            return "true"
        name = f"c.relname = {_literal(self.version_table.name)}"
        if self.version_table.schema is not None:
            name += f" AND n.nspname = {_literal(self.version_table.schema)}"
        return f"NOT ({name} AND c.relkind IN ('r', 'p'))"

    def owner_is_not_version(self) -> str:
        """For sequences c in schema n: not owned by the version table."""
        if self.version_table is None:
            return "true"
        schema = self.version_table.schema
        return f"""NOT EXISTS (SELECT FROM pg_depend d JOIN pg_class v ON v.oid = d.refobjid
            JOIN pg_namespace w ON w.oid = v.relnamespace
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
              AND d.refclassid = 'pg_class'::regclass AND v.relname = {_literal(self.version_table.name)}
              AND {"true" if schema is None else f"w.nspname = {_literal(schema)}"})"""

    def rel(self, kinds: str) -> str:
        """The relations of these kinds that are ours: oid, kind, name, schema, bare name."""
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        return f"""SELECT c.oid, c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name,
            quote_ident(n.nspname) AS schema, n.oid AS nspoid, c.relname, c.relpersistence, c.relispartition,
            c.relreplident, c.reltablespace, c.reloftype, c.reloptions, c.relam, c.relrowsecurity,
            c.relforcerowsecurity, c.relacl, c.relowner
        FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
        WHERE {_ours()} AND c.oid >= {_USER} AND c.relkind IN ({listed})
          AND {_not_of_extension("pg_class", "c.oid")} AND {self.not_version()}{self.only_relations()}"""

    def names(self) -> str:
        return f"""
SELECT c.oid::int8, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, c.name FROM ({self.rel("rpfvmS")}) c
UNION ALL
SELECT -t.oid::int8, 'enum type', {_TYPE_NAME} {self.types("e")}{self.only_types()}"""

    def schemas(self) -> str:
        return f"""
SELECT 'schema', quote_ident(n.nspname), '', NULL, n.nspname
FROM pg_namespace n
WHERE {_ours()} AND n.nspname <> 'public' AND {_not_of_extension("pg_namespace", "n.oid")}
UNION ALL
SELECT 'schema', 'public', 'missing', NULL, 'public' WHERE to_regnamespace('public') IS NULL
UNION ALL
SELECT 'extension', quote_ident(e.extname), 'VERSION ' || quote_literal(e.extversion) || ' SCHEMA ' ||
    quote_ident(n.nspname), NULL, e.extname
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.oid >= {_USER}
UNION ALL
{self.schema_grants()}
UNION ALL
SELECT 'comment', 'schema ' || quote_ident(n.nspname), coalesce(quote_literal(d.description), 'none'), NULL, n.nspname
FROM pg_namespace n LEFT JOIN pg_description d
    ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass AND d.objsubid = 0
WHERE {_ours()} AND {_not_of_extension("pg_namespace", "n.oid")}
  AND d.description IS DISTINCT FROM CASE n.nspname WHEN 'public' THEN 'standard public schema' END"""

    def schema_grants(self) -> str:
        public = "makeaclitem(0, n.nspowner, 'USAGE', false)"
        if self.major < 15:
            public += ", makeaclitem(0, n.nspowner, 'CREATE', false)"
        default = f"""acldefault('n', n.nspowner) || CASE n.nspname WHEN 'public' THEN ARRAY[{public}] END"""
        return self.grants(
            f"""SELECT 'schema' AS kind, quote_ident(n.nspname) AS name, NULL AS tab, n.nspowner AS owner,
                coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl, {default} AS defaults
            FROM pg_namespace n
            WHERE {_ours()} AND {_not_of_extension("pg_namespace", "n.oid")}
              AND (n.nspacl IS NOT NULL OR n.nspname = 'public')"""
        )

    def grants(self, subjects: str) -> str:
        """One row per subject (kind, name, tab, owner, acl, defaults) and grantee that has not just the defaults."""
        privileges = f"""SELECT grantee, string_agg(privilege_type
                || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                || CASE WHEN grantor <> g.owner THEN ' GRANTED BY ' || {_role("grantor")} ELSE '' END,
                ', ' ORDER BY privilege_type, grantor) AS list
            FROM aclexplode({{}}) GROUP BY grantee"""
        return f"""
SELECT 'grant', g.kind || ' ' || g.name || ' to ' || {_role("l.grantee")}, coalesce(l.list, 'none'), g.tab, ''
FROM ({subjects}) g CROSS JOIN LATERAL (
    SELECT grantee, a.list FROM ({privileges.format("g.acl")}) a
    FULL JOIN ({privileges.format("g.defaults")}) d USING (grantee)
    WHERE a.list IS DISTINCT FROM d.list) l"""

    def relations(self) -> str:
        """Tables, columns, defaults, constraints and indexes in one statement over one list of relations."""
        return f"""
WITH rel AS MATERIALIZED ({self.rel("rpfvm")}), tab AS (SELECT * FROM rel WHERE relkind IN ('r', 'p', 'f'))
{self.tables()}
UNION ALL
{self.columns("tab", "true")}
UNION ALL
{self.columns("(SELECT * FROM rel WHERE relkind = 'm')", f"concat({self.settings()}) <> ''")}
UNION ALL
{self.defaults()}
UNION ALL
{self.constraints()}
UNION ALL
{self.indexes()}"""

    def tables(self) -> str:
        pending = "|| CASE WHEN inhdetachpending THEN ' DETACH PENDING' ELSE '' END" if self.major >= 14 else ""
        return f"""
SELECT {_RELATION_KIND}, c.name, concat_ws(' ',
    CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
    CASE WHEN c.reloftype <> 0 THEN 'OF ' || format_type(c.reloftype, NULL) END,
    CASE WHEN c.relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END,
    CASE WHEN c.relispartition THEN (SELECT 'PARTITION OF ' || inhparent::regclass::text || ' ' ||
             (SELECT pg_get_expr(relpartbound, oid) FROM pg_class p WHERE p.oid = c.oid) {pending}
         FROM pg_inherits WHERE inhrelid = c.oid)
         WHEN EXISTS (SELECT FROM pg_inherits) THEN
         (SELECT 'INHERITS (' || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno) || ')'
          FROM pg_inherits WHERE inhrelid = c.oid) END,
    CASE WHEN c.relkind = 'f' THEN (SELECT 'SERVER ' || quote_ident(srvname) ||
             coalesce(' OPTIONS (' || {_SERVER_OPTIONS.format("ftoptions")} || ')', '')
         FROM pg_foreign_table JOIN pg_foreign_server s ON s.oid = ftserver WHERE ftrelid = c.oid) END,
    CASE WHEN c.relam NOT IN (0, 2) THEN 'USING ' || (SELECT quote_ident(amname) FROM pg_am a WHERE a.oid = c.relam)
        END,
    CASE WHEN c.reloptions IS NOT NULL THEN 'WITH (' || {_options("c.reloptions")} || ')' END,
    CASE WHEN c.reltablespace <> 0 THEN 'TABLESPACE ' ||
        (SELECT quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace) END,
    CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
    CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
    CASE c.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN
        CASE WHEN c.relkind <> 'f' THEN 'REPLICA IDENTITY NOTHING' END END), c.name, c.relname
FROM tab c"""

    def settings(self) -> str:
        """The settings of a column a, its type t, that are not those of the type."""
        compression = (
            """CASE a.attcompression WHEN 'p' THEN ' COMPRESSION pglz' WHEN 'l' THEN ' COMPRESSION lz4' END,"""
            if self.major >= 14
            else ""
        )
        return f"""
    CASE WHEN a.attstorage <> t.typstorage THEN ' STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN'
        WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
    {compression}
    CASE WHEN a.attstattarget >= 0 THEN ' STATISTICS ' || a.attstattarget END,
    CASE WHEN a.attoptions IS NOT NULL THEN ' SET (' || {_options("a.attoptions")} || ')' END,
    CASE WHEN a.attfdwoptions IS NOT NULL THEN ' OPTIONS (' || {_SERVER_OPTIONS.format("a.attfdwoptions")} || ')'
        END"""

    def columns(self, relations: str, where: str) -> str:
        return f"""
SELECT 'column', c.name || '.' || quote_ident(a.attname), concat(format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || a.attcollation::regcollation::text END,
    CASE WHEN a.attnotnull THEN ' NOT NULL' END,
    CASE WHEN a.attidentity <> '' THEN {self.identity()} END,
    CASE WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' ||
        (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = a.attrelid AND adnum = a.attnum) ||
        CASE a.attgenerated WHEN 's' THEN ') STORED' ELSE ') VIRTUAL' END END,
    CASE WHEN NOT a.attislocal AND NOT c.relispartition THEN ' INHERITED' END,
    {self.settings()}), c.name, a.attname
FROM {relations} c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attnum > 0 AND NOT a.attisdropped AND {where}"""

    def identity(self) -> str:
        """The identity of column a of c; its sequence by name only where that is not the one PostgreSQL gives."""
        return f"""
        (SELECT concat(' GENERATED ', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, ' AS IDENTITY',
            ' (' || nullif(concat_ws(' ',
                CASE WHEN q.relname <> c.relname || '_' || a.attname || '_seq' OR q.relnamespace <> c.nspoid
                    THEN 'SEQUENCE NAME ' || q.oid::regclass::text END,
                CASE WHEN q.relpersistence <> c.relpersistence THEN
                    CASE q.relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE 'LOGGED' END END,
                nullif(ltrim({_SEQUENCE_PARAMETERS}), '')), '') || ')')
         FROM pg_sequence s JOIN {_SEQUENCE_BOUNDS} ON b.type = s.seqtypid JOIN pg_class q ON q.oid = s.seqrelid
         WHERE s.seqrelid = (SELECT d.objid FROM pg_depend d
             WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
               AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'))"""

    def defaults(self) -> str:
        return """
SELECT 'column default', c.name || '.' || quote_ident(a.attname), pg_get_expr(f.adbin, f.adrelid), c.name, a.attname
FROM rel c JOIN pg_attrdef f ON f.adrelid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.adnum
WHERE a.atthasdef AND a.attnum > 0 AND a.attgenerated = ''"""

    def constraints(self) -> str:
        return f"""
SELECT {_CONSTRAINT_KIND}, c.name || '.' || quote_ident(k.conname), concat(pg_get_constraintdef(k.oid),
    CASE WHEN k.contype IN ('p', 'u', 'x') THEN (SELECT concat(
        CASE WHEN i.reloptions IS NOT NULL THEN ' WITH (' || {_options("i.reloptions")} || ')' END, {_INDEX_STATE})
        FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid WHERE i.oid = k.conindid) END,
    CASE WHEN k.contype = 'c' AND NOT k.conislocal AND NOT c.relispartition THEN ' INHERITED' END), c.name, k.conname
FROM tab c JOIN pg_constraint k ON k.conrelid = c.oid
WHERE k.contype IN ('p', 'u', 'c', 'x') OR k.contype = 'f' AND k.conparentid = 0
{self.named_not_nulls()}"""

    def named_not_nulls(self) -> str:
        """Not-null constraints (from 18) that say more than NOT NULL on the column.

        What ends as PostgreSQL itself names them is left out, though pg_dump prints it where it is not what the column
        would get today: after RENAME the old name stays, and what a downgrade makes anew has another.
        """
        if self.major < 18:
            return ""
        return """
UNION ALL
SELECT 'not-null constraint', c.name || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid), c.name, k.conname
FROM tab c JOIN pg_constraint k ON k.conrelid = c.oid
WHERE k.contype = 'n' AND k.conislocal
  AND (k.connoinherit OR NOT k.convalidated OR k.conname !~ '_not_null[0-9]*$')"""

    def indexes(self) -> str:
        return f"""
SELECT 'index', c.schema || '.' || quote_ident(i.relname), pg_get_indexdef(i.oid) || {_INDEX_STATE},
    c.name, i.relname
FROM rel c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = x.indrelid AND k.conindid = x.indexrelid
    AND k.contype IN ('p', 'u', 'x'))"""

    def views(self) -> str:
        return f"""
SELECT {_RELATION_KIND}, c.name, concat('WITH (' || {_options("c.reloptions")} || ') ',
    btrim(pg_get_viewdef(c.oid), E' \\n;')), c.name, c.relname
FROM ({self.rel("v")}) c"""

    def materialized_views(self) -> str:
        """Without the settings of their columns, which stand with those of tables."""
        return f"""
SELECT {_RELATION_KIND}, c.name, concat(
    CASE WHEN c.relam NOT IN (0, 2) THEN 'USING ' || (SELECT quote_ident(amname) FROM pg_am a WHERE a.oid = c.relam)
        || ' ' END,
    'WITH (' || {_options("c.reloptions")} || ') ',
    CASE WHEN c.reltablespace <> 0 THEN 'TABLESPACE ' ||
        (SELECT quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace) || ' ' END,
    btrim(pg_get_viewdef(c.oid), E' \\n;')), c.name, c.relname
FROM ({self.rel("m")}) c"""

    def sequences(self) -> str:
        version = "false" if self.version_table is None else f"o.relname = {_literal(self.version_table.name)}"
        if self.version_table is not None and self.version_table.schema is not None:
            version += f" AND o.nspname = {_literal(self.version_table.schema)}"
        return f"""
SELECT 'sequence', c.name, concat_ws(' ', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END,
    'AS ' || format_type(s.seqtypid, NULL), nullif(ltrim({_SEQUENCE_PARAMETERS}), ''),
    'OWNED BY ' || o.name || '.' || quote_ident(o.attname)), o.name, c.relname
FROM ({self.rel("S")}) c
JOIN pg_sequence s ON s.seqrelid = c.oid JOIN {_SEQUENCE_BOUNDS} ON b.type = s.seqtypid
LEFT JOIN LATERAL (SELECT d.deptype, quote_ident(w.nspname) || '.' || quote_ident(v.relname) AS name, a.attname,
        w.nspname, v.relname
    FROM pg_depend d JOIN pg_class v ON v.oid = d.refobjid JOIN pg_namespace w ON w.oid = v.relnamespace
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0) o ON true
WHERE o.deptype IS DISTINCT FROM 'i' AND ({version}) IS NOT TRUE"""

    def table_settings(self) -> str:
        """Storage parameters of TOAST tables."""
        return f"""
SELECT 'table setting', c.name || '.toast', 'WITH (' || {_options("o.reloptions")} || ')', c.name, c.relname
FROM ({self.rel("rpm")}) c JOIN pg_class m ON m.oid = c.oid JOIN pg_class o ON o.oid = m.reltoastrelid
WHERE o.reloptions IS NOT NULL"""

    def relation_grants(self) -> str:
        return self.grants(
            f"""SELECT {_RELATION_KIND} AS kind, c.name, CASE WHEN c.relkind = 'S' THEN (SELECT
                    {_schema_of("v")} || '.' || quote_ident(v.relname) FROM pg_depend d JOIN pg_class v
                    ON v.oid = d.refobjid WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                    AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
                ELSE c.name END AS tab, c.relowner AS owner, c.relacl AS acl,
                acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner) AS defaults
            FROM ({self.rel("rpfvmS")} AND {self.owner_is_not_version()}) c WHERE c.relacl IS NOT NULL"""
        )

    def column_grants(self) -> str:
        return self.grants(
            f"""SELECT 'column' AS kind, c.name || '.' || quote_ident(a.attname) AS name, c.name AS tab,
                c.relowner AS owner, a.attacl AS acl, NULL::aclitem[] AS defaults
            FROM ({self.rel("rpfvm")}) c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE a.attacl IS NOT NULL AND NOT a.attisdropped"""
        )

    def types(self, kind: str) -> str:
        """FROM and WHERE of the types t in schema n of one kind."""
        return f"""FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid >= {_USER} AND t.typtype = '{kind}' AND {_ours()} AND {_not_of_extension("pg_type", "t.oid")}"""

    def enum_types(self) -> str:
        return f"""
SELECT 'enum type', {_TYPE_NAME}, '(' || coalesce((SELECT string_agg(quote_literal(enumlabel), ', '
    ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '') || ')', NULL, t.typname
{self.types("e")}{self.only_types()}"""

    def domains(self) -> list[str]:
        return [
            f"""
SELECT 'domain', {_TYPE_NAME}, concat(format_type(t.typbasetype, t.typtypmod),
    CASE WHEN t.typcollation <> (SELECT typcollation FROM pg_type b WHERE b.oid = t.typbasetype)
        THEN ' COLLATE ' || t.typcollation::regcollation::text END,
    CASE WHEN t.typnotnull THEN ' NOT NULL' END,
    ' DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault))), NULL, t.typname
{self.types("d")}""",
            f"""
SELECT 'domain constraint', {_TYPE_NAME} || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid), NULL, k.conname
FROM (SELECT t.oid, n.nspname, t.typname {self.types("d")}) t CROSS JOIN LATERAL (SELECT t.nspname) n
JOIN pg_constraint k ON k.contypid = t.oid
WHERE k.contype <> 'n' OR k.conname <> t.typname || '_not_null'""",
        ]

    def composite_types(self) -> str:
        return f"""
SELECT 'composite type', {_TYPE_NAME}, '(' || coalesce((SELECT string_agg(concat(quote_ident(a.attname), ' ',
    format_type(a.atttypid, a.atttypmod), CASE WHEN a.attcollation <> y.typcollation THEN
        ' COLLATE ' || a.attcollation::regcollation::text END), ', ' ORDER BY a.attname)
    FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '') || ')', NULL, t.typname
{self.types("c")} AND (SELECT relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c'"""

    def range_types(self) -> str:
        multirange = "' MULTIRANGE ' || r.rngmultitypid::regtype::text," if self.major >= 14 else ""
        return f"""
SELECT 'range type', {_TYPE_NAME}, (SELECT concat('OF ', format_type(r.rngsubtype, NULL),
    ' USING ' || quote_ident(m.nspname) || '.' || quote_ident(o.opcname),
    CASE WHEN r.rngcollation <> (SELECT typcollation FROM pg_type b WHERE b.oid = r.rngsubtype)
        THEN ' COLLATE ' || r.rngcollation::regcollation::text END, {multirange}
    ' CANONICAL ' || nullif(r.rngcanonical::oid, 0)::regprocedure::text,
    ' DIFFERENCE ' || nullif(r.rngsubdiff::oid, 0)::regprocedure::text)
    FROM pg_range r JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_namespace m ON m.oid = o.opcnamespace
    WHERE r.rngtypid = t.oid), NULL, t.typname
{self.types("r")}"""

    def base_types(self) -> str:
        return f"""
SELECT 'base type', {_TYPE_NAME}, CASE WHEN NOT t.typisdefined THEN 'shell' ELSE concat_ws(' ', 'INPUT', t.typinput,
    'OUTPUT', t.typoutput, 'RECEIVE', t.typreceive, 'SEND', t.typsend, 'LENGTH', t.typlen, 'BY VALUE', t.typbyval,
    'ALIGN', t.typalign, 'STORAGE', t.typstorage, 'CATEGORY', t.typcategory, t.typispreferred,
    'DELIMITER', t.typdelim, 'ELEMENT', nullif(t.typelem, 0)::regtype, 'DEFAULT', t.typdefault,
    'COLLATABLE', t.typcollation <> 0) END, NULL, t.typname
{self.types("b").replace("t.typtype = 'b'", "t.typtype IN ('b', 'p')")}
  AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)"""

    def type_grants(self) -> str:
        kinds = "t.typtype IN ('e', 'd', 'c', 'r', 'b')"
        return self.grants(
            f"""SELECT {_TYPE_KIND} AS kind, {_TYPE_NAME} AS name, NULL AS tab, t.typowner AS owner, t.typacl AS acl,
                acldefault('T', t.typowner) AS defaults
            {self.types("e").replace("t.typtype = 'e'", kinds)} AND t.typacl IS NOT NULL"""
        )

    def functions(self) -> list[str]:
        ours = f"""FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= {_USER} AND {_ours()} AND {_not_of_extension("pg_proc", "p.oid")}"""
        return [
            f"""
SELECT {_ROUTINE_KIND}, {_ROUTINE_NAME}, btrim(pg_get_functiondef(p.oid), E' \\n'), NULL, p.proname
{ours} AND p.prokind <> 'a'""",
            f"""
SELECT 'aggregate', {_ROUTINE_NAME}, concat_ws(' ', '(' || pg_get_function_arguments(p.oid) || ')', g.aggkind,
    g.aggnumdirectargs, 'SFUNC', g.aggtransfn, 'STYPE', g.aggtranstype::regtype, 'SSPACE', g.aggtransspace,
    'FINALFUNC', nullif(g.aggfinalfn::oid, 0)::regproc, g.aggfinalextra, g.aggfinalmodify,
    'COMBINEFUNC', nullif(g.aggcombinefn::oid, 0)::regproc, 'SERIALFUNC', nullif(g.aggserialfn::oid, 0)::regproc,
    'DESERIALFUNC', nullif(g.aggdeserialfn::oid, 0)::regproc, 'INITCOND', quote_literal(g.agginitval),
    'MSFUNC', nullif(g.aggmtransfn::oid, 0)::regproc, 'MINVFUNC', nullif(g.aggminvtransfn::oid, 0)::regproc,
    'MFINALFUNC', nullif(g.aggmfinalfn::oid, 0)::regproc, g.aggmfinalextra, g.aggmfinalmodify,
    'MSTYPE', nullif(g.aggmtranstype, 0)::regtype, 'MSSPACE', g.aggmtransspace,
    'MINITCOND', quote_literal(g.aggminitval), 'SORTOP', nullif(g.aggsortop, 0)::regoperator,
    'PARALLEL', p.proparallel), NULL, p.proname
FROM (SELECT p.* {ours} AND p.prokind = 'a') p JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_aggregate g ON g.aggfnoid = p.oid""",
            self.grants(
                f"""SELECT {_ROUTINE_KIND} AS kind, {_ROUTINE_NAME} AS name, NULL AS tab, p.proowner AS owner,
                    p.proacl AS acl, acldefault('f', p.proowner) AS defaults {ours} AND p.proacl IS NOT NULL"""
            ),
        ]

    def triggers(self) -> str:
        cloned = (
            "t.tgparentid <> 0 AND t.tgenabled <> (SELECT u.tgenabled FROM pg_trigger u WHERE u.oid = t.tgparentid)"
        )
        return f"""
SELECT 'trigger', c.name || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || {_enabled("t.tgenabled")},
    c.name, t.tgname
FROM ({self.rel("rpfv")}) c JOIN pg_trigger t ON t.tgrelid = c.oid
WHERE NOT t.tgisinternal AND t.tgparentid = 0
   OR t.tgconstraint = 0 AND {cloned}"""

    def disabled_foreign_keys(self) -> str:
        """The triggers that enforce foreign keys: ALTER TABLE ... DISABLE TRIGGER ALL turns them off."""
        return f"""
SELECT 'trigger', c.name || '.' || quote_ident(k.conname) || ' (' || p.proname || ')',
    'CONSTRAINT ' || quote_ident(k.conname) || {_enabled("t.tgenabled")}, c.name, k.conname
FROM ({self.rel("rp")}) c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_constraint k ON k.oid = t.tgconstraint
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgisinternal AND t.tgenabled <> 'O' AND t.tgparentid = 0"""

    def rules(self) -> str:
        return f"""
SELECT 'rule', c.name || '.' || quote_ident(r.rulename), pg_get_ruledef(r.oid) || {_enabled("r.ev_enabled")},
    c.name, r.rulename
FROM ({self.rel("rpfvm")}) c JOIN pg_rewrite r ON r.ev_class = c.oid
WHERE r.rulename <> '_RETURN'"""

    def policies(self) -> str:
        return f"""
SELECT 'policy', c.name || '.' || quote_ident(p.polname), concat(
    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    ' FOR ', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
        ELSE 'ALL' END,
    ' TO ', (SELECT string_agg({_role("role")}, ', ' ORDER BY {_role("role")}) FROM unnest(p.polroles) role),
    ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'), c.name, p.polname
FROM ({self.rel("rp")}) c JOIN pg_policy p ON p.polrelid = c.oid"""

    def statistics(self) -> str:
        return f"""
SELECT 'statistics object', quote_ident(n.nspname) || '.' || quote_ident(s.stxname), concat(
    pg_get_statisticsobjdef(s.oid), CASE WHEN s.stxstattarget >= 0 THEN ' STATISTICS ' || s.stxstattarget END),
    c.name, s.stxname
FROM ({self.rel("rpfm")}) c JOIN pg_statistic_ext s ON s.stxrelid = c.oid
JOIN pg_namespace n ON n.oid = s.stxnamespace"""

    def identified(self, catalog: str, alias: str, local: str, definition: str, where: str = "true") -> str:
        """Rows of a rarer catalogue by the kind and the name that PostgreSQL itself gives their objects."""
        return f"""
SELECT i.type, i.identity, {definition}, NULL, {local}
FROM {catalog} {alias} CROSS JOIN LATERAL pg_identify_object('{catalog}'::regclass, {alias}.oid, 0) i
WHERE {alias}.oid >= {_USER} AND {where} AND coalesce(i.schema, '') NOT LIKE 'pg\\_%'
  AND {_not_of_extension(catalog, f"{alias}.oid")}"""

    def event_triggers(self) -> str:
        return self.identified(
            "pg_event_trigger",
            "e",
            "e.evtname",
            f"""concat('ON ', e.evtevent, ' WHEN TAG IN (' ||
                (SELECT string_agg(quote_literal(tag), ', ' ORDER BY tag) FROM unnest(e.evttags) tag) || ')',
                ' EXECUTE FUNCTION ', e.evtfoid::regproc, '()', {_enabled("e.evtenabled")})""",
        )

    def default_privileges(self) -> str:
        objects = """CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
            WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END"""
        subjects = f"""SELECT '' AS kind, concat('for ', quote_ident(pg_get_userbyid(d.defaclrole)),
                ' in schema ' || quote_ident(n.nspname), ' on ', {objects}) AS name, NULL AS tab,
                d.defaclrole AS owner, d.defaclacl AS acl, CASE WHEN d.defaclnamespace = 0 THEN acldefault(
                    CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole) END AS defaults
            FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace"""
        return f"""
SELECT 'default privilege', ltrim(name), definition, tab, local
FROM ({self.grants(subjects)}) g (kind, name, definition, tab, local)"""

    def publications(self) -> list[str]:
        generated = "' GENERATED ' || p.pubgencols::text," if self.major >= 18 else ""
        columns = (
            """' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname) FROM pg_attribute a
                WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs)) || ')',
                ' WHERE ' || pg_get_expr(r.prqual, r.prrelid)"""
            if self.major >= 15
            else "''"
        )
        schemas = (
            """' SCHEMAS ' || (SELECT string_agg(quote_ident(nspname), ', ' ORDER BY nspname)
                FROM pg_publication_namespace JOIN pg_namespace s ON s.oid = pnnspid WHERE pnpubid = p.oid),"""
            if self.major >= 15
            else ""
        )
        return [
            self.identified(
                "pg_publication",
                "p",
                "p.pubname",
                f"""concat(CASE WHEN p.puballtables THEN 'ALL TABLES ' END, 'PUBLISH',
                    CASE WHEN p.pubinsert THEN ' insert' END, CASE WHEN p.pubupdate THEN ' update' END,
                    CASE WHEN p.pubdelete THEN ' delete' END, CASE WHEN p.pubtruncate THEN ' truncate' END,
                    {schemas} {generated} CASE WHEN p.pubviaroot THEN ' VIA ROOT' END)""",
            ),
            f"""
SELECT 'publication relation', c.name || ' in publication ' || quote_ident(p.pubname), concat('TABLE', {columns}),
    c.name, p.pubname
FROM ({self.rel("rp")}) c JOIN pg_publication_rel r ON r.prrelid = c.oid JOIN pg_publication p ON p.oid = r.prpubid""",
        ]

    def foreign_data(self) -> list[str]:
        acl = "{}.oid >= " + _USER + " AND {}.{} IS NOT NULL"
        return [
            self.identified(
                "pg_foreign_data_wrapper",
                "w",
                "w.fdwname",
                f"""concat('HANDLER ', nullif(w.fdwhandler, 0)::regproc,
                    ' VALIDATOR ', nullif(w.fdwvalidator, 0)::regproc,
                    ' OPTIONS (' || {_SERVER_OPTIONS.format("w.fdwoptions")} || ')')""",
            ),
            self.identified(
                "pg_foreign_server",
                "s",
                "s.srvname",
                f"""concat((SELECT 'FOREIGN DATA WRAPPER ' || quote_ident(fdwname) FROM pg_foreign_data_wrapper w
                    WHERE w.oid = s.srvfdw), ' TYPE ' || quote_literal(s.srvtype),
                    ' VERSION ' || quote_literal(s.srvversion),
                    ' OPTIONS (' || {_SERVER_OPTIONS.format("s.srvoptions")} || ')')""",
            ),
            """
SELECT 'user mapping', CASE WHEN u.umuser = 0 THEN 'public' ELSE quote_ident(u.usename) END || ' on server '
    || quote_ident(u.srvname), coalesce('OPTIONS (' || (SELECT string_agg(option_name || ' ***', ', '
    ORDER BY option_name) FROM pg_options_to_table(u.umoptions)) || ')', ''), NULL, u.usename
FROM pg_user_mappings u""",
            self.grants(
                f"""SELECT 'foreign-data wrapper' AS kind, quote_ident(fdwname) AS name, NULL AS tab, fdwowner AS owner,
                    fdwacl AS acl, acldefault('F', fdwowner) AS defaults FROM pg_foreign_data_wrapper w
                WHERE {acl.format("w", "w", "fdwacl")}
                UNION ALL SELECT 'server', quote_ident(srvname), NULL, srvowner, srvacl, acldefault('S', srvowner)
                FROM pg_foreign_server s WHERE {acl.format("s", "s", "srvacl")}"""
            ),
        ]

    def operators(self) -> str:
        return self.identified(
            "pg_operator",
            "o",
            "o.oprname",
            """concat_ws(' ', 'FUNCTION', nullif(o.oprcode::oid, 0)::regprocedure, 'RETURNS', o.oprresult::regtype,
                'COMMUTATOR', nullif(o.oprcom, 0)::regoperator, 'NEGATOR', nullif(o.oprnegate, 0)::regoperator,
                'RESTRICT', nullif(o.oprrest::oid, 0)::regproc, 'JOIN', nullif(o.oprjoin::oid, 0)::regproc,
                CASE WHEN o.oprcanmerge THEN 'MERGES' END, CASE WHEN o.oprcanhash THEN 'HASHES' END)""",
        )

    def operator_classes(self) -> list[str]:
        return [
            self.identified(
                "pg_opfamily",
                "f",
                "f.opfname",
                """coalesce((SELECT string_agg(m, ', ' ORDER BY m) FROM (
                    SELECT concat_ws(' ', 'OPERATOR', amopstrategy, amopopr::regoperator,
                        'ORDER BY ' || nullif(amopsortfamily, 0)) AS m FROM pg_amop WHERE amopfamily = f.oid
                    UNION ALL SELECT concat_ws(' ', 'FUNCTION', amprocnum, amproclefttype::regtype,
                        amprocrighttype::regtype, amproc::regprocedure) FROM pg_amproc WHERE amprocfamily = f.oid) m),
                '')""",
            ),
            self.identified(
                "pg_opclass",
                "o",
                "o.opcname",
                """concat(CASE WHEN o.opcdefault THEN 'DEFAULT ' END, 'FOR TYPE ', o.opcintype::regtype, ' FAMILY ',
                    (SELECT identity FROM pg_identify_object('pg_opfamily'::regclass, o.opcfamily, 0)),
                    ' STORAGE ' || nullif(o.opckeytype, 0)::regtype::text)""",
            ),
        ]

    def casts(self) -> str:
        return self.identified(
            "pg_cast",
            "k",
            "''",
            """concat(CASE k.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || k.castfunc::regprocedure WHEN 'i' THEN
                'WITH INOUT' ELSE 'WITHOUT FUNCTION' END, CASE k.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i'
                THEN ' AS IMPLICIT' END)""",
        )

    def text_search(self) -> list[str]:
        mappings = """(SELECT string_agg(m.mapping, ', ' ORDER BY m.mapping) FROM (
            SELECT y.alias || ': ' || string_agg(m.mapdict::regdictionary::text, ' ' ORDER BY m.mapseqno) AS mapping
            FROM ts_token_type(c.cfgparser) y JOIN pg_ts_config_map m ON m.mapcfg = c.oid AND m.maptokentype = y.tokid
            GROUP BY y.alias) m)"""
        identity = "(SELECT identity FROM pg_identify_object('{}'::regclass, {}, 0))"
        return [
            self.identified(
                "pg_ts_config",
                "c",
                "c.cfgname",
                f"""concat('PARSER ', {identity.format("pg_ts_parser", "c.cfgparser")},
                    ' MAPPING (' || {mappings} || ')')""",
            ),
            self.identified(
                "pg_ts_dict",
                "d",
                "d.dictname",
                f"concat('TEMPLATE ', {identity.format('pg_ts_template', 'd.dicttemplate')}, ' ', d.dictinitoption)",
            ),
            self.identified(
                "pg_ts_template", "t", "t.tmplname", "concat_ws(' ', 'INIT', t.tmplinit, 'LEXIZE', t.tmpllexize)"
            ),
            self.identified(
                "pg_ts_parser",
                "p",
                "p.prsname",
                "concat_ws(' ', p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)",
            ),
        ]

    def collations(self) -> str:
        """Through JSON, since the columns of pg_collation differ from one version to the next."""
        omitted = "'{oid,collname,collnamespace,collowner,collversion}'::text[]"
        return self.identified("pg_collation", "c", "c.collname", f"(to_jsonb(c) - {omitted})::text")

    def conversions(self) -> str:
        return self.identified(
            "pg_conversion",
            "v",
            "v.conname",
            """concat(CASE WHEN v.condefault THEN 'DEFAULT ' END, 'FOR ', pg_encoding_to_char(v.conforencoding), ' TO ',
                pg_encoding_to_char(v.contoencoding), ' FROM ', v.conproc)""",
        )

    def languages(self) -> str:
        return self.identified(
            "pg_language",
            "l",
            "l.lanname",
            """concat_ws(' ', CASE WHEN l.lanpltrusted THEN 'TRUSTED' END, 'HANDLER', l.lanplcallfoid::regproc,
                'INLINE', l.laninline::regproc, 'VALIDATOR', l.lanvalidator::regproc)""",
        )

    def language_grants(self) -> str:
        return self.grants(
            """SELECT 'language' AS kind, quote_ident(lanname) AS name, NULL AS tab, lanowner AS owner, lanacl AS acl,
                acldefault('l', lanowner) AS defaults FROM pg_language WHERE lanacl IS NOT NULL AND lanpltrusted"""
        )

    def access_methods(self) -> str:
        return self.identified("pg_am", "m", "m.amname", "concat_ws(' ', m.amtype, 'HANDLER', m.amhandler)")

    def transforms(self) -> str:
        return self.identified("pg_transform", "t", "''", "concat('FROM SQL ', t.trffromsql, ' TO SQL ', t.trftosql)")

    def comments(self) -> list[str]:
        """Comments by the names this module gives; those of rarer objects by the names PostgreSQL gives."""
        named = (
            *("pg_class", "pg_constraint", "pg_trigger", "pg_type", "pg_proc", "pg_namespace", "pg_policy"),
            *("pg_rewrite", "pg_statistic_ext"),
        )
        classes = ", ".join(f"'{name}'::regclass" for name in named)
        routines = f"""FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace {_described("pg_proc", "p.oid")}
            WHERE {_ours()} AND {_not_of_extension("pg_proc", "p.oid")}"""
        return [
            f"""
WITH rel AS MATERIALIZED ({self.rel("rpfvmSc")} AND {self.owner_is_not_version()})
SELECT 'comment', CASE WHEN d.objsubid = 0 THEN {_RELATION_KIND} || ' ' || c.name ELSE
    'column ' || c.name || '.' || (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid
        AND attnum = d.objsubid) END, quote_literal(d.description),
    CASE WHEN c.relkind NOT IN ('S', 'c') THEN c.name END, c.relname
FROM rel c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
UNION ALL
SELECT 'comment', 'index ' || c.schema || '.' || quote_ident(i.relname), quote_literal(d.description), c.name,
    i.relname
FROM rel c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
    {_described("pg_class", "i.oid")}
UNION ALL
SELECT 'comment', {_CONSTRAINT_KIND} || ' ' || c.name || '.' || quote_ident(k.conname), quote_literal(d.description),
    c.name, k.conname
FROM rel c JOIN pg_constraint k ON k.conrelid = c.oid {_described("pg_constraint", "k.oid")}
UNION ALL
SELECT 'comment', 'trigger ' || c.name || '.' || quote_ident(t.tgname), quote_literal(d.description), c.name, t.tgname
FROM rel c JOIN pg_trigger t ON t.tgrelid = c.oid {_described("pg_trigger", "t.oid")}
UNION ALL
SELECT 'comment', 'policy ' || c.name || '.' || quote_ident(p.polname), quote_literal(d.description), c.name, p.polname
FROM rel c JOIN pg_policy p ON p.polrelid = c.oid {_described("pg_policy", "p.oid")}
UNION ALL
SELECT 'comment', 'rule ' || c.name || '.' || quote_ident(r.rulename), quote_literal(d.description), c.name, r.rulename
FROM rel c JOIN pg_rewrite r ON r.ev_class = c.oid {_described("pg_rewrite", "r.oid")}
UNION ALL
SELECT 'comment', 'statistics object ' || quote_ident(n.nspname) || '.' || quote_ident(s.stxname),
    quote_literal(d.description), c.name, s.stxname
FROM rel c JOIN pg_statistic_ext s ON s.stxrelid = c.oid JOIN pg_namespace n ON n.oid = s.stxnamespace
    {_described("pg_statistic_ext", "s.oid")}
UNION ALL
SELECT 'comment', {_TYPE_KIND} || ' ' || {_TYPE_NAME}, quote_literal(d.description), NULL, t.typname
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace {_described("pg_type", "t.oid")}
WHERE {_ours()} AND {_not_of_extension("pg_type", "t.oid")}
UNION ALL
SELECT 'comment', 'domain constraint ' || {_TYPE_NAME} || '.' || quote_ident(k.conname), quote_literal(d.description),
    NULL, k.conname
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_constraint k ON k.contypid = t.oid
    {_described("pg_constraint", "k.oid")}
WHERE {_ours()} AND {_not_of_extension("pg_type", "t.oid")}
UNION ALL
SELECT 'comment', {_ROUTINE_KIND} || ' ' || {_ROUTINE_NAME}, quote_literal(d.description), NULL, p.proname
{routines}
UNION ALL
SELECT 'comment', i.type || ' ' || i.identity, quote_literal(d.description), NULL, ''
FROM pg_description d CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
WHERE d.objoid >= {_USER} AND d.classoid NOT IN ({classes}) AND coalesce(i.schema, '') NOT LIKE 'pg\\_%'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')"""
        ]


_TYPE_NAME = "quote_ident(n.nspname) || '.' || quote_ident(t.typname)"


def _schema_of(alias: str) -> str:
    return f"(SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = {alias}.relnamespace)"


def _described(catalog: str, oid: str) -> str:
    return f"""JOIN pg_description d ON d.objoid = {oid} AND d.classoid = '{catalog}'::regclass
        AND d.objsubid = 0 AND d.objoid >= {_USER}"""
