"""The kinds of sources of imported data; each function opens one kind."""

from collections.abc import Iterator
import contextlib
import logging
import os
import pathlib
from typing import BinaryIO

from glance.common import contract
from glance.common import errors
from glance.common import threads
from glance.images import download
from glance.images.importing import digests
from glance.images.importing import remote
from glance.images.importing import source
from glance.images.importing import web as downloads
from glance.store import base
from glance.store import outbound
from glance.store import regular
from glance.store import stores

LOG = logging.getLogger(__name__)

Source = source.Source

#: How often the data of an image is opened before its import fails.
IMAGE_TRIES = 3


class Staged(source.Native):
    """A file of this host.

    :raises errors.NotFound: the file does not exist
    :raises errors.StoreUnavailable: the file cannot be read
    """

    def __init__(self, path: pathlib.Path) -> None:
        try:
            self._file: BinaryIO = threads.call(regular.open_file, path)
        except FileNotFoundError as error:
            raise errors.NotFound(
                'The staged data of the image does not exist on this host.'
            ) from error
        except OSError as error:
            raise errors.StoreUnavailable from error
        self.size_bytes: int | None = os.fstat(self._file.fileno()).st_size
        self._position = 0
        with contextlib.suppress(OSError):
            os.posix_fadvise(
                self._file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL
            )

    def readinto(self, view: memoryview) -> int:
        got = 0
        try:
            while got < len(view):
                amount = threads.call(
                    os.preadv,
                    self._file.fileno(),
                    [view[got:]],
                    self._position,
                )
                if not amount:
                    break
                got += amount
                self._position += amount
        except OSError as error:
            raise errors.StoreUnavailable from error
        if got < len(view) and self._position != self.size_bytes:
            raise errors.StoreUnavailable from EOFError(
                'the staged file was truncated while it was read'
            )
        return got

    def close(self) -> None:
        self._file.close()


class Image(source.Native):
    """The data of an active image, from the first readable location.

    If a location fails in the middle, the rest is read in another attempt,
    from the next location or the same one.
    """

    def __init__(self, store: stores.Stores, image: contract.Image) -> None:
        self._store = store
        self._image = image
        self._size = image['size'] or 0
        self.size_bytes: int | None = self._size
        self._position = 0
        self._tries_left = IMAGE_TRIES
        self._pieces: Iterator[bytes] = iter(())
        self._rest = memoryview(b'')
        self._body: base.Body | None = None
        self._open()

    def _open(self) -> None:
        self._tries_left -= 1
        self.close()
        left = self._size - self._position
        if left:
            self._body = download.open_data(
                self._store, self._image, self._position, left
            )
            self._pieces = iter(self._body)

    def readinto(self, view: memoryview) -> int:
        got = 0
        while got < len(view) and self._position < self._size:
            if not self._rest:
                self._rest = memoryview(self._next_piece())
            amount = min(len(view) - got, len(self._rest))
            view[got : got + amount] = self._rest[:amount]
            self._rest = self._rest[amount:]
            self._position += amount
            got += amount
        return got

    def _next_piece(self) -> bytes:
        while True:
            try:
                piece = next(self._pieces, b'')
                if piece:
                    return piece
                raise EOFError('the data ended too early')
            except (errors.Error, OSError, EOFError) as error:
                if not self._tries_left:
                    raise errors.StoreUnavailable from error
                LOG.warning(
                    'Reading the data of image %s failed at byte %s; it is '
                    'tried again: %s',
                    self._image['id'],
                    self._position,
                    base.reason(error),
                )
                self._open()

    def close(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            body.close()


def staged(path: str | os.PathLike[str]) -> source.Source:
    """See :class:`Staged`."""
    return Staged(pathlib.Path(path))


def image(store: stores.Stores, record: contract.Image) -> source.Source:
    """See :class:`Image`.

    :raises errors.StoreUnavailable: no location can be read
    """
    return Image(store, record)


def web(
    client: outbound.Client,
    url: str,
    expected: digests.Expected | None,
    limits: downloads.Limits,
) -> source.Source:
    """The data at a URL; see :class:`glance.images.importing.web.Download`.

    :param client: one for native threads
    :param expected: the hash that the data must have; None: any
    """
    return digests.verified(downloads.Download(client, url, limits), expected)


def glance(
    service: remote.Service,
    image: remote.Image,
    limits: downloads.Limits,
) -> source.Source:
    """The data of an image of another image service.

    :param image: the result of ``service.image()``
    """
    return service.data(image, limits)
