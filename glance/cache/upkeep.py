"""Makes files and index consistent: at the start, and periodically.

A process may be killed at any moment; this module repairs what it left.
"""

import contextlib
import hashlib
import logging
import os
import time

from glance.cache import blocks
from glance.cache import images
from glance.cache import index as indexes
from glance.cache import keys
from glance.cache import layout as layouts
from glance.cache import locks
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)

_READ_BYTES = 512 * 1024
#: A file with a temporary name is from a dead process after so long.
_NAMELESS_SECONDS = 60


class Upkeep:
    """:param stall_seconds: age at which unfinished files are removed"""

    def __init__(
        self, cached: images.CachedImages, stall_seconds: int
    ) -> None:
        self._cached = cached
        self._layout = cached.layout
        self._index = cached.index
        self._stall_seconds = stall_seconds

    def reconcile(self) -> None:
        """Make sure that each file has an entry and each entry a file."""
        with self._layout.exclusive():
            known = {entry.image_id: entry for entry in self._index.all()}
            partial = dict(layouts.files_in(self._layout.partial))
            complete = dict(layouts.files_in(self._layout.base))
            for name in partial:
                self._check_partial(name, known.get(name), name in complete)
            for entry in known.values():
                self._check_entry(entry, complete, partial)
        self._remove_nameless()

    def _check_partial(
        self, name: str, entry: indexes.Entry | None, is_complete: bool
    ) -> None:
        path = self._layout.partial / name
        if entry is not None and not entry.is_complete and not is_complete:
            key = entry.key
        else:
            try:
                key = blocks.read_key(path)
            except blocks.Unreadable:
                key = None
        try:
            if key is None or is_complete:
                raise blocks.Unreadable(name)
            file = blocks.Blocks(self._layout.partial, key)
        except blocks.Unreadable:
            path.unlink(missing_ok=True)
            return
        try:
            self._restore_partial(file, entry)
        finally:
            file.close()

    def _restore_partial(
        self, file: blocks.Blocks, entry: indexes.Entry | None
    ) -> None:
        """Count the data of a file; rename it if only that was missing."""
        key = file.key
        if file.is_invalid():
            (self._layout.partial / key.image_id).unlink(missing_ok=True)
            return
        if entry is None or entry.key != key:
            self._index.insert(key, file.present_bytes(), None)
        elif not _is_being_filled(file):
            self._index.set_used(key.image_id, file.present_bytes())
        is_cut = os.fstat(file.fd).st_size == key.size_bytes
        if is_cut and not _is_being_filled(file):
            os.rename(
                self._layout.partial / key.image_id,
                self._layout.base / key.image_id,
            )
            self._index.complete(key)

    def _check_entry(
        self,
        entry: indexes.Entry,
        complete: dict[str, os.stat_result],
        partial: dict[str, os.stat_result],
    ) -> None:
        name = entry.image_id
        file = complete.get(name)
        if file is not None and file.st_size == entry.size:
            if not entry.is_complete:
                self._index.complete(entry.key)
        elif file is not None or not self._has_partial(name):
            LOG.info(
                'Removed image %s from the image cache: its file is '
                'missing or has a wrong size',
                name,
            )
            (self._layout.base / name).unlink(missing_ok=True)
            self._index.delete(name)

    def _has_partial(self, name: str) -> bool:
        paths = (self._layout.partial / name, self._layout.base / name)
        return any(path.exists() for path in paths)

    def _remove_nameless(self) -> None:
        before = time.time() - _NAMELESS_SECONDS
        for path in self._layout.partial.glob(f'{blocks.TEMPORARY}*'):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    def clean(self) -> int:
        """Remove wrong data and stalled files; return how many files."""
        removed = layouts.remove_older(self._layout.invalid, 0)
        removed += layouts.remove_older(
            self._layout.incomplete, self._stall_seconds
        )
        before = time.time() - self._stall_seconds
        for entry in self._index.all():
            used_at = max(entry.last_modified, entry.last_accessed)
            if not entry.is_complete and used_at <= before:
                removed += self._drop_stalled(entry)
        return removed

    def _drop_stalled(self, entry: indexes.Entry) -> bool:
        """Remove a file that was not written for long and is not read."""
        path = self._layout.partial / entry.image_id
        with contextlib.suppress(FileNotFoundError, blocks.Unreadable):
            file = blocks.Blocks(self._layout.partial, entry.key)
            try:
                written = path.stat().st_mtime
                if written > time.time() - self._stall_seconds:
                    return False
                if not locks.take_all(file.fd):
                    return False
                return self._cached.forget(entry.image_id)
            finally:
                file.close()
        return False

    def clean_periodically(self) -> None:
        """Remove old wrong data; newer data stays for the operator."""
        layouts.remove_older(self._layout.invalid, self._stall_seconds)

    def adopt(self, show: images.Show) -> None:
        """Take over complete images of a classic service.

        The size and the hash of each are checked before it is served.
        """
        known = {entry.image_id for entry in self._index.all()}
        unknown = [
            (name, facts)
            for name, facts in layouts.files_in(self._layout.base)
            if name not in known
        ]
        if not unknown:
            return
        with self._layout.alone('adoption') as is_alone:
            if is_alone:
                accesses = self._index.classic()
                for name, facts in unknown:
                    self._adopt(name, facts, show, accesses.get(name))

    def _adopt(
        self,
        name: str,
        facts: os.stat_result,
        show: images.Show,
        access: indexes.Access | None,
    ) -> None:
        path = self._layout.base / name
        try:
            key, expected = None, None
            image = show(name)
            key, expected = keys.key_of(image), keys.expected_of(image)
        except errors.NotFound:
            LOG.info('Removed %s from the image cache: no such image', path)
            path.unlink(missing_ok=True)
            return
        except errors.Error as error:
            LOG.warning(
                'Could not move image %s into the new image cache yet: %s',
                name,
                error,
            )
            return
        is_right = key is not None and key.size_bytes == facts.st_size
        if is_right and expected.name:
            is_right = expected.value == threads.run(
                _hash, path, expected.name
            )
        threads.call(self._finish_adoption, name, key, image, is_right, facts)
        if is_right and access is not None:
            self._index.add_accesses({name: access})

    def _finish_adoption(
        self,
        name: str,
        key: blocks.Key | None,
        image: contract.Image,
        is_right: bool,
        facts: os.stat_result,
    ) -> None:
        with self._layout.exclusive():
            path = self._layout.base / name
            if self._index.get(name) is not None or not path.exists():
                return
            if is_right and key is not None:
                self._index.insert_complete(
                    key, image['checksum'], facts.st_mtime
                )
                LOG.info('Moved image %s into the new image cache', name)
                return
            os.rename(path, self._layout.invalid / name)
        LOG.warning(
            'The file of image %s in the image cache has a wrong size or '
            'hash; moved it to %s',
            name,
            self._layout.invalid,
        )
        counters.note('cache_wrong_hash')


def _is_being_filled(file: blocks.Blocks) -> bool:
    byte_range = range(locks.PUBLISHING, locks.block(file.key.block_count))
    return locks.is_held(file.fd, byte_range.start, len(byte_range))


def _hash(path: os.PathLike[str], name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with open(path, 'rb', buffering=0) as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
    return digest.hexdigest()
