"""PostgreSQL in a container, on a real Docker engine: the mixin, the fixture, the images, the errors, the ends.

Where no engine answers, or it has no image, these tests are skipped; with GAUNTLET_REQUIRE_DOCKER they fail there.
"""

import contextlib
import gc
import io
import json
import os
import secrets
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from docker.errors import DockerException, ImageNotFound, NotFound

from alembic_gauntlet.contrib.testcontainers import DEFAULT_IMAGE
from tests.integration.pages import ROOT, commands, sections
from tests.integration.processes import SECONDS, sees_ctrl_c, started, wait_for
from tests.leftovers import LABEL, found

pytestmark = pytest.mark.once

FIVE = 5
MIXIN = """
from alembic_gauntlet import MigrationTestBase
from alembic_gauntlet.contrib.testcontainers import TestcontainersDatabaseMixin


class TestMigrations(TestcontainersDatabaseMixin, MigrationTestBase):
    {body}
"""
CONFTEST = "from alembic_gauntlet.contrib.testcontainers import migration_db_url\n"

# Writes down which container each test runs on: its host name is its id.
RECORDER = """
import json
import docker
import psycopg
import pytest


@pytest.fixture(autouse=True)
def record(migration_db_url, request):
    with psycopg.connect(migration_db_url.replace("+psycopg", "")) as connection:
        id = connection.execute("SELECT pg_read_file('/etc/hostname')").fetchone()[0].strip()
        fsync = connection.execute("SHOW fsync").fetchone()[0]
    client = docker.from_env()
    image = client.containers.get(id).attrs["Config"]["Image"]
    client.close()
    with open(request.config.rootpath / "recorded", "a") as file:
        print(json.dumps({"id": id, "image": image, "fsync": fsync, "scheme": migration_db_url[:18]}), file=file)
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """A client of the engine, which has the image or can pull it."""
    # docker-py leaves a socket open that it could not connect.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        client, problem = connected()
        gc.collect()
    if client is None:
        message = f"no Docker engine with an image {DEFAULT_IMAGE}: {problem}"
        (pytest.fail if os.environ.get("GAUNTLET_REQUIRE_DOCKER") else pytest.skip)(message)
    yield client
    client.close()


def connected() -> tuple[docker.DockerClient | None, str]:
    try:
        client = docker.from_env()
        try:
            client.images.get(DEFAULT_IMAGE)
        except ImageNotFound:
            client.images.pull(DEFAULT_IMAGE)
        return client, ""
    except DockerException as error:
        return None, str(error)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No image is chosen, and Ryuk, whose image not every engine has, is left out."""
    monkeypatch.delenv("GAUNTLET_POSTGRES_IMAGE", raising=False)
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")


@pytest.fixture
def make_image(engine: docker.DockerClient) -> Iterator[Callable[..., str]]:
    """Return a function that makes an image of its own name, with another entrypoint if one is given."""
    made = []

    def make(entrypoint: str | None = None) -> str:
        name = f"gauntlet-test:{secrets.token_hex(8)}"
        lines = [f"FROM {DEFAULT_IMAGE}"]
        if entrypoint is not None:
            lines.append(f"ENTRYPOINT {json.dumps(['sh', '-c', entrypoint])}")
        engine.images.build(fileobj=io.BytesIO("\n".join(lines).encode()), tag=name, rm=True, forcerm=True)
        made.append(name)
        return name

    yield make
    for name in made:
        engine.images.remove(name, force=True)


def recorded(project) -> list[dict[str, Any]]:
    """What the tests of a project have run on."""
    file = project.path / "recorded"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def exists(engine: docker.DockerClient, id: str) -> bool:
    with contextlib.suppress(NotFound):
        engine.containers.get(id)
        return True
    return False


def containers_of(engine: docker.DockerClient, image: str) -> list[str]:
    """The containers of an image, by the name they were given it."""
    return [each["Id"] for each in engine.api.containers(all=True) if each["Image"] == image]


def all_removed(engine: docker.DockerClient, project) -> bool:
    return not any(exists(engine, each["id"]) for each in recorded(project))


def test_mixin(engine, example) -> None:
    """The five tests are green in a container, which is tuned for data that nobody keeps, and removed in the end."""
    example.write("tests/test_migrations.py", MIXIN.format(body="pass"))
    example.write("tests/conftest.py", RECORDER)
    example.pytest("-W", "error", url="").assert_outcomes(passed=FIVE, deselected=3)
    assert len({each["id"] for each in recorded(example)}) == 1
    first = recorded(example)[0]
    assert (first["image"], first["fsync"], first["scheme"]) == (DEFAULT_IMAGE, "off", "postgresql+psycopg")
    assert all_removed(engine, example)


