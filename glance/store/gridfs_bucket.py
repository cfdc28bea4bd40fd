"""Files in GridFS of a MongoDB; for native threads only.

GridFS is two collections: a document of ``fs.files`` describes a file, and
those of ``fs.chunks`` have its data. The collection ``glance_uploads`` has a
document for each file that is not complete yet or is being removed. It lists
what a killed process left, and it reserves the file's id.
"""

from collections.abc import Callable, Iterator
import contextlib
import datetime
import logging
import os
from typing import Any, NamedTuple
import urllib.parse
import uuid

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import feeding
from glance.store import servers

pymongo: Any = threads.library('pymongo')

LOG = logging.getLogger(__name__)

#: Size of the chunks of new files. A document has at most 16 MiB. The library
#: copies each one several times, and memory for larger ones is mapped anew
#: each time (server.MAPPED_BYTES): a GiB costs 2 CPU seconds with chunks of 2
#: MiB, 0.1 with this size.
CHUNK_BYTES = 512 * 1024
#: How many chunks of an upload are sent at once.
AT_ONCE = 8
UPLOADS = 'glance_uploads'
#: Options of a URI, by their lower-case names, that have other defaults here.
#: Without time limits, a dead server would occupy a thread for ever.
_DEFAULTS = {
    'serverselectiontimeoutms': ('serverSelectionTimeoutMS', 10_000),
    'connecttimeoutms': ('connectTimeoutMS', 5_000),
    'sockettimeoutms': ('socketTimeoutMS', 60_000),
    'w': ('w', 'majority'),
    'appname': ('appname', 'glance'),
}
#: Codes of MongoDB: OutOfDiskSpace, QuotaExceeded, AtlasError (its quota).
_FULL = frozenset((14031, 12501, 8000))


class File(NamedTuple):
    """A complete file.

    :ivar writer: identifies the upload that wrote it
    :ivar order: of several files of one image, the greatest is read
    """

    id: Any
    length: int
    chunk_bytes: int
    writer: str
    order: tuple[int, str]


