"""Staged data: uploaded to this host, but not imported yet.

Each image has one file, named by its id, in a directory that the workers of
a host share (and the hosts of a service may share). A file is removed by the
import of its image, by its deletion, or by a periodic look that finds that
it is not needed.
"""

from collections.abc import Callable, Iterator
import logging
import operator
import os
import pathlib
import re
import time
from typing import NamedTuple
import urllib.parse

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import threads
from glance.images import limits as unified_limits
from glance.images import streams
from glance.images import transfers
from glance.images.importing import passing
from glance.notifications import notifier as notifications
from glance.store import filesystem

LOG = logging.getLogger(__name__)

_ID = re.compile(r'([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?:\..*)?')
_MODE = 0o600


class Directory:
    """The files of staged data; the directory is created on first use.

    :param path: of the directory
    """

    def __init__(self, path: str) -> None:
        self.path = pathlib.Path(os.path.abspath(path))
        self._store: filesystem.FilesystemStore | None = None

    def file(self, image_id: str) -> pathlib.Path:
        """:raises errors.NotFound: the id is malformed, so no image has it"""
        if not re.fullmatch(r'[\w-]{1,36}', image_id, re.ASCII):
            raise errors.NotFound(f'There is no image {image_id}.')
        return self.path / image_id

    def has(self, image_id: str) -> bool:
        return bool(threads.call(self.file(image_id).is_file))

    def write(
        self,
        image_id: str,
        data: Iterator[memoryview],
        confirm: Callable[[], None],
        size_bytes: int | None,
    ) -> None:
        """Store all of the data or nothing; replace an existing file.

        :raises errors.LimitExceeded: the directory is full
        :raises errors.StoreUnavailable: the directory cannot be written to
        """
        self._ready().write(image_id, data, confirm, size_bytes)

    def scratch(self, image_id: str) -> pathlib.Path:
        """Path of a file for plug-ins; remove what a dead worker left there.

        :raises errors.StoreUnavailable: the directory cannot be written to
        """
        self._ready()
        path = self.file(image_id).with_suffix('.import')
        threads.call(passing.remove_scratch, path)
        return path

    def _ready(self) -> filesystem.FilesystemStore:
        if self._store is None:
            try:
                self._store = threads.call(
                    filesystem.FilesystemStore, str(self.path), _MODE
                )
            except errors.ConfigurationError as error:
                LOG.error('Data cannot be staged in %s: %s', self.path, error)
                raise errors.StoreUnavailable(
                    'The directory for staged data cannot be used at the '
                    'moment; try again later.'
                ) from error
        return self._store

    def remove(self, image_id: str) -> None:
        """Remove the file of an image and the files of plug-ins beside it."""
        for path in threads.call(self._files_of, image_id):
            self._unlink(path)

    def _files_of(self, image_id: str) -> list[pathlib.Path]:
        file = self.file(image_id)
        return [file, *self.path.glob(f'{file.name}.*')]

    def _unlink(self, path: pathlib.Path) -> None:
        try:
            threads.call(path.unlink, missing_ok=True)
        except OSError as error:
            LOG.error('Could not remove the staged file %s: %s', path, error)

    def image_ids(self) -> list[str]:
        """Ids of the images that have files here."""
        return sorted({each.image_id for each in self.listed()})

    def listed(self) -> list['Listed']:
        """List the files of images that are here now."""
        return list(threads.call(self._list))

    def remove_listed(self, file: 'Listed') -> None:
        """Remove a file, unless another one has taken its place."""
        if threads.call(_version, file.path) == file.version:
            self._unlink(file.path)

    def _list(self) -> list['Listed']:
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            LOG.error('Could not list %s: %s', self.path, error)
            return []
        matches = [(name, _ID.fullmatch(name)) for name in names]
        return [
            Listed(it[1], path, _version(path))
            for path, it in (
                (self.path / name, match) for name, match in matches
            )
            if it
        ]


class Listed(NamedTuple):
    """A file of an image that was in the directory when it was listed.

    :ivar version: differs between files that had the name one after the other
    """

    image_id: str
    path: pathlib.Path
    version: tuple[int, ...] | None


