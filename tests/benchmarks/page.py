"""docs/benchmarks.md: what the kept runs say, each table from the newest run that has it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Iterator, Sequence

from tests.benchmarks import figures, parallel, startup, walks
from tests.benchmarks.contenders import BOUND, OURS
from tests.benchmarks.figures import Spread, down, told, up
from tests.benchmarks.five import ALONE, EMBEDDED, LIMIT, SHAPES, UP_AND_DOWN, cell_name
from tests.benchmarks.peers import PEERS
from tests.benchmarks.samples import Cell, Run, Sample, newest
from tests.benchmarks.targets import (
    AT,
    cell_of_kinds,
    differences,
    growth,
    median_ratio,
    parallel_cells,
    targets,
    times,
)

_INTRODUCTION = f"""\
# Benchmarks

Written by `make bench`. Whole processes and what they say of themselves, one at a time, alternating in every round, on
the same generated histories (`tests/benchmarks/histories.py`: of 200 revisions, 120 make a table) and the same
embedded server. Seconds are medians, with the range in brackets. A ratio is the median of the ratios of each round, and
of one run only. Ours is rounded up, what others take is rounded down.

"Whole" is the process from start to end; "tests" is the sum of the durations that pytest gives for the tests, with
their fixtures. A peer is stopped after {BOUND} times what ours takes, and what has failed or was stopped once is not
run again."""

_LIMIT = """\
The statements that Alembic writes while our five tests run, captured by SQLAlchemy's `before_cursor_execute`, in the
same order and the same transactions through psycopg, in a process of its own. "Loop" is the transactions alone, without
the start of Python, the making of databases and of connections. "Up and down once" is what
`test_downgrade_all_the_way` writes: one command to head, one to base. "By Alembic alone" are the
commands themselves (each revision up, down and up again; all of them down and up) on one connection, the version files
loaded once, nothing read or compared: what any tool spends that runs them for real."""

_ROWS = """\
Generated correct histories (`correct("rows clean")` of tests/quality), the default profile, each walked over with rows
and without, one after the other. Rows are inserted one by one, each in a transaction of its own, into a table with a
sequence, a unique column and a CHECK. On histories as short as these, walks without rows recall most of what they take:
what is known of a database without rows is not run again. With rows that is so only where they have gone with their
tables, and the database is again what it was without them."""
_WALKS = """\
A history of 50 revisions with 30 tables, all invariants, the default profile, an embedded server. "Commands" are those
of Alembic, with those that tell what a state should be like; "judged" are the commands of the walks, those that are
recalled without being run included; "transitions" are the distinct pairs of states among them. Shrinking begins with
the first failure, and ends when the walks do: the fault is a forgotten enum type. "Alembic" is what a command takes in
Alembic itself: env.py, the migrations (a command runs several revisions, or many), and PostgreSQL meanwhile. No tool
can take more commands a second than that allows."""

_KINDS = """\
Seconds from the beginning of the walks: to the first failure of any invariant; to the first time that the path which is
reported failed; and to the end of the walks, which go on to look for other faults. Medians of the histories of a kind,
as `tests/quality` draws them. In "faulty" ones, of a few revisions, every transition is taken, the shortest paths
first; in "long" ones, of 26 to 40, walks are random."""


def page(runs: Sequence[Run]) -> str:
    """Return the whole page."""
    return "\n".join(_lines(runs)).rstrip() + "\n"


def _lines(runs: Sequence[Run]) -> Iterator[str]:
    yield _INTRODUCTION
    yield from _where(runs)
    yield from _section("Targets", _targets(runs))
    for shape in SHAPES:
        yield from _section(f"The five tests, {shape}", _five(runs, shape))
    yield from _section("The limit: the same DDL as plain SQL", _limit(runs))
    yield from _section("How the cost grows", _growth(runs))
    yield from _section("Walks: commands a second", _walks(runs))
    yield from _section("Walks with rows", _rows(runs))
    for group in walks.GROUPS:
        yield from _section(f'Walks: how soon a fault is found, "{group}"', _kinds(runs, group))
    yield from _section("Start-up", _startup(runs))
    yield from _section("Two processes", _parallel(runs))


def _where(runs: Sequence[Run]) -> Iterator[str]:
    peers = " and ".join(peer.title for peer in PEERS)
    for fact in dict.fromkeys(f"{run.machine}. {run.versions}" for run in runs):
        yield f"\n{fact}."
    yield f"The peers: {peers}, each in an environment of its own with the same Alembic, SQLAlchemy and psycopg."
    yield "\n<!-- project: repository -->\n\n```console"
    yield from (f"$ {run.command}    # {run.started}" for run in runs)
    yield "```"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a section, unless there is nothing in it."""
    found = list(lines)
    if found:
        yield f"\n## {title}\n"
        yield from found


