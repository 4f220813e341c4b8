"""How env.py gets the sandbox: the drivers to name in its URL, and the object in `config.attributes`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy
from alembic.config import Config
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

Attribute = Literal["engine", "connection"]


@dataclass(frozen=True)
class Delivery:
    """By URL alone, or also as `config.attributes["connection"]`.

    `pinned`: env.py may set the option `sqlalchemy.url` itself, and it stays the one that was given.
    """

    drivername: str
    attribute: Attribute | None = None
    pinned: bool = False


_WAYS: tuple[tuple[Attribute | None, bool], ...] = (
    (None, False),
    ("engine", False),
    ("connection", False),
    (None, True),
)


def deliveries(config: Config, given: str) -> Iterator[Delivery]:
    """Yield the ways to try, the usual one first; `given` is the driver of the server's own URL."""
    names = list(_drivernames(config, given))
    for attribute, pinned in _WAYS:
        for name in names:
            yield Delivery(name, attribute, pinned)


def _drivernames(config: Config, given: str) -> Iterator[str]:
    """Yield what to call the driver in the sandbox's URL: the user's own choice, then ours; each once."""
    configured = None
    with suppress(Exception):  # a placeholder, or no URL at all
        configured = make_url(config.get_main_option("sqlalchemy.url") or "").drivername
    ours = ["postgresql+psycopg"] if sqlalchemy.__version__ >= "2" else ["postgresql+psycopg2", "postgresql+asyncpg"]
    explicit = [name for name in (configured, given) if name and name.startswith("postgresql+")]
    for name in dict.fromkeys([*explicit, *([configured] if configured == "postgresql" else []), *ours]):
        if _is_importable(name):
            yield name


def _is_importable(drivername: str) -> bool:
    try:
        dialect: Any = make_url(f"{drivername}://").get_dialect()
        (dialect.import_dbapi if hasattr(dialect, "import_dbapi") else dialect.dbapi)()
    except Exception:
        return False
    return True


@contextmanager
def connectable(url: str, kind: Attribute) -> Iterator[Any]:
    """Yield an Engine, or a Connection whose transaction is committed at the end, as its owner has to."""
    __tracebackhide__ = True
    engine = sqlalchemy.create_engine(url, poolclass=NullPool, future=True)
    try:
        if kind == "engine":
            yield engine
            return
        with engine.connect() as connection:
            yield connection
            if connection.in_transaction():
                connection.commit()
    finally:
        engine.dispose()
