"""Run blocking work where it cannot block the event loop.

Both daemons use ``threads.call(func, *args)`` for short work that blocks in
C (disk, hashes, database drivers without support for green threads),
``threads.run(func, *args)`` for long work, which gets a native thread of its
own, ``threads.run_behind(func, *args)`` for long work that no client waits
for, ``threads.start(func)`` for a native thread in the background, and
``threads.pause(seconds)`` in code that may run in either kind of thread. Under
a server with native threads these are plain calls. The eventlet server
installs its own functions when a worker starts, so that other code does not
depend on eventlet.
"""

from collections.abc import Callable
import importlib
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
#: The same, at a priority below that of requests.
run_behind: Callable[..., Any] = operator.call
#: Starts ``func()`` in a native thread and does not wait for it.
start: Callable[[Callable[[], None]], None] = _start
#: Sleeps for ``seconds``, also in a native thread.
pause: Callable[[float], None] = time.sleep
#: Imports a library that is used in native threads only; it gets the standard
#: library without the patches of an event loop.
library: Callable[[str], Any] = importlib.import_module


def install(
    call_runner: Callable[..., Any],
    long_runner: Callable[..., Any],
    runner_behind: Callable[..., Any],
    starter: Callable[[Callable[[], None]], None],
    sleeper: Callable[[float], None],
) -> None:
    """Use these functions for all later calls."""
    global call, run, run_behind, start, pause
    call, run, run_behind = call_runner, long_runner, runner_behind
    start, pause = starter, sleeper
