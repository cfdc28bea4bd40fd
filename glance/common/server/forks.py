"""Fork, and give the child its own copy of what must not be shared.

``doc/architecture.md`` lists all state that crosses a fork. What the child
has to renew is in the one list here, so that no caller of :func:`fork` can
forget a part of it.
"""

from collections.abc import Callable
import gc
import logging
import os
import signal

from eventlet import hubs

from glance.common.server import native

#: Signals of the main process and of workers; see ``processes``.
READY = signal.SIGRTMIN
SIGNALS = {
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGCHLD,
    READY,
}


def fork() -> int:
    """Fork like :func:`os.fork`; the child first runs the list of actions.

    SIGNALS are blocked in the child when this returns.
    """
    handlers = _log_handlers()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    # No thread is in the middle of a log line when the process is copied.
    for handler in handlers:
        handler.acquire()
    try:
        pid = os.fork()
    except OSError:
        pid = -1
        raise
    finally:
        # Only by the parent: the child has a copy of the same lock.
        if pid:
            for handler in handlers:
                handler.release()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if not pid:
        for action in _actions:
            action()
    return pid


def in_child(action: Callable[[], None]) -> None:
    """Add ``action()`` to what every later child does first."""
    _actions.append(action)


def _log_handlers() -> list[logging.Handler]:
    """Every handler of the process, also those of no logger."""
    known = logging._handlerList  # type: ignore[attr-defined]
    return [handler for ref in known if (handler := ref()) is not None]


def _renew_log_locks() -> None:
    """Give each log handler a lock of this process.

    oslo.log's lock is a byte in a pipe. In a pipe that is shared, the byte
    of a worker that is killed while it logs is missing in all processes.
    """
    for handler in _log_handlers():
        handler.createLock()


def _forget_signals() -> None:
    """Take signals as a new process does.

    The descriptor that wakes the event loop is the other end of a pipe that
    the parent reads: a signal to the child would be obeyed by the parent.
    """
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


#: In this order. gc.freeze: what belongs to the parent (its connections) is
#: never finalized here, which would end them for the parent too.
_actions: list[Callable[[], None]] = [
    gc.freeze,
    _renew_log_locks,
    _forget_signals,
    hubs.use_hub,
    native.forget_threads,
]
