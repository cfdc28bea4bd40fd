"""Fork, and renew in the child the state that must not be shared.

``doc/architecture.md`` lists all state that a child inherits. The list of
actions in this module renews it in the child, so that no caller of
:func:`fork` can forget a part of it.
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
    # While the locks are held, no other thread is writing a log line.
    for handler in handlers:
        handler.acquire()
    try:
        pid = os.fork()
    except OSError:
        pid = -1
        raise
    finally:
        # Only the parent releases: the child's copy uses the same lock.
        if pid:
            for handler in handlers:
                handler.release()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if not pid:
        for action in _actions:
            action()
    return pid


def in_child(action: Callable[[], None]) -> None:
    """Add ``action`` to the actions that every later child runs first."""
    _actions.append(action)


def _log_handlers() -> list[logging.Handler]:
    """Every handler of the process, including those without a logger."""
    known = logging._handlerList  # type: ignore[attr-defined]
    return [handler for ref in known if (handler := ref()) is not None]


def _renew_log_locks() -> None:
    """Give each log handler a lock of this process.

    oslo.log's lock is a byte in a pipe. If processes shared this pipe and a
    worker was killed while it logs, the byte would be lost for all of them.
    """
    for handler in _log_handlers():
        handler.createLock()


def _forget_signals() -> None:
    """Reset signal handling to the defaults of a new process.

    The wake-up descriptor is the write end of a pipe that the parent reads:
    the parent would react to a signal that was sent to the child.
    """
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


#: The order matters. gc.freeze prevents that objects of the parent, such as
#: connections, are finalized in the child, which would also end them for the
#: parent.
_actions: list[Callable[[], None]] = [
    gc.freeze,
    _renew_log_locks,
    _forget_signals,
    hubs.use_hub,
    native.forget_threads,
]