def test_fixture_imported_into_conftest(engine, example) -> None:
    """The same for classes that know nothing of it."""
    example.write("tests/conftest.py", CONFTEST + RECORDER)
    example.pytest("-W", "error", url="").assert_outcomes(passed=FIVE, deselected=3)
    assert len({each["id"] for each in recorded(example)}) == 1
    assert all_removed(engine, example)


def test_page_shows_what_runs(engine, example, make_image) -> None:
    """The class and the conftest.py of docs/testcontainers.md, each by itself, run in a container."""
    (section,) = sections(ROOT / "docs/testcontainers.md")
    install, mixin, conftest = section.blocks
    assert commands(install) == [("pip install 'alembic-gauntlet[testcontainers]'", "")]
    image, plain = make_image(), (example.path / "tests/test_migrations.py").read_text()
    assert "postgres:16-alpine" in mixin.text
    example.write("tests/conftest.py", RECORDER)
    example.write(f"tests/{mixin.title}", mixin.text.replace("postgres:16-alpine", image))
    example.pytest("-k", "single_head", url="").assert_outcomes(passed=1, deselected=7)
    example.write(f"tests/{mixin.title}", plain)
    example.write(f"tests/{conftest.title}", conftest.text + RECORDER)
    example.pytest("-k", "single_head", url="").assert_outcomes(passed=1, deselected=7)
    assert [each["image"] for each in recorded(example)] == [image, DEFAULT_IMAGE]


def test_image_is_chosen_by_class_or_environment(engine, example, make_image) -> None:
    """The class comes first; classes of one image share its container."""
    ours, theirs = make_image(), make_image()
    example.write("tests/test_migrations.py", MIXIN.format(body=f"postgres_image = {ours!r}"))
    example.write("tests/test_same.py", MIXIN.format(body=f"postgres_image = {ours!r}"))
    example.write("tests/test_others.py", MIXIN.format(body="pass"))
    example.write("tests/conftest.py", RECORDER)
    options = ("-k", "single_head or all_the_way")
    example.pytest(*options, url="", env={"GAUNTLET_POSTGRES_IMAGE": theirs}).assert_outcomes(passed=6, deselected=18)
    on = {(each["image"], each["id"]) for each in recorded(example)}
    assert sorted(image for image, _ in on) == sorted([ours, theirs])
    assert all_removed(engine, example)


def test_fixture_takes_the_image_of_the_environment(engine, example, make_image) -> None:
    """Where there is no class to say it."""
    image = make_image()
    example.write("tests/conftest.py", CONFTEST + RECORDER)
    done = example.pytest("-k", "single_head", url="", env={"GAUNTLET_POSTGRES_IMAGE": image})
    done.assert_outcomes(passed=1, deselected=7)
    assert [each["image"] for each in recorded(example)] == [image]


def test_workers_have_a_container_each(engine, example) -> None:
    """Each worker of pytest-xdist removes its own."""
    example.write("tests/test_migrations.py", MIXIN.format(body="pass"))
    example.write("tests/conftest.py", RECORDER)
    example.pytest("-n", "2", url="").assert_outcomes(passed=FIVE)
    assert len({each["id"] for each in recorded(example)}) == 2
    assert all_removed(engine, example)


def fails_once(project, lines: list[str], **env: str) -> str:
    """Run the project; every test is an error, the first shows these lines, and nothing is a traceback."""
    project.write("tests/test_migrations.py", MIXIN.format(body="pass"))
    done = project.pytest("-W", "error", "--showlocals", url="", env=env)
    done.assert_outcomes(errors=FIVE, deselected=3)
    done.stdout.fnmatch_lines(lines)
    done.stdout.fnmatch_lines(["(in full under *)"])
    done.stdout.no_fnmatch_line("*Traceback*")
    output = done.stdout.str()
    assert output.count(lines[0].strip("*")) <= 2 * FIVE, "once in full, and in one line of each test and the summary"
    return output


def test_no_testcontainers(example) -> None:
    """The message has the command that installs it."""
    example.write("tests/conftest.py", "import sys\nsys.modules['testcontainers'] = None\n")
    fails_once(
        example,
        [
            "Testcontainers is not installed (*), and PostgreSQL is to run in a container of postgres:17-alpine.",
            "    pip install 'alembic-gauntlet[[]testcontainers]'",
        ],
    )


def test_no_engine(example) -> None:
    """The message names Docker and the ways out."""
    fails_once(
        example,
        [
            "No Docker engine answers, and PostgreSQL is to run in a container of postgres:17-alpine:",
            "    *No such file or directory*",
            "Start Docker: `docker info` has to succeed for this user; $DOCKER_HOST names an engine elsewhere. *",
            "    pip install 'alembic-gauntlet[[]embedded]' *",
        ],
        DOCKER_HOST=f"unix://{example.path}/no.sock",
    )


