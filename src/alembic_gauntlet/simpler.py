"""The same fault with fewer and plainer rows, after fewer commands."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from alembic_gauntlet.findings import Finding
from alembic_gauntlet.graph import Command, State
from alembic_gauntlet.machine import Walker, minimised, passes, shown
from alembic_gauntlet.path import Action, Insert, Path, Value, commands

_ATTEMPTS = 60
"""So many simpler rows are tried for one finding."""


def simplest(walker: Walker, finding: Finding) -> Finding:
    """Return the same fault with as few rows as show it, of as few columns, after as few commands."""
    finding = _fewer_rows(walker, _straightened(walker, finding))
    *before, last = commands(finding.path)
    if all(command.verb == "upgrade" for command in before):
        rows = tuple(each for each in finding.path if isinstance(each, Insert))
        finding = _straightened(walker, replace(finding, path=(*before, *rows, last)), finding)
    return _without_needless_rows(walker, _plainer(walker, minimised(walker, finding, _ATTEMPTS)))


def _straightened(walker: Walker, finding: Finding, otherwise: Finding | None = None) -> Finding:
    """Take fewer commands to where the first row is inserted, if that shows the same; else return `otherwise`."""
    path = finding.path
    first = _first_row(path)
    straight = _straight_to(walker, walker.explorer.state(path[:first]))
    if straight is None or len(straight) >= first:
        return otherwise or finding
    walker.explorer.save(straight)
    return shown(walker, (*straight, *path[first:]), finding) or otherwise or finding


def _first_row(path: Path) -> int:
    return next((place for place, each in enumerate(path) if isinstance(each, Insert)), len(path) - 1)


def _straight_to(walker: Walker, aim: State) -> Path | None:
    """Return upgrades that lead to a state and do no harm: each goes as far as it may, as a few tries tell.

    None where the tries lead to where nothing passes.
    """
    path, state = tuple[Command, ...](), walker.explorer.floor
    while way := [each for each in walker.explorer.way(aim) if each.target not in state]:
        path = (*path, _furthest(walker, path, state, way))
        if not passes(walker, path, state):
            return None
        state = walker.explorer.graph.after(state, path[-1])
    return path


def _furthest(walker: Walker, path: Path, state: State, way: Sequence[Command]) -> Command:
    """Return the last command of a way that passes behind a path, if those before it pass, too; at least the first."""

    def fails(place: int) -> bool:
        return not passes(walker, (*path, way[place]), state)

    if not fails(-1):
        return way[-1]
    place = bisect_left(range(1, len(way) - 1), True, key=fails)
    # The next search, from elsewhere, would wait for the same locks.
    walker.explorer.part(way[place + 1].target)
    return way[place]


def _fewer_rows(walker: Walker, finding: Finding) -> Finding:
    """Leave out all rows, then half of them, then fewer, the last ones first: the plainest rows come first."""
    attempts = iter(range(_ATTEMPTS))
    size = len(_rows(finding.path))
    while size and next(attempts, None) is not None:
        all_ = _rows(finding.path)
        starts = range(0, len(all_), size)
        fewer = (_with_rows(walker, finding, [*all_[:start], *all_[start + size :]]) for start in reversed(starts))
        found = next(filter(None, fewer), None)
        finding, size = (finding, size // 2) if found is None else (found, min(size, len(_rows(found.path)) // 2))
    return finding


def _rows(path: Path) -> Sequence[int]:
    return [place for place, each in enumerate(path) if isinstance(each, Insert)]


def _with_rows(walker: Walker, finding: Finding, rows: Sequence[int]) -> Finding | None:
    """Return the same fault with these rows alone, and those that they refer to; None where it is not shown."""
    path, needed = finding.path, _with_parents(walker, finding.path, rows)
    kept = tuple(each for place, each in enumerate(path) if place in needed or isinstance(each, Command))
    less = _referring(walker, kept) if len(kept) < len(path) else None
    return shown(walker, less, finding) if less is not None else None


def _referring(walker: Walker, path: Path) -> Path | None:
    """Return a path whose rows refer to rows that are there: with fewer of them, keys are others. None: it fails."""
    explorer, found = walker.explorer, tuple[Action, ...]()
    for action in path[:-1]:
        if isinstance(action, Insert):
            action = _with_references(walker, found, action)
            if explorer.insert(found, action) is not None:
                return None
        elif explorer.observe((*found, action)).error is not None:
            return None
        found = (*found, action)
    return (*found, path[-1])


def _with_references(walker: Walker, path: Path, insert: Insert) -> Insert:
    """Return a row that refers to what is at the end of a path."""
    row = dict(insert.row)
    table = next((each for each in walker.explorer.tables(path) if each.name == insert.table), None)
    for foreign in table.foreign_keys if table is not None else ():
        wanted = tuple(row.get(name) for name in foreign.columns)
        keys = walker.explorer.references(path, foreign.table, foreign.referred)
        if None not in wanted and keys and tuple(map(str, wanted)) not in keys:
            row.update(zip(foreign.columns, keys[0], strict=True))
    return Insert.of(insert.table, row)


def _table(path: Path, place: int) -> str:
    row = path[place]
    return row.table if isinstance(row, Insert) else ""


def _with_parents(walker: Walker, path: Path, places: Iterable[int]) -> set[int]:
    """Return places of rows, and those of the first rows of the tables that they refer to."""
    found: set[int] = set()
    todo = list(places)
    while todo:
        place = todo.pop()
        found.add(place)
        tables = {table.name: table for table in walker.explorer.tables(path[:place])}
        table = tables.get(_table(path, place))
        for foreign in table.foreign_keys if table is not None else ():
            parents = [at for at in range(place) if _table(path, at) == foreign.table]
            wanted = {each: value for each, value in _values(path[place]) if each in foreign.columns}
            if parents and None not in wanted.values() and wanted and parents[0] not in found:
                todo.append(_parent(path, parents, list(wanted.values()), foreign.referred))
    return found


def _parent(path: Path, places: Sequence[int], key: Sequence[Value], columns: Sequence[str]) -> int:
    """Return the place of the row that has a key; of the first one where that cannot be seen."""
    for place in places:
        row = dict(_values(path[place]))
        if [str(row.get(column)) for column in columns] == [str(each) for each in key]:
            return place
    return places[0]


def _values(action: Action) -> tuple[tuple[str, Value], ...]:
    return action.row if isinstance(action, Insert) else ()


def _without_needless_rows(walker: Walker, finding: Finding) -> Finding:
    """Leave out rows that nothing refers to any more, the last ones first."""
    for place in reversed(range(len(finding.path))):
        if isinstance(finding.path[place], Insert):
            finding = shown(walker, finding.path[:place] + finding.path[place + 1 :], finding) or finding
    return finding


def _plainer(walker: Walker, finding: Finding) -> Finding:
    """Leave out the columns of the rows that it does not take: all but one, then one after another."""
    attempts = iter(range(_ATTEMPTS))
    for place, action in enumerate(finding.path):
        if isinstance(action, Insert):
            finding = _plainer_row(walker, finding, place, attempts)
    return finding


def _plainer_row(walker: Walker, finding: Finding, place: int, attempts: Iterator[int]) -> Finding:
    row = finding.path[place]
    assert isinstance(row, Insert)
    table = next((each for each in walker.explorer.tables(finding.path[:place]) if each.name == row.table), None)
    required = {column.name for column in table.columns if column.is_required} if table is not None else set()
    spare = [name for name, _ in row.row if name not in required]
    fewest = [{*spare} - {kept} for kept in ("", *spare)] if len(spare) > 1 else []
    for left_out in [*fewest, *({name} for name in spare)]:
        if next(attempts, None) is None:
            break
        current = finding.path[place]
        less = Insert(row.table, tuple(each for each in _values(current) if each[0] not in left_out))
        if less != current:
            found = shown(walker, (*finding.path[:place], less, *finding.path[place + 1 :]), finding)
            if found is not None:
                finding = found
                if len(left_out) >= len(spare) - 1:
                    break
    return finding
