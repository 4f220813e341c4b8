"""What has to hold after every command of a walk: functions over one `Observation`.

Each raises an exception class of its own, from a line of its own, and for each guilty revision another subclass of it:
Hypothesis tells bugs apart by exception type, file and line, and two distinct faults have to be reported as two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from alembic_gauntlet.diff import Change
from alembic_gauntlet.findings import Failure, Finding
from alembic_gauntlet.population import Loss
from alembic_gauntlet.tell import tell_changes, tell_error
from alembic_gauntlet.walk import Observation

Invariant = Callable[[Observation], None]
"""Takes an observation; raises AssertionError, best a `Broken`, where the invariant does not hold."""


class Broken(Failure):
    """An invariant does not hold; `finding` says how. `invariant` is its stable id."""

    invariant = ""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message, [replace(finding, invariant=self.invariant)])

    @property
    def finding(self) -> Finding:
        """How it does not hold."""
        return self.findings[0]


class CommandFails(Broken):
    """A command fails."""

    invariant = "command-succeeds"


class PathDependence(Broken):
    """The schema of a state depends on the path to it."""

    invariant = "path-independence"


class BaseNotEmpty(Broken):
    """Something is left at base."""

    invariant = "base-is-empty"


class BrokenObject(Broken):
    """An index is invalid, a constraint not validated, a trigger disabled, and should not be."""

    invariant = "no-broken-objects"


class GranularityMatters(Broken):
    """A command does not end as one command per revision does."""

    invariant = "transaction-granularity"


class VersionTableWrong(Broken):
    """The version table does not hold the heads of the state."""

    invariant = "version-table"


class SessionNotClean(Broken):
    """A revision leaves something on the session that changes the next revision of the same command."""

    invariant = "clean-session"


class RowsLost(Broken):
    """A row is lost, though its table is not."""

    invariant = "rows-survive"


class RowsRewritten(Broken):
    """A round trip over a revision changes values of a column that it does not drop."""

    invariant = "row-round-trip"


class SequenceBehind(Broken):
    """The next value of a sequence is in a row already."""

    invariant = "sequences-ahead"


def command_succeeds(seen: Observation) -> None:
    """Every command succeeds."""
    if seen.error is not None and not seen.one_by_one:
        finding = tell_error(seen.error, seen.path)
        raise _kind(CommandFails, finding)(finding)


def transaction_granularity(seen: Observation) -> None:
    """A command ends as one command per revision does."""
    if not seen.one_by_one or (seen.error is None and not seen.changes):
        return
    if seen.error is not None:
        finding = tell_error(seen.error, seen.path)
        note = "One command per revision passes: it fails where these revisions run in one command."
    else:
        finding = _told(seen, seen.changes)
        note = "One command per revision gives the right schema: it differs where these revisions run in one command."
    finding = replace(finding, message=f"{finding.message}\n{note}")
    raise _kind(GranularityMatters, finding)(finding)


def no_broken_objects(seen: Observation) -> None:
    """No index is invalid, no constraint not validated and no trigger disabled that is well in the canonical schema."""
    broken = tuple(change for change in seen.changes if _is_broken(change))
    if broken:
        finding = _told(seen, broken)
        raise _kind(BrokenObject, finding)(finding)


def base_is_empty(seen: Observation) -> None:
    """At base the schema is that of a fresh database."""
    if seen.changes and not seen.after:
        finding = _told(seen, seen.changes)
        raise _kind(BaseNotEmpty, finding)(finding)


def path_independence(seen: Observation) -> None:
    """The schema is the canonical one of the state, whichever path has led there."""
    if seen.changes and seen.after:
        finding = _told(seen, seen.changes)
        raise _kind(PathDependence, finding)(finding)


def version_table(seen: Observation) -> None:
    """The version table holds the heads of the state, and nothing else."""
    if seen.error is None and seen.rows != seen.expected_rows:
        lists = {name: ", ".join(sorted(rows)) or "nothing" for name, rows in _rows(seen).items()}
        message = (
            f"After `{seen.command.shell()}` the version table holds {lists['has']}; it should hold {lists['should']}."
        )
        finding = Finding("version-table", message, seen.path, seen.revisions[-1] if seen.revisions else None)
        raise _kind(VersionTableWrong, finding)(finding)


def clean_session(seen: Observation) -> None:
    """A revision leaves the session as it found it: settings, role, temporary objects, advisory locks."""
    if seen.leftovers:
        guilty = seen.leftovers[0].revision
        location = seen.locations[guilty]
        lines = [f"Revision {guilty} leaves the session changed for the next one of the same command:"]
        lines += [
            f"    {each.name}: {each.after}, was {each.before}" for each in seen.leftovers if each.revision == guilty
        ]
        lines.append(
            "Undo it at the end of the migration; SET LOCAL lasts to the end of the transaction, not of the revision."
        )
        finding = Finding(
            "clean-session", "\n".join(lines), seen.path, guilty, location.file, location.line, location.function
        )
        raise _kind(SessionNotClean, finding)(finding)


def rows_survive(seen: Observation) -> None:
    """A row of a table that outlives the command is still there, by its key."""
    if seen.fate.lost:
        by_table = {loss.table: loss for loss in reversed(seen.fate.lost)}
        lines = [f"After `{seen.command.shell()}` rows are lost, of tables that are still there:"]
        lines += [f"    {table}: {_row(loss)}" for table, loss in by_table.items()]
        finding = _of_rows("rows-survive", lines, seen, sorted(by_table)[0])
        raise _kind(RowsLost, finding)(finding)


def row_round_trip(seen: Observation) -> None:
    """After an upgrade and a downgrade, a column that has existed throughout holds what it held before."""
    if seen.fate.rewritten:
        by_column = {(loss.table, loss.column): loss for loss in reversed(seen.fate.rewritten)}
        lines = [f"Up and down again over revision {seen.row_guilty} values have changed:"]
        lines += [
            f"    {table}.{column} of {_row(loss)}: {loss.before!r} became {_shown(loss.after)}"
            for (table, column), loss in by_column.items()
        ]
        finding = _of_rows("row-round-trip", lines, seen, ".".join(sorted(by_column)[0]))
        raise _kind(RowsRewritten, finding)(finding)


def sequences_ahead(seen: Observation) -> None:
    """The next value of a sequence collides with no row."""
    if seen.fate.behind:
        lines = [f"After `{seen.command.shell()}` the next row fails, since a sequence gives a value that is there:"]
        lines += [f"    the next value of {each.sequence} is in {each.column} already" for each in seen.fate.behind]
        lines.append("Where rows are inserted with their keys, the sequence has to be moved past them: setval().")
        finding = replace(_of_rows("sequences-ahead", lines, seen, seen.fate.behind[0].column), hint="")
        raise _kind(SequenceBehind, finding)(finding)


def broken(invariant: Invariant, seen: Observation) -> Failure | None:
    """Return how an invariant does not hold; None where it does.

    A function of the user's own may raise a plain AssertionError: its name is then the invariant's id.
    """
    try:
        invariant(seen)
    except Failure as failure:
        return failure
    except AssertionError as error:
        name = getattr(invariant, "__name__", type(invariant).__name__).replace("_", "-")
        told = str(error).partition("\n")[0]  # pytest's rewriting shows all values behind it
        message = f"After `{seen.command.shell()}` {name} does not hold:\n    {told}"
        own = type(name, (Broken,), {"invariant": name})
        finding = Finding(name, message, seen.path, about=told)
        return _kind(own, finding)(finding)
    return None


INVARIANTS: tuple[Invariant, ...] = (
    command_succeeds,
    transaction_granularity,
    no_broken_objects,
    base_is_empty,
    path_independence,
    version_table,
    clean_session,
    rows_survive,
    row_round_trip,
    sequences_ahead,
)
"""All of them, in the order of checking; on the test class, `invariants = (*INVARIANTS, mine)` adds one."""

_MARKS = re.compile(r" (?:INVALID|NOT VALID|DISABLED?|NOT ENFORCED)\b")


def _is_broken(change: Change) -> bool:
    before, after = change.before or "", change.after or ""
    return change.change == "changed" and before != after and _MARKS.sub("", after) == before


def _rows(seen: Observation) -> dict[str, frozenset[str]]:
    return {"has": seen.rows, "should": seen.expected_rows}


def _told(seen: Observation, changes: tuple[Change, ...]) -> Finding:
    """Tell of the changes of the first guilty revision; those of another are another fault."""
    first = seen.guilty.get((changes[0].kind, changes[0].name))
    theirs = tuple(change for change in changes if seen.guilty.get((change.kind, change.name)) == first)
    heads = tuple(sorted(seen.expected_rows))
    return tell_changes(theirs, seen.path, heads, seen.locations.get(first) if first else None, first)


_LOSSY = """\
If revision {revision} means to, declare it on the test class, with the reason:
    lossy_revisions = {{{revision!r}: "..."}}"""


def _of_rows(invariant: str, lines: list[str], seen: Observation, about: str) -> Finding:
    location = seen.row_location
    return Finding(
        invariant,
        "\n".join(lines),
        seen.path,
        seen.row_guilty,
        location.file if location else None,
        location.line if location else None,
        location.function if location else "",
        hint=_LOSSY.format(revision=seen.row_guilty),
        about=about,
    )


def _row(loss: Loss) -> str:
    return "the row with " + ", ".join(f"{name} = {_shown(value)}" for name, value in loss.row)


def _shown(value: str | None) -> str:
    return "NULL" if value is None else repr(value)


_KINDS: dict[tuple[str, str, str], type[Broken]] = {}


def _kind(base: type[Broken], finding: Finding) -> type[Broken]:
    """Return the subclass for a guilty revision and direction: always the same one, as Hypothesis compares types."""
    key = (base.__name__, finding.function, finding.revision or "")
    return _KINDS.setdefault(key, type("_".join(key), (base,), {}))
