"""What the data of an image is, kept where its owner cannot change it.

The service user may read every account, but the owner of an image can write
to its container: also links (symlinks and manifests) to objects that only the
service user may read. So the data is read piece by piece, no link is
followed, and each piece must have the size and the ETag of the upload.
"""

from collections.abc import Iterable, Mapping, Sequence
import json
import logging
from typing import NamedTuple

from glance.common import errors
from glance.store import remote
from glance.store import servers
from glance.store import swift_account
from glance.store import swift_upload

LOG = logging.getLogger(__name__)

#: Makes Swift answer with the object itself, not with what it refers to.
ITSELF = '?multipart-manifest=get&symlink=get'


class Place(NamedTuple):
    """Where the data of an image is."""

    account: swift_account.Account
    container: str
    name: str

    @property
    def path(self) -> str:
        return f'{self.container}/{self.name}'


def dumped(pieces: Iterable[swift_upload.Piece]) -> bytes:
    return json.dumps({'pieces': list(pieces)}).encode()


def loaded(body: bytes) -> list[swift_upload.Piece] | None:
    """Return the pieces of a record; None if it has none yet.

    :raises errors.StoreUnavailable: it is not a record
    """
    if not body:
        return None
    try:
        return [
            swift_upload.Piece(str(name), int(size), str(etag))
            for name, size, etag in json.loads(body)['pieces']
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise servers.Unreachable(
            'the record of the image in Swift is damaged'
        ) from error


def found(place: Place) -> list[swift_upload.Piece]:
    """The pieces of data without a record, which another program wrote.

    Only plain objects, and segments in the same container, are such data.

    :raises errors.NotFound: there is no such object
    :raises errors.StoreUnavailable: it cannot be read, or must not be
    """
    headers = _head(place)
    if headers.get('X-Object-Manifest'):
        paths = swift_upload.segments_of(place.account, place.path, headers)
        names = {path.partition('/')[2] for path in paths}
        return [it for it in _listed(place) if it.name in names]
    for name in ('X-Static-Large-Object', 'X-Symlink-Target'):
        if headers.get(name):
            raise refused(place, f'it has no record, but the header {name}')
    return [swift_upload.Piece(place.name, *_state(headers))]


def size(place: Place, pieces: Sequence[swift_upload.Piece]) -> int:
    """The number of bytes that exist.

    :raises errors.NotFound: there is no such object
    :raises errors.StoreUnavailable: it cannot be read, or was changed
    """
    headers = _head(place)
    if [it.name for it in pieces] == [place.name]:
        present = {place.name: _state(headers)}
    else:
        present = {it.name: (it.size_bytes, it.etag) for it in _listed(place)}
    for piece in pieces:
        state = present.get(piece.name)
        if state not in (None, (piece.size_bytes, piece.etag)):
            raise refused(place, f'{piece.name} is not what was stored')
    return sum(it.size_bytes for it in pieces if it.name in present)


def _head(place: Place) -> Mapping[str, str]:
    answer = place.account.ask('HEAD', place.path, None, ITSELF)
    swift_account.require(answer, 'HEAD of an object', 200, 204)
    return answer.headers


def _state(headers: Mapping[str, str]) -> tuple[int, str]:
    length = int(headers.get('Content-Length') or 0)
    return length, (headers.get('ETag') or '').strip('"')


def _listed(place: Place) -> list[swift_upload.Piece]:
    documents = place.account.documents(place.container, f'{place.name}-')
    return [
        swift_upload.Piece(it['name'], int(it['bytes']), it['hash'])
        for it in documents
    ]


def refused(place: Place, why: str) -> errors.StoreUnavailable:
    """The error of data that must not be read; it is logged here."""
    LOG.error(
        'The data of image %s in the Swift container %s is not read, because '
        'it was changed there: %s. Restore it, or delete the image.',
        place.name,
        place.container,
        why,
    )
    return servers.Unreachable(f'the data was changed in Swift: {why}')


class Source:
    """Reads a range of the pieces, one after the other.

    See :class:`glance.store.remote.Source`.

    :param length: the pieces must have so many bytes from the offset on
    """

    def __init__(
        self,
        place: Place,
        pieces: Iterable[swift_upload.Piece],
        offset: int,
        length: int,
    ) -> None:
        self._place = place
        #: Pieces to read with the offset and number of bytes in them.
        self._left: list[tuple[swift_upload.Piece, int, int]] = []
        for piece in pieces:
            begin = min(offset, piece.size_bytes)
            count = min(length, piece.size_bytes - begin)
            if count:
                self._left.append((piece, begin, count))
            offset, length = offset - begin, length - count
        self._is_aborted = False
        self._response: servers.Response | None = None
        self._open_next()

    def _open_next(self) -> None:
        self.close()
        if not self._left:
            return
        piece, begin, count = self._left.pop(0)
        whole = (begin, count) == (0, piece.size_bytes)
        headers = {} if whole else servers.range_header(begin, count)
        path = f'{self._place.container}/{piece.name}'
        response = self._place.account.open(path, headers, ITSELF)
        try:
            self._require(response, piece, count, 200 if whole else 206)
        except BaseException:
            response.close()
            raise
        self._response = response
        if self._is_aborted:
            response.abort()

    def _require(
        self,
        response: servers.Response,
        piece: swift_upload.Piece,
        count: int,
        status: int,
    ) -> None:
        if response.status == 416:
            raise refused(self._place, f'{piece.name} is shorter than it was')
        if response.status != status:
            raise swift_account.refused(response.status, 'GET of an object')
        # This response has the data, so it is the one that is compared.
        etag = (response.headers.get('ETag') or '').strip('"')
        if etag != piece.etag or response.length != count:
            raise refused(self._place, f'{piece.name} is not what was stored')
        for name in ('Content-Location', 'X-Symlink-Target'):
            if response.headers.get(name):
                raise refused(self._place, f'{piece.name} is a link')

    def readinto(self, view: memoryview) -> int:
        got = 0
        while self._response is not None and got < len(view):
            amount = self._response.readinto(view[got:])
            got += amount
            if not amount:
                self._open_next()
        return got

    def abort(self) -> None:
        self._is_aborted = True
        response = self._response
        if response is not None:
            response.abort()

    def close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()


def opened(
    place: Place,
    pieces: Sequence[swift_upload.Piece],
    offset: int,
    length: int | None,
) -> tuple[Source, int]:
    """Open a range; return it and its length.

    :param length: None: to the end
    :raises errors.NotFound: there is no such object
    :raises errors.StoreUnavailable: it cannot be read, or was changed
    """
    total = sum(it.size_bytes for it in pieces)
    if length is None:
        length = total - offset
    if length < 0 or offset + length > total:
        raise remote.too_short()
    if not length:
        size(place, pieces)
    return Source(place, pieces, offset, length), length


def require_etags(pieces: Iterable[swift_upload.Piece]) -> None:
    """:raises errors.StoreUnavailable: Swift did not tell what it stored"""
    if not all(it.etag for it in pieces):
        raise servers.Unreachable('Swift sent no ETag for a stored object')
