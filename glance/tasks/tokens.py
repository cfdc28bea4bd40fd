"""Tokens of callers whose tasks need them, kept only in memory."""

from collections.abc import Callable
import threading
import time

#: How long a token is kept; later it has expired in any case.
MAX_SECONDS = 24 * 3600


class Tokens:
    """Keeps a token until its task begins.

    A token is never written to the database or to a file. So its task can only
    be begun by the process that got the request.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def keep(self, task_id: str, token: str) -> None:
        """Keep the token; drop old tokens of tasks that never began."""
        now = self._clock()
        with self._lock:
            self._kept = {
                known: (since, value)
                for known, (since, value) in self._kept.items()
                if now - since < MAX_SECONDS
            }
            self._kept[task_id] = (now, token)

    def take(self, task_id: str) -> str | None:
        """Return and drop the token of a task; None if there is none here."""
        with self._lock:
            _since, token = self._kept.pop(task_id, (0.0, None))
        return token
