"""PostgreSQL in a container, through Testcontainers: a mixin for a test class, and the same as a fixture.

Mix `TestcontainersDatabaseMixin` in before `MigrationTestBase`, or import `migration_db_url` into conftest.py.
Testcontainers itself is imported when a container is launched.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import time
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

import psycopg
import pytest
from sqlalchemy.engine import URL

from alembic_gauntlet.embedded import THROWAWAY_SETTINGS, tail
from alembic_gauntlet.errors import GauntletError
from alembic_gauntlet.session import GauntletSession

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

    from alembic_gauntlet.contrib.keeper import Keeper

IMAGE_ENV = "GAUNTLET_POSTGRES_IMAGE"
DEFAULT_IMAGE = "postgres:17-alpine"

_USER = "postgres"
_PORT = 5432
_LABEL = "alembic-gauntlet.session"

_NOT_INSTALLED = """\
Testcontainers is not installed ({reason}), and PostgreSQL is to run in a container of {image}.
    pip install 'alembic-gauntlet[testcontainers]'"""

_NO_ENGINE = """\
No Docker engine answers, and PostgreSQL is to run in a container of {image}:
    {reason}
Start Docker: `docker info` has to succeed for this user; $DOCKER_HOST names an engine elsewhere. Or do without:
    pip install 'alembic-gauntlet[embedded]' and no migration_db_url from contrib.testcontainers: an embedded server"""

_NO_IMAGE = """\
There is no image {image} on the Docker engine, and it cannot be pulled:
    {reason}
Its name comes from postgres_image on the test class, else from ${env}. `docker pull {image}`
has to succeed: a name that exists, a registry that can be reached, `docker login` where it demands one."""

_NOT_READY = """\
The container of {image} {what}:
    {reason}
{log}
The image has to take the environment variables and the command of the official image of PostgreSQL. Another one is
chosen by postgres_image on the test class or ${env}; $TC_MAX_TRIES is the number of seconds to wait."""

_NOT_REMOVED = """\
The container of {image} could not be removed: the Docker engine does not answer any more. Once it does:
    docker rm --force --volumes $(docker ps --all --quiet --filter label={label})"""


class ContainerServer:
    """A PostgreSQL server in a container, which keeps nothing.

    Use it as a context manager, or call `start` and `stop`. `url` is a SQLAlchemy URL of its maintenance database.
    However this process ends, the container is removed: by `stop`, by a process that outlives this one (`keeper`), and
    by Testcontainers' Ryuk, where it is not disabled and can run.

    Args:
        image: an image that behaves as the official one of PostgreSQL does.
    """

    def __init__(self, image: str = DEFAULT_IMAGE) -> None:
        self.url = ""
        self._image = image
        self._label = f"{_LABEL}={secrets.token_hex(8)}"
        self._password = secrets.token_urlsafe(24)
        self._container: DockerContainer | None = None
        self._keeper: Keeper | None = None

    def start(self) -> ContainerServer:
        """Launch the container; return when the server in it accepts connections.

        Raises:
            GauntletError: no Testcontainers, no engine, no image, or no server in time. Nothing is left running.
        """
        __tracebackhide__ = True
        try:
            self._container = self._described()
            self._fetch_image(self._container)
            self._run(self._container)
            self.url = self._await_ready(self._container).render_as_string(hide_password=False)
        except BaseException:
            self.stop()
            raise
        return self

    def _described(self) -> DockerContainer:
        """Return the container as it will be; Testcontainers looks for an engine at once."""
        try:
            from docker.errors import DockerException
            from testcontainers.core.container import DockerContainer
        except ImportError as error:
            raise GauntletError(_NOT_INSTALLED.format(reason=error, image=self._image)) from error
        key, value = self._label.split("=")
        with _ended_silently():
            try:
                container = DockerContainer(self._image, labels={key: value})
                reason = None
            except (DockerException, OSError) as error:
                reason = _reason(error)
        if reason is not None:
            raise GauntletError(_NO_ENGINE.format(image=self._image, reason=reason))
        settings = " ".join(f"-c {name}={setting}" for name, setting in THROWAWAY_SETTINGS.items())
        container.with_command(f"postgres {settings}").with_exposed_ports(_PORT)
        container.with_env("POSTGRES_USER", _USER).with_env("POSTGRES_PASSWORD", self._password)
        return container.with_env("POSTGRES_INITDB_ARGS", "--no-sync")

    def _fetch_image(self, container: DockerContainer) -> None:
        from docker.errors import DockerException, ImageNotFound

        images = container.get_docker_client().client.images
        try:
            try:
                images.get(container.image)
            except ImageNotFound:
                images.pull(container.image)
        except (DockerException, OSError) as error:
            text = _NO_IMAGE.format(image=container.image, reason=_reason(error), env=IMAGE_ENV)
            raise GauntletError(text) from error

    def _run(self, container: DockerContainer) -> None:
        from docker.errors import DockerException

        from alembic_gauntlet.contrib.keeper import Keeper

        self._keeper = Keeper(self._label)
        try:
            with _ryuk_where_it_runs():
                container.start()
        except (DockerException, OSError) as error:
            self._keeper.settle()
            raise self._not_ready("cannot be started", _reason(error)) from error
        self._keeper.settle()

    def _await_ready(self, container: DockerContainer) -> URL:
        from docker.errors import DockerException
        from testcontainers.core.config import testcontainers_config

        seconds = testcontainers_config.max_tries * testcontainers_config.sleep_time
        deadline, error = time.monotonic() + seconds, Exception("no attempt to connect has ended")
        while time.monotonic() < deadline:
            try:
                self._check_it_runs(container)
                url = self._address(container)
                _connect(url)
                return url
            except DockerException as gone:
                raise self._not_ready("is lost", _reason(gone)) from gone
            # A port that is not mapped yet is a ConnectionError.
            except (psycopg.OperationalError, OSError) as not_yet:
                error = not_yet
                time.sleep(0.05)
        raise self._not_ready(f"is not ready for connections after {seconds:g} seconds", _reason(error)) from error

    def _check_it_runs(self, container: DockerContainer) -> None:
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status in ("exited", "dead"):
            code = wrapped.attrs["State"]["ExitCode"]
            raise self._not_ready("has ended before it was ready for connections", f"exit code {code}")

    def _address(self, container: DockerContainer) -> URL:
        client, host = container.get_docker_client(), container.get_container_host_ip()
        port = _PORT
        if client.get_connection_mode().use_mapped_port:
            port = int(client.port(str(container.get_wrapped_container().id), _PORT))
        # An engine may map the port to another one for IPv6, and `localhost` be tried as that first.
        host = "127.0.0.1" if host == "localhost" else host
        return URL.create("postgresql+psycopg", _USER, self._password, host, port, "postgres")

    def _not_ready(self, what: str, reason: str) -> GauntletError:
        log = self._log()
        text = _NOT_READY.format(
            image=self._image,
            what=what,
            reason=reason.replace(self._password, "***"),
            log=f"Its log ends with\n{tail(log)}" if log else "Its log is empty.",
            env=IMAGE_ENV,
        )
        return GauntletError(text)

    def _log(self) -> str:
        """Return what the container has said, without the password; nothing where it is not there any more."""
        from docker.errors import DockerException

        # Testcontainers raises a RuntimeError where there is no container.
        with contextlib.suppress(DockerException, OSError, RuntimeError):
            if self._container is not None:
                log = b"\n".join(self._container.get_logs()).decode(errors="replace").strip()
                return log.replace(self._password, "***")
        return ""

    def stop(self) -> None:
        """Remove the container. Harmless when it is not running.

        Raises:
            GauntletError: it may be there yet.
        """
        keeper, self._keeper = self._keeper, None
        container, self._container = self._container, None
        try:
            if container is not None:
                _stop(container)
        finally:
            if keeper is not None and not keeper.dismiss():
                raise GauntletError(_NOT_REMOVED.format(image=self._image, label=self._label))

    def __enter__(self) -> ContainerServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextlib.contextmanager
def _ended_silently() -> Iterator[None]:
    """Let no warning of what is left open here come out later, as a failure of some test under `-W error`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@contextlib.contextmanager
