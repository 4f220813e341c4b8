"""What env.py and the migrations may change in this process for the time of a command, and no longer."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGUSR1)
_MORE_SELDOM = 15
_OUTCOMES = tuple(each.Exception for each in (pytest.exit, pytest.fail, pytest.skip, pytest.xfail))


@contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Set environment variables for the time of the block, or remove those that are None."""
    __tracebackhide__ = True
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
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


@contextmanager
def place_kept() -> Iterator[None]:
    """Put the working directory and the handlers of signals back: the next command starts as from the command line.

    What importing a module changes as well (the environment, `sys.path`, the locale) stays: a module that was imported
    on the way is not imported again for the next command.
    """
    directory = os.getcwd()
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(directory)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with suppress(ValueError):  # not in the main thread
                    signal.signal(number, handler)


@contextmanager
def only_in_this_process() -> Iterator[None]:
    """Let a child that a migration forks go no further than the block: it is a copy of the whole test session."""
    process, status = os.getpid(), 0
    try:
        yield
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    except BaseException:
        status = 1
        raise
    finally:
        if os.getpid() != process:
            os._exit(status)


@contextmanager
def garbage_left() -> Iterator[None]:
    """Let what exists by now not be searched for garbage in the block: models, revisions and all of pytest stay anyway.

    What is new there is searched more seldom. Where somebody else has frozen objects (`gc.freeze`), nothing is changed.
    """
    if gc.get_freeze_count():
        yield
        return
    often, *others = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_MORE_SELDOM * often, *others)
    try:
        yield
    finally:
        gc.set_threshold(often, *others)
        gc.unfreeze()


def ends_the_session(error: BaseException) -> bool:
    """Return whether an exception out of a migration is none of it: Ctrl-C, and what a plugin of pytest raises."""
    return isinstance(error, (KeyboardInterrupt, *_OUTCOMES))


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end a session as Ctrl-C does, so that it drops its databases; a second one ends it at once.

    Where somebody else has a handler, or outside the main thread, nothing is changed.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    process, was_asked = os.getpid(), False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal was_asked
        if was_asked or os.getpid() != process:  # a second time, or a child that was forked
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        was_asked = True
        raise KeyboardInterrupt("SIGTERM")

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is interrupt:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def open_files() -> int:
    """Return how many files and connections this process has open."""
    return len(os.listdir("/dev/fd"))


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
