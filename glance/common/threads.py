"""Run blocking work where it cannot stop the event loop.

Both daemons say ``threads.call(func, *args)`` for a short piece of work that
blocks in C (disk, hashes, database drivers that know nothing of green
threads), ``threads.run(func, *args)`` for a long one, which gets a native
thread of its own, ``threads.start(func)`` for a helper beside it, and
``threads.pause(seconds)`` in what may run in either kind of thread. Under a
server with native threads these are plain calls. The eventlet server
installs its own when a worker starts, so nothing else has to know eventlet.
"""

from collections.abc import Callable
import operator
import threading
import time
from typing import Any


def _start(func: Callable[[], None]) -> None:
    threading.Thread(target=func, daemon=True).start()


#: ``call(func, *args, **kwargs)`` returns or raises what ``func`` does.
call: Callable[..., Any] = operator.call
#: The same for work of seconds or hours.
run: Callable[..., Any] = operator.call
#: Starts ``func()`` in a native thread; nobody waits for it.
start: Callable[[Callable[[], None]], None] = _start
#: Lets ``seconds`` pass, also in a native thread.
pause: Callable[[float], None] = time.sleep


def install(
    call_runner: Callable[..., Any],
    long_runner: Callable[..., Any],
    starter: Callable[[Callable[[], None]], None],
    sleeper: Callable[[float], None],
) -> None:
    """Let these four carry every later call."""
    global call, run, start, pause
    call, run, start, pause = call_runner, long_runner, starter, sleeper
