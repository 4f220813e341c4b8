"""The limit, in a process of its own: run captured statements through psycopg. `python replay.py FILE URL`.

Prints the seconds that the transactions have taken, without the making of databases and connections.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql


def replay(steps: Sequence[Mapping[str, Any]], url: str) -> float:
    """Run all steps; return the seconds of the transactions."""
    names = {step["database"]: f"bench_limit_{place}" for place, step in enumerate(steps) if "statements" not in step}
    last = {step["database"]: place for place, step in enumerate(steps)}
    connections: dict[str, psycopg.Connection[Any]] = {}
    seconds = 0.0
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as server, ExitStack() as stack:
        for place, step in enumerate(steps):
            name = names[step["database"]]
            if "statements" not in step:
                _make(server, name, names.get(step["template"]), connections)
                stack.callback(server.execute, _drop(name))
                continue
            if name not in connections:
                connections[name] = psycopg.connect(url, dbname=name, prepare_threshold=None)
            seconds += _transaction(connections[name], step["statements"])
            if last[step["database"]] == place:
                connections.pop(name).close()  # servers have fewer connections than long histories have branches
    return seconds


def _make(
    server: psycopg.Connection[Any], name: str, template: str | None, connections: dict[str, psycopg.Connection[Any]]
) -> None:
    if template in connections:
        connections.pop(template).close()
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    server.execute(statement.format(sql.Identifier(name), sql.Identifier(template or "template1")))


def _drop(name: str) -> sql.Composed:
    return sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))


def _transaction(connection: psycopg.Connection[Any], statements: Sequence[str]) -> float:
    started = time.perf_counter()
    for statement in statements:
        connection.execute(statement.encode())
    connection.commit()
    return time.perf_counter() - started


if __name__ == "__main__":
    print(replay(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]))
