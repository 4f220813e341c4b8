"""Findings in words: what a command's failure or a differing schema means to the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from alembic_gauntlet.blame import Location
from alembic_gauntlet.diff import Change
from alembic_gauntlet.drift import Drift
from alembic_gauntlet.findings import Finding
from alembic_gauntlet.path import Path, commands
from alembic_gauntlet.runner import CommandError

_CODE_LINES = 12
_NAMED = 8
_DETAIL = re.compile(r"; +(DETAIL|HINT|CONTEXT):")
_DRIFT = "Schema differences detected: at head, the migrations (-) and the models (+) disagree:"
_REFUSAL = """\
If it refuses on purpose, declare it on the test class (or "all" for a forward-only history):
    irreversible_revisions = ({revision!r},)"""


_SHARED = """\
Roles and tablespaces belong to the server: once the migration has run on one database, all others find them there.
Create them only where they are missing: IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ..) THEN CREATE ROLE .."""


def tell_error(error: CommandError, path: Path) -> Finding:
    """Tell that the last command of `path` fails."""
    explanation = error.explanation
    where = explanation.location
    lines = [f"`{error.command.shell()}` fails" + (f" in revision {error.revision}:" if error.revision else ":")]
    lines.append(_DETAIL.sub(r"\n    \1:", f"    {explanation.summary}"))
    if explanation.statement:
        lines.append(f"    statement: {explanation.statement}")
    return Finding(
        invariant="command-succeeds",
        message="\n".join(lines),
        path=path,
        revision=error.revision,
        file=where.file if where else None,
        line=where.line if where else None,
        function=where.function if where else "",
        hint=_REFUSAL.format(revision=error.revision) if error.refused else _SHARED * error.is_about_the_server,
        refused=error.refused,
        traceback=explanation.traceback,
    )


def tell_changes(
    changes: tuple[Change, ...],
    path: Path,
    state: tuple[str, ...],
    location: Location | None,
    revision: str | None,
) -> Finding:
    """Tell that the schema after `path`, in the state with the heads `state`, is not the canonical one.

    `location` and `revision` are those of the guilty revision, None where it is not known.
    """
    last, run = path[-1], commands(path)
    if not state:
        message = f"After `{last.shell()}` the schema at base is not that of a fresh database:"
    elif all(command.verb == "upgrade" for command in run):
        message = f"After `{last.shell()}` the schema is not the one that one revision per command gives:"
    else:
        fresh = " and ".join(f"`alembic upgrade {head}`" for head in state)
        message = f"After `{last.shell()}` the schema at {', '.join(state)} is not the one a fresh {fresh} gives:"
    return Finding(
        invariant="path-independence" if state else "base-is-empty",
        message=message,
        path=path,
        revision=revision,
        file=location.file if location else None,
        line=location.line if location else None,
        function=location.function if location else "",
        changes=changes,
    )


def tell_round_trip(finding: Finding, trip: str, location: Location) -> Finding:
    """Tell of a finding that takes a round trip over another revision, `trip`: that one is to blame."""
    first, *rest = finding.message.splitlines()
    if not finding.changes and finding.file is not None:
        first = f"{first.removesuffix(':')} at {finding.file.name}:{finding.line}:"
    lines = [
        f"A round trip over revision {trip} spoils a later one:",
        f"    {first}",
        *(f"    {line}" for line in rest),
        f"Without that round trip it passes. The downgrade of {trip} leaves something behind that no comparison of",
        "schemas shows: rows, most likely.",
    ]
    return replace(
        finding,
        message="\n".join(lines),
        revision=trip,
        file=location.file,
        line=location.line,
        function=location.function,
    )


def tell_drift(drift: Drift) -> Finding:
    """Tell how the migrations and the models differ, and what Alembic would write."""
    lines = [_DRIFT]
    code = [line for line in drift.code.splitlines() if line.strip() and not line.lstrip().startswith("# ###")]
    if code:
        lines += [
            "`alembic revision --autogenerate` would write the following; or mend the models.",
            *code[:_CODE_LINES],
        ]
        lines += ["    ..."] if len(code) > _CODE_LINES else []
    else:
        lines.append("Alembic writes no migration for this: write it by hand; or mend the models.")
    return Finding("up-to-date", "\n".join(lines), changes=drift.changes)


def tell_unseen(drift: Drift) -> Finding:
    """Tell that neither PostgreSQL nor Alembic can make anything of some tables."""
    tables = [f"\n    {table}: {reason}" for table, reason in islice(drift.unmade.items(), _NAMED)]
    more = f"\n    and {len(drift.unmade) - _NAMED} more" if len(drift.unmade) > _NAMED else ""
    return Finding("up-to-date", f"{drift.unseen}\nNor can PostgreSQL make their tables:{''.join(tables)}{more}")


def notes_of_drift(drift: Drift) -> Iterator[str]:
    """Yield what there is to say of a comparison besides what differs."""
    for table, reason in islice(drift.unmade.items(), _NAMED):
        yield f"models: compared by Alembic alone, since PostgreSQL cannot make table {table}: {reason}"
    if len(drift.unmade) > _NAMED:
        yield f"models: so it was with {len(drift.unmade) - _NAMED} other tables"
    if drift.not_compared:
        counted = ", ".join(f"{count} of kind {kind}" for kind, count in drift.not_compared.items())
        yield f"models: not compared, since models cannot declare them: {counted}"
    if drift.elsewhere:
        yield f"models: not compared, being views or an extension's: {', '.join(sorted(drift.elsewhere))}"


def tell_not_again(finding: Finding) -> Finding:
    """Tell of a finding that could not be shown a second time."""
    why = (
        "The same commands on a new database pass: the migration depends on something else than the schema,\n"
        "such as the time, random values, or other sessions."
    )
    return replace(finding, message=f"{finding.message}\n{why}", path=())
