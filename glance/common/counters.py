"""Count events for metrics; by default events are discarded.

Code that counts passes the name of the event and its labels.
``server/metrics`` turns the events into Prometheus metrics;
:data:`glance.common.server.metrics.EVENTS` describes each one.
"""

from collections.abc import Callable, Iterator
import contextlib
import time

#: Called with the name of an event, its labels, and an amount: a count,
#: bytes or seconds. Called from any thread; must not block.
Take = Callable[[str, tuple[str, ...], float], None]

_take: Take | None = None


def connect(take: Take | None) -> None:
    """Pass every later event to ``take``; None to discard events."""
    global _take
    _take = take


def note(name: str, *labels: str, amount: float = 1.0) -> None:
    """Count one event."""
    if _take is not None:
        _take(name, labels, amount)


@contextlib.contextmanager
def timed(name: str, *labels: str) -> Iterator[None]:
    """Note the seconds of a step; the last label says how it ended.

    That is ``done``, or ``failed`` if the step raises an error.
    """
    begin, outcome = time.monotonic(), 'failed'
    try:
        yield
        outcome = 'done'
    finally:
        note(name, *labels, outcome, amount=time.monotonic() - begin)
