"""Log lines about an error that may occur with every request."""

import time

#: One line per minute is enough for an operator.
PAUSE_SECONDS = 60.0


class Repeated:
    """Decides when to log an error again: at first, then once a minute."""

    def __init__(self) -> None:
        self._told_at = float('-inf')
        self._untold = 0

    def is_due(self) -> bool:
        """Whether to log this occurrence; if not, it is counted."""
        now = time.monotonic()
        if now - self._told_at < PAUSE_SECONDS:
            self._untold += 1
            return False
        self._told_at = now
        return True

    def untold(self) -> str:
        """Text to append to a line: how many were not logged before it."""
        count, self._untold = self._untold, 0
        return f' ({count} more since the last such line)' if count else ''
