"""Run blocking work where it cannot stop the event loop.

Both daemons say ``threads.call(func, *args)`` for work that blocks in C:
disk, hashes, database drivers that know nothing of green threads. Under a
server with native threads that is a plain call. The eventlet server
installs its thread pool here when a worker starts, so nothing else has to
know eventlet.
"""

from collections.abc import Callable
import operator
from typing import Any

#: ``call(func, *args, **kwargs)`` returns or raises what ``func`` does.
call: Callable[..., Any] = operator.call


def install(runner: Callable[..., Any]) -> None:
    """Let ``runner(func, *args, **kwargs)`` carry every later call."""
    global call
    call = runner
