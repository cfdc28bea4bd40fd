"""Run blocking work where it cannot stop the event loop.

Both daemons call :func:`call` around work that blocks in C: disk, hashes,
database drivers that know nothing of green threads. Under a server with
native threads that is a plain call. The eventlet server installs its
thread pool here when a worker starts, so nothing else has to know eventlet.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec('P')
T = TypeVar('T')


def _direct(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return func(*args, **kwargs)


_runner: Callable[..., Any] = _direct


def install(runner: Callable[..., Any]) -> None:
    """Let ``runner(func, *args, **kwargs)`` carry every later call."""
    global _runner
    _runner = runner


def call(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``func`` off the event loop and return what it returns."""
    result: T = _runner(func, *args, **kwargs)
    return result
