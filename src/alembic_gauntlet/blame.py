"""An exception out of a migration or env.py, told as a short value: what, where, and which statement."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

_OF_THE_CONNECTION = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError, OSError)
_STATEMENT_LENGTH = 240
_SUMMARY_LENGTH = 600


@dataclass(frozen=True)
class Location:
    """A line of a user's file."""

    file: Path
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f" {self.function}()" if self.function else "")


@dataclass(frozen=True)
class Explanation:
    """What went wrong, in one line; where in the user's files; the SQL statement; and the traceback for `-vv`.

    `raised_there` tells that the exception was raised by a `raise` at `location` itself: a refusal, rather than
    something that failed further down.
    """

    summary: str
    location: Location | None
    statement: str | None
    raised_there: bool
    traceback: str


def sqlstate(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of the database error in an exception, or in one that has led to it, whatever the driver.

    Empty where a connection fails or breaks, which has none; None where there is no database error.
    """
    while error is not None:
        if isinstance(error, (DBAPIError, psycopg.Error, OSError)):
            own = getattr(error, "orig", None) or error
            fields = own.args[0] if own.args and isinstance(own.args[0], dict) else {}  # of pg8000
            found = getattr(own, "sqlstate", None) or getattr(own, "pgcode", None) or fields.get("C")
            return found or ("" if isinstance(error, _OF_THE_CONNECTION) else None)
        error = error.__cause__ or error.__context__
    return None


def raised_by(error: BaseException | None) -> str:
    """Return the function of PostgreSQL's source that has raised the database error in an exception; "" if unknown."""
    while error is not None:
        own = getattr(error, "orig", None) or error
        fields = own.args[0] if own.args and isinstance(own.args[0], dict) else {}  # of pg8000
        diagnosis = getattr(own, "diag", own)
        for name in ("source_function", "server_source_function"):
            if getattr(diagnosis, name, None):
                return str(getattr(diagnosis, name))
        if "R" in fields:
            return str(fields["R"])
        error = own.__cause__ or error.__cause__ or error.__context__
    return ""


def explain(error: BaseException, within: Iterable[Path]) -> Explanation:
    """Explain `error`; the location is the innermost line in one of the files or directories of `within`."""
    folders = [path.resolve() for path in within]
    frames = list(_frames(error.__traceback__))
    inside = [index for index, frame in enumerate(frames) if _is_within(frame.file, folders)]
    location = frames[inside[-1]] if inside else None
    if isinstance(error, SyntaxError) and error.filename:
        location = Location(Path(error.filename), error.lineno or 1)
    return Explanation(
        summary=_summary(error),
        location=location,
        statement=_statement(error),
        raised_there=bool(inside) and inside[-1] == len(frames) - 1 and _raises(frames[-1]),
        traceback="".join(traceback.format_exception(error)),
    )


def _raises(location: Location) -> bool:
    """Tell a `raise` from a call that the interpreter itself rejects, such as one with a wrong argument."""
    linecache.checkcache(str(location.file))
    return re.search(r"\braise\b", linecache.getline(str(location.file), location.line)) is not None


def _frames(trace: TracebackType | None) -> Iterator[Location]:
    for frame, line in traceback.walk_tb(trace):
        name = frame.f_code.co_name
        yield Location(Path(frame.f_code.co_filename), line, "" if name.startswith("<") else name)


def _is_within(file: Path, folders: list[Path]) -> bool:
    resolved = file.resolve()
    return any(resolved == folder or folder in resolved.parents for folder in folders)


def _summary(error: BaseException) -> str:
    if isinstance(error, DBAPIError) and error.orig is not None:
        # The driver's own words, without SQLAlchemy's repetition of the statement and a link.
        error = error.orig
    text = str(error).strip()
    if isinstance(error, SyntaxError):
        text = error.msg
    one_line = "; ".join(
        line.strip() for line in text.splitlines() if line.strip() and not re.fullmatch(r"[\s^]+", line)
    )
    name = type(error).__name__
    return f"{name}: {one_line}"[:_SUMMARY_LENGTH] if one_line else name


def _statement(error: BaseException) -> str | None:
    statement = error.statement if isinstance(error, DBAPIError) else None
    if statement is None:
        return None
    line = " ".join(statement.split())
    return line if len(line) <= _STATEMENT_LENGTH else line[:_STATEMENT_LENGTH] + " ..."
