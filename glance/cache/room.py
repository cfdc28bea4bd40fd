"""The size limit of a cache; space is freed before it is used."""

from collections.abc import Callable
import contextlib
import logging
import os
import pathlib
from typing import NamedTuple

from glance.cache import index as indexes
from glance.cache import layout as layouts
from glance.cache import locks
from glance.common import counters

LOG = logging.getLogger(__name__)


class Pruned(NamedTuple):
    images: int
    size_bytes: int


class Room:
    """Evicts the least recently used images, except those being read.

    All methods wait for locks and the disk, so they must be called in native
    threads.

    :param limit_bytes: max size of all files together
    :param flush: writes the latest accesses to the index
    """

    def __init__(
        self,
        layout: layouts.Layout,
        index: indexes.Index,
        limit_bytes: int,
        flush: Callable[[], None],
    ) -> None:
        self._layout = layout
        self._index = index
        self.limit_bytes = limit_bytes
        self._flush = flush

    def reserve(self, image_id: str, more: int) -> bool:
        """Reserve ``more`` bytes for an image; evict others if needed.

        :returns: False if the rest of the cache is being read, or the image is
            not in the cache any more
        """
        limit = self.limit_bytes - self._layout.invalid_bytes()
        if self._index.reserve(image_id, more, limit):
            return True
        with self._layout.exclusive():
            self._shrink(self.limit_bytes - more, keep=image_id)
            limit = self.limit_bytes - self._layout.invalid_bytes()
            return self._index.reserve(image_id, more, limit)

    def prune(self) -> Pruned:
        """Evict images until the cache is within its limit."""
        with self._layout.exclusive():
            return self._shrink(self.limit_bytes, keep=None)

    def _shrink(self, target_bytes: int, keep: str | None) -> Pruned:
        self._flush()
        used = self._index.used_bytes() + self._layout.invalid_bytes()
        images = freed = 0
        for name, facts in layouts.files_in(self._layout.invalid):
            if used > target_bytes:
                (self._layout.invalid / name).unlink(missing_ok=True)
                used -= facts.st_size
        for entry in self._index.all():
            if used <= target_bytes:
                break
            if entry.image_id != keep and self._evict(entry):
                used -= entry.used
                images, freed = images + 1, freed + entry.used
        return Pruned(images, freed)

    def _evict(self, entry: indexes.Entry) -> bool:
        """Remove an image that is not being read or fetched."""
        if not self._unlink_unused(self._path(entry)):
            return False
        self._index.delete(entry.image_id)
        counters.note('cache_eviction')
        LOG.info(
            'Removed image %s (%s bytes, %s hits) from the image cache to '
            'make room',
            entry.image_id,
            entry.used,
            entry.hits,
        )
        return True

    def _path(self, entry: indexes.Entry) -> pathlib.Path:
        if entry.is_complete:
            return self._layout.base / entry.image_id
        return self._layout.partial / entry.image_id

    def _unlink_unused(self, path: pathlib.Path) -> bool:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(path, flags)
        except FileNotFoundError:
            return True
        except OSError as error:
            LOG.warning('Could not remove %s from the cache: %s', path, error)
            return False
        try:
            if not locks.take_all(fd):
                return False
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return True
        finally:
            os.close(fd)
