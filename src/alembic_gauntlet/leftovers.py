"""What a revision leaves on its database session, where it would change the next revision of the same command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from alembic.runtime.migration import MigrationContext


@dataclass(frozen=True)
class Leftover:
    """Something that `revision` has left on the session: a setting, a temporary object, an advisory lock."""

    revision: str
    name: str
    before: str
    after: str


_SESSION = """\
SELECT 'setting ' || name, setting, reset_val FROM pg_settings WHERE source = 'session'
UNION ALL SELECT 'role', current_user::text, session_user::text
UNION ALL SELECT 'temporary object ' || relname, 'there', 'not there' FROM pg_class
    WHERE relnamespace = pg_my_temp_schema() AND relkind IN ('r', 'v', 'S', 'p')
UNION ALL SELECT concat_ws(' ', 'advisory lock', classid, objid), 'held', 'not held' FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid()"""


def watched(steps: Iterable[Any], context: MigrationContext, leftovers: list[Leftover]) -> Iterator[Any]:
    """Yield the steps; compare the session before and after each."""
    before = _session(context)
    for step in steps:
        yield step
        after = _session(context)
        for name in sorted(before.keys() | after.keys()):
            was, now = (found.get(name) or (before.get(name) or after[name])[1:] * 2 for found in (before, after))
            if was[0] != now[0]:
                leftovers.append(Leftover(step.revision.revision, name, was[0], now[0]))
        before = after


def _session(context: MigrationContext) -> dict[str, tuple[str, str]]:
    """Return what would change the next revision, by name: its value, and the value without it."""
    connection = context.connection
    assert connection is not None
    began_before = connection.in_transaction()
    found = {name: (value, reset) for name, value, reset in connection.exec_driver_sql(_SESSION)}
    if not began_before and connection.in_transaction():
        connection.rollback()
    return found