def _table(*titles: str) -> Iterator[str]:
    yield _row(*titles)
    yield _row(*("---" for _ in titles))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _targets(runs: Sequence[Run]) -> Iterator[str]:
    yield from _table("target", "measured", "")
    yield from (_row(each.text, each.measured, each.verdict) for each in targets(runs))
    yield from _bounds(runs)


def _bounds(runs: Sequence[Run]) -> Iterator[str]:
    """Tell what is spent before anything of ours is: no tool that runs these commands is faster."""
    name = cell_name(AT, SHAPES[0])
    run, start = newest(runs, (name, ALONE)), newest(runs, (startup.IMPORTS, startup.BASE_CLASS))
    if run is not None and start is not None:
        alone = Spread.of(figures.values(run.cells[name][ALONE], "own"))
        imports = Spread.of(figures.values(start.cells[startup.IMPORTS][startup.BASE_CLASS], "own"))
        yield (
            f"\nAt {AT} revisions, Alembic alone takes {told(alone, down)} s for the commands of the five tests, and\n"
            f"importing all that they need takes {told(imports, down)} s, before a schema is read or compared."
        )


# The five tests


def _sizes(runs: Sequence[Run], shape: str) -> list[int]:
    names = (re.fullmatch(rf"five (\d+) {shape}", name) for run in runs for name in run.cells)
    return sorted({int(name[1]) for name in names if name})


def _five(runs: Sequence[Run], shape: str) -> Iterator[str]:
    rows = [row for count in _sizes(runs, shape) for row in _contenders(runs, count, shape)]
    if rows:
        yield from _table("revisions", "", "whole, s", "tests, s", "times ours, whole", "times ours, tests", "rounds")
        yield from rows
        yield from _memory(runs, shape)


def _contenders(runs: Sequence[Run], count: int, shape: str) -> Iterator[str]:
    name = cell_name(count, shape)
    for contender in (OURS, EMBEDDED, *(peer.title for peer in PEERS)):
        run = newest(runs, (name, OURS), (name, contender))
        if run is not None:
            cell = run.cells[name]
            yield _row(f"{count:,}", contender, *_seconds(cell, contender), str(len(cell[contender])))


def _seconds(cell: Cell, contender: str) -> Iterator[str]:
    samples = cell[contender]
    write = up if contender.startswith(OURS) else down
    if (broken := figures.failed(samples)) is not None:
        yield from (broken.outcome, "-", "-", "-")
        return
    spreads = [Spread.of(figures.values(samples, name)) for name in ("whole", "own")]
    end = figures.stopped(samples)
    if end is not None:
        note = f" (stopped{'' if len(samples) == 1 else ', once'})"
        value, _ = times(cell, contender)
        yield from (f"> {down(end.values['whole'])} s{note}", "-")
        yield from (f"> {down(value)}" if value is not None else "-", "-")
        return
    yield from (told(spread, write) for spread in spreads)
    for name in ("whole", "own"):
        found = Spread.of(figures.ratios(cell, (contender, name), (OURS, name)))
        yield "1" if contender == OURS else told(found, write)


def _memory(runs: Sequence[Run], shape: str) -> Iterator[str]:
    peaks = []
    for count in _sizes(runs, shape):
        run = newest(runs, (cell_name(count, shape), OURS))
        found = figures.values(run.cells[cell_name(count, shape)][OURS], "peak") if run is not None else []
        if found:
            peaks.append(f"{up(max(found), 0)} MB at {count:,}")
    if peaks:
        yield f"\nThe most memory that ours has held, the server not counted: {', '.join(peaks)}."


