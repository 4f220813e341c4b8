"""`alembic-gauntlet` in real projects: what it runs, what it writes, and how it ends."""

import re
import shlex
import sys
from pathlib import Path

import pytest

FIVE = 5
DROPPED = 'op.execute("DROP TABLE orders; DROP TYPE order_status") #'
FORGOTTEN = '    op.execute("DROP TYPE order_status")\n'
CONFTEST = """
    import pytest
    import sqlalchemy as sa

    @pytest.fixture
    def orm_metadata():
        metadata = sa.MetaData()
        sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
        return metadata
"""

FEW_WALKS = """
    from hypothesis import settings

    settings.register_profile("few", settings(settings.get_profile("gauntlet"), max_examples=2))
"""


@pytest.fixture
def bare(example):
    """The example project without its tests and without any configuration of pytest."""
    (example.path / "tests/test_migrations.py").unlink()
    (example.path / "tests").rmdir()
    (example.path / "pytest.ini").unlink()
    return example


def gauntlet(project, *arguments: str):
    """Run `python -m alembic_gauntlet` in the project, on the shared server."""
    command, *more = arguments
    options = [] if command == "init" else [f"--url={project.server.url}", "-pno:cacheprovider"]
    return project.pytester.run(sys.executable, "-m", "alembic_gauntlet", command, *options, *more)


def test_project_without_a_test_file_is_tested(bare) -> None:
    """The five tests run, under the name of the file that `init` would write, and nothing is left behind."""
    done = gauntlet(bare, "run", "-v", "-W", "error")
    assert done.ret == pytest.ExitCode.OK
    done.assert_outcomes(passed=FIVE, deselected=3)
    done.stdout.fnmatch_lines(["*tests/test_migrations.py is built in; `alembic-gauntlet init` writes it"])
    done.stdout.fnmatch_lines(["tests/test_migrations.py::TestMigrations::test_single_head_revision *PASSED*"])
    assert {file.name for file in bare.path.iterdir()} == {"alembic.ini", "migrations", "shop", "stdout", "stderr"}


def test_alembic_ini_is_found_upwards(bare, monkeypatch) -> None:
    """From a directory deep in the project."""
    monkeypatch.chdir(bare.path / "migrations/versions")
    gauntlet(bare, "run", "-k", "single_head").assert_outcomes(passed=1, deselected=7)


@pytest.mark.once
def test_replay_line_of_a_failure_works_on_the_command_line(bare) -> None:
    """It names this program, and shows the fault again; once that is mended, it passes."""
    bare.edit("migrations/versions/a20_orders.py", FORGOTTEN, "")
    done = gauntlet(bare, "run", "--report", "report.json", "-k", "stairway")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.assert_outcomes(failed=1, deselected=7)
    assert (bare.path / "report.json").is_file()
    lines = {line for line in done.outlines if line.startswith("Replay: ")}
    assert lines == {"Replay: alembic-gauntlet replay 'upgrade a20; downgrade a10'"}
    program, *arguments = shlex.split(lines.pop().removeprefix("Replay: "))
    assert program == "alembic-gauntlet"
    again = gauntlet(bare, *arguments)
    again.assert_outcomes(failed=1, deselected=7)
    again.stdout.fnmatch_lines(["*+ enum type public.order_status*left behind by a20_orders.py:24 downgrade()"])
    bare.edit(
        "migrations/versions/a20_orders.py",
        "op.drop_table",
        'op.execute("DROP TABLE orders; DROP TYPE order_status") #',
    )
    mended = gauntlet(bare, *arguments)
    mended.assert_outcomes(passed=1, deselected=7)


@pytest.mark.once
def test_walks_run_on_request_and_keep_what_they_find_for_the_class_to_come(project) -> None:
    """A failed path is kept beside the file that `init` writes, and replayed by its class."""
    (project.path / "test_migrations.py").unlink()
    create = "op.execute(\"CREATE TYPE st AS ENUM ('x')\")"
    project.table("a1", None, "users")
    project.revision("a2", "a1", create)
    few = ("-k", "random_walks", "--hypothesis-profile=few")
    project.write("conftest.py", FEW_WALKS)
    gauntlet(project, "run", "--fuzz", *few).assert_outcomes(failed=1, deselected=7)
    kept = project.path / "tests/test_migrations.TestMigrations.paths"
    assert "upgrade a2; downgrade a1  # path-independence a2" in kept.read_text()
    assert gauntlet(project, "init").ret == 0
    project.revision("a2", "a1", create, 'op.execute("DROP TYPE st")')
    project.pytest("-m", "fuzz", *few).stdout.fnmatch_lines(["fixed: upgrade a2; downgrade a1 *"])


