# ruff: noqa: E501
"""Small changes of a schema, each told apart by `pg_dump --schema-only` or not: the oracle for the catalogue reader.

A case is (name, set-up, change). Everything runs in a schema of its own, `{s}`, so that all set-ups and all changes fit
into one database together; what has no schema carries `{s}` in its name. `{r}` and `{r2}` are two roles.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """`since`: the first major version of PostgreSQL that takes it. `differs`: whether pg_dump tells it apart."""

    name: str
    setup: str
    change: str
    since: int = 13
    differs: bool = True

    @property
    def token(self) -> str:
        """What the name of everything that belongs to the case begins with, and nothing else's."""
        return f"c{[case.name for case in CASES].index(self.name):03}"

    def sql(self, text: str) -> str:
        """`text`, a set-up or a change, with the names put in."""
        return text.replace("{s}", self.token).replace("{r2}", "gauntlet_writer").replace("{r}", "gauntlet_reader")


_T = "CREATE TABLE {s}.t (id integer PRIMARY KEY, a text, n integer DEFAULT 1);"
_F = "CREATE FUNCTION {s}.f(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';"
_TF = "CREATE FUNCTION {s}.tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
_P = (
    "CREATE TABLE {s}.p (id integer NOT NULL, d date NOT NULL, CONSTRAINT p_key UNIQUE (id, d)) PARTITION BY RANGE (d);"
)
_P1 = _P + "CREATE TABLE {s}.p1 PARTITION OF {s}.p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');"
_E = "CREATE TYPE {s}.e AS ENUM ('x', 'y');"
_V = _T + "CREATE VIEW {s}.v AS SELECT id, a FROM {s}.t;"
_M = _T + "CREATE MATERIALIZED VIEW {s}.m AS SELECT id, a FROM {s}.t;"
_S = "CREATE SEQUENCE {s}.q;"
_D = "CREATE DOMAIN {s}.d AS text CONSTRAINT d_long CHECK (length(VALUE) > 1);"
_I = "CREATE TABLE {s}.t (id bigint GENERATED ALWAYS AS IDENTITY, a text);"
_FDW = "CREATE FOREIGN DATA WRAPPER {s}_w; CREATE SERVER {s}_s FOREIGN DATA WRAPPER {s}_w OPTIONS (host 'a');"
_FT = _FDW + "CREATE FOREIGN TABLE {s}.t (id integer, a text) SERVER {s}_s OPTIONS (table_name 'x');"
_POLICY = _T + "CREATE POLICY y ON {s}.t USING (id > 0);"
_TRIGGER = _T + _TF + "CREATE TRIGGER g BEFORE INSERT ON {s}.t FOR EACH ROW EXECUTE FUNCTION {s}.tf();"
_RULE = _T + "CREATE RULE r AS ON INSERT TO {s}.t DO ALSO NOTHING;"
_FK = _T + "CREATE TABLE {s}.c (t_id integer, b integer, CONSTRAINT c_fk FOREIGN KEY (t_id) REFERENCES {s}.t);"
_X = _T + "CREATE INDEX x ON {s}.t (a);"
_STAT = _T + "CREATE STATISTICS {s}.st (dependencies) ON a, n FROM {s}.t;"
_PUB = _T + "CREATE PUBLICATION {s}_p FOR TABLE {s}.t;"
_COMPOSITE = "CREATE TYPE {s}.c AS (a integer, b text);"

