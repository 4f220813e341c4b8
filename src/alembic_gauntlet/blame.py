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


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of the database error in an exception, or in one that has led to it, whatever the driver.

    Empty where a connection fails or breaks, which has none; None where there is no database error.
    """
    for each in _with_causes(error):
        if isinstance(each, (DBAPIError, psycopg.Error, OSError)):
            own = getattr(each, "orig", None) or each
            found = getattr(own, "sqlstate", None) or getattr(own, "pgcode", None) or _fields(own).get("C")
            return found or ("" if isinstance(each, _OF_THE_CONNECTION) else None)
    return None


def raised_by(error: BaseException) -> str:
    """Return the function of PostgreSQL's source that has raised the database error in an exception; "" if unknown."""
    for each in _with_causes(error):
        told = getattr(each, "diag", each)
        found = getattr(told, "source_function", None) or getattr(told, "server_source_function", None)
        if found or "R" in _fields(each):
            return str(found or _fields(each)["R"])
    return ""


def _fields(error: BaseException) -> dict[str, str]:
    """Return the fields of PostgreSQL's message as pg8000 has them."""
    return error.args[0] if error.args and isinstance(error.args[0], dict) else {}


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that have led to it, a driver's own one behind SQLAlchemy's."""
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        each = todo.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            todo += [getattr(each, "orig", None), each.__cause__, each.__context__]


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
