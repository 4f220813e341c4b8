"""Alembic's Config and ScriptDirectory: found, loaded and copied, with errors in the user's terms."""

from __future__ import annotations

import configparser
import copy
import os
import pickle
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import alembic
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from alembic_gauntlet.blame import explain
from alembic_gauntlet.errors import GauntletError

_HOW_TO_GIVE_A_CONFIG = """\
Run pytest where the project is, or name the file by --gauntlet-config FILE, or override the fixture:
    @pytest.fixture
    def alembic_config():
        return alembic.config.Config("path/to/alembic.ini")"""


def find_config(start: Path, stop: Path) -> Config:
    """Return the Config of the nearest `alembic.ini`, or `[tool.alembic]` in `pyproject.toml`.

    Looked for in `start` and the directories above it, up to and including `stop`. A relative `script_location`
    means the current directory, as in Alembic; where nothing is there, the directory of the file.

    Raises:
        GauntletError: there is none, it cannot be read, or this Alembic is too old to read pyproject.toml.
    """
    file = find_config_file(start, stop)
    if file is None:
        raise GauntletError(
            f"No alembic.ini, and no pyproject.toml with [tool.alembic], in {start} or the directories above it\n"
            f"up to {stop}. {_HOW_TO_GIVE_A_CONFIG}"
        )
    return read_config(file)


def find_config_file(start: Path, stop: Path) -> Path | None:
    """Return the file that `find_config` reads: an `alembic.ini`, or a `pyproject.toml`; None where there is none.

    Raises:
        GauntletError: a pyproject.toml cannot be read.
    """
    for directory in _upwards(start, stop):
        ini, pyproject = directory / "alembic.ini", directory / "pyproject.toml"
        if ini.is_file():
            return ini
        if _has_alembic_section(pyproject):
            return pyproject
    return None


def read_config(file: Path) -> Config:
    """Return the Config of an ini file, with `[tool.alembic]` of a `pyproject.toml` beside it; or of the latter alone.

    Raises:
        GauntletError: it is not there, it cannot be read, or this Alembic is too old to read pyproject.toml.
    """
    is_toml = file.suffix == ".toml"
    pyproject = file if is_toml else file.with_name("pyproject.toml")
    has_toml = _has_alembic_section(pyproject)
    if not file.is_file() or (is_toml and not has_toml):
        raise GauntletError(f"{file}: no such file." if not file.is_file() else f"{file} has no [tool.alembic].")
    if has_toml:
        _require_toml_support(pyproject)
    files: dict[str, Any] = {"toml_file": pyproject} if has_toml else {}
    config = Config(None if is_toml else str(file), **files)
    try:
        _settle_script_location(config, file.parent)
    except configparser.Error as error:
        raise GauntletError(f"The Alembic configuration cannot be read.\n    {error}") from error
    return config


def settle_config(given: object, file: str | None, start: Path, stop: Path) -> Config:
    """Return the Config of a file, if one is named; else what a fixture gives; else the one that is found.

    Args:
        given: by the fixture `alembic_config`. It is left aside where it is no Config, as pytest-alembic's is not.
        file: of `--gauntlet-config`.
        start: where it is looked for.
        stop: as far up as there.

    Raises:
        GauntletError: as `read_config` and `find_config` do.
    """
    if file is not None:
        return read_config(Path(file))
    return given if isinstance(given, Config) else find_config(start, stop)


def _upwards(start: Path, stop: Path) -> Iterator[Path]:
    yield start
    for directory in start.parents:
        if start == stop or not directory.is_relative_to(stop):
            return
        yield directory


def _has_alembic_section(pyproject: Path) -> bool:
    try:
        return "alembic" in tomllib.loads(pyproject.read_text()).get("tool", {})
    except FileNotFoundError:
        return False
    except tomllib.TOMLDecodeError as error:
        raise GauntletError(f"{pyproject} is not valid TOML: {error}.") from error


def _require_toml_support(pyproject: Path) -> None:
    if not hasattr(Config, "toml_alembic_config"):
        raise GauntletError(
            f"{pyproject} configures Alembic, which Alembic reads from 1.16 on; {alembic.__version__} is installed."
        )


def _option(config: Config, name: str) -> str | None:
    """Return an option of the ini file, or of pyproject.toml where this Alembic reads that."""
    if hasattr(config, "get_alembic_option"):
        value: str | None = config.get_alembic_option(name)
        return value
    return config.get_main_option(name)


def _settle_script_location(config: Config, directory: Path) -> None:
    location = _option(config, "script_location")
    if location is None or ":" in location or Path(location).exists() or not (directory / location).exists():
        return
    # The main option wins over pyproject.toml.
    config.set_main_option("script_location", str(directory / location).replace("%", "%%"))


def count_version_files(config: Config) -> int:
    """Return how many migrations lie where `alembic init` puts them, without loading one; 0 where that is not known."""
    location = _option(config, "script_location")
    if location is None or ":" in location or _option(config, "version_locations"):
        return 0
    return sum(1 for _ in Path(location, "versions").glob("*.py"))


