"""The cached images of this host, for downloads and for operators."""

from collections.abc import Callable, Iterator
import contextlib
import functools
import logging
import os
import pathlib
import sqlite3
import time

from glance.cache import blocks
from glance.cache import failures
from glance.cache import filler
from glance.cache import following
from glance.cache import index as indexes
from glance.cache import keys
from glance.cache import layout as layouts
from glance.cache import locks
from glance.cache import opening
from glance.cache import room as rooms
from glance.cache import waiting
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import filebody
from glance.common import gauges
from glance.common import repeated
from glance.common import threads

LOG = logging.getLogger(__name__)
#: Failures of the directory; the download continues without the cache.
TROUBLE = (OSError, sqlite3.Error, blocks.Unreadable)


class CachedImages:
    """One cache, which the workers of the host share.

    :param directory: path; created if it does not exist
    :param database: the index, relative to the directory
    :param limit_bytes: max size of all cached data
    :raises errors.ConfigurationError: the directory cannot be used
    """

    def __init__(
        self, directory: str, database: str, limit_bytes: int
    ) -> None:
        try:
            self.layout = layouts.Layout(directory)
            self.index = indexes.Index(self.layout.base / database)
            self.index.prepare()
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, 'strerror', None) or error
            raise errors.ConfigurationError(
                f'image_cache_dir {directory}: {reason}'
            ) from error
        self.room = rooms.Room(
            self.layout, self.index, limit_bytes, self.flush
        )
        self.failures = failures.Failures()
        self._disk = filler.Disk(
            self.layout,
            self.index,
            self.room,
            self.failures,
            waiting.Beats(),
        )
        self._accesses: dict[str, indexes.Access] = {}
        self._openings = opening.Openings(self.layout)
        self._trouble = repeated.Repeated()

    def open(
        self,
        image: contract.Image,
        offset: int,
        length: int,
        fetch: filler.Fetch,
    ) -> filler.StoreBody:
        """Open data from the cache, or from the store while caching it.

        :param fetch: opens a part in the store
        :raises errors.Error: the store failed
        """
        key = keys.key_of(image)
        if key is None or not length:
            return fetch(offset, length)
        try:
            file = self._open_file(key)
        except TROUBLE as error:
            self._report(error)
            return fetch(offset, length)
        if file is None:
            counters.note('cache_lookup', 'miss')
            return self._open_new(image, key, offset, length, fetch)
        has_all = file.has_range(offset, length)
        counters.note('cache_lookup', 'hit' if has_all else 'partial')
        return self._body(image, file, offset, length, fetch, None)

    def follow(self, image: contract.Image, fetch: filler.Fetch) -> bool:
        """Fetch a whole image at low priority, and wait for the end.

        :returns: False if it cannot be cached
        :raises errors.Error: the store failed
        """
        key = keys.key_of(image)
        if key is None:
            return False
        with self._openings.turn(key.image_id):
            file = self._open_file(key) or self._begin(image, key, fetch)
        if file is None:
            return False
        try:
            follower = self._follower(image, file, fetch, [], False)
            return all(
                follower.wait(index, key.block_count)
                for index in range(key.block_count)
            )
        except following.WrongData:
            return False
        finally:
            file.close()

    def _begin(
        self, image: contract.Image, key: blocks.Key, fetch: filler.Fetch
    ) -> blocks.Blocks | None:
        """Create the file of an image; None if that is not useful now.

        :raises errors.Error: the store failed
        """
        if not self._may_begin(key):
            return None
        body = fetch(0, key.size_bytes)
        try:
            file, begun = self._make_file(image, key, 0, body)
        except BaseException:
            body.close()
            raise
        (begun or body).close()
        return file

    def _open_file(self, key: blocks.Key) -> blocks.Blocks | None:
        """Open the file of an image, which prevents eviction; None if absent.

        A file with older data, from before the image was changed, is removed.
        """
        entry = self.index.get(key.image_id)
        if entry is None:
            return None
        file = self._find(entry, key) if entry.key == key else None
        opened: blocks.Blocks | None
        opened = file or threads.call(self._find_or_remove, key)
        return opened

    def _find(
        self, entry: indexes.Entry, key: blocks.Key
    ) -> blocks.Blocks | None:
        order = [self.layout.partial, self.layout.base]
        if entry.is_complete:
            order.reverse()
        # The first directory again, as the file may be moved meanwhile.
        for directory in (*order, order[0]):
            file = _opened(directory, key)
            if file is not None:
                return file
        return None

    def _find_or_remove(self, key: blocks.Key) -> blocks.Blocks | None:
        """Find the file again, with the lock for changes of names.

        Another thread may have replaced the entry in the meantime.
        """
        with self.layout.exclusive():
            entry = self.index.get(key.image_id)
            if entry is None:
                return None
            file = self._find(entry, key) if entry.key == key else None
            if file is None:
                self._unlink(key.image_id)
            return file

    def _open_new(
        self,
        image: contract.Image,
        key: blocks.Key,
        offset: int,
        length: int,
        fetch: filler.Fetch,
    ) -> filler.StoreBody:
        """Begin to cache an image, if that is useful."""
        file = body = begun = None
        first = offset // blocks.BLOCK_BYTES
        start, size = key.whole_blocks(offset, length)
        with self._openings.turn(key.image_id):
            with self._reported():
                file = self._open_file(key)
            if file is None and self._may_begin(key):
                body = fetch(start, size)
                with self._reported():
                    file, begun = self._make_file(image, key, first, body)
        if file is not None:
            if body is not None and begun is None:
                body.close()  # another worker fetches the data
            return self._body(image, file, offset, length, fetch, begun)
        if body is not None:
            if (start, size) == (offset, length):
                return body
            body.close()
        return fetch(offset, length)

    def _make_file(
        self,
        image: contract.Image,
        key: blocks.Key,
        first: int,
        body: filler.StoreBody,
    ) -> tuple[blocks.Blocks | None, filler.Begun | None]:
        """Create the file of an image, and lock its first block for a filler.

        Without the lock, a reader that sees the file would open the store too.

        :param first: index of the block with which ``body`` begins
        :returns: no file if the image cannot be cached now; only a file if
            another worker has created it
        """
        if isinstance(body, filebody.FileBody) and layouts.is_on_this_host(
            body.fileno()
        ):
            return None, None
        made = threads.call(self._create, key, image['checksum'], first)
        try:
            file = self._open_file(key)
        except BaseException:
            if made is not None:
                made.close()
            raise
        if made is None or file is not None:
            return file, made and filler.Begun(made, body)
        made.close()
        return None, None

    def _may_begin(self, key: blocks.Key) -> bool:
        return (
            key.size_bytes <= self.room.limit_bytes
            and not self.failures.is_recent(key.image_id)
        )

    def _create(
        self, key: blocks.Key, checksum: str | None, index: int
    ) -> blocks.Blocks | None:
        """Create an entry and a file, and lock one block.

        :returns: None if there is an entry, or a file without an entry: that
            file is of a classic service, and was not checked yet
        """
        with self.layout.exclusive():
            entry = self.index.get(key.image_id)
            if entry is not None and entry.key == key:
                return None
            if entry is None and (self.layout.base / key.image_id).exists():
                return None
            self._unlink(key.image_id)
            blocks.create(self.layout.partial, key)
            made = blocks.Blocks(self.layout.partial, key)
            try:
                locks.take(made.fd, locks.block(index))
                self.index.insert(key, 0, checksum)
            except BaseException:
                made.close()
                raise
            return made

    def _body(
        self,
        image: contract.Image,
        file: blocks.Blocks,
        offset: int,
        length: int,
        fetch: filler.Fetch,
        begun: filler.Begun | None,
    ) -> filler.StoreBody:
        """Return a body of an open file, and pass its ownership on."""
        if begun is None and file.has_range(offset, length):
            self._count(file.key.image_id)
            data = os.fdopen(file.fd, 'rb', buffering=0)
            return filebody.FileBody(data, offset, length)
        handed = [] if begun is None else [begun]
        follower = self._follower(image, file, fetch, handed, True)
        body = following.FollowingBody(follower, fetch, offset, length)
        try:
            if body.wait_first():
                return body
        except BaseException:
            body.close()
            raise
        finally:
            while handed:  # otherwise its block would stay locked
                handed.pop().close()
        body.close()
        return fetch(offset, length)

    def _follower(
        self,
        image: contract.Image,
        file: blocks.Blocks,
        fetch: filler.Fetch,
        handed: list[filler.Begun],
        is_urgent: bool,
    ) -> following.Follower:
        """:param handed: for the first filler; may be empty"""
        key = file.key
        expected = keys.expected_of(image)

        def start(first: int, stop: int) -> filler.Filler | None:
            begun = handed.pop() if handed else None
            new_filler = filler.Filler(
                self._disk,
                key,
                expected,
                fetch,
                first,
                stop,
                begun,
                is_urgent,
            )
            return new_filler if new_filler.start() else None

        return following.Follower(
            file,
            start,
            lambda: not self.failures.is_recent(key.image_id),
            self._disk.beats.of(key.image_id),
        )

    def forget(self, image_id: str) -> bool:
        """Remove an image from the cache; running downloads continue.

        :returns: whether it was in the cache
        """
        with self.layout.exclusive():
            return self._unlink(image_id)

    def _unlink(self, image_id: str) -> bool:
        # The row last: a row without a file is found at the next start.
        for directory in (self.layout.partial, self.layout.base):
            (directory / image_id).unlink(missing_ok=True)
        return self.index.delete(image_id)

    def forget_all(self) -> int:
        return sum(self.forget(entry.image_id) for entry in self.index.all())

    def listed(self) -> list[indexes.Entry]:
        """List the complete images, with this process's latest accesses."""
        self.flush()
        return [entry for entry in self.index.all() if entry.is_complete]

    def gauges(self) -> list[gauges.Gauge]:
        """Metrics: what the cache of this host holds."""
        try:
            used, images = self.index.used_bytes(), len(self.listed())
        except TROUBLE as error:
            self._report(error)
            return []
        return [
            gauges.Gauge(name, text, (), [((), value)])
            for name, text, value in (
                ('glance_cache_bytes', 'Bytes of cached data.', used),
                ('glance_cache_images', 'Complete cached images.', images),
                (
                    'glance_cache_limit_bytes',
                    'Bytes that the cache may take (image_cache_max_size).',
                    self.room.limit_bytes,
                ),
            )
        ]

    def flush(self) -> None:
        """Write the accesses that were counted in memory to the index."""
        accesses, self._accesses = self._accesses, {}
        if accesses:
            self.index.add_accesses(accesses)

    def _count(self, image_id: str) -> None:
        before = self._accesses.get(image_id)
        hits = before.hits if before else 0
        self._accesses[image_id] = indexes.Access(hits + 1, time.time())

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Log that the cache does not work, and continue without it."""
        try:
            yield
        except TROUBLE as error:
            self._report(error)

    def _report(self, error: BaseException) -> None:
        if self._trouble.is_due():
            LOG.error(
                'The image cache in %s does not work; images are read from '
                'their stores: %s%s',
                self.layout.base,
                error,
                self._trouble.untold(),
            )


def _opened(directory: pathlib.Path, key: blocks.Key) -> blocks.Blocks | None:
    try:
        file = blocks.Blocks(directory, key)
    except (FileNotFoundError, blocks.Unreadable):
        return None
    # With the lock it cannot be evicted; check that it was not before.
    if locks.share(file.fd, locks.READING) and file.is_named():
        return file
    file.close()
    return None


#: Returns the record of an image, as the service sees it.
Show = Callable[[str], contract.Image]
#: Opens a part of an image in its store.
OpenStored = Callable[[contract.Image, int, int], filler.StoreBody]


def fetch_of(image: contract.Image, open_stored: OpenStored) -> filler.Fetch:
    return functools.partial(open_stored, image)