@pytest.mark.parametrize("file", ["conftest.py", "tests/conftest.py", "tests/db/conftest.py"])
def test_fixtures_of_conftest_override_ours(bare, file) -> None:
    """Where the project's own test would have them: in its root and among its tests, not deeper."""
    bare.write(file, CONFTEST)
    done = gauntlet(bare, "run", "-k", "up_to_date")
    done.assert_outcomes(**({"passed": 1} if "db" in file else {"failed": 1}), deselected=7)
    if "db" not in file:
        done.stdout.fnmatch_lines(["*- table public.products*"])


def test_testpaths_say_where_the_tests_are(bare) -> None:
    """Not in `tests` then, which a conftest.py there would show."""
    bare.write("pytest.ini", "[pytest]\ntestpaths = checks\n")
    bare.write("tests/conftest.py", CONFTEST)
    bare.write("checks/conftest.py", "import pytest\n\n@pytest.fixture\ndef migration_db_url():\n    return 5\n")
    done = gauntlet(bare, "run", "-k", "single_head")
    done.assert_outcomes(errors=1, deselected=7)
    done.stdout.fnmatch_lines(["checks/test_migrations.py E*"])


@pytest.mark.once
def test_other_alembic_ini_is_named_and_replayed_with_its_name(bare, monkeypatch) -> None:
    """`-c` wins over a fixture of conftest.py, and the replay line has it."""
    (bare.path / "alembic.ini").rename(bare.path / "other.ini")
    bare.edit("migrations/versions/a20_orders.py", FORGOTTEN, "")
    done = gauntlet(bare, "run", "-c", "other.ini", "-k", "stairway")
    done.assert_outcomes(failed=1, deselected=7)
    done.stdout.fnmatch_lines(["Replay: alembic-gauntlet replay -c other.ini 'upgrade a20; downgrade a10'"])
    bare.write(
        "conftest.py",
        """
        import alembic.config, pytest

        @pytest.fixture
        def alembic_config():
            return alembic.config.Config("nowhere.ini")
        """,
    )
    monkeypatch.chdir(bare.path / "shop")
    gauntlet(bare, "replay", "-c", "../other.ini", "upgrade head").assert_outcomes(passed=1, deselected=7)


def test_what_pytest_is_told_for_the_projects_own_tests_does_not_stand_in_the_way(bare, monkeypatch) -> None:
    """Options and plugins that are not installed here, other names of tests; plugins that are not loaded at once."""
    bare.write(
        "pytest.ini",
        """
        [pytest]
        addopts = --cov=shop --strict-markers --strict-config -m "not slow"
        required_plugins = pytest-that-nobody-has
        python_classes = *Suite
        python_functions = it_*
        filterwarnings = error
        markers = slow
        """,
    )
    gauntlet(bare, "run", "-k", "single_head").assert_outcomes(passed=1, deselected=7)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    gauntlet(bare, "run", "--strict-markers", "-k", "single_head").assert_outcomes(passed=1, deselected=7)


@pytest.mark.parametrize("more", [["-k", "stairway", "--collect-only"], ["--", "-k", "stairway", "--collect-only"]])
def test_further_options_are_those_of_pytest(bare, more) -> None:
    """Also behind `--`."""
    done = gauntlet(bare, "run", *more)
    assert done.ret == pytest.ExitCode.OK
    done.stdout.fnmatch_lines(["*<Function test_stairway_upgrade_downgrade>", "*1/8 tests collected*"])


def test_runs_on_several_workers(bare) -> None:
    """Those of pytest-xdist, with the same ids and the same replay line."""
    bare.edit("migrations/versions/a20_orders.py", FORGOTTEN, "")
    done = gauntlet(bare, "run", "-n", "2", "-k", "stairway or single_head")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["Replay: alembic-gauntlet replay 'upgrade a20; downgrade a10'"])
    done.stdout.fnmatch_lines(["FAILED tests/test_migrations.py::TestMigrations::*"])


