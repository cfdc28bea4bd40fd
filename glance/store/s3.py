"""Image data as objects of an S3 service.

A small image of known size is sent in one PUT while it is received. Other
images are multipart uploads, whose parts are sent in parallel, each from a
buffer. In both cases the object appears when it is complete, or not at all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import hashlib
import logging
from typing import Any
import urllib.parse

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import feeding
from glance.store import remote
from glance.store import s3_bucket
from glance.store import s3_listing
from glance.store import s3_upload
from glance.store import servers

LOG = logging.getLogger(__name__)

MIB = s3_upload.MIB
SCHEMES = ('s3', 's3+http', 's3+https')
#: How often a failed download is resumed.
_RESUMES = 3
_REQUIRED = (
    's3_store_host',
    's3_store_access_key',
    's3_store_secret_key',
    's3_store_bucket',
)


def check(options: Mapping[str, Any]) -> None:
    """:raises errors.ConfigurationError: an option is missing"""
    for name in _REQUIRED:
        if not options[name]:
            raise errors.ConfigurationError(f'{name} must be set.')


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """Create the store, and check its bucket.

    :raises errors.ConfigurationError: an option is wrong or missing
    :raises errors.StoreUnavailable: the service does not respond
    """
    check(options)
    host = options['s3_store_host']
    if '://' not in host:
        host = f'https://{host}'
    bucket = s3_bucket.Bucket(
        host,
        options['s3_store_bucket'],
        s3_bucket.Access(
            options['s3_store_access_key'], options['s3_store_secret_key']
        ),
        options['s3_store_region_name'],
        options['s3_store_bucket_url_format'],
        servers.tls_context('s3_store_cacert', options['s3_store_cacert']),
    )
    store = S3Store(
        bucket,
        s3_upload.Sizes(
            options['s3_store_large_object_size'] * MIB,
            options['s3_store_large_object_chunk_size'] * MIB,
            options['s3_store_thread_pools'],
            options['s3_store_enable_data_integrity_protection'],
            options['s3_store_request_checksum_calculation']
            == 'when_supported',
        ),
    )
    threads.run(store.require_bucket, options['s3_store_create_bucket_on_put'])
    return store


class S3Store(remote.Objects):
    """See :class:`glance.store.base.Writable`; URLs are s3://host/bucket/id."""

    schemes = SCHEMES

    def __init__(
        self, bucket: s3_bucket.Bucket, sizes: s3_upload.Sizes
    ) -> None:
        self._bucket = bucket
        self._sizes = sizes
        place = f's3 {bucket.authority} {bucket.name}'
        self.identity: str | None = hashlib.sha256(place.encode()).hexdigest()

    def require_bucket(self, create: bool) -> None:
        """:raises errors.Error: the bucket is missing, or cannot be used"""
        answer = self._bucket.ask('HEAD')
        if answer.status == 404 and create:
            answer = self._bucket.ask('PUT')
        if answer.status == 404:
            raise errors.ConfigurationError(
                f'The bucket {self._bucket.name} does not exist; create it, '
                'or set s3_store_create_bucket_on_put.'
            )
        s3_bucket.require(answer, f'the bucket {self._bucket.name}', 200, 204)

    def _require_usable(self) -> None:
        self.require_bucket(create=False)

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        if size_bytes is not None and size_bytes <= self._sizes.large_bytes:
            self._write_whole(image_id, data, confirm, size_bytes)
        else:
            self._write_parts(image_id, data, confirm, size_bytes)
        return self._url(image_id)

    def _write_whole(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int,
    ) -> None:
        """Send one PUT; confirm the claim before its last bytes are sent."""
        headers = {**s3_upload.new_upload(), 'Content-Length': str(size_bytes)}

        def send(pieces: Iterator[bytes]) -> servers.Answer:
            sending = self._bucket.start('PUT', image_id, None, headers)
            return s3_upload.sent(sending, pieces)

        stream = feeding.Stream(send)
        try:
            received_bytes = 0
            for piece, is_last in feeding.held_back(data):
                received_bytes += len(piece)
                if is_last or received_bytes > size_bytes:
                    feeding.require_size(received_bytes, size_bytes)
                    confirm()
                stream.push(piece)
            stream.end()
            s3_bucket.require(stream.result(), 'PUT of an object')
        except BaseException:
            stream.give_up()
            raise

    def _write_parts(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None,
    ) -> None:
        upload = s3_upload.Upload(
            self._bucket, image_id, self._sizes, size_bytes
        )
        try:
            received_bytes = 0
            for number, part in enumerate(upload.parts.fill(data), start=1):
                received_bytes += len(part)
                if number > 1 or self._is_part(part, size_bytes):
                    threads.run(upload.begin)
                    upload.parts.give(number, part)
                    continue
                # This is all the data, so it needs no parts.
                upload.whole = part
            if size_bytes is not None:
                feeding.require_size(received_bytes, size_bytes)
            upload.parts.result()
            confirm()
            threads.run(upload.complete)
        except BaseException:
            upload.parts.give_up()
            threads.run(upload.abort)
            raise

    def _is_part(self, part: memoryview, size_bytes: int | None) -> bool:
        """Whether more parts may follow this first one."""
        full = len(part) == self._sizes.part_bytes
        return bool(part) and (full or size_bytes is not None)

    def _url(self, image_id: str) -> str:
        scheme = 's3+https' if self._bucket.scheme == 'https' else 's3'
        place = f'{self._bucket.authority}/{self._bucket.name}/{image_id}'
        return f'{scheme}://{place}'

    def _key(self, url: str) -> tuple[str, str]:
        """Return bucket and key of a URL, which may contain an access key.

        :raises base.Elsewhere: the URL is of another service
        """
        scheme, _, rest = url.partition('://')
        authority, _, path = rest.rpartition('@')[2].partition('/')
        bucket, _, key = path.partition('/')
        if (
            scheme.lower() not in SCHEMES
            or not key
            or not self._is_here(authority)
        ):
            raise base.Elsewhere(
                'the URL is of another host than that of s3_store_host, or '
                'names no object'
            )
        return bucket, urllib.parse.unquote(key)

    def _is_here(self, authority: str) -> bool:
        port = ':443' if self._bucket.scheme == 'https' else ':80'
        ours = self._bucket.authority
        return authority.lower().removesuffix(port) == ours.removesuffix(port)

    def _locate(self, url: str) -> tuple[s3_bucket.Bucket, str]:
        name, key = self._key(url)
        if name == self._bucket.name:
            return self._bucket, key
        return self._bucket.other(name), key

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        bucket, key = self._locate(url)
        if length == 0:
            if self.size(url) < offset:
                raise remote.too_short()
            return remote.Nothing()
        response = threads.run(_opened, bucket, key, offset, length, None)
        present = response.length or 0
        if length is None:
            length = present
        if present != length:
            response.close()
            raise remote.too_short()
        wanted, etag = length, response.headers.get('ETag')

        def open_at(done: int) -> servers.Response:
            return _opened(bucket, key, offset + done, wanted - done, etag)

        return remote.Body(open_at, response, length, _RESUMES)

    def size(self, url: str) -> int:
        bucket, key = self._locate(url)
        answer = threads.run(bucket.ask, 'HEAD', key)
        s3_bucket.require(answer, 'HEAD of an object')
        return int(answer.headers.get('Content-Length') or 0)

    def delete(self, url: str) -> None:
        bucket, key = self._locate(url)
        threads.run(_delete, bucket, key)

    def pieces(self) -> Iterator[base.Piece]:
        return s3_listing.pieces(self._bucket, self._url, self.hold)

    def set_aside(self, url: str) -> str:
        bucket, key = self._locate(url)
        aside = threads.run(s3_listing.copy_aside, bucket, key)
        threads.run(_delete, bucket, key)
        return f'{bucket.name}/{aside}'

    def _held(self, image_id: str) -> remote.HeldObject:
        return _Held(self._bucket, image_id)