def _version(path: pathlib.Path) -> tuple[int, ...] | None:
    """Return the identity of a file and of its content; None if missing."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_ctime_ns


def from_url(url: str) -> Directory:
    """Return the directory of a file:// URL.

    :raises errors.ConfigurationError: the URL is not of a directory
    """
    parsed = urllib.parse.urlsplit(url)
    if parsed.scheme != 'file' or parsed.netloc or len(parsed.path) < 2:
        raise errors.ConfigurationError(
            'node_staging_uri must be the URL of a directory, for instance '
            'file:///var/lib/glance/staging/.'
        )
    return Directory(urllib.parse.unquote(parsed.path))


class Stagings:
    """Stages the data of images.

    :param host: URL of this glance-api for the others; None if unknown
    :param size_cap_bytes: max size of an image
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        directory: Directory,
        *,
        running: transfers.Transfers,
        unified: unified_limits.UnifiedLimits,
        notifier: notifications.Notifier,
        host: str | None,
        size_cap_bytes: int,
    ) -> None:
        self._registry = registry
        self._directory = directory
        self._running = running
        self._unified = unified
        self._notifier = notifier
        self._host = host or ''
        self._size_cap_bytes = size_cap_bytes

    def run(
        self,
        context: context.RequestContext,
        image: contract.Image,
        source: streams.Chunks,
        expected_bytes: int | None,
    ) -> None:
        """Store the bytes of the source until they are imported.

        After any failure the image is ``queued`` again and the bytes are
        removed.

        :raises errors.Conflict: the image is not ``queued``
        :raises errors.LimitExceeded: there are too many bytes
        """
        image_id, transfer = image['id'], transfers.Transfer()
        length = streams.Length(self._size_cap_bytes, expected_bytes)
        claim = self._running.claim(transfer, expected_bytes)
        limits = self._unified.limits_of(
            image['owner'], ('image_count_uploading', 'image_stage_total')
        )
        if 'uploading' in limits:
            claim['limits'] = {'uploading': limits['uploading']}
        since = time.monotonic()
        claimed = self._registry.claim_stage(context, image_id, claim)
        self._running.hold(transfer, claimed['lease_seconds'], since)
        data = Counted(source, length, transfer)
        staged: contract.Staged = {
            'transfer_id': transfer.id,
            'size': 0,
            'host': self._host,
        }
        if 'stage_bytes' in limits:
            staged['limits'] = {'stage_bytes': limits['stage_bytes']}
        try:
            self._notifier.updated(claimed['image'])
            run = threads.run if source.go_native() else operator.call
            run(
                self._directory.write,
                image_id,
                iter(data),
                transfer.confirm,
                expected_bytes,
            )
            staged['size'] = length.size_bytes
            try:
                self._registry.finish_stage(context, image_id, staged)
            except errors.NotFound as error:
                raise errors.Gone(transfers.DELETED) from error
        except BaseException as error:  # also a killed greenthread
            self._undo(context, image_id, transfer, error)
            raise
        finally:
            self._running.drop(transfer)

    def _undo(
        self,
        context: context.RequestContext,
        image_id: str,
        transfer: transfers.Transfer,
        cause: BaseException,
    ) -> None:
        """Give the claim back, and then remove the file.

        This order is needed because the response to finish may have been lost.
        A file that is not needed is also removed by the next look.
        """
        failure = transfers.Failure('staging', image_id, cause)
        reason = f'The staging failed: {errors.public_text(cause)}'
        try:
            ended = self._registry.abandon_upload(
                context,
                image_id,
                {'transfer_id': transfer.id, 'reason': reason},
            )
            failure.log(ended)
            if ended['data_is_unused'] and transfer.may_be_stored:
                self._directory.remove(image_id)
        except errors.Error as error:
            failure.log_not_undone(error)


class Sweeping:
    """Removes files that are not needed."""

    def __init__(
        self, registry: registry_client.RegistryClient, directory: Directory
    ) -> None:
        self._registry = registry
        self._directory = directory

    def look(self) -> None:
        """Remove the files of images that are neither staged nor importing.

        A file gets its name while its image has a claim. So the files are
        listed before the registry is asked about their images, and one that
        has replaced a listed file meanwhile stays.
        """
        files = self._directory.listed()
        if not files:
            return
        service = context.of_service()
        image_ids = sorted({each.image_id for each in files})
        try:
            needed = set(self._registry.check_staged(service, image_ids))
        except errors.Error as error:
            LOG.warning('Could not look up who needs staged data: %s', error)
            return
        for file in files:
            if file.image_id not in needed:
                LOG.info('Removed the staged file %s', file.path)
                self._directory.remove_listed(file)


class Counted:
    """Counts the bytes of a source; they are hashed at the import."""

    def __init__(
        self,
        source: streams.Chunks,
        length: streams.Length,
        transfer: transfers.Transfer,
    ) -> None:
        self._source = source
        self._length = length
        self._transfer = transfer

    def __iter__(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(streams.CHUNK_BYTES))
        while got := self._source.readinto(buffer):
            self._transfer.check()
            self._length.add(got)
            self._transfer.bytes_done = self._length.size_bytes
            yield buffer[:got]
        self._length.end()
