"""Log lines about trouble that may come with every request."""

import time

#: One line a minute tells an operator enough.
PAUSE_SECONDS = 60.0


class Repeated:
    """Says when to log a trouble again: at once, then once a minute."""

    def __init__(self) -> None:
        self._told_at = float('-inf')
        self._untold = 0

    def is_due(self) -> bool:
        """Whether this one is to be logged; else it is counted."""
        now = time.monotonic()
        if now - self._told_at < PAUSE_SECONDS:
            self._untold += 1
            return False
        self._told_at = now
        return True

    def untold(self) -> str:
        """How many were not logged since the last line, as its end."""
        count, self._untold = self._untold, 0
        return f' ({count} more since the last such line)' if count else ''