CASES = tuple(
    Case(*values)
    for values in (
        # schemas
        ("new schema", "", "CREATE SCHEMA {s}_x"),
        ("dropped schema", "CREATE SCHEMA {s}_x", "DROP SCHEMA {s}_x"),
        ("renamed schema", "CREATE SCHEMA {s}_x; CREATE TABLE {s}_x.t (a integer)", "ALTER SCHEMA {s}_x RENAME TO {s}_y"),
        ("schema grant", "", "GRANT USAGE ON SCHEMA {s} TO {r}"),
        ("schema comment", "", "COMMENT ON SCHEMA {s} IS 'x'"),
        # tables
        ("new table", "", "CREATE TABLE {s}.t (a integer)"),
        ("table without columns", "", "CREATE TABLE {s}.t ()"),
        ("dropped table", _T, "DROP TABLE {s}.t"),
        ("renamed table", _T, "ALTER TABLE {s}.t RENAME TO u"),
        ("table in another schema", _T + "CREATE SCHEMA {s}_x", "ALTER TABLE {s}.t SET SCHEMA {s}_x"),
        ("recreated table", "CREATE TABLE {s}.t (a integer)", "DROP TABLE {s}.t; CREATE TABLE {s}.t (a integer)", 13, False),
        ("unlogged table", _T, "ALTER TABLE {s}.t SET UNLOGGED"),
        ("table option", _T, "ALTER TABLE {s}.t SET (fillfactor = 70)"),
        ("toast option", _T, "ALTER TABLE {s}.t SET (toast.autovacuum_enabled = off)"),
        ("row security", _T, "ALTER TABLE {s}.t ENABLE ROW LEVEL SECURITY"),
        ("forced row security", _T, "ALTER TABLE {s}.t FORCE ROW LEVEL SECURITY"),
        ("replica identity full", _T, "ALTER TABLE {s}.t REPLICA IDENTITY FULL"),
        ("replica identity nothing", _T, "ALTER TABLE {s}.t REPLICA IDENTITY NOTHING"),
        ("replica identity index", _T, "ALTER TABLE {s}.t REPLICA IDENTITY USING INDEX t_pkey"),
        ("cluster on constraint", _T, "ALTER TABLE {s}.t CLUSTER ON t_pkey"),
        ("inheritance", _T + "CREATE TABLE {s}.c (id integer NOT NULL, a text, n integer)", "ALTER TABLE {s}.c INHERIT {s}.t"),
        ("no inheritance", "CREATE TABLE {s}.t (a text); CREATE TABLE {s}.c () INHERITS ({s}.t)", "ALTER TABLE {s}.c NO INHERIT {s}.t"),
        ("typed table", _COMPOSITE + "CREATE TABLE {s}.t OF {s}.c", "ALTER TABLE {s}.t NOT OF"),
        ("rows", _T, "INSERT INTO {s}.t VALUES (1, 'x', 2)", 13, False),
        ("table comment", _T, "COMMENT ON TABLE {s}.t IS 'it''s'"),
        ("changed table comment", _T + "COMMENT ON TABLE {s}.t IS 'a'", "COMMENT ON TABLE {s}.t IS 'b'"),
        ("table grant", _T, "GRANT SELECT, INSERT ON {s}.t TO {r}"),
        ("grant option", _T + "GRANT SELECT ON {s}.t TO {r}", "GRANT SELECT ON {s}.t TO {r} WITH GRANT OPTION"),
        ("revoked grant", _T + "GRANT SELECT ON {s}.t TO {r}", "REVOKE SELECT ON {s}.t FROM {r}"),
        ("granted and revoked", _T, "GRANT SELECT ON {s}.t TO {r}; REVOKE SELECT ON {s}.t FROM {r}", 13, False),
        ("revoked from owner", _T, "REVOKE DELETE ON {s}.t FROM CURRENT_USER"),
        ("grant to public", _T, "GRANT SELECT ON {s}.t TO PUBLIC"),
        ("granted by another", _T + "GRANT USAGE ON SCHEMA {s} TO {r}; GRANT SELECT ON {s}.t TO {r} WITH GRANT OPTION",
         "SET ROLE {r}; GRANT SELECT ON {s}.t TO {r2}; RESET ROLE"),
        ("table owner", _T, "ALTER TABLE {s}.t OWNER TO {r}", 13, False),
        # columns
        ("new column", _T, "ALTER TABLE {s}.t ADD b date"),
        ("dropped column", _T, "ALTER TABLE {s}.t DROP a"),
        ("restored column", _T, "ALTER TABLE {s}.t DROP a; ALTER TABLE {s}.t ADD a text", 13, False),
        ("renamed column", _T, "ALTER TABLE {s}.t RENAME a TO b"),
        ("quoted column", _T, 'ALTER TABLE {s}.t RENAME a TO "select"'),
        ("column type", _T, "ALTER TABLE {s}.t ALTER a TYPE varchar(20)"),
        ("column length", "CREATE TABLE {s}.t (a varchar(10))", "ALTER TABLE {s}.t ALTER a TYPE varchar(20)"),
        ("not null", _T, "ALTER TABLE {s}.t ALTER a SET NOT NULL"),
        ("nullable", "CREATE TABLE {s}.t (a text NOT NULL)", "ALTER TABLE {s}.t ALTER a DROP NOT NULL"),
        ("not null and back", _T, "ALTER TABLE {s}.t ALTER a SET NOT NULL; ALTER TABLE {s}.t ALTER a DROP NOT NULL", 13, False),
        ("named not null", "CREATE TABLE {s}.t (a text CONSTRAINT there NOT NULL)", "ALTER TABLE {s}.t RENAME CONSTRAINT there TO here", 18),
        ("not null not valid", "CREATE TABLE {s}.t (a text)", "ALTER TABLE {s}.t ADD CONSTRAINT there NOT NULL a NOT VALID", 18),
        ("not null no inherit", "CREATE TABLE {s}.t (a text NOT NULL)", "ALTER TABLE {s}.t ALTER CONSTRAINT t_a_not_null NO INHERIT", 18),
        ("column default", _T, "ALTER TABLE {s}.t ALTER n SET DEFAULT 2"),
        ("no column default", _T, "ALTER TABLE {s}.t ALTER n DROP DEFAULT"),
        ("default of function", _T + _F, "ALTER TABLE {s}.t ALTER n SET DEFAULT {s}.f(1)"),
        ("default null", _T, "ALTER TABLE {s}.t ALTER a SET DEFAULT NULL", 13, False),
        ("collation", _T, 'ALTER TABLE {s}.t ALTER a TYPE text COLLATE "POSIX"'),
        ("collation C", _T, 'ALTER TABLE {s}.t ALTER a TYPE text COLLATE "C"'),
        ("storage", _T, "ALTER TABLE {s}.t ALTER a SET STORAGE EXTERNAL"),
        ("compression", _T, "ALTER TABLE {s}.t ALTER a SET COMPRESSION pglz", 14),
        ("statistics target", _T, "ALTER TABLE {s}.t ALTER a SET STATISTICS 500"),
        ("column option", _T, "ALTER TABLE {s}.t ALTER a SET (n_distinct = 5)"),
        ("generated column", _T, "ALTER TABLE {s}.t ADD g integer GENERATED ALWAYS AS (n * 2) STORED"),
        ("virtual column", _T, "ALTER TABLE {s}.t ADD g integer GENERATED ALWAYS AS (n * 2) VIRTUAL", 18),
        ("generated no more", _T + "ALTER TABLE {s}.t ADD g integer GENERATED ALWAYS AS (n * 2) STORED",
         "ALTER TABLE {s}.t ALTER g DROP EXPRESSION"),
        ("identity", "CREATE TABLE {s}.t (id bigint NOT NULL)", "ALTER TABLE {s}.t ALTER id ADD GENERATED ALWAYS AS IDENTITY"),
        ("identity by default", _I, "ALTER TABLE {s}.t ALTER id SET GENERATED BY DEFAULT"),
        ("identity dropped", _I, "ALTER TABLE {s}.t ALTER id DROP IDENTITY"),
        ("identity start", _I, "ALTER TABLE {s}.t ALTER id SET START WITH 100"),
        ("identity increment", _I, "ALTER TABLE {s}.t ALTER id SET INCREMENT BY 2"),
        ("identity cycle", _I, "ALTER TABLE {s}.t ALTER id SET CYCLE"),
        ("identity used", _I, "INSERT INTO {s}.t (a) VALUES ('x')", 13, False),
        ("identity sequence name", _I, "ALTER SEQUENCE {s}.t_id_seq RENAME TO other"),
        ("identity sequence unlogged", _I, "ALTER SEQUENCE {s}.t_id_seq SET UNLOGGED", 15),
        ("column comment", _T, "COMMENT ON COLUMN {s}.t.a IS 'x'"),
        ("column grant", _T, "GRANT UPDATE (a) ON {s}.t TO {r}"),
        ("column grant to public", _T, "GRANT SELECT (a) ON {s}.t TO PUBLIC"),
        ("array column", _T, "ALTER TABLE {s}.t ADD b integer[]"),
        ("serial column", "CREATE TABLE {s}.t (a text)", "ALTER TABLE {s}.t ADD id serial"),
        # constraints
        ("new primary key", "CREATE TABLE {s}.t (id integer NOT NULL)", "ALTER TABLE {s}.t ADD PRIMARY KEY (id)"),
        ("dropped primary key", _T, "ALTER TABLE {s}.t DROP CONSTRAINT t_pkey"),
        ("renamed primary key", _T, "ALTER TABLE {s}.t RENAME CONSTRAINT t_pkey TO pk_t"),
        ("recreated primary key", _T, "ALTER TABLE {s}.t DROP CONSTRAINT t_pkey; ALTER TABLE {s}.t ADD PRIMARY KEY (id)", 13, False),
        ("order of key columns", "CREATE TABLE {s}.t (a integer, b integer, UNIQUE (a, b))",
         "ALTER TABLE {s}.t DROP CONSTRAINT t_a_b_key; ALTER TABLE {s}.t ADD CONSTRAINT t_a_b_key UNIQUE (b, a)"),
        ("unique constraint", _T, "ALTER TABLE {s}.t ADD UNIQUE (a)"),
        ("unique index for constraint", _T + "CREATE UNIQUE INDEX t_a_key ON {s}.t (a)",
         "DROP INDEX {s}.t_a_key; ALTER TABLE {s}.t ADD CONSTRAINT t_a_key UNIQUE (a)"),
        ("deferrable", _T + "ALTER TABLE {s}.t ADD CONSTRAINT u UNIQUE (a)",
         "ALTER TABLE {s}.t DROP CONSTRAINT u; ALTER TABLE {s}.t ADD CONSTRAINT u UNIQUE (a) DEFERRABLE INITIALLY DEFERRED"),
        ("nulls not distinct", _T + "ALTER TABLE {s}.t ADD CONSTRAINT u UNIQUE (a)",
         "ALTER TABLE {s}.t DROP CONSTRAINT u; ALTER TABLE {s}.t ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a)", 15),
        ("constraint include", _T + "ALTER TABLE {s}.t ADD CONSTRAINT u UNIQUE (a)",
         "ALTER TABLE {s}.t DROP CONSTRAINT u; ALTER TABLE {s}.t ADD CONSTRAINT u UNIQUE (a) INCLUDE (n)"),
        ("constraint fillfactor", _T, "ALTER INDEX {s}.t_pkey SET (fillfactor = 50)"),
        ("check", _T, "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0)"),
        ("check not valid", _T, "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0) NOT VALID"),
        ("check validated", _T + "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0) NOT VALID", "ALTER TABLE {s}.t VALIDATE CONSTRAINT k"),
        ("check no inherit", _T + "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0)",
         "ALTER TABLE {s}.t DROP CONSTRAINT k; ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0) NO INHERIT"),
        ("check not enforced", _T + "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0)",
         "ALTER TABLE {s}.t DROP CONSTRAINT k; ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0) NOT ENFORCED", 18),
        ("renamed check", _T + "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0)", "ALTER TABLE {s}.t RENAME CONSTRAINT k TO l"),
        ("check of child only", _T + "CREATE TABLE {s}.c (CONSTRAINT k CHECK (n > 0)) INHERITS ({s}.t); "
         "ALTER TABLE {s}.t ADD CONSTRAINT k CHECK (n > 0)", "ALTER TABLE {s}.t DROP CONSTRAINT k"),
        ("dropped foreign key", _FK, "ALTER TABLE {s}.c DROP CONSTRAINT c_fk"),
        ("foreign key cascade", _FK, "ALTER TABLE {s}.c DROP CONSTRAINT c_fk; ALTER TABLE {s}.c ADD CONSTRAINT c_fk "
         "FOREIGN KEY (t_id) REFERENCES {s}.t ON DELETE CASCADE"),
        ("foreign key set null column", _FK, "ALTER TABLE {s}.c DROP CONSTRAINT c_fk; ALTER TABLE {s}.c ADD CONSTRAINT c_fk "
         "FOREIGN KEY (t_id) REFERENCES {s}.t ON DELETE SET NULL (t_id)", 15),
        ("foreign key deferrable", _FK, "ALTER TABLE {s}.c ALTER CONSTRAINT c_fk DEFERRABLE"),
        ("foreign key not valid", _FK, "ALTER TABLE {s}.c DROP CONSTRAINT c_fk; ALTER TABLE {s}.c ADD CONSTRAINT c_fk "
         "FOREIGN KEY (t_id) REFERENCES {s}.t NOT VALID"),
        ("foreign key not enforced", _FK, "ALTER TABLE {s}.c ALTER CONSTRAINT c_fk NOT ENFORCED", 18),
        ("exclusion", "CREATE TABLE {s}.t (r int4range)", "ALTER TABLE {s}.t ADD EXCLUDE USING gist (r WITH &&)"),

        ("constraint comment", _T, "COMMENT ON CONSTRAINT t_pkey ON {s}.t IS 'x'"),
        # indexes
        ("new index", _T, "CREATE INDEX x ON {s}.t (a)"),
        ("dropped index", _X, "DROP INDEX {s}.x"),
        ("renamed index", _X, "ALTER INDEX {s}.x RENAME TO z"),
        ("recreated index", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t (a)", 13, False),
        ("unique index", _X, "DROP INDEX {s}.x; CREATE UNIQUE INDEX x ON {s}.t (a)"),
        ("index method", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t USING hash (a)"),
        ("partial index", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t (a) WHERE n > 0"),
        ("index order", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t (a DESC NULLS LAST)"),
        ("index operator class", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t (a text_pattern_ops)"),
        ("index include", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t (a) INCLUDE (n)"),
        ("expression index", _X, "DROP INDEX {s}.x; CREATE INDEX x ON {s}.t (lower(a))"),
        ("index fillfactor", _X, "ALTER INDEX {s}.x SET (fillfactor = 50)"),
        ("index statistics", _T + "CREATE INDEX x ON {s}.t (lower(a))", "ALTER INDEX {s}.x ALTER COLUMN 1 SET STATISTICS 99"),
        ("cluster on index", _X, "ALTER TABLE {s}.t CLUSTER ON x"),
        ("replica identity of index", _T + "ALTER TABLE {s}.t ALTER n SET NOT NULL; CREATE UNIQUE INDEX x ON {s}.t (n)",
         "ALTER TABLE {s}.t REPLICA IDENTITY USING INDEX x"),
        ("reindexed", _X, "REINDEX INDEX {s}.x", 13, False),
        ("index comment", _X, "COMMENT ON INDEX {s}.x IS 'x'"),
        # partitions
        ("new partition", _P, "CREATE TABLE {s}.p1 PARTITION OF {s}.p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')"),
        ("default partition", _P1, "CREATE TABLE {s}.p2 PARTITION OF {s}.p DEFAULT"),
        ("detached partition", _P1, "ALTER TABLE {s}.p DETACH PARTITION {s}.p1"),
        ("partition bounds", _P1, "ALTER TABLE {s}.p DETACH PARTITION {s}.p1; "
         "ALTER TABLE {s}.p ATTACH PARTITION {s}.p1 FOR VALUES FROM ('2020-01-01') TO ('2022-01-01')"),
        ("partitioned index", _P1, "CREATE INDEX x ON {s}.p (id)"),
        ("index on partitioned only", _P1, "CREATE INDEX x ON ONLY {s}.p (id)"),
        ("attached index", _P1 + "CREATE INDEX x ON ONLY {s}.p (id); CREATE INDEX x1 ON {s}.p1 (id)",
         "ALTER INDEX {s}.x ATTACH PARTITION {s}.x1"),
        ("partition trigger disabled", _P1 + _TF + "CREATE TRIGGER g BEFORE INSERT ON {s}.p FOR EACH ROW EXECUTE FUNCTION {s}.tf()",
         "ALTER TABLE {s}.p1 DISABLE TRIGGER g"),
        ("partitioned foreign key", _P1 + _T, "ALTER TABLE {s}.p ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES {s}.t"),
        ("partition default", _P1, "ALTER TABLE {s}.p1 ALTER id SET DEFAULT 3"),
        # sequences
        ("new sequence", "", "CREATE SEQUENCE {s}.q"),
        ("sequence advanced", _S, "SELECT nextval('{s}.q')", 13, False),
        ("sequence start", _S, "ALTER SEQUENCE {s}.q START 5"),
        ("sequence restart", _S, "ALTER SEQUENCE {s}.q RESTART 5", 13, False),
        ("sequence increment", _S, "ALTER SEQUENCE {s}.q INCREMENT 5"),
        ("sequence maximum", _S, "ALTER SEQUENCE {s}.q MAXVALUE 500"),
        ("sequence minimum", _S, "ALTER SEQUENCE {s}.q MINVALUE 0"),
        ("sequence cache", _S, "ALTER SEQUENCE {s}.q CACHE 5"),
        ("sequence cycle", _S, "ALTER SEQUENCE {s}.q CYCLE"),
        ("sequence type", _S, "ALTER SEQUENCE {s}.q AS integer"),
        ("descending sequence", _S, "DROP SEQUENCE {s}.q; CREATE SEQUENCE {s}.q INCREMENT -1"),
        ("sequence owner column", _T + _S, "ALTER SEQUENCE {s}.q OWNED BY {s}.t.n"),
        ("sequence unlogged", _S, "ALTER SEQUENCE {s}.q SET UNLOGGED", 15),
        ("sequence grant", _S, "GRANT USAGE ON SEQUENCE {s}.q TO {r}"),
        ("sequence comment", _S, "COMMENT ON SEQUENCE {s}.q IS 'x'"),
        # types
        ("new enum", "", _E),
        ("enum value", _E, "ALTER TYPE {s}.e ADD VALUE 'z'"),
        ("enum value before", _E, "ALTER TYPE {s}.e ADD VALUE 'z' BEFORE 'y'"),
        ("enum value renamed", _E, "ALTER TYPE {s}.e RENAME VALUE 'x' TO 'z'"),
        ("enum renamed", _E, "ALTER TYPE {s}.e RENAME TO e2"),
        ("enum dropped", _E, "DROP TYPE {s}.e"),
        ("enum recreated", _E, "DROP TYPE {s}.e;" + _E, 13, False),
        ("empty enum", "", "CREATE TYPE {s}.e AS ENUM ()"),
        ("enum comment", _E, "COMMENT ON TYPE {s}.e IS 'x'"),
        ("type grant", _E, "REVOKE USAGE ON TYPE {s}.e FROM PUBLIC"),
        ("new domain", "", _D),
        ("domain default", _D, "ALTER DOMAIN {s}.d SET DEFAULT 'ab'"),
        ("domain not null", _D, "ALTER DOMAIN {s}.d SET NOT NULL"),
        ("domain check", _D, "ALTER DOMAIN {s}.d ADD CONSTRAINT d_short CHECK (length(VALUE) < 9)"),
        ("domain check not valid", _D, "ALTER DOMAIN {s}.d ADD CONSTRAINT d_short CHECK (length(VALUE) < 9) NOT VALID"),
        ("domain check dropped", _D, "ALTER DOMAIN {s}.d DROP CONSTRAINT d_long"),
        ("domain check renamed", _D, "ALTER DOMAIN {s}.d RENAME CONSTRAINT d_long TO d_l"),
        ("domain collation", _D, 'DROP DOMAIN {s}.d; CREATE DOMAIN {s}.d AS text COLLATE "POSIX" CONSTRAINT d_long CHECK (length(VALUE) > 1)'),
        ("domain comment", _D, "COMMENT ON DOMAIN {s}.d IS 'x'"),
        ("domain constraint comment", _D, "COMMENT ON CONSTRAINT d_long ON DOMAIN {s}.d IS 'x'"),
        ("new composite", "", _COMPOSITE),
        ("composite attribute", _COMPOSITE, "ALTER TYPE {s}.c ADD ATTRIBUTE d date"),
        ("composite attribute type", _COMPOSITE, "ALTER TYPE {s}.c ALTER ATTRIBUTE a TYPE bigint"),
        ("composite attribute comment", _COMPOSITE, "COMMENT ON COLUMN {s}.c.a IS 'x'"),
        ("new range", "", "CREATE TYPE {s}.r AS RANGE (SUBTYPE = float8)"),
        ("range difference", "CREATE TYPE {s}.r AS RANGE (SUBTYPE = float8)",
         "DROP TYPE {s}.r; CREATE TYPE {s}.r AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)"),
        ("multirange name", "CREATE TYPE {s}.r AS RANGE (SUBTYPE = float8)",
         "DROP TYPE {s}.r; CREATE TYPE {s}.r AS RANGE (SUBTYPE = float8, MULTIRANGE_TYPE_NAME = {s}.many)", 14),
        ("shell type", "", "CREATE TYPE {s}.b"),
        # functions
        ("new function", "", _F),
        ("function body", _F, "CREATE OR REPLACE FUNCTION {s}.f(a integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2'"),
        ("function volatility", _F, "ALTER FUNCTION {s}.f STABLE"),
        ("function strict", _F, "ALTER FUNCTION {s}.f STRICT"),
        ("function security", _F, "ALTER FUNCTION {s}.f SECURITY DEFINER"),
        ("function setting", _F, "ALTER FUNCTION {s}.f SET search_path = {s}"),
        ("function cost", _F, "ALTER FUNCTION {s}.f COST 5"),
        ("function overload", _F, "CREATE FUNCTION {s}.f(a text) RETURNS integer LANGUAGE sql AS 'SELECT 2'"),
        ("function argument name", _F, "DROP FUNCTION {s}.f; CREATE FUNCTION {s}.f(b integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'"),
        ("function recreated", _F, "DROP FUNCTION {s}.f;" + _F, 13, False),
        ("function sql body", "", "CREATE FUNCTION {s}.f(a integer) RETURNS integer RETURN a + 1", 14),
        ("function grant", _F, "REVOKE EXECUTE ON FUNCTION {s}.f FROM PUBLIC"),
        ("function comment", _F, "COMMENT ON FUNCTION {s}.f IS 'x'"),
        ("procedure", "", "CREATE PROCEDURE {s}.r(a integer) LANGUAGE sql AS 'SELECT 1'"),
        ("aggregate", "", "CREATE AGGREGATE {s}.g(integer) (SFUNC = int4pl, STYPE = integer)"),
        ("aggregate initial value", "CREATE AGGREGATE {s}.g(integer) (SFUNC = int4pl, STYPE = integer)",
         "CREATE OR REPLACE AGGREGATE {s}.g(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '3')"),
        ("aggregate comment", "CREATE AGGREGATE {s}.g(integer) (SFUNC = int4pl, STYPE = integer)", "COMMENT ON AGGREGATE {s}.g(integer) IS 'x'"),
        # triggers, rules, policies
        ("new trigger", _T + _TF, "CREATE TRIGGER g BEFORE INSERT ON {s}.t FOR EACH ROW EXECUTE FUNCTION {s}.tf()"),
        ("trigger dropped", _TRIGGER, "DROP TRIGGER g ON {s}.t"),
        ("trigger event", _TRIGGER, "CREATE OR REPLACE TRIGGER g BEFORE UPDATE OF a ON {s}.t FOR EACH ROW EXECUTE FUNCTION {s}.tf()", 14),
        ("trigger condition", _TRIGGER, "DROP TRIGGER g ON {s}.t; CREATE TRIGGER g BEFORE INSERT ON {s}.t "
         "FOR EACH ROW WHEN (NEW.n > 0) EXECUTE FUNCTION {s}.tf()"),
        ("trigger disabled", _TRIGGER, "ALTER TABLE {s}.t DISABLE TRIGGER g"),
        ("trigger always", _TRIGGER, "ALTER TABLE {s}.t ENABLE ALWAYS TRIGGER g"),
        ("trigger replica", _TRIGGER, "ALTER TABLE {s}.t ENABLE REPLICA TRIGGER g"),
        ("trigger renamed", _TRIGGER, "ALTER TRIGGER g ON {s}.t RENAME TO h"),
        ("trigger comment", _TRIGGER, "COMMENT ON TRIGGER g ON {s}.t IS 'x'"),
        ("constraint trigger", _T + _TF, "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON {s}.t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION {s}.tf()"),
        ("event trigger", "CREATE FUNCTION {s}.ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
         "CREATE EVENT TRIGGER {s}_e ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION {s}.ef()"),
        ("event trigger disabled", "CREATE FUNCTION {s}.ef() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
         "CREATE EVENT TRIGGER {s}_e ON ddl_command_end EXECUTE FUNCTION {s}.ef()", "ALTER EVENT TRIGGER {s}_e DISABLE"),
        ("new rule", _T, "CREATE RULE r AS ON INSERT TO {s}.t DO ALSO NOTHING"),
        ("rule disabled", _RULE, "ALTER TABLE {s}.t DISABLE RULE r"),
        ("rule comment", _RULE, "COMMENT ON RULE r ON {s}.t IS 'x'"),
        ("new policy", _T, "CREATE POLICY y ON {s}.t USING (id > 0)"),
        ("policy condition", _POLICY, "ALTER POLICY y ON {s}.t USING (id > 1)"),
        ("policy check", _POLICY, "ALTER POLICY y ON {s}.t WITH CHECK (id > 1)"),
        ("policy role", _POLICY, "ALTER POLICY y ON {s}.t TO {r}"),
        ("policy command", _POLICY, "DROP POLICY y ON {s}.t; CREATE POLICY y ON {s}.t FOR SELECT USING (id > 0)"),
        ("policy restrictive", _POLICY, "DROP POLICY y ON {s}.t; CREATE POLICY y ON {s}.t AS RESTRICTIVE USING (id > 0)"),
        ("policy comment", _POLICY, "COMMENT ON POLICY y ON {s}.t IS 'x'"),
        # views
        ("new view", _T, "CREATE VIEW {s}.v AS SELECT id FROM {s}.t"),
        ("view column added", _V, "CREATE OR REPLACE VIEW {s}.v AS SELECT id, a, n FROM {s}.t"),
        ("view condition", _V, "CREATE OR REPLACE VIEW {s}.v AS SELECT id, a FROM {s}.t WHERE n > 0"),
        ("view option", _V, "ALTER VIEW {s}.v SET (security_barrier)"),
        ("view check option", _V, "ALTER VIEW {s}.v SET (check_option = local)"),
        ("view invoker", _V, "ALTER VIEW {s}.v SET (security_invoker = true)", 15),
        ("view column renamed", _V, "ALTER VIEW {s}.v RENAME COLUMN a TO b"),
        ("view default", _V, "ALTER VIEW {s}.v ALTER a SET DEFAULT 'x'"),
        ("view recreated", _V, "DROP VIEW {s}.v; CREATE VIEW {s}.v AS SELECT id, a FROM {s}.t", 13, False),
        ("view comment", _V, "COMMENT ON VIEW {s}.v IS 'x'"),
        ("view column comment", _V, "COMMENT ON COLUMN {s}.v.a IS 'x'"),
        ("view grant", _V, "GRANT SELECT ON {s}.v TO {r}"),
        ("view trigger", _V + _TF, "CREATE TRIGGER g INSTEAD OF INSERT ON {s}.v FOR EACH ROW EXECUTE FUNCTION {s}.tf()"),
        ("recursive view", "", "CREATE RECURSIVE VIEW {s}.v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v WHERE n < 9"),
        ("new materialized view", _T, "CREATE MATERIALIZED VIEW {s}.m AS SELECT id FROM {s}.t"),
        ("materialized view refreshed", _T + "CREATE MATERIALIZED VIEW {s}.m AS SELECT id FROM {s}.t WITH NO DATA",
         "REFRESH MATERIALIZED VIEW {s}.m", 13, False),
        ("materialized view index", _M, "CREATE UNIQUE INDEX x ON {s}.m (id)"),
        ("materialized view option", _M, "ALTER MATERIALIZED VIEW {s}.m SET (fillfactor = 50)"),
        ("materialized view statistics", _M, "ALTER MATERIALIZED VIEW {s}.m ALTER a SET STATISTICS 50"),
        ("materialized view cluster", _M + "CREATE INDEX x ON {s}.m (id);", "ALTER MATERIALIZED VIEW {s}.m CLUSTER ON x"),
        ("materialized view comment", _M, "COMMENT ON MATERIALIZED VIEW {s}.m IS 'x'"),
        # others
        ("statistics object", _T, "CREATE STATISTICS {s}.st (ndistinct) ON a, n FROM {s}.t"),
        ("statistics object target", _STAT, "ALTER STATISTICS {s}.st SET STATISTICS 50"),
        ("statistics object comment", _STAT, "COMMENT ON STATISTICS {s}.st IS 'x'"),
        ("default privileges", "", "ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT ON TABLES TO {r}"),
        ("default privileges everywhere", "", "ALTER DEFAULT PRIVILEGES FOR ROLE {r} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"),
        ("cast", _COMPOSITE + "CREATE FUNCTION {s}.cf({s}.c) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
         "CREATE CAST ({s}.c AS integer) WITH FUNCTION {s}.cf({s}.c)"),
        ("operator", _F + "CREATE FUNCTION {s}.o(integer, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
         "CREATE OPERATOR {s}.=== (LEFTARG = integer, RIGHTARG = text, FUNCTION = {s}.o)"),
        ("operator class", "", "CREATE OPERATOR CLASS {s}.oc FOR TYPE integer USING btree AS OPERATOR 1 <, OPERATOR 2 <=, "
         "OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer)"),
        ("text search configuration", "", "CREATE TEXT SEARCH CONFIGURATION {s}.tc (COPY = simple)"),
        ("text search mapping", "CREATE TEXT SEARCH CONFIGURATION {s}.tc (COPY = simple)",
         "ALTER TEXT SEARCH CONFIGURATION {s}.tc DROP MAPPING FOR email"),
        ("text search dictionary", "CREATE TEXT SEARCH DICTIONARY {s}.td (TEMPLATE = simple)",
         "ALTER TEXT SEARCH DICTIONARY {s}.td (ACCEPT = false)"),
        ("new collation", "", "CREATE COLLATION {s}.co (LOCALE = 'C')"),
        ("conversion", "", "CREATE CONVERSION {s}.cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8"),
        ("access method", "", "CREATE ACCESS METHOD {s}_am TYPE TABLE HANDLER heap_tableam_handler"),
        ("table access method", "CREATE ACCESS METHOD {s}_am TYPE TABLE HANDLER heap_tableam_handler",
         "CREATE TABLE {s}.t (a integer) USING {s}_am"),
        ("new extension", "", "CREATE EXTENSION citext SCHEMA {s}"),
        ("publication", _T, "CREATE PUBLICATION {s}_p FOR TABLE {s}.t"),
        ("publication operations", _PUB, "ALTER PUBLICATION {s}_p SET (publish = 'insert')"),
        ("publication table dropped", _PUB, "ALTER PUBLICATION {s}_p DROP TABLE {s}.t"),
        ("publication condition", _PUB, "ALTER PUBLICATION {s}_p SET TABLE {s}.t WHERE (id > 0)", 15),
        ("publication columns", _PUB, "ALTER PUBLICATION {s}_p SET TABLE {s}.t (id)", 15),
        ("publication schema", _T, "CREATE PUBLICATION {s}_p FOR TABLES IN SCHEMA {s}", 15),
        ("publication comment", _PUB, "COMMENT ON PUBLICATION {s}_p IS 'x'"),
        ("foreign data wrapper", "", "CREATE FOREIGN DATA WRAPPER {s}_w"),
        ("foreign server", "CREATE FOREIGN DATA WRAPPER {s}_w", "CREATE SERVER {s}_s FOREIGN DATA WRAPPER {s}_w"),
        ("foreign server option", _FDW, "ALTER SERVER {s}_s OPTIONS (SET host 'b')"),
        ("foreign server grant", _FDW, "GRANT USAGE ON FOREIGN SERVER {s}_s TO {r}"),
        ("user mapping", _FDW, "CREATE USER MAPPING FOR PUBLIC SERVER {s}_s OPTIONS (password 'hunter2')"),
        ("foreign table", _FDW, "CREATE FOREIGN TABLE {s}.t (id integer) SERVER {s}_s"),
        ("foreign table option", _FT, "ALTER FOREIGN TABLE {s}.t OPTIONS (SET table_name 'y')"),
        ("foreign column option", _FT, "ALTER FOREIGN TABLE {s}.t ALTER a OPTIONS (ADD column_name 'b')"),
        ("language", "CREATE FUNCTION {s}.h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'",
         "CREATE LANGUAGE {s}_l HANDLER {s}.h"),
        ("temporary table", "", "CREATE TEMPORARY TABLE t (a integer)", 13, False),
    )
)  # fmt: skip
