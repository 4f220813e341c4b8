"""What runs every night: the jobs that `init` writes, step by step, and failures that come back the next night."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.processes import wait_for

pytestmark = pytest.mark.once

FEW = """
from hypothesis import settings
from alembic_gauntlet import MigrationTestBase, profiles


class TestMigrations(MigrationTestBase):
    walk_settings = settings(profiles.current(), max_examples=8)
"""
"""The class of `init`, with fewer walks than a night has, but enough that every transition is taken."""

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/howto/nightly.md"
LATE = """
from alembic_gauntlet.findings import Failure, Finding


def not_back_to_r1(seen):
    '''After two upgrades and more, r1 may not be reached by a downgrade: what only some walks come upon.'''
    if len(seen.path) >= 3 and str(seen.path[-1]) == "downgrade r1":
        raise Failure("late", [Finding("late", "late", path=seen.path, revision="r1", function="downgrade")])
"""


@pytest.fixture
def service(example):
    """The example project as a part of a repository, with a requirements file and the test file of `init`."""
    (example.path / ".git").mkdir()
    home = example.path / "service"
    home.mkdir()
    for name in ("alembic.ini", "migrations", "shop"):
        shutil.move(example.path / name, home / name)
    shutil.rmtree(example.path / "tests")
    (example.path / "pytest.ini").unlink()
    example.write("service/requirements.txt", "alembic\nsqlalchemy\npsycopg\n")
    example.path = home
    return example


def init(project, option: str) -> None:
    """Have the job written."""
    command = [sys.executable, "-m", "alembic_gauntlet", "init", option]
    subprocess.run(command, cwd=project.path, check=True, capture_output=True)


def run(project, script: str, cwd: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a step as a runner does: bash that stops at the first error, with the interpreter of these tests first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "GAUNTLET_DATABASE_URL": project.server.url, **more}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], cwd=cwd, env=environment, text=True, capture_output=True
    )


def test_workflow_of_github_step_by_step(service) -> None:
    """Each step of ours runs where it is said to; a failure is found, uploaded by name, and kept for the next night."""
    init(service, "--github")
    service.write("tests/test_migrations.py", FEW)
    root = service.path.parent
    text = (root / ".github/workflows/migrations-nightly.yml").read_text()
    workflow: dict[Any, Any] = yaml.safe_load(text)
    assert "@{" not in text
    walk, keep = workflow["jobs"]["walk"], workflow["jobs"]["keep"]
    home = root / workflow["defaults"]["run"]["working-directory"]
    assert home == service.path
    service.edit("migrations/versions/a20_orders.py", '    op.execute("DROP TYPE order_status")\n', "")
    steps = {step["name"]: step["run"] for step in walk["steps"] if "run" in step}
    for name in ("Install the project", "Install alembic-gauntlet"):
        done = run(service, steps[name], home)
        assert done.returncode == 0, done.stderr
    script = steps["Walk"].replace("${{ matrix.machine }}", "2")
    assert "${{" not in script
    done = run(service, script, home, GITHUB_ACTIONS="true", GITHUB_WORKSPACE=str(root))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "::error file=service/migrations/versions/a20_orders.py,line=24," in done.stdout
    assert json.loads((home / "gauntlet-2.json").read_text())["version"] == 1
    uploaded = walk["steps"][-1]["with"]["path"].split()
    assert [bool(list(root.glob(pattern))) for pattern in uploaded[:2]] == [True, True]
    kept = root / walk["steps"][4]["with"]["path"]
    assert uploaded[2] == walk["steps"][4]["with"]["path"] == keep["steps"][-1]["with"]["path"]
    for machine in ("1", "2"):
        found = root / f"found/gauntlet-{machine}/.hypothesis/examples/key{machine}"
        found.mkdir(parents=True)
        (found / "example").write_bytes(b"x")
    done = run(service, keep["steps"][1]["run"], root / keep["defaults"]["run"]["working-directory"])
    assert done.returncode == 0, done.stderr
    assert {each.name for each in kept.iterdir()} >= {"key1", "key2"}


def test_job_of_gitlab_step_by_step(service) -> None:
    """The same, by the script of one job; what it leaves is where the artifacts and the cache look for it."""
    init(service, "--gitlab")
    service.write("tests/test_migrations.py", FEW)
    root = service.path.parent
    text = (root / ".gitlab/migrations-nightly.yml").read_text()
    assert "@{" not in text
    job = yaml.safe_load(text)["migrations-nightly"]
    script = "\n".join([*job["before_script"], *job["script"]])
    done = run(service, script, root, CI_NODE_INDEX="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(root.glob(job["artifacts"]["paths"][0]))
    assert list(root.glob(job["artifacts"]["reports"]["junit"]))
    assert job["cache"]["paths"] == ["service/.hypothesis/examples"]
    assert job["cache"]["when"] == job["artifacts"]["when"] == "always"


@pytest.mark.parametrize("option", ["--github", "--gitlab"])
def test_jobs_walk_as_a_night_does(service, option) -> None:
    """By a profile that is there, and without a seed, which would turn the example database off."""
    init(service, option)
    (file,) = [*service.path.parent.glob(".git*/**/*.yml")]
    commands = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert any("-m fuzz -n auto --hypothesis-profile=gauntlet-nightly" in line for line in commands)
    assert not any("--hypothesis-seed" in line for line in commands)


@pytest.mark.parametrize(("option", "schema"), [("--github", "github-workflows"), ("--gitlab", "gitlab-ci")])
@pytest.mark.parametrize("where", ["service", "example"])
def test_jobs_are_what_the_schemas_of_their_systems_take(request, where, option, schema) -> None:
    """The schemas that GitHub and GitLab publish; for a part of a repository and for its root."""
    project = request.getfixturevalue(where)
    root = project.path.parent if where == "service" else project.path
    (root / ".git").mkdir(exist_ok=True)
    shutil.rmtree(project.path / "tests", ignore_errors=True)
    init(project, option)
    (file,) = [*root.glob(".git*/**/*.yml")]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def conftests() -> list[str]:
    """The files conftest.py of the page."""
    return [block.partition("```")[0] for block in PAGE.read_text().split('```python title="conftest.py"\n')[1:]]


def test_profile_that_replays_what_ci_has_found(project) -> None:
    """The page's profile for a desk can be loaded; what it reads is the artifact that the workflow uploads."""
    shared, desk = conftests()
    assert "RedisExampleDatabase" in shared
    project.write("conftest.py", desk)
    project.pytest("--hypothesis-profile=team", "-k", "single_head").assert_outcomes(failed=1, deselected=7)
    assert "name: hypothesis-example-db" in (ROOT / "src/alembic_gauntlet/templates/github.yml").read_text()


