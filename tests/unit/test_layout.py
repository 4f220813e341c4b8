"""Where the tests of a project are looked for, as pytest's own configuration says it."""

from pathlib import Path

import pytest

from alembic_gauntlet.layout import directory_of_tests, own_test_files, repository


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pytest.toml", '[pytest]\ntestpaths = ["nowhere", "checks"]\n'),
        ("pytest.ini", "[pytest]\ntestpaths = nowhere checks\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["checks"]\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = "checks"\n'),
        ("pyproject.toml", '[tool.pytest]\ntestpaths = ["checks"]\n'),
        ("tox.ini", "[pytest]\ntestpaths =\n    checks\n"),
        ("setup.cfg", "[tool:pytest]\ntestpaths = checks\n"),
    ],
)
def test_testpaths_of_every_configuration(tmp_path: Path, file: str, text: str) -> None:
    """The first one that is there, also for an alembic.ini further down."""
    for name in ("checks", "tests", "backend/tests"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / file).write_text(text)
    assert directory_of_tests(tmp_path) == directory_of_tests(tmp_path / "backend") == tmp_path / "checks"


def test_first_configuration_counts(tmp_path: Path) -> None:
    """pytest.ini comes before pyproject.toml, and one without testpaths says nothing."""
    for name in ("checks", "test"):
        (tmp_path / name).mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["checks"]\n')
    assert directory_of_tests(tmp_path) == tmp_path / "test"


@pytest.mark.parametrize("text", ["[pytest\n", "[tool.pytest\n", "\0"])
def test_what_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    """pytest itself will complain."""
    for name in ("pytest.ini", "pyproject.toml"):
        (tmp_path / name).write_text(text)
    assert directory_of_tests(tmp_path) == tmp_path / "tests"


def test_nothing_is_looked_for_above_the_repository(tmp_path: Path) -> None:
    """What is above it is somebody else's."""
    home = tmp_path / "repository/backend"
    home.mkdir(parents=True)
    (tmp_path / "repository/.git").mkdir()
    (tmp_path / "checks").mkdir()
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = checks\n")
    assert directory_of_tests(home) == home / "tests"
    assert repository(home) == tmp_path / "repository"
    assert repository(tmp_path / "repository") == tmp_path / "repository"


def test_own_test_files_are_those_that_name_the_base_class(tmp_path: Path) -> None:
    """Test files alone, by either pattern, however deep; none where there is no such directory."""
    assert own_test_files(tmp_path / "tests") == []
    texts = {
        "test_a.py": "MigrationTestBase",
        "db/b_test.py": "MigrationTestBase",
        "test_c.py": "",
        "d.py": "MigrationTestBase",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert own_test_files(tmp_path) == [tmp_path / "db/b_test.py", tmp_path / "test_a.py"]
