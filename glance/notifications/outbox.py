"""A bounded queue for the message bus, so that requests do not wait."""

from collections import deque
from collections.abc import Callable
import logging
import threading
import time
from typing import Any, NamedTuple

import orjson

from glance.common import counters

LOG = logging.getLogger(__name__)

#: Limits of the queue. An image event has about 700 bytes, but several
#: megabytes if the image uses all its quotas.
MAX_EVENTS = 10_000
MAX_BYTES = 16 * 1024 * 1024
#: The bus is reported as failed if sending an event takes longer.
SLOW_SECONDS = 5.0
#: Minimum interval of log lines about dropped events.
REPORT_SECONDS = 10


class Event(NamedTuple):
    """:ivar priority: ``info`` or ``error``"""

    priority: str
    name: str
    payload: Any


class Outbox:
    """Accepts events at once; a thread sends them in order.

    A bus that is down does not delay requests: events wait up to a limit;
    further events are dropped, counted and logged. The thread starts with
    the first event, so it belongs to the worker that sends. Under eventlet
    it is a green thread, and oslo.messaging does not block the others.

    :param send: sends one event; may take any time
    """

    def __init__(
        self,
        send: Callable[[Event], None],
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._send = send
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[str, str, bytes]] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._is_running = False
        self._is_sending = False
        self._sending_since = 0.0
        self._reported_at = -float(REPORT_SECONDS)
        self.dropped = 0

    def put(self, event: Event) -> None:
        """Queue an event in its current state; never waits, never fails."""
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

    def trouble(self) -> str | None:
        """Why the bus is in trouble; None if it is not.

        It is in trouble if sending an event takes longer than SLOW_SECONDS.
        """
        with self._changed:
            seconds = time.monotonic() - self._sending_since
            if not self._is_sending or seconds < SLOW_SECONDS:
                return None
            return (
                f'it has not taken a notification for {seconds:.0f} s; '
                f'{len(self._waiting)} more wait and {self.dropped} were '
                'dropped'
            )

    def flush(self, seconds: float) -> None:
        """Wait until all events are sent, at most ``seconds``."""
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
            len(self._waiting) < self._max_events
            and self._waiting_bytes + size_bytes <= self._max_bytes
        )

    def _drop(self) -> None:
        self.dropped += 1
        counters.note('notification', 'dropped')
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
                self._sending_since = time.monotonic()
            outcome = 'handed_over'
            try:
                self._send(Event(priority, name, orjson.loads(payload)))
            except Exception:
                outcome = 'failed'
                LOG.exception('Notification %s could not be sent', name)
            counters.note('notification', outcome)
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
