"""Native threads beside the event loop, for ``glance.common.threads``.

Short work goes to eventlet's pool. Long work (an upload takes hours where
the client is slow) would hold the pool's few threads, so it gets a thread of
its own; the green thread waits on a descriptor that the native one writes.
"""

from collections.abc import Callable
import os
import time
from typing import Any

from eventlet import hubs
from eventlet import patcher
from eventlet import tpool

_thread = patcher.original('_thread')
_local = patcher.original('threading').local()
#: Kept, so that nothing of the parent's pool is finalized in a child.
_abandoned: list[Any] = []
_sleep = patcher.original('time').sleep


def call(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run short work in eventlet's pool; inside a native thread, at once."""
    if getattr(_local, 'is_native', False):
        return func(*args, **kwargs)
    return tpool.execute(func, *args, **kwargs)


def run(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run long work in a native thread of its own, and wait green."""
    if getattr(_local, 'is_native', False):
        return func(*args, **kwargs)
    outcome: list[tuple[bool, Any]] = []
    woken = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def work() -> None:
        _local.is_native = True
        try:
            outcome.append((True, func(*args, **kwargs)))
        except BaseException as error:
            outcome.append((False, error))
        finally:
            os.eventfd_write(woken, 1)

    _thread.start_new_thread(work, ())
    _wait(woken, outcome)
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value


def start(func: Callable[[], None]) -> None:
    """Start a helper that shares nothing with the event loop."""

    def work() -> None:
        _local.is_native = True
        func()

    _thread.start_new_thread(work, ())


def prepare() -> None:
    """Start the pool: it needs descriptors, which may be short later.

    A pool whose start failed half way would never answer again.
    """
    tpool.setup()


def forget_threads() -> None:
    """Leave the pool of the parent, whose threads a child does not have."""
    _abandoned.extend((tpool._rsock, tpool._wsock, tpool._coro))
    tpool._threads.clear()
    tpool._setup_already = False


def pause(seconds: float) -> None:
    """Let time pass for this thread, native or green."""
    if getattr(_local, 'is_native', False):
        _sleep(seconds)
    else:
        time.sleep(seconds)


def _wait(woken: int, outcome: list[tuple[bool, Any]]) -> None:
    """Wait for the end, even if the waiting green thread is killed.

    What the native thread works on must not be taken away from under it;
    the first reason to stop waiting is raised when it has ended.
    """
    killed: BaseException | None = None
    while not outcome:
        try:
            hubs.trampoline(woken, read=True)
        except BaseException as error:
            killed = killed or error
    os.close(woken)
    if killed is not None:
        raise killed