def _limit(runs: Sequence[Run]) -> Iterator[str]:
    rows = [row for shape in SHAPES for count in _sizes(runs, shape) for row in _limits(runs, count, shape)]
    if rows:
        yield f"{_LIMIT}\n"
        yield from _table(
            "revisions", "", "SQL, whole, s", "SQL, loop, s", "ours, whole, s", "ours, tests, s",
            "ours to SQL, whole", "our tests to the loop",
        )  # fmt: skip
        yield from rows


def _limits(runs: Sequence[Run], count: int, shape: str) -> Iterator[str]:
    name = cell_name(count, shape)
    run = newest(runs, (name, OURS), (name, LIMIT))
    if run is None:
        return
    cell = run.cells[name]
    ours = [told(Spread.of(figures.values(cell[OURS], value))) for value in ("whole", "own")]
    yield _row(f"{count:,} {shape}", "as the five tests", *_plain(cell[LIMIT]), *ours, *_ours_to(cell, LIMIT))
    yield _row(f"{count:,} {shape}", "up and down once", *_plain(cell[UP_AND_DOWN]), "", "", "", "")
    if ALONE in cell:
        yield _row(f"{count:,} {shape}", "by Alembic alone", *_plain(cell[ALONE]), "", "", *_ours_to(cell, ALONE))


def _ours_to(cell: Cell, limit: str) -> Iterator[str]:
    yield from (told(Spread.of(figures.ratios(cell, (OURS, value), (limit, value)))) for value in ("whole", "own"))


def _plain(samples: Sequence[Sample]) -> Iterator[str]:
    yield from (told(Spread.of(figures.values(samples, value)), down, 3) for value in ("whole", "own"))


def _growth(runs: Sequence[Run]) -> Iterator[str]:
    rows = [_grown(runs, count, shape) for shape in SHAPES for count in _sizes(runs, shape)]
    if rows:
        yield from _table("revisions", "whole, ms per revision", "to that at 100", "tests, ms per revision", "to 100")
        yield from rows


def _grown(runs: Sequence[Run], count: int, shape: str) -> str:
    cell = cell_name(count, shape)
    # Beside those at 100, where one run has both.
    run = newest(runs, (cell, OURS), (cell_name(100, shape), OURS)) or newest(runs, (cell, OURS))
    columns = []
    for name in ("whole", "own"):
        found = figures.values(run.cells[cell][OURS], name) if run is not None else []
        ratio = growth(runs, count, shape, name)
        columns += [up(1000 * statistics.median(found) / count) if found else "-", up(ratio) if ratio else "-"]
    return _row(f"{count:,} {shape}", *columns)


# The walks


def _walks(runs: Sequence[Run]) -> Iterator[str]:
    run = newest(runs, (walks.CELL, walks.COLD), (walks.CELL, walks.SHRINKING))
    if run is None:
        return
    yield f"{_WALKS}\n"
    names = ("commands", "judged", "transitions", "revisions")
    yield from _table("", "seconds", *(f"{name} a second" for name in names), "Alembic, ms a command")
    for contender in (walks.COLD, walks.SHRINKING):
        samples = run.cells[walks.CELL][contender]
        rates = (told(Spread.of(figures.values(samples, f"{name} per second")), down, 1) for name in names)
        alembic = told(Spread.of(figures.values(samples, "alembic per command")), up, 1)
        yield _row(contender, told(Spread.of(figures.values(samples, "whole"))), *rates, alembic)
    found = run.cells[walks.CELL][walks.SHRINKING]
    first, minimal = (told(Spread.of(figures.values(found, name))) for name in ("first", "minimal"))
    yield f"\nThe first failure comes after {first} s, the minimal path after {minimal} s."