def test_class_of_the_project_is_run_where_it_has_one(bare) -> None:
    """With what it declares; the built-in class would know nothing of it."""
    body = "class TestIt(MigrationTestBase):\n    expected_heads = 7\n"
    bare.write("tests/db/test_history.py", f"from alembic_gauntlet import MigrationTestBase\n\n\n{body}")
    done = gauntlet(bare, "run", "-k", "head")
    done.assert_outcomes(failed=1, deselected=7)
    done.stdout.fnmatch_lines(["FAILED tests/db/test_history.py::TestIt::test_single_head_revision*"])
    done.stdout.no_fnmatch_line("*built in*")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "-c", "nowhere.ini"], "nowhere.ini: no such file."),
        (["run", "-c", "pyproject.toml"], r"pyproject.toml has no \[tool.alembic\]."),
        (["replay", "upgrde a1"], "cannot read the command 'upgrde a1'"),
        (["replay", ""], "no commands"),
        (["replay"], "the following arguments are required: COMMANDS"),
        (["walk"], "invalid choice: 'walk'"),
        (["init", "--jenkins"], "init takes no --jenkins."),
    ],
)
def test_wrong_usage_is_said_in_a_few_lines(bare, arguments, said) -> None:
    """On standard error, with pytest's exit code for it."""
    bare.write("pyproject.toml", "[project]\n")
    done = gauntlet(bare, *arguments)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search(said, done.stderr.str())
    assert len(done.errlines) <= 4
    assert not done.outlines


def test_no_alembic_ini_anywhere(pytester) -> None:
    """The cause and the remedy; no test is collected."""
    done = pytester.run(sys.executable, "-m", "alembic_gauntlet", "run")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    assert [line.partition(" in /")[0] for line in done.errlines] == [
        "alembic-gauntlet: no alembic.ini, and no pyproject.toml with [tool.alembic],",
        "Run it where the project is, or name the file: -c FILE",
    ]


def test_pyproject_toml_stands_for_alembic_ini(bare) -> None:
    """With Alembic's own section in it, where this Alembic reads that."""
    pytest.importorskip("alembic", "1.16")
    (bare.path / "alembic.ini").unlink()
    bare.write("pyproject.toml", '[tool.alembic]\nscript_location = "%(here)s/migrations"\nprepend_sys_path = ["."]\n')
    gauntlet(bare, "run", "-k", "single_head").assert_outcomes(passed=1, deselected=7)


def test_init_writes_a_test_file_that_needs_no_configuration(bare) -> None:
    """However strict pytest is about markers, configuration and warnings."""
    done = gauntlet(bare, "init")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["written: tests/test_migrations.py", "*needs no configuration*"])
    bare.write("pytest.ini", "[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n")
    bare.pytest().assert_outcomes(passed=FIVE, deselected=3)


@pytest.mark.once
def test_init_overwrites_nothing(bare) -> None:
    """What is there is named and left as it is, what is missing is written, and the exit code tells."""
    mine = bare.write("tests/test_migrations.py", "def test_mine():\n    pass\n")
    done = gauntlet(bare, "init", "--github")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["tests/test_migrations.py is there already, and is left as it is", "written: .github/*"])
    assert mine.read_text() == "def test_mine():\n    pass\n"
    assert gauntlet(bare, "init", "tests/test_history.py").ret == 0
    bare.pytest("tests/test_history.py", "-k", "single_head").assert_outcomes(passed=1, deselected=7)
    assert gauntlet(bare, "init").ret == 1
    assert not (bare.path / "tests/test_migrations.TestMigrations.paths").exists()


PAGE = (Path(__file__).parents[2] / "docs/cli.md").read_text()
TOLD = re.findall(r"^(?:[a-z].* )?alembic-gauntlet (run.*)$|`alembic-gauntlet ((?:run|replay|init) .+?)`", PAGE, re.M)


@pytest.mark.parametrize("words", sorted({"".join(each) for each in TOLD}))
def test_command_of_the_page_is_taken(bare, words) -> None:
    """By this program and by pytest, which has only to collect the tests."""
    command, *more = shlex.split(words)
    done = gauntlet(bare, command, *more, *([] if command == "init" else ["--collect-only", "-q"]))
    assert done.ret == pytest.ExitCode.OK
