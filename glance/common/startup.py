"""Actions that a worker runs before its first request."""

from collections.abc import Callable

_actions: list[Callable[[], None]] = []
_applications = 0


def application() -> int:
    """Number of the current application.

    A thread that started with a lower number must end.
    """
    return _applications


def register(action: Callable[[], None]) -> None:
    """Call ``action()`` when a worker begins to serve.

    The main process also loads an application but serves no requests.
    Threads and connections that a worker needs are therefore started here.
    """
    _actions.append(action)


def run() -> None:
    for action in _actions:
        action()
    _actions.clear()


def forget() -> None:
    """Drop all actions, because a new application replaces the old one."""
    global _applications
    _applications += 1
    _actions.clear()
