"""Native threads beside the event loop, for ``glance.common.threads``.

Short work runs in eventlet's pool. Long work (an upload from a slow client
takes hours) would occupy the pool's few threads, so it gets a native thread
of its own. The green thread waits on a descriptor that the native thread
writes at its end.
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
#: Keeps references, so that the parent's pool is not finalized in a child.
_abandoned: list[Any] = []
#: Nice level of work that no client waits for. While 20 imports run, a show
#: takes 1.7 times its idle time, and 2.5 times without it.
_BEHIND = 10
_sleep = patcher.original('time').sleep


def call(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run short work in eventlet's pool; directly if in a native thread."""
    if getattr(_local, 'is_native', False):
        return func(*args, **kwargs)
    return tpool.execute(func, *args, **kwargs)


def run(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run long work in a native thread; only this green thread waits."""
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

    try:
        _thread.start_new_thread(work, ())
    except BaseException:
        os.close(woken)
        raise
    _wait(woken)
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value


def run_behind(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run long work as ``run`` does, at a lower priority than requests.

    Linux has a priority for each thread; the threads that this one starts
    get the same. A thread that already is native keeps its own.
    """
    if getattr(_local, 'is_native', False):
        return func(*args, **kwargs)

    def work() -> Any:
        thread = _thread.get_native_id()
        usual = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(usual, _BEHIND))
        return func(*args, **kwargs)

    return run(work)


def start(func: Callable[[], None]) -> None:
    """Start a native thread that shares nothing with the event loop."""

    def work() -> None:
        _local.is_native = True
        func()

    _thread.start_new_thread(work, ())


def prepare() -> None:
    """Start the pool now, because free descriptors may be missing later.

    A pool whose start failed halfway would never return a result.
    """
    tpool.setup()


def forget_threads() -> None:
    """Drop the parent's pool: its threads do not exist in a child."""
    _abandoned.extend((tpool._rsock, tpool._wsock, tpool._coro))
    tpool._threads.clear()
    tpool._setup_already = False


def pause(seconds: float) -> None:
    """Sleep in this thread, which may be native or green."""
    if getattr(_local, 'is_native', False):
        _sleep(seconds)
    else:
        time.sleep(seconds)


def _wait(woken: int) -> None:
    """Wait until the work has ended, even if this green thread is killed.

    The native thread still uses its objects, so they must not be released
    earlier. Only the descriptor tells the end: if it were closed before the
    native thread writes to it, the number could belong to another file by
    then, and that file would be written to. The exception that killed this
    thread (the first one, if there were several) is raised when the work has
    ended.
    """
    killed: BaseException | None = None
    while not _has_ended(woken):
        try:
            hubs.trampoline(woken, read=True)
        except BaseException as error:
            killed = killed or error
    os.close(woken)
    if killed is not None:
        raise killed


def _has_ended(woken: int) -> bool:
    try:
        os.eventfd_read(woken)
    except BlockingIOError:
        return False
    return True