@pytest.fixture
def redis() -> Iterator[str]:
    """The URL of a Redis server on a socket of its own; skipped where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine")
    directory = Path(tempfile.mkdtemp(prefix="gauntlet-redis-"))
    socket = directory / "socket"
    command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(directory)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(socket.exists, "Redis is ready")
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(directory)


def night(project, *options: str) -> list[str]:
    """Walk on a machine of its own: without the files that an earlier night has left there; return what fails."""
    for left in project.path.glob("*.paths"):
        left.unlink()
    shutil.rmtree(project.path / ".hypothesis", ignore_errors=True)
    project.pytest("-m", "fuzz", "-k", "random_walks", "--gauntlet-report=report.json", *options)
    tests = json.loads((project.path / "report.json").read_text())["tests"]
    return [failure["invariant"] for test in tests for failure in test["failures"]]


def test_failure_of_one_machine_is_replayed_by_another_through_redis(project, redis) -> None:
    """The profile of the night with Hypothesis' own database for Redis, as the documentation has it in conftest.py."""
    project.write("conftest.py", conftests()[0])
    project.write("late.py", LATE)
    for number in range(8):
        project.table(f"r{number}", f"r{number - 1}" if number else None, f"t{number}")
    # So few commands that not every transition is taken, and by chance alone the failure is met.
    body = "walk_settings = settings(profiles.current(), max_examples={}, phases=[{}])\nwalk_max_commands = 6"
    header = (
        "from hypothesis import Phase, settings\nfrom alembic_gauntlet import profiles\nfrom late import not_back_to_r1"
    )
    generate = "Phase.reuse, Phase.generate, Phase.shrink"
    invariants = "\ninvariants = (not_back_to_r1,)"
    project.pytester._monkeypatch.setenv("HYPOTHESIS_REDIS_URL", redis)
    project.test_class(body.format(11, generate) + invariants, header)
    profile = "--hypothesis-profile=gauntlet-nightly"
    deadline = time.monotonic() + 60
    while not (first := night(project, profile)):
        assert time.monotonic() < deadline, "no night has found the failure"
    assert first == ["late"]
    project.test_class(body.format(11, "Phase.reuse") + invariants, header)
    assert night(project, profile) == ["late"]
    project.pytester._monkeypatch.delenv("HYPOTHESIS_REDIS_URL")
    assert night(project, profile) == []
