"""What waits for the message bus: bounded, and nobody waits with it."""

from collections import deque
from collections.abc import Callable
import logging
import threading
import time
from typing import Any, NamedTuple

import orjson

LOG = logging.getLogger(__name__)

#: An image event has some 700 bytes, one with every quota used megabytes.
MOST_EVENTS = 10_000
MOST_BYTES = 16 * 1024 * 1024
#: How often the log tells that events are dropped.
REPORT_SECONDS = 10


class Event(NamedTuple):
    """:ivar priority: ``info`` or ``error``"""

    priority: str
    name: str
    payload: Any


class Outbox:
    """Takes events at once and sends them, in order, from a thread.

    A bus that is down costs a request nothing: events wait for it up to a
    bound, and what comes then is dropped, counted and told in the log. The
    thread starts with the first event, so it is born in the worker that
    sends. Under eventlet it is a green one like those that call; oslo.
    messaging waits green there.

    :param send: may take as long as it wants
    """

    def __init__(
        self,
        send: Callable[[Event], None],
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._send = send
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._waiting: deque[tuple[str, str, bytes]] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._is_running = False
        self._is_sending = False
        self._reported_at = -float(REPORT_SECONDS)
        self.dropped = 0

    def put(self, event: Event) -> None:
        """Take an event, as it is now; never waits, never fails."""
        payload = orjson.dumps(event.payload)
        with self._changed:
            if not self._has_room(len(payload)):
                self._drop()
                return
            self._waiting.append((event.priority, event.name, payload))
            self._waiting_bytes += len(payload)
            start, self._is_running = not self._is_running, True
            self._changed.notify_all()
        if start:
            threading.Thread(target=self._run, daemon=True).start()

    def flush(self, seconds: float) -> None:
        """Wait until everything is sent, but not longer than this."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._waiting or self._is_sending:
                left = end - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    break
            if lost := len(self._waiting) + self._is_sending:
                LOG.error(
                    'Dropped %s notifications that could not be sent '
                    'before the end of the process',
                    lost,
                )

    def _has_room(self, size_bytes: int) -> bool:
        return (
            len(self._waiting) < self._most_events
            and self._waiting_bytes + size_bytes <= self._most_bytes
        )

    def _drop(self) -> None:
        self.dropped += 1
        if time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self._reported_at = time.monotonic()
            LOG.error(
                'The message bus does not accept notifications: %s are '
                'waiting, %s have been dropped',
                len(self._waiting),
                self.dropped,
            )

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                priority, name, payload = self._waiting.popleft()
                self._waiting_bytes -= len(payload)
                self._is_sending = True
            try:
                self._send(Event(priority, name, orjson.loads(payload)))
            except Exception:
                LOG.exception('Notification %s could not be sent', name)
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