def test_no_image(engine, example) -> None:
    """The message names the image, the registry's reason, and where the name comes from."""
    fails_once(
        example,
        [
            "There is no image localhost:1/postgers:17 on the Docker engine, and it cannot be pulled:",
            "    *",
            "Its name comes from postgres_image on the test class, else from $GAUNTLET_POSTGRES_IMAGE. *",
        ],
        GAUNTLET_POSTGRES_IMAGE="localhost:1/postgers:17",
    )
    assert not containers_of(engine, "localhost:1/postgers:17")


@pytest.mark.parametrize(
    ("entrypoint", "what"),
    [
        ("exec sleep 1000", "is not ready for connections after 2 seconds:"),
        ("exit 3", "has ended before it was ready for connections:"),
    ],
)
def test_image_that_never_becomes_ready(engine, example, make_image, entrypoint, what) -> None:
    """The message shows the end of the log, without the password; the container is removed, and not tried again."""
    image = make_image(f"echo started with ${{POSTGRES_PASSWORD}}.; {entrypoint}")
    fails_once(
        example,
        [
            f"The container of {image} {what}",
            "    *",
            "Its log ends with",
            "    started with [*][*][*].",
            "The image has to take the environment variables and the command of the official image of PostgreSQL. *",
            "chosen by postgres_image on the test class or $GAUNTLET_POSTGRES_IMAGE; $TC_MAX_TRIES *",
        ],
        GAUNTLET_POSTGRES_IMAGE=image,
        TC_MAX_TRIES="2",
    )
    assert not containers_of(engine, image)


def test_image_whose_command_cannot_run(engine, example, make_image) -> None:
    """What the engine has created by then is removed, too."""
    image = f"gauntlet-test:{secrets.token_hex(8)}"
    file = f'FROM {DEFAULT_IMAGE}\nENTRYPOINT ["/nothing"]'
    engine.images.build(fileobj=io.BytesIO(file.encode()), tag=image, rm=True, forcerm=True)
    try:
        lines = [f"The container of {image} cannot be started:", "    */nothing*"]
        fails_once(example, lines, GAUNTLET_POSTGRES_IMAGE=image)
        assert not containers_of(engine, image)
    finally:
        engine.images.remove(image, force=True)


SLOW = """
import time


def test_slow(migration_db_url):
    open({file!r}, "w").close()
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=sees_ctrl_c), signal.SIGTERM])
def test_container_ends_with_its_session(engine, example, number) -> None:
    """However the session ends, the container is removed, also where Ryuk cannot run."""
    example.write("tests/conftest.py", CONFTEST + RECORDER)
    example.write("tests/test_slow.py", SLOW.format(file=str(example.path / "reached")))
    monkeypatch = example.pytester._monkeypatch
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "false")
    monkeypatch.setenv("RYUK_CONTAINER_IMAGE", "localhost:1/ryuk:none")
    with started(example, "tests/test_slow.py") as process:
        wait_for((example.path / "reached").exists, "the slow test runs")
        (container,) = recorded(example)
        assert exists(engine, container["id"])
        # To the whole group, as a terminal does.
        os.killpg(process.pid, number)
        process.communicate(timeout=SECONDS)
    wait_for(lambda: not exists(engine, container["id"]), "the container is removed")


def test_session_killed_while_its_container_is_made(engine, example, make_image) -> None:
    """What the engine makes after the session is gone is removed, too."""
    image = make_image()
    example.write("tests/test_migrations.py", MIXIN.format(body=f"postgres_image = {image!r}"))
    example.write(
        "tests/conftest.py",
        """
        import json, os, signal, subprocess, sys
        from docker.api.container import ContainerApiMixin

        LATE = "import docker, json, sys, time; time.sleep(1)"
        LATE += "; docker.from_env().api.create_container_from_config(json.loads(sys.argv[1]))"

        def create_and_die(self, config, *more):
            subprocess.Popen([sys.executable, "-c", LATE, json.dumps(config)], start_new_session=True)
            open("created", "w").close()
            os.kill(os.getpid(), signal.SIGKILL)

        ContainerApiMixin.create_container_from_config = create_and_die
        """,
    )
    with started(example) as process:
        wait_for((example.path / "created").exists, "a container is asked for")
        process.wait(SECONDS)
    wait_for(lambda: containers_of(engine, image), "the container is made")
    wait_for(lambda: not containers_of(engine, image), "the container is removed")


def test_container_that_is_left(engine) -> None:
    """The check that runs after all tests sees it, running or not; not one of somebody else."""
    left = engine.containers.create(DEFAULT_IMAGE, labels={LABEL: secrets.token_hex(8)})
    other = engine.containers.create(DEFAULT_IMAGE)
    try:
        lines = found()
    finally:
        left.remove(v=True)
        other.remove(v=True)
    assert f"container: {left.short_id} {DEFAULT_IMAGE} {left.name}" in lines
    assert not [line for line in (lines | found()) if other.short_id in line]
    assert not [line for line in found() if left.short_id in line]
