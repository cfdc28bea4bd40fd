"""Reports to the registry which images this host has cached."""

from collections.abc import Callable
import contextlib

from glance.cache import images
from glance.cache import index as indexes
from glance.common import contract

#: Max images of one report.
_BATCH = 500


class Reporter:
    """Reports changes of the cache; only one worker of the host does this.

    :param node: URL of this host's glance-api
    :param send: sends a report to the registry and returns the ids of deleted
        images
    """

    def __init__(
        self,
        cached: images.CachedImages,
        node: str,
        send: Callable[[contract.CacheReport], list[str]],
    ) -> None:
        self._cached = cached
        self._node = node
        self._send = send
        self._told: dict[str, indexes.Entry] | None = None
        #: Holds the host's lock for reports until the process ends.
        self._turn: contextlib.ExitStack | None = None

    def look(self) -> None:
        """:raises errors.Error: the report could not be sent"""
        if not self._has_turn():
            return
        here = {entry.image_id: entry for entry in self._cached.listed()}
        told = {} if self._told is None else self._told
        changed = [e for name, e in here.items() if told.get(name) != e]
        removed = [name for name in told if name not in here]
        is_all = self._told is None
        self._told = None  # until the whole report was sent
        for start in range(0, max(len(changed), 1), _BATCH):
            report: contract.CacheReport = {
                'node': self._node,
                'cached': list(map(_document, changed[start:][:_BATCH])),
                'removed': removed,
                'is_all': is_all and not start,
            }
            deleted = self._send(report)
        self._told = here
        for image_id in deleted:
            self._cached.forget(image_id)

    def _has_turn(self) -> bool:
        if self._turn is None:
            turn = contextlib.ExitStack()
            if not turn.enter_context(self._cached.layout.alone('report')):
                turn.close()
                return False
            self._turn = turn
        return True


def _document(entry: indexes.Entry) -> contract.CachedImage:
    return {
        'image_id': entry.image_id,
        'size': entry.size,
        'hits': entry.hits,
        'last_accessed': entry.last_accessed,
        'last_modified': entry.last_modified,
        'checksum': entry.checksum,
    }