def _ryuk_where_it_runs() -> Iterator[None]:
    """Have Testcontainers launch Ryuk, unless the user has disabled it; go on without where it cannot run."""
    from docker.errors import DockerException
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import Reaper

    if testcontainers_config.ryuk_disabled:
        yield
        return
    try:
        Reaper.get_instance()
    except (DockerException, OSError, RuntimeError) as error:
        logging.getLogger(__name__).warning("Testcontainers' Ryuk cannot run: %s", _reason(error))
        with contextlib.suppress(DockerException, OSError):
            Reaper.delete_instance()
        testcontainers_config.ryuk_disabled = True
        try:
            yield
        finally:
            testcontainers_config.ryuk_disabled = False
    else:
        yield


def _stop(container: DockerContainer) -> None:
    """Remove a container; what cannot be removed is left to the keeper."""
    from docker.errors import DockerException

    with contextlib.suppress(DockerException, OSError):
        container.stop()


def _connect(url: URL) -> None:
    psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database, connect_timeout=3
    ).close()


def _reason(error: BaseException) -> str:
    """Return what an engine or a driver says, in one line."""
    said = getattr(error, "explanation", None) or error
    lines = (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).strip().splitlines()
    return lines[-1][:300] if lines else type(error).__name__


def _image(chosen: str | None) -> str:
    return chosen or os.environ.get(IMAGE_ENV) or DEFAULT_IMAGE


def _container_url(session: GauntletSession, image: str) -> str:
    """Return the URL of the session's container of an image."""
    __tracebackhide__ = True
    return session.throwaway_url(f"container of {image}", lambda: ContainerServer(image))


class TestcontainersDatabaseMixin:
    """Has the tests of a class run on PostgreSQL in a container: mix it in before `MigrationTestBase`.

    All classes of a session share the container of an image.

    Attributes:
        postgres_image: the image; without one that of `$GAUNTLET_POSTGRES_IMAGE`, else `postgres:17-alpine`.
    """

    postgres_image: ClassVar[str | None] = None

    @pytest.fixture(scope="session")
    @classmethod
    def migration_db_url(cls, gauntlet_session: GauntletSession) -> str:
        """Return the URL of the server in the container."""
        __tracebackhide__ = True
        return _container_url(gauntlet_session, _image(cls.postgres_image))


@pytest.fixture(scope="session")
def migration_db_url(gauntlet_session: GauntletSession) -> str:
    """Return the URL of PostgreSQL in a container: to be imported into conftest.py."""
    __tracebackhide__ = True
    return _container_url(gauntlet_session, _image(None))
