"""What a revision leaves on its database session, where it would change the next revision of the same command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from alembic.runtime.migration import MigrationContext


@dataclass(frozen=True)
class Leftover:
    """Something that `revision` has left on the session: a setting, a temporary object, an advisory lock."""

    revision: str
    name: str
    before: str
    after: str


_Session = dict[str, tuple[str, str]]

_SESSION = """\
SELECT 'setting ' || name, setting, reset_val FROM pg_settings WHERE source = 'session'
UNION ALL SELECT 'role', current_user::text, session_user::text
UNION ALL SELECT 'temporary object ' || relname, 'there', 'not there' FROM pg_class
    WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S', 'p')
UNION ALL SELECT concat_ws(' ', 'advisory lock', classid, objid), 'held', 'not held' FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid()"""

_LOCKED = """\
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p')
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'"""


@dataclass
class Watch:
    """What is found on the session of one command.

    Attributes:
        each: look after each revision, which takes its time; else after the last, and leave open which it was.
        locks: look which tables are locked after the last, too.
        locked: these: what the command has read or written; none where its transaction is over by then.
    """

    each: bool = False
    found: list[Leftover] = field(default_factory=list)
    locks: bool = False
    locked: frozenset[str] = frozenset()

    def over(self, steps: Iterable[Any], context: MigrationContext) -> Iterator[Any]:
        """Yield the steps; compare the session before and after."""
        before, last = _session(context), None
        for step in steps:
            yield step
            last = step.revision.revision
            if self.each:
                before = self._compare(last, before, context)
        if last is not None and not self.each:
            self._compare(last, before, context)
        if last is not None and self.locks:
            self.locked = frozenset(name for (name,) in _rows(context, _LOCKED))

    def _compare(self, revision: str, before: _Session, context: MigrationContext) -> _Session:
        after = _session(context)
        for name in sorted(before.keys() | after.keys()):
            was, now = (found.get(name) or (before.get(name) or after[name])[1:] * 2 for found in (before, after))
            if was[0] != now[0]:
                self.found.append(Leftover(revision, name, was[0], now[0]))
        return after


def _session(context: MigrationContext) -> _Session:
    """Return what would change the next revision, by name: its value, and the value without it."""
    return {name: (value, reset) for name, value, reset in _rows(context, _SESSION)}


def _rows(context: MigrationContext, statement: str) -> list[Any]:
    connection = context.connection
    assert connection is not None
    began_before = connection.in_transaction()
    found = list(connection.exec_driver_sql(statement))
    if not began_before and connection.in_transaction():
        connection.rollback()
    return found