def _rows(runs: Sequence[Run]) -> Iterator[str]:
    run = newest(runs, (walks.ROWS, walks.EMPTY), (walks.ROWS, walks.POPULATED))
    if run is None:
        return
    cell = run.cells[walks.ROWS]
    yield f"{_ROWS}\n"
    yield from _table("", "seconds", "commands", "histories")
    for name in (walks.EMPTY, walks.POPULATED):
        spreads = (told(Spread.of(figures.values(cell[name], each))) for each in ("whole", "commands"))
        yield _row(name, *spreads, str(len(cell[name])))
    whole, each = (
        told(Spread.of(figures.ratios(cell, (walks.POPULATED, name), (walks.EMPTY, name))))
        for name in ("whole", "command")
    )
    rates = told(Spread.of(figures.values(cell[walks.INSERTED], "rows per second")), down, 0)
    yield f"\nWith rows to without: all in all {whole}, by command {each}. Rows inserted a second: {rates}."


def _kinds(runs: Sequence[Run], group: str) -> Iterator[str]:
    cell = cell_of_kinds(runs, group)
    if not cell:
        return
    if group == walks.GROUPS[0]:
        yield f"{_KINDS}\n"
    yield from _table("kind", "histories", "first, s", "minimal, s", "minimal to first", "end, s", "end to first")
    for kind, samples in cell.items():
        yield _row(kind, str(len(samples)), *_soon(samples))


def _soon(samples: Sequence[Sample]) -> Iterator[str]:
    found = figures.values(samples, "first")
    lost = [sample.outcome for sample in samples if sample.outcome]
    if not found:
        yield from ("; ".join(dict.fromkeys(lost)), "-", "-", "-", "-")
        return
    note = f" ({len(lost)} {'; '.join(dict.fromkeys(lost))})" if lost else ""
    yield up(statistics.median(found)) + note
    yield up(statistics.median(figures.values(samples, "minimal")))
    yield up(median_ratio(samples) or 0)
    yield from (up(statistics.median(figures.values(samples, name))) for name in ("whole", "end"))


# Start-up, and two processes


def _startup(runs: Sequence[Run]) -> Iterator[str]:
    rows = list(_starts(runs))
    if rows:
        yield from _table("", "ms", "rounds")
        yield from rows


def _starts(runs: Sequence[Run]) -> Iterator[str]:
    run = newest(runs, (startup.COLLECT, startup.WITH), (startup.COLLECT, startup.WITHOUT))
    if run is not None:
        cell = run.cells[startup.COLLECT]
        for name, write in ((startup.WITH, up), (startup.WITHOUT, down)):
            yield _start(f"`pytest --collect-only` on 100 tests, {name}", cell[name], "whole", write)
        delay = Spread.of(differences(cell))
        yield _row("the difference of each round", told(delay, up, 1), str(delay.count if delay else 0))
    for name, title in ((startup.PLUGIN, "import of the plugin, after pytest"), (startup.BASE_CLASS, "import of all")):
        run = newest(runs, (startup.IMPORTS, name))
        if run is not None:
            yield _start(title, run.cells[startup.IMPORTS][name], "own")
    run = newest(runs, (startup.SERVER, startup.START))
    if run is not None:
        yield _start("start of the embedded server", run.cells[startup.SERVER][startup.START], "own")


def _start(title: str, samples: Sequence[Sample], name: str, write: figures.Write = up) -> str:
    found = [1000 * each for each in figures.values(samples, name)]
    return _row(title, told(Spread.of(found), write, 1), str(len(found)))


def _parallel(runs: Sequence[Run]) -> Iterator[str]:
    rows = [_two(name, cell) for name, cell in parallel_cells(runs)]
    if rows:
        yield "`pytest -n 2` beside one process, on an embedded server. Whole processes.\n"
        yield from _table("", "one process, s", "-n 2, s", "-n 2 to one", "rounds")
        yield from rows


def _two(name: str, cell: Cell) -> str:
    _, what, count = name.split()
    title = f"{'five tests' if what == 'five' else 'walks'}, {count} revisions"
    if (broken := figures.failed([*cell[parallel.ONE], *cell[parallel.TWO]])) is not None:
        return _row(title, broken.outcome, "-", "-", "-")
    one, two = (told(Spread.of(figures.values(cell[each], "whole"))) for each in (parallel.ONE, parallel.TWO))
    ratio = told(Spread.of(figures.ratios(cell, (parallel.TWO, "whole"), (parallel.ONE, "whole"))))
    return _row(title, one, two, ratio, str(len(cell[parallel.ONE])))
