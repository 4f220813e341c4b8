"""What env.py and the migrations may change in this process for the time of a command, and no longer."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the time of the block."""
    __tracebackhide__ = True
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def logging_kept() -> Iterator[Callable[[], None]]:
    """Put the loggers back as they were; yield a function that does so at once.

    `fileConfig` closes every handler that the module `logging` knows of, pytest's among them: it is shown none.
    """
    root = logging.getLogger()
    loggers = [root, *(logger for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger))]
    before = [(logger, logger.level, logger.disabled, logger.propagate, list(logger.handlers)) for logger in loggers]
    known: list[Any] = logging._handlerList  # type: ignore[attr-defined]
    names: Any = logging._handlers  # type: ignore[attr-defined]
    handlers, named = list(known), dict(names)
    known.clear()

    def restore() -> None:
        for logger, level, disabled, propagate, its_handlers in before:
            if logger.level != level:
                logger.setLevel(level)
            logger.disabled, logger.propagate, logger.handlers = disabled, propagate, list(its_handlers)

    try:
        yield restore
    finally:
        restore()
        known[:0] = handlers
        names.update(named)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def without_running_loop(run: Callable[[], None]) -> None:
    """Call `run`; in a thread where an event loop runs here, since an async env.py calls `asyncio.run`."""
    if not _is_in_event_loop():
        run()
        return
    raised: list[BaseException] = []

    def in_thread() -> None:
        try:
            run()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=in_thread, name="alembic-gauntlet")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