def load_script(config: Config) -> ScriptDirectory:
    """Load the version files of `config`, all of them, once.

    Raises:
        GauntletError: no `script_location`, no such directory, a migration that cannot be imported, or a
            `down_revision` or `depends_on` that no file defines.
    """
    with as_from_the_command_line():
        script = _script_directory(config)
        _load_revisions(script)
    return script


@contextmanager
def as_from_the_command_line() -> Iterator[None]:
    """Show warnings, but let no `-W error` of the test session turn one into a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield


def _script_directory(config: Config) -> ScriptDirectory:
    before = list(sys.path)
    try:
        return ScriptDirectory.from_config(config)
    except (CommandError, ImportError, configparser.Error) as error:
        raise GauntletError(
            f"Alembic cannot load its script directory: {error}\n"
            f"The configuration is {_origin(config)}, and relative paths in it mean {Path.cwd()}.\n"
            f"{_HOW_TO_GIVE_A_CONFIG}"
        ) from error
    finally:
        _make_added_paths_absolute(config, len(sys.path) - len(before))


def _make_added_paths_absolute(config: Config, added: int) -> None:
    """Let a relative `prepend_sys_path` mean the current directory, then the configuration file's."""
    relative = [entry for entry in sys.path[:added] if not os.path.isabs(entry)]
    if relative:
        folders = dict.fromkeys([Path.cwd(), _directory(config)])
        kept = [entry for entry in sys.path[:added] if os.path.isabs(entry)]
        sys.path[:added] = kept + [os.path.normpath(folder / entry) for folder in folders for entry in relative]


def _directory(config: Config) -> Path:
    file = config.config_file_name or getattr(config, "toml_file_name", None)
    return Path(file).absolute().parent if file else Path.cwd()


def _origin(config: Config) -> str:
    files = [config.config_file_name, getattr(config, "toml_file_name", None)]
    return " and ".join(str(file) for file in files if file) or "made in code"


def _load_revisions(script: ScriptDirectory) -> None:
    try:
        script.get_heads()
    except KeyError as error:
        raise GauntletError(_missing_revisions(script) or f"Alembic cannot order the revisions: {error!r}.") from error
    except CommandError as error:
        raise GauntletError(f"Alembic cannot load the revisions: {error}") from error
    except FileNotFoundError as error:
        # Alembic before 1.9 wants the folder to be there; a later one finds no revisions in it.
        folders = "".join(f"\n    {folder}" for folder in version_folders(script))
        raise GauntletError(
            f"No revisions at all: {error.filename} does not exist. Looked in:{folders}\n"
            "Check script_location, version_locations and path_separator in the Alembic configuration."
        ) from error
    except Exception as error:
        fault = explain(error, within=version_folders(script))
        raise GauntletError(
            f"A migration cannot be loaded.\n    {fault.location or script.dir}: {fault.summary}\n"
            "`alembic history` fails on it in the same way."
        ) from error


def _missing_revisions(script: ScriptDirectory) -> str:
    scripts: list[Script] = list(script._load_revisions())
    known = {script.revision for script in scripts}
    known |= {label for script in scripts for label in script.branch_labels}
    lines = [
        f"    {script.path}: {name} = {wanted!r}, which no migration defines"
        for script in scripts
        for name, values in (("down_revision", script.down_revision), ("depends_on", script.dependencies))
        for wanted in ([values] if isinstance(values, str) else values or ())
        if wanted not in known and not any(revision.startswith(wanted) for revision in known)
    ]
    if not lines:
        return ""
    folders = "".join(f"\n    {folder}" for folder in version_folders(script))
    return "\n".join(
        [
            "The revision graph is broken:",
            *lines[:5],
            f"Looked in:{folders}",
            "Restore the file, or correct the reference.",
        ]
    )


def version_folders(script: ScriptDirectory) -> list[Path]:
    """Return the directories in which Alembic looks for migrations."""
    return [Path(folder) for folder in script._version_locations]


def with_url(config: Config, url: str, *, pinned: bool = False) -> Config:
    """Return a copy of `config` whose `sqlalchemy.url` is `url`; the original stays as it is.

    A `connection` in its attributes is left out: it is one to some other database. `pinned`: the option cannot be set.
    """
    copied = copy.copy(config)
    copied.__dict__["file_config"] = pickle.loads(pickle.dumps(config.file_config))  # three times as fast as deepcopy
    copied.__dict__["attributes"] = {name: value for name, value in config.attributes.items() if name != "connection"}
    copied.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    if pinned:
        copied.set_section_option = partial(_set_others, copied.set_section_option)  # type: ignore[method-assign]
    return copied


def _set_others(set_option: Callable[[str, str, str], None], section: str, name: str, value: str) -> None:
    if name != "sqlalchemy.url":
        set_option(section, name, value)


def fingerprint(config: Config) -> tuple[Any, ...]:
    """Return a value that two Configs share when they mean the same history and the same options."""
    section = sorted(config.file_config.items(config.config_ini_section, raw=True))
    toml = getattr(config, "toml_file_name", None)
    attributes = sorted((name, id(value)) for name, value in config.attributes.items())
    return (
        config.config_file_name,
        str(toml),
        config.config_ini_section,
        tuple(section),
        tuple(attributes),
        os.getcwd(),
    )
