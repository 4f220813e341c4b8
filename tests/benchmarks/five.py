"""The five tests: ours, on the server of all and on one of its own, the peers, and the same DDL as plain SQL."""

from __future__ import annotations

import compileall
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import histories, peers, processes
from tests.benchmarks.contenders import OURS, Contender, Rounds, pytest
from tests.benchmarks.peers import PEERS, ROOT, Peer
from tests.benchmarks.processes import Done
from tests.benchmarks.samples import Cell
from tests.benchmarks.server import SharedServer

EMBEDDED = "ours, embedded"
LIMIT = "limit"
UP_AND_DOWN = "limit, up and down"
ALONE = "Alembic alone"
LONG = 1000
"""From so many revisions on, the peers have fewer rounds."""

SHAPES = ("linear", "branched")
OUR_FILE = "test_ours.py"


@dataclass(frozen=True)
class History:
    """A history of some length and shape."""

    count: int
    shape: str

    def __str__(self) -> str:
        return cell_name(self.count, self.shape)


def cell_name(count: int, shape: str) -> str:
    """Return the name under which the samples of a history are kept."""
    return f"five {count} {shape}"


@contextmanager
def written(count: int, shape: str = SHAPES[0]) -> Iterator[Path]:
    """Write a project with everybody's test files; it is gone in the end."""
    with TemporaryDirectory() as folder:
        project = Path(folder)
        histories.write(project, count, branched=shape == "branched")
        (project / OUR_FILE).write_text(peers.OURS)
        for peer in PEERS:
            (project / peer.file).write_text(peer.test)
        # Whoever came first would pay for all.
        compileall.compile_dir(project, quiet=2)
        yield project


@dataclass(frozen=True)
class Five:
    """Measures histories. `with_peers`, `with_limit`: who takes part besides ours."""

    server: SharedServer
    rounds: int
    peer_rounds: int
    with_peers: bool = True
    with_limit: bool = True

    def measure(self, history: History) -> Cell:
        """Measure one history."""
        with written(history.count, history.shape) as project:
            everybody = [self._ours(project)]
            if self.with_peers:
                everybody += [self._embedded(project), *(self._peer(peer, project, history) for peer in PEERS)]
            if self.with_limit:
                everybody += [
                    self._limit(LIMIT, project, ()),
                    self._limit(UP_AND_DOWN, project, ("-k", "all_the_way")),
                ]
                if history.shape == SHAPES[0]:
                    everybody.append(self._alone())
            return Rounds(self.server, project, everybody, self.rounds).measure()

    def _ours(self, project: Path) -> Contender:
        environment = processes.environment(GAUNTLET_DATABASE_URL=self.server.url)
        return self._of_ours(OURS, project, environment)

    def _embedded(self, project: Path) -> Contender:
        return self._of_ours(EMBEDDED, project, processes.environment())

    def _of_ours(self, name: str, project: Path, environment: Mapping[str, str]) -> Contender:
        python, options = peers.ensure_ours()
        return pytest(name, str(python), OUR_FILE, project, environment, options)

    def _peer(self, peer: Peer, project: Path, history: History) -> Contender:
        environment = processes.without_our_path(processes.environment())
        contender = pytest(peer.title, str(peers.ensure(peer.name)), peer.file, project, environment, peer.options)
        rounds = self.peer_rounds if history.count >= LONG else None
        return replace(contender, is_bounded=True, takes_database=peer.name == "gauntlet03", rounds=rounds)

    def _limit(self, name: str, project: Path, options: Sequence[str]) -> Contender:
        statements = self._captured(project, project / f"{name}.json", options)
        command = [sys.executable, str(Path(__file__).with_name("replay.py")), str(statements), self.server.url]
        return Contender(name, command, processes.environment(), _seconds_of_the_loop)

    def _alone(self) -> Contender:
        command = [sys.executable, str(Path(__file__).with_name("alone.py"))]
        return Contender(ALONE, command, processes.environment(), _seconds_of_the_loop, takes_database=True)

    def _captured(self, project: Path, file: Path, options: Sequence[str]) -> Path:
        """Run our tests once, and keep what their commands write."""
        environment = processes.environment(GAUNTLET_DATABASE_URL=self.server.url, BENCH_CAPTURE=str(file))
        environment["PYTHONPATH"] = ":".join(filter(None, [environment.get("PYTHONPATH"), str(ROOT)]))
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.benchmarks.capture"]
        done = processes.run([*pytest, *options, OUR_FILE], project, environment)
        if done.status:
            raise SystemExit(f"Our own tests do not pass:\n{done.output}")
        return file


def _seconds_of_the_loop(done: Done) -> tuple[dict[str, float], Sequence[str]]:
    return ({"own": float(done.output)} if done.status == 0 else {}), ()
