"""`alembic-gauntlet`: the tests on the command line, also for a project that has no test file yet.

It composes a command line of pytest and runs that, so output, exit codes and further options are pytest's.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import pytest

from alembic_gauntlet.config import find_config_file, read_config
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.layout import TEST_FILE, directory_of_tests, own_test_files
from alembic_gauntlet.path import parse_path
from alembic_gauntlet.scaffold import Place, class_file, github, gitlab

PROGRAM = "alembic-gauntlet"
_EPILOG = "Further options and what follows `--` go to pytest: alembic-gauntlet run -x -k stairway"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GauntletError(f"{message}\n{self.format_usage().rstrip()}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: default: those of this process.

    Returns:
        The exit code: pytest's (0 all is well, 1 a test has failed, 4 the usage is wrong); of `init` 1 where a file
        is there already.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options, more = _parse(given)
        if options.command == "init":
            return _init(options, more)
        return int(pytest.main(_pytest_arguments(options, more)))
    except GauntletError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return int(pytest.ExitCode.USAGE_ERROR)


def _parse(given: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return our options, and what is pytest's."""
    end = given.index("--") if "--" in given else len(given)
    options, more = _parser().parse_known_args(given[:end])
    return options, [*more, *given[end + 1 :]]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="Test Alembic migrations on PostgreSQL.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str, epilog: str | None = _EPILOG) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog, allow_abbrev=False
        )
        help = "alembic.ini, or pyproject.toml with [tool.alembic]; default: the nearest one from here upwards"
        made.add_argument("-c", "--config", metavar="FILE", help=help)
        return made

    run = command("run", "run the five tests")
    run.add_argument("--fuzz", action="store_true", help="the random walks, too")
    replay = command("replay", "run one path from an empty database, and check every step")
    replay.add_argument("path", metavar="COMMANDS", help="such as 'upgrade a1; downgrade base'")
    for each in (run, replay):
        _add_pytest_options(each)
    run.add_argument("--baseline", metavar="FILE", help="write today's failures to FILE, or let only others fail")
    init = command("init", "write the test file, and what runs it every night; never over a file", epilog=None)
    init.add_argument("file", nargs="?", metavar="FILE", help=f"default: {TEST_FILE} among the tests of the project")
    init.add_argument("--github", action="store_true", help="a nightly workflow for GitHub Actions, too")
    init.add_argument("--gitlab", action="store_true", help="a nightly job for GitLab CI, too")
    return parser


def _add_pytest_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="server to make throw-away databases on; default: an embedded PostgreSQL")
    parser.add_argument("--report", action="append", default=[], metavar="FILE", help="write what is found; repeatable")
    parser.add_argument("--since", metavar="REVISION", help="only what is above REVISION")


def _config_file(options: argparse.Namespace) -> Path:
    """Return the file that configures Alembic; one that is given has to be one."""
    if options.config is not None:
        given = Path(os.path.abspath(options.config))  # without `..`, as pytest names it
        read_config(given)
        return given
    found = find_config_file(Path.cwd(), Path(Path.cwd().anchor))
    if found is None:
        raise GauntletError(
            f"no alembic.ini, and no pyproject.toml with [tool.alembic], in {Path.cwd()} or above it.\n"
            "Run it where the project is, or name the file: -c FILE"
        )
    return found


def _pytest_arguments(options: argparse.Namespace, more: Sequence[str]) -> list[str]:
    file = _config_file(options)
    tests = directory_of_tests(file.parent)
    # By the name of its entry point, so that it is there where plugins are not loaded by themselves.
    return [
        "-p",
        "alembic_gauntlet",
        *([*map(str, own)] if (own := own_test_files(tests)) else _standalone(file, tests)),
        *_gauntlet_options(options),
        *more,
    ]


def _standalone(file: Path, tests: Path) -> list[str]:
    """Return what runs the built-in class; what is set for the project's own tests alone is left out."""
    conftest = tests / "conftest.py"
    anchor = conftest if conftest.is_file() else file
    ours = {"addopts": "", "required_plugins": "", "python_classes": "Test", "python_functions": "test"}
    overrides = [word for name, value in ours.items() for word in ("-o", f"{name}={value}")]
    where = [f"--gauntlet-anchor={anchor}", f"--gauntlet-test-file={tests / TEST_FILE}", str(anchor)]
    return ["-p", "alembic_gauntlet.standalone", *overrides, *where]


def _gauntlet_options(options: argparse.Namespace) -> list[str]:
    again = [PROGRAM, "replay"]
    again += ["-c", os.path.relpath(options.config)] if options.config else []
    again += ["--since", options.since] if options.since else []
    given = {
        "config": options.config,
        "url": options.url,
        "since": options.since,
        "baseline": getattr(options, "baseline", None),
        "replay-with": shlex.join(again),
    }
    words = [f"--gauntlet-{name}={value}" for name, value in given.items() if value is not None]
    words += [f"--gauntlet-report={file}" for file in options.report]
    if options.command == "replay":
        parse_path(options.path)
        return [*words, "-m", "fuzz", f"--gauntlet-replay={options.path}"]
    return [*words, *(["-m", "fuzz or not fuzz"] if options.fuzz else [])]


def _init(options: argparse.Namespace, more: Sequence[str]) -> int:
    if more:
        raise GauntletError(f"init takes no {more[0]}.")
    file = _config_file(options)
    tests = directory_of_tests(file.parent)
    own = own_test_files(tests)
    target = Path(options.file).absolute() if options.file else (own[0] if own else tests / TEST_FILE)
    place = Place(file, target)
    wanted = [class_file(place)]
    wanted += [github(place)] if options.github else []
    wanted += [gitlab(place)] if options.gitlab else []
    written = [each.write() for each in wanted]
    for each, is_new in zip(wanted, written, strict=True):
        path = os.path.relpath(each.path)
        print(
            f"written: {path}\n{each.advice}".rstrip() if is_new else f"{path} is there already, and is left as it is"
        )
    return 0 if all(written) else 1
