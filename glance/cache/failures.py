"""Images that could not be cached just now."""

import time

#: After a failure the image is read only from its store for so long.
_PAUSE_SECONDS = 10.0
_MAX_FAILURES = 1000


class Failures:
    """Images whose caching has failed recently, in this process.

    So if a store is down or the disk is full, only one filler tries, and not
    each reader in turn.
    """

    def __init__(self) -> None:
        self._at: dict[str, float] = {}

    def note(self, image_id: str) -> None:
        now = time.monotonic()
        if len(self._at) >= _MAX_FAILURES:
            self._at = {n: t for n, t in self._at.items() if _is_recent(t)}
        self._at[image_id] = now

    def is_recent(self, image_id: str) -> bool:
        at = self._at.get(image_id)
        return at is not None and _is_recent(at)


def _is_recent(at: float) -> bool:
    return time.monotonic() < at + _PAUSE_SECONDS
