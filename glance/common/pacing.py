"""Limit the rate and the time of day of work in the background."""

from collections.abc import Callable
import datetime
import re
import threading
import time
from typing import NamedTuple

#: Maximum wait, after which a changed system clock is noticed.
_LOOK_SECONDS = 30.0
_WINDOW = re.compile(r'([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)')


class Stopped(Exception):
    """The program was told to end."""


class Window(NamedTuple):
    """A part of the day in local time; it may include midnight."""

    begin: datetime.time
    end: datetime.time

    def is_open(self, now: datetime.time) -> bool:
        if self.begin <= self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


def window(text: str) -> Window:
    """Parse a window.

    :raises ValueError: the text does not have the form 01:00-05:00
    """
    match = _WINDOW.fullmatch(text)
    if not match:
        raise ValueError(
            f'{text} must be two times of the day, for instance 01:00-05:00.'
        )
    parts = [int(each) for each in match.groups()]
    begin = datetime.time(parts[0], parts[1])
    end = datetime.time(parts[2], parts[3])
    if begin == end:
        raise ValueError(f'{text} must have two different times.')
    return Window(begin, end)


class Pace:
    """Limits work to a rate and to a window, until it is stopped.

    :param bytes_per_second: None for no limit
    :param window: None for any time
    """

    def __init__(
        self,
        bytes_per_second: float | None = None,
        window: Window | None = None,
        stopped: threading.Event | None = None,
        now: Callable[[], datetime.datetime] = datetime.datetime.now,
    ) -> None:
        self._rate = bytes_per_second
        self._window = window
        self._stopped = stopped or threading.Event()
        self._now = now
        self._due = 0.0

    def take(self, size_bytes: int) -> None:
        """Wait until so many bytes may be processed.

        :raises Stopped: the program was told to end
        """
        self._wait_for_window()
        if self._rate:
            now = time.monotonic()
            self._due = max(self._due, now) + size_bytes / self._rate
            self._wait(self._due - now)

    def _wait_for_window(self) -> None:
        self._check()
        while self._window and not self._window.is_open(self._now().time()):
            self._wait(_LOOK_SECONDS)

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)
        self._check()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Stopped
