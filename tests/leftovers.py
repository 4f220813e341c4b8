"""What the tests may leave on the machine: directories, pipes, processes, containers and databases of the gauntlet.

    python -m tests.leftovers note FILE     before the tests
    python -m tests.leftovers check FILE    after them: fails where there is more than before, and says what

What was there before is nobody's fault, and neither is what other tests on the machine are at work with: a process that
holds the pipe to its keeper lives, and has not the variable that `TESTS_ENV` names, as all processes of these tests do.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

TESTS_ENV = "GAUNTLET_TESTS"
URL_ENV = "GAUNTLET_DATABASE_URL"
LABEL = "alembic-gauntlet.session"
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")
_SECONDS = 10
_OURS = re.compile(r"gauntlet-keeper|alembic_gauntlet\.contrib\.keeper|/gauntlet-[^/ ]+/data\b|/gauntlet-run-")


def found() -> set[str]:
    """Everything of the gauntlet that is on this machine, less what processes of other tests use; a line for each."""
    return {*_files(), *_processes(), *_containers(), *_databases()}


def _files() -> Iterator[str]:
    others = "\n".join(command for _, command, is_ours in _gauntlet_processes() if not is_ours)
    for place in {Path(each) for each in (*_PLACES, tempfile.gettempdir())}:
        for file in place.glob("gauntlet[-_]*"):
            if str(file) not in others:
                yield f"file: {file}"


def _processes() -> Iterator[str]:
    for pid, command, is_ours in _gauntlet_processes():
        if is_ours:
            yield f"process: {pid} {command[:200]}"


def _gauntlet_processes() -> Iterator[tuple[str, str, bool]]:
    tests, holders = os.environ.get(TESTS_ENV), _holders()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if _OURS.search(command) and int(process.name) != os.getpid():
                yield process.name, command, tests is None or _is_ours(int(process.name), tests, holders)


def _is_ours(pid: int, tests: str, holders: dict[str, set[int]]) -> bool:
    """Whether these tests hold the pipe to a keeper, or to that of a server; or nobody does any more."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    for keeper in (pid, parent):
        pipe = os.readlink(f"/proc/{keeper}/fd/0")
        if "pipe" in pipe:
            others = holders.get(pipe, set()) - {keeper}
            mark = f"{TESTS_ENV}={tests}".encode()
            environments = [Path(f"/proc/{each}/environ").read_bytes().split(b"\0") for each in others]
            return not others or any(mark in each for each in environments)
    return True


def _holders() -> dict[str, set[int]]:
    """Return the processes that have each pipe open."""
    found: dict[str, set[int]] = {}
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            pipe = os.readlink(file)
            if "pipe" in pipe:
                found.setdefault(pipe, set()).add(int(file.parts[2]))
    return found


def _containers() -> Iterator[str]:
    if shutil.which("docker") is None:
        return
    form = "{{.ID}} {{.Image}} {{.Names}}"
    listed = ["docker", "ps", "--all", "--filter", f"label={LABEL}", "--format", form]
    done = subprocess.run(listed, capture_output=True, text=True)
    yield from (f"container: {line}" for line in done.stdout.splitlines())


def _databases() -> Iterator[str]:
    url = os.environ.get(URL_ENV)
    if url is None:
        return
    dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "SELECT datname FROM pg_database WHERE datname ~ '^gauntlet_[0-9a-f]{16}_[0-9]+$'"
        yield from (f"database: {name}" for (name,) in connection.execute(query))


def new(before: set[str], look: Callable[[], set[str]] = found, seconds: float = _SECONDS) -> list[str]:
    """Return what is there and was not before; what is about to go has some seconds to do so."""
    deadline = time.monotonic() + seconds
    while (left := look() - before) and time.monotonic() < deadline:
        time.sleep(0.1)
    return sorted(left)


def main(verb: str, file: str) -> int:
    """Note, or check; return the exit status."""
    if verb == "note":
        Path(file).write_text("".join(f"{line}\n" for line in sorted(found())))
        return 0
    left = new(set(Path(file).read_text().splitlines()))
    for line in left:
        print(f"The tests have left a {line}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
