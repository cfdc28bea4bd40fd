"""Actions that a worker runs after its last request, before it ends."""

from collections.abc import Callable

_actions: list[Callable[[], None]] = []


def register(action: Callable[[], None]) -> None:
    """Call ``action()`` when the worker ends; it must not take long."""
    _actions.append(action)


def forget() -> None:
    """Drop all actions, because a new application replaces the old one."""
    _actions.clear()


def run() -> None:
    for action in _actions:
        action()
