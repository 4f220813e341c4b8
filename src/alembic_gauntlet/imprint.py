"""What a database without rows is besides its schema: where that is the same, too, two databases behave alike.

The order of columns, owners, and settings of the database are no part of a schema; rows, the values of sequences and
large objects are no part of either, so that a database that holds any, or has held any, has no imprint.
"""

from __future__ import annotations

from typing import Any

import psycopg

Imprint = tuple[str, str]

# A table that never had a row has no page. Indexes always have one, and so has a sequence.
_QUERY = """\
WITH own AS (
    SELECT oid, relkind, relowner, relname, relnamespace FROM pg_class WHERE oid::int8 >= 16384
)
SELECT
    (SELECT coalesce(md5(string_agg(concat_ws(' ', n.nspname, c.relname, a.attname, c.relowner), ','
            ORDER BY n.nspname, c.relname, c.relkind, a.attnum)), '')
     FROM own c JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S') AND n.nspname NOT LIKE 'pg\\_%%'),
    (SELECT coalesce(string_agg(concat_ws(' ', setrole, setconfig::text), ',' ORDER BY setrole), '')
     FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database())
WHERE NOT EXISTS (SELECT FROM own WHERE relkind IN ('r', 'm', 't') AND oid <> ALL (%(leave_out)s::regclass[]::oid[])
                  AND pg_relation_size(oid) > 0)
  AND NOT EXISTS (SELECT FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL)
  AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)"""


def imprint(connection: psycopg.Connection[Any], version_table: str) -> Imprint | None:
    """Return what the schema does not tell of a database without rows; None where it has, or has had, rows.

    Args:
        connection: one to the database, in autocommit mode.
        version_table: the qualified and quoted name of the table whose rows do not count.
    """
    return connection.execute(_QUERY, {"leave_out": [version_table]}).fetchone()
