"""Periodic tasks that a worker runs besides serving requests."""

from collections.abc import Callable
import logging
import threading
import time
from typing import NamedTuple

from glance.common import startup

LOG = logging.getLogger(__name__)


class _Task(NamedTuple):
    action: Callable[[], None]
    interval_seconds: float


_tasks: dict[str, _Task] = {}
_running: set[str] = set()


def register(
    name: str, action: Callable[[], None], interval_seconds: float
) -> None:
    """Call ``action()`` periodically, beginning when a worker starts.

    It replaces an earlier action with the same name, because a reload makes
    a new application.
    """
    _tasks[name] = _Task(action, interval_seconds)
    startup.register(_start)


def _start() -> None:
    for name in _tasks.keys() - _running:
        _running.add(name)
        threading.Thread(target=_run, args=(name,), daemon=True).start()


def _run(name: str) -> None:
    while (task := _tasks.get(name)) is not None:
        try:
            task.action()
        except Exception:
            LOG.exception('The periodic task %s failed', name)
        time.sleep(task.interval_seconds)
