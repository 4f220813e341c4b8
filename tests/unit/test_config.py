"""Alembic's Config: found, copied with another URL, and loaded, with errors in the user's terms."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config

from alembic_gauntlet.config import find_config, fingerprint, load_script, with_url
from alembic_gauntlet.errors import GauntletError

HAS_TOML = hasattr(Config, "toml_alembic_config")
REVISION = "revision = {id!r}\ndown_revision = {down!r}\n{more}def upgrade(): pass\ndef downgrade(): pass\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's folder: `root`, with `tests/unit` below it; the current directory is elsewhere."""
    (tmp_path / "root/tests/unit").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    before = list(sys.path)
    yield tmp_path / "root"
    sys.path[:] = before


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def history(folder: Path, **revisions: str | None) -> None:
    write(folder / "env.py", "")
    (folder / "versions").mkdir(exist_ok=True)
    for id, down in revisions.items():
        write(folder / f"versions/{id}.py", REVISION.format(id=id, down=down, more=""))


def found(start: Path, stop: Path) -> Path:
    return Path(str(find_config(start, stop).config_file_name))


def test_nearest_file_is_found(root: Path) -> None:
    """In the folder of the test file, or above it."""
    outer = write(root / "alembic.ini", "[alembic]\n")
    assert found(root / "tests/unit", root) == outer
    inner = write(root / "tests/alembic.ini", "[alembic]\n")
    assert found(root / "tests/unit", root) == inner
    assert found(root, root) == outer


def test_nothing_is_looked_for_above_rootdir(root: Path) -> None:
    """A file above is somebody else's; the message says where was looked and what to do."""
    write(root.parent / "alembic.ini", "[alembic]\n")
    with pytest.raises(
        GauntletError, match=r"No alembic\.ini, .*\n.*up to .*root\. Run pytest where the project is, or"
    ):
        find_config(root / "tests/unit", root)


def test_test_file_outside_of_rootdir(root: Path) -> None:
    """Its own folder is looked in, and none above."""
    outside = root.parent / "elsewhere"
    with pytest.raises(GauntletError, match=r"No alembic\.ini"):
        find_config(outside, root)
    write(outside / "alembic.ini", "[alembic]\n")
    assert found(outside, root) == outside / "alembic.ini"


def test_pyproject_toml(root: Path) -> None:
    """Only one with [tool.alembic] counts; it may come without an ini file, or with one."""
    outer = write(root / "alembic.ini", "[alembic]\nscript_location = ini\n")
    write(root / "tests/pyproject.toml", "[tool.other]\n")
    assert found(root / "tests", root) == outer
    write(root / "tests/pyproject.toml", "[tool.alembic]\nscript_location = 'toml'\n")
    if not HAS_TOML:
        with pytest.raises(GauntletError, match=r"which Alembic reads from 1\.16 on"):
            find_config(root / "tests", root)
        return
    config = find_config(root / "tests", root)
    assert config.config_file_name is None
    assert config.get_alembic_option("script_location") == "toml"


def test_pyproject_toml_that_is_broken(root: Path) -> None:
    """It is named."""
    write(root / "pyproject.toml", "[tool.alembic\n")
    with pytest.raises(GauntletError, match=r"root/pyproject\.toml is not valid TOML"):
        find_config(root, root)


