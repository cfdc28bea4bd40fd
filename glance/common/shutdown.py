"""What a worker does after its last request, before it ends."""

from collections.abc import Callable

_actions: list[Callable[[], None]] = []


def register(action: Callable[[], None]) -> None:
    """Have ``action()`` called at the end; it must not take long."""
    _actions.append(action)


def forget() -> None:
    """Drop the actions of an application that another one replaces."""
    _actions.clear()


def run() -> None:
    for action in _actions:
        action()
