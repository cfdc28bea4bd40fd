"""Image data as files in GridFS of a MongoDB.

Data is written in chunks under a reserved id. The document that makes it a
file is inserted when all data is there, so a file appears as a whole.
"""

from collections.abc import Callable, Iterable, Mapping
import hashlib
import logging
import re
from typing import Any

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import blocks
from glance.store import feeding
from glance.store import gridfs_bucket
from glance.store import remote
from glance.store import servers

LOG = logging.getLogger(__name__)

_NAME = re.compile(r'[\w.:-]{1,96}', re.ASCII)
#: How often a failed download is resumed.
_RESUMES = 1


def check(options: Mapping[str, Any]) -> None:
    """:raises errors.ConfigurationError: an option is wrong or missing"""
    if not options['mongodb_store_uri']:
        raise errors.ConfigurationError('mongodb_store_uri must be set.')
    gridfs_bucket.Bucket(
        options['mongodb_store_uri'], options['mongodb_store_db']
    )


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """Create the store, and check that its database can be used.

    :raises errors.ConfigurationError: an option is wrong or missing
    :raises errors.StoreUnavailable: the server does not respond
    """
    check(options)
    bucket = gridfs_bucket.Bucket(
        options['mongodb_store_uri'], options['mongodb_store_db']
    )
    try:
        threads.run(bucket.prepare)
    finally:
        # This process may be about to fork.
        threads.run(bucket.close)
    return GridFSStore(bucket)


class GridFSStore(remote.Objects):
    """See :class:`glance.store.base.Writable`; URLs are gridfs://ID."""

    schemes = ('gridfs',)

    def __init__(self, bucket: gridfs_bucket.Bucket) -> None:
        self._bucket = bucket
        place = f'gridfs {bucket.hosts} {bucket.database}'
        self.identity: str | None = hashlib.sha256(place.encode()).hexdigest()
        self.facts = {'database': bucket.database}

    def _require_usable(self) -> None:
        self._bucket.ping()

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        upload = gridfs_bucket.Upload(
            self._bucket, remote.checked(image_id, _NAME)
        )
        try:
            threads.run(upload.begin)
            received_bytes = 0
            for number, part in enumerate(upload.parts.fill(data), start=1):
                received_bytes += len(part)
                if part:
                    upload.parts.give(number, part)
            if size_bytes is not None:
                feeding.require_size(received_bytes, size_bytes)
            upload.parts.result()
            confirm()
            threads.run(upload.publish, received_bytes)
        except BaseException:
            upload.parts.give_up()
            threads.run(upload.abort)
            raise
        return f'gridfs://{image_id}'

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        file = threads.run(self._bucket.find, self._locate(url))
        if length is None:
            length = max(file.length - offset, 0)
        if offset + length > file.length:
            raise servers.Unreachable(
                f'the file has {file.length} bytes; {offset + length} were '
                'expected'
            )
        if length == 0:
            return remote.Nothing()

        def open_at(done: int) -> blocks.Source:
            return blocks.Source(self._bucket.blocks(file, offset + done))

        return remote.Body(open_at, threads.run(open_at, 0), length, _RESUMES)

    def size(self, url: str) -> int:
        file = threads.run(self._bucket.find, self._locate(url))
        return int(file.length)

    def delete(self, url: str) -> None:
        threads.run(self._delete, self._locate(url))

    def _delete(self, image_id: str) -> None:
        files = self._bucket.all_of(image_id)
        if not files:
            LOG.info('The data to delete did not exist')
        for file in files:
            self._bucket.remove(image_id, file.id)

    def _held(self, image_id: str) -> remote.HeldObject:
        return _Held(self._bucket, remote.checked(image_id, _NAME))

    def _locate(self, url: str) -> str:
        scheme, mark, image_id = url.partition('://')
        is_name = mark and _NAME.fullmatch(image_id)
        if scheme.lower() != 'gridfs' or not is_name:
            raise base.Elsewhere('it is no URL of a file in GridFS')
        return image_id


class _Held(remote.HeldObject):
    """See :class:`glance.store.remote.HeldObject`."""

    def __init__(self, bucket: gridfs_bucket.Bucket, image_id: str) -> None:
        self._bucket = bucket
        self._image_id = image_id
        self._files: list[gridfs_bucket.File] = []
        self._unfinished: list[tuple[Any, str]] = []

    def look(self) -> bool:
        """:returns: whether there is a file, complete or not"""
        self._files = self._bucket.all_of(self._image_id)
        self._unfinished = self._bucket.unfinished(image_id=self._image_id)
        return bool(self._files or self._unfinished)

    def _remove(self) -> None:
        for file_id, token in self._unfinished:
            if self._bucket.unfinished(_id=file_id, token=token):
                self._bucket.remove(self._image_id, file_id)
        for file in self._files:
            if self._bucket.has(file):
                self._bucket.remove(self._image_id, file.id)