class Bucket:
    """The files of one database.

    :param database: its name; empty: the one in the URI
    :raises errors.ConfigurationError: the URI is wrong, or no database given
    """

    def __init__(self, uri: str, database: str) -> None:
        given = {
            name.lower()
            for name, _ in urllib.parse.parse_qsl(
                uri.partition('?')[2], keep_blank_values=True
            )
        }
        self._uri = uri
        self._options = {
            name: value
            for key, (name, value) in _DEFAULTS.items()
            if key not in given
        }
        self._client: tuple[int, Any] | None = None
        try:
            self.database: str = database or _default_database(uri)
        except (pymongo.errors.PyMongoError, ValueError) as error:
            # The message may contain a part of the password.
            raise errors.ConfigurationError(
                'mongodb_store_uri is no valid URI of a MongoDB; user and '
                'password must be percent-encoded.'
            ) from error
        if not self.database:
            raise errors.ConfigurationError(
                'mongodb_store_db must be set, because mongodb_store_uri '
                'names no database.'
            )

    @property
    def hosts(self) -> str:
        """The servers that the URI names."""
        authority = urllib.parse.urlsplit(self._uri).netloc
        return ','.join(
            sorted(authority.rpartition('@')[2].lower().split(','))
        )

    def collection(self, name: str) -> Any:
        # A client has threads, which a fork would not copy.
        if self._client is None or self._client[0] != os.getpid():
            client = pymongo.MongoClient(self._uri, **self._options)
            self._client = os.getpid(), client
        return self._client[1].get_database(
            self.database, read_preference=pymongo.ReadPreference.PRIMARY
        )[name]

    @property
    def files(self) -> Any:
        return self.collection('fs.files')

    @property
    def chunks(self) -> Any:
        return self.collection('fs.chunks')

    @property
    def uploads(self) -> Any:
        return self.collection(UPLOADS)

    def close(self) -> None:
        """Disconnect; the next use connects again."""
        client, self._client = self._client, None
        if client is not None:
            client[1].close()

    def prepare(self) -> None:
        """Create the indexes of GridFS if they do not exist."""
        with translated():
            self.chunks.create_index([('files_id', 1), ('n', 1)], unique=True)
            self.files.create_index([('filename', 1), ('uploadDate', 1)])

    def ping(self) -> None:
        with translated():
            self.files.database.command('ping')

    def find(self, image_id: str) -> File:
        """:raises errors.NotFound: the image has no complete file"""
        files = self.all_of(image_id)
        if not files:
            raise errors.NotFound(
                'The data of the image was not found in the store.'
            )
        return max(files, key=lambda file: file.order)

    def all_of(self, image_id: str) -> list[File]:
        """All complete files of an image; usually one.

        Ours have the image's id as their name, and usually as their id. Those
        of upstream have it as their id only.
        """
        with translated():
            documents = {
                each['_id']: each
                for query in ({'filename': image_id}, {'_id': image_id})
                for each in self.files.find(query)
            }
            old = documents.get(image_id)
            if (
                old is not None
                and old.get('filename') != image_id
                and self.uploads.find_one({'_id': image_id})
            ):
                del documents[image_id]
        return [_file(each) for each in documents.values()]

    def remove(self, image_id: str, file_id: Any) -> None:
        """Remove a file, complete or not, with all its chunks."""
        with translated():
            with contextlib.suppress(pymongo.errors.DuplicateKeyError):
                self.uploads.insert_one(
                    {'_id': file_id, 'image_id': image_id, 'token': ''}
                )
            if self.files.find_one({'_id': file_id}):
                self.files.delete_one({'_id': file_id})
            self.chunks.delete_many({'files_id': file_id})
            self.uploads.delete_one({'_id': file_id})

    def has(self, file: File) -> bool:
        """Whether this file still exists, and no other one has its id."""
        with translated():
            document = self.files.find_one({'_id': file.id})
        return document is not None and _file(document).writer == file.writer

    def unfinished(self, **query: str) -> list[tuple[Any, str]]:
        """Id and token of the files that are not complete."""
        with translated():
            return [
                (each['_id'], each['token'])
                for each in self.uploads.find(query)
            ]

    def blocks(self, file: File, position: int) -> Iterator[bytes]:
        """The data from ``position`` on, one or several chunks at a time.

        :raises servers.Unreachable: a chunk is missing or has a wrong size
        """
        at_once = max(1, CHUNK_BYTES // file.chunk_bytes)
        number, skipped = divmod(position, file.chunk_bytes)
        end = -(-file.length // file.chunk_bytes)
        while number < end:
            last = min(number + at_once, end)
            query = {'files_id': file.id, 'n': {'$gte': number, '$lt': last}}
            with translated():
                documents = list(self.chunks.find(query).sort('n', 1))
            yield _joined(file, number, last, documents)[skipped:]
            number, skipped = last, 0


class Upload:
    """A file that is being written.

    :ivar parts: sends the chunks, several at once
    """

    def __init__(self, bucket: Bucket, image_id: str) -> None:
        self._bucket = bucket
        self._image_id = image_id
        self._id: str | None = None
        self._token = uuid.uuid4().hex
        self.parts: feeding.Parts[None] = feeding.Parts(
            self._send, lambda _: CHUNK_BYTES, AT_ONCE
        )

    def begin(self) -> None:
        """Reserve an id: that of the image, or another one if it is taken."""
        for file_id in (self._image_id, f'{self._image_id}-{self._token}'):
            if self._reserve(file_id):
                self._id = file_id
                return

    def _reserve(self, file_id: str) -> bool:
        bucket = self._bucket
        document = {
            '_id': file_id,
            'image_id': self._image_id,
            'token': self._token,
        }
        with translated():
            try:
                bucket.uploads.insert_one(document)
            except pymongo.errors.DuplicateKeyError:
                return False
            is_taken = bucket.files.find_one(
                {'_id': file_id}
            ) or bucket.chunks.find_one({'files_id': file_id}, {'n': 1})
            if is_taken:
                bucket.uploads.delete_one(document)
        return not is_taken

    def _send(
        self, number: int, part: memoryview, watch: Callable[[], None]
    ) -> None:
        watch()
        document = {
            'files_id': self._id,
            'n': number - 1,
            'data': bytes(part),
        }
        with translated():
            self._bucket.chunks.insert_one(document)

    def publish(self, size_bytes: int) -> None:
        """Make the file visible, and remove older ones of the image.

        :raises servers.Unreachable: it was removed meanwhile
        """
        if not self._is_ours():
            raise servers.Unreachable('the unfinished file was removed')
        others = self._bucket.all_of(self._image_id)
        revision = max((file.order[0] + 1 for file in others), default=0)
        document = {
            '_id': self._id,
            'filename': self._image_id,
            'length': size_bytes,
            'chunkSize': CHUNK_BYTES,
            'uploadDate': datetime.datetime.now(datetime.UTC),
            'metadata': {'writer': self._token, 'revision': revision},
        }
        with translated():
            self._bucket.files.insert_one(document)
            self._bucket.uploads.delete_one({'_id': self._id})
        self._remove_older((revision, str(self._id)))

    def _remove_older(self, order: tuple[int, str]) -> None:
        """Of simultaneous uploads exactly one remains: the greatest."""
        try:
            for file in self._bucket.all_of(self._image_id):
                if file.order < order:
                    LOG.warning(
                        'Replaced the data that an interrupted upload of '
                        'image %s left',
                        self._image_id,
                    )
                    self._bucket.remove(self._image_id, file.id)
        except errors.Error as error:
            LOG.error(
                'Could not remove replaced data of image %s; it is removed '
                'with the image: %s',
                self._image_id,
                base.reason(error),
            )

    def _is_ours(self) -> bool:
        """Whether the id is still reserved for this upload."""
        return bool(
            self._bucket.unfinished(_id=str(self._id), token=self._token)
        )

    def abort(self) -> None:
        """Remove what was written; log a failure."""
        if self._id is None:
            return
        try:
            if self._is_ours():
                self._bucket.remove(self._image_id, self._id)
        except errors.Error as error:
            LOG.warning(
                'Could not remove the data of a failed upload of image %s; '
                'it is removed later as a leftover: %s',
                self._image_id,
                base.reason(error),
            )


def _default_database(uri: str) -> str:
    """The database that a URI names; empty if none."""
    with pymongo.MongoClient(uri, connect=False) as client:
        try:
            return str(client.get_default_database().name)
        except pymongo.errors.ConfigurationError:
            return ''


def _file(document: dict[str, Any]) -> File:
    details = document.get('metadata')
    details = details if isinstance(details, dict) else {}
    revision = details.get('revision')
    return File(
        document['_id'],
        int(document.get('length') or 0),
        max(1, int(document.get('chunkSize') or 0)),
        str(details.get('writer') or document.get('uploadDate')),
        (
            revision if isinstance(revision, int) else 0,
            str(document['_id']),
        ),
    )


def _joined(
    file: File, first: int, last: int, found: list[dict[str, Any]]
) -> bytes:
    """The data of the chunks from ``first`` to before ``last``."""
    data = b''.join(each['data'] for each in found)
    end = min(last * file.chunk_bytes, file.length)
    numbers = [each['n'] for each in found]
    if (
        numbers != list(range(first, last))
        or len(data) != end - first * file.chunk_bytes
    ):
        raise servers.Unreachable(
            'chunks of the file are missing or have a wrong size'
        )
    return data


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Translate the errors of the library.

    It raises errors that are not its own if a response is malformed.
    """
    try:
        yield
    except (
        pymongo.errors.PyMongoError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        if getattr(error, 'code', None) in _FULL:
            raise errors.LimitExceeded(
                'The image store has no space left; ask the operator to free '
                'some.'
            ) from error
        raise servers.Unreachable(
            f'MongoDB: {type(error).__name__}: {error}'
        ) from error
