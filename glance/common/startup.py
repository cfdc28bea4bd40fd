"""What a worker does before its first request."""

from collections.abc import Callable

_actions: list[Callable[[], None]] = []
_applications = 0


def application() -> int:
    """Number of the present application: a thread of an older one ends."""
    return _applications


def register(action: Callable[[], None]) -> None:
    """Have ``action()`` called when a worker begins to serve.

    The main process loads an application too, which serves nothing: what
    needs a thread or a connection of the worker is started here.
    """
    _actions.append(action)


def run() -> None:
    for action in _actions:
        action()
    _actions.clear()


def forget() -> None:
    """Begin with another application, which replaces the one before."""
    global _applications
    _applications += 1
    _actions.clear()