@pytest.mark.parametrize("file", ["alembic.ini", "pyproject.toml"])
def test_relative_script_location(root: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    """It means the current directory, as in Alembic; where nothing is there, the folder of the file."""
    if file == "pyproject.toml" and not HAS_TOML:
        pytest.skip("this Alembic does not read pyproject.toml")
    text = (
        "[alembic]\nscript_location = mig\n" if file == "alembic.ini" else "[tool.alembic]\nscript_location = 'mig'\n"
    )
    write(root / file, text)
    history(root / "mig", a1=None)
    assert load_script(find_config(root, root)).get_heads() == ["a1"]
    history(Path.cwd() / "mig", here=None)
    assert load_script(find_config(root, root)).get_heads() == ["here"]
    monkeypatch.chdir(root)
    assert load_script(find_config(root, root)).get_heads() == ["a1"]


def test_folder_with_a_percent_sign(root: Path) -> None:
    """ConfigParser interpolates; the folder's name stays as it is."""
    folder = root / "100%s"
    write(folder / "alembic.ini", "[alembic]\nscript_location = mig\n")
    history(folder / "mig", a1=None)
    assert load_script(find_config(folder, root)).get_heads() == ["a1"]


def test_prepend_sys_path_means_the_files_folder_too(root: Path) -> None:
    """env.py and migrations import the application from there, also in tests that change the directory."""
    write(root / "alembic.ini", "[alembic]\nscript_location = mig\nprepend_sys_path = src\n")
    write(root / "src/a_shop_of_the_config_test.py", "")
    history(root / "mig")
    write(root / "mig/versions/a1.py", REVISION.format(id="a1", down=None, more="import a_shop_of_the_config_test\n"))
    assert load_script(find_config(root, root)).get_heads() == ["a1"]
    assert str(root / "src") in sys.path
    assert "src" not in sys.path
    del sys.modules["a_shop_of_the_config_test"]


def test_copy_with_another_url(root: Path) -> None:
    """The URL comes out as it went in, whatever it holds; the original, and what it shares, stays as it is."""
    config = Config(str(write(root / "alembic.ini", "[alembic]\nsqlalchemy.url = driver://\nother = %(here)s\n")))
    config.attributes.update(connection="one to another database", tenant="kept")
    url = "postgresql://u:p%25s%40w@h/d?host=/a%20b"
    copied = with_url(config, url)
    assert copied.get_main_option("sqlalchemy.url") == url
    assert copied.get_section(copied.config_ini_section)["sqlalchemy.url"] == url
    assert copied.get_main_option("other") == str(root)
    assert copied.attributes == {"tenant": "kept"}
    copied.attributes["connection"] = "the sandbox"
    assert config.get_main_option("sqlalchemy.url") == "driver://"
    assert config.attributes == {"connection": "one to another database", "tenant": "kept"}


def test_copy_of_a_config_made_in_code() -> None:
    """There need be no file, nor the section."""
    copied = with_url(Config(), "postgresql://h/d")
    assert copied.get_main_option("sqlalchemy.url") == "postgresql://h/d"
    named = with_url(Config(ini_section="shop"), "postgresql://h/d")
    assert named.get_section_option("shop", "sqlalchemy.url") == "postgresql://h/d"


def test_fingerprint_tells_histories_apart(root: Path) -> None:
    """By file, section, options, attributes and current directory; two Configs of one file are the same."""
    file = write(root / "alembic.ini", "[alembic]\nscript_location = a\n[shop]\nscript_location = a\n")

    def changed(**attributes: object) -> Config:
        config = Config(str(file))
        config.attributes.update(attributes)
        return config

    option = changed()
    option.set_main_option("script_location", "b")
    tenant = object()
    variants = [Config(str(file), ini_section="shop"), option, changed(tenant=tenant), changed(tenant=object())]
    prints = [fingerprint(config) for config in (changed(), *variants)]
    assert len(set(prints)) == len(prints)
    assert fingerprint(changed()) == prints[0]
    assert fingerprint(changed(tenant=tenant)) == prints[3]
    os.chdir(root)
    assert fingerprint(changed()) != prints[0]


def broken(root: Path, match: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(root / "mig"))
    with pytest.raises(GauntletError, match=match):
        load_script(config)


def test_missing_down_revision_is_named(root: Path) -> None:
    """With the file that refers to it."""
    history(root / "mig", a1=None, a2="a0")
    broken(root, r"revision graph is broken:\n    .*versions/a2\.py: down_revision = 'a0', which no migration defines")


def test_missing_dependency_is_named(root: Path) -> None:
    """A `depends_on` is told apart from a `down_revision`."""
    history(root / "mig", a1=None)
    write(root / "mig/versions/a2.py", REVISION.format(id="a2", down="a1", more="depends_on = ('b1', 'a1')\n"))
    broken(root, r"versions/a2\.py: depends_on = 'b1', which no migration defines")


def test_cycle(root: Path) -> None:
    """Alembic's own words, as a mistake in the set-up."""
    history(root / "mig", a1="a2", a2="a1")
    broken(root, r"(?i)cycle|loop")


def test_migration_that_cannot_be_imported(root: Path) -> None:
    """Its file and line are named."""
    history(root / "mig", a1=None)
    write(root / "mig/versions/a2.py", "revision = 'a2'\ndown_revision = 'a1'\nimport no_such_module\n")
    broken(root, r"cannot be loaded\.\n    .*versions/a2\.py:3: ModuleNotFoundError: No module named 'no_such_module'")


def test_migration_with_a_syntax_error(root: Path) -> None:
    """Its file and line are named."""
    history(root / "mig", a1=None)
    write(root / "mig/versions/a2.py", "revision = 'a2'\n\ndef upgrade(:\n")
    broken(root, r"versions/a2\.py:3: SyntaxError")


def test_script_location_that_is_missing_or_not_there(root: Path) -> None:
    """The message says which configuration, and what relative paths in it mean."""
    broken(root, r"cannot load its script directory: (.|\n)*made in code(.|\n)*elsewhere")
    with pytest.raises(GauntletError, match="cannot load its script directory"):
        load_script(Config(str(write(root / "alembic.ini", "[alembic]\n"))))