class _Held(remote.HeldObject):
    """See :class:`glance.store.base.Held`."""

    def __init__(self, bucket: s3_bucket.Bucket, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._object: tuple[str | None, ...] | None = None
        self._uploads: list[str] = []

    def look(self) -> bool:
        """:returns: whether there is an object or an open upload"""
        self._object = self._found()
        self._uploads = _open_uploads(self._bucket, self._key)
        return self._object is not None or bool(self._uploads)

    def _found(self) -> tuple[str | None, ...] | None:
        """Headers that distinguish this object from others with its key."""
        answer = self._bucket.ask('HEAD', self._key)
        if answer.status == 404:
            return None
        s3_bucket.require(answer, 'HEAD of an object')
        names = ('ETag', 'Last-Modified', 'x-amz-version-id', s3_upload.UPLOAD)
        return tuple(answer.headers.get(name) for name in names)

    def _remove(self) -> None:
        for upload_id in self._uploads:
            s3_upload.abort(self._bucket, self._key, upload_id)
        if self._object is not None and self._found() == self._object:
            _delete(self._bucket, self._key)


def _opened(
    bucket: s3_bucket.Bucket,
    key: str,
    offset: int,
    length: int | None,
    etag: str | None,
) -> servers.Response:
    headers = servers.range_header(offset, length)
    if etag is not None:
        headers['If-Match'] = etag
    response = bucket.open(key, headers)
    try:
        if response.status == 416:
            raise remote.too_short()
        if response.status != (206 if 'Range' in headers else 200):
            answer = servers.Answer(
                response.status, response.headers, response.read_all()
            )
            raise s3_bucket.refused(answer, 'GET of an object')
    except BaseException:
        response.close()
        raise
    return response


def _delete(bucket: s3_bucket.Bucket, key: str) -> None:
    answer = bucket.ask('DELETE', key)
    if answer.status == 404 and s3_bucket.code_of(answer) != 'NoSuchBucket':
        LOG.info('The data to delete did not exist')
        return
    s3_bucket.require(answer, 'DELETE of an object', 200, 204)


def _open_uploads(bucket: s3_bucket.Bucket, key: str) -> list[str]:
    """Ids of the unfinished multipart uploads of a key."""
    answer = bucket.ask('GET', '', {'uploads': '', 'prefix': key})
    if answer.status in (403, 405, 501):
        # Not permitted or not supported: uploads that a dead worker left
        # stay until a lifecycle rule of the bucket removes them.
        LOG.warning(
            'The store does not list uploads in parts (%s %s)',
            answer.status,
            s3_bucket.code_of(answer),
        )
        return []
    s3_bucket.require(answer, 'list of uploads in parts')
    upload_ids = []
    for element in s3_bucket.elements_of(answer):
        if s3_bucket.local(element) != 'Upload':
            continue
        texts = {s3_bucket.local(child): child.text or '' for child in element}
        if texts.get('Key') == key and texts.get('UploadId'):
            upload_ids.append(texts['UploadId'])
    return upload_ids
