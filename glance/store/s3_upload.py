"""Uploads to S3: one PUT, or several parts."""

import base64
from collections.abc import Callable, Iterable
import hashlib
import logging
from typing import NamedTuple
import uuid
from xml.sax import saxutils
import zlib

from glance.common import errors
from glance.store import base
from glance.store import feeding
from glance.store import s3_bucket
from glance.store import servers

LOG = logging.getLogger(__name__)

MIB = 1024 * 1024
#: The limit of AWS and of all other services.
MAX_PARTS = 10_000
#: If the size is unknown, the part size doubles after so many parts: 600 GiB
#: if parts have 10 MiB at first.
_DOUBLED_AFTER = 2000
#: Metadata of an object: the upload that created it.
UPLOAD = 'x-amz-meta-glance-upload'


class Sizes(NamedTuple):
    """:ivar large_bytes: larger images are uploaded in parts

    :ivar at_once: max number of parts that are sent in parallel
    :ivar has_md5: send an MD5 of each part, which the server checks
    :ivar has_crc: send a CRC32 of each part, which the server checks
    """

    large_bytes: int
    part_bytes: int
    at_once: int
    has_md5: bool = False
    has_crc: bool = False


class Upload:
    """A multipart upload of one image.

    :ivar whole: all its data, if that fits into one part
    """

    def __init__(
        self,
        bucket: s3_bucket.Bucket,
        key: str,
        sizes: Sizes,
        size_bytes: int | None,
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._sizes = sizes
        self._size_bytes = size_bytes
        self._headers = new_upload()
        self._id: str | None = None
        self.whole: memoryview | None = None
        part_bytes = self._part_bytes(1)
        self.parts: feeding.Parts[str] = feeding.Parts(
            self._send,
            self._part_bytes,
            min(
                sizes.at_once,
                max(2, feeding.MAX_BUFFERED_BYTES // part_bytes),
            ),
        )

    def _part_bytes(self, number: int) -> int:
        least = self._sizes.part_bytes
        if self._size_bytes is None:
            return int(least << (number // _DOUBLED_AFTER))
        needed = -(-self._size_bytes // MAX_PARTS)
        return max(least, -(-needed // MIB) * MIB)

    def begin(self) -> None:
        if self._id is not None:
            return
        answer = self._bucket.ask(
            'POST', self._key, {'uploads': ''}, self._headers
        )
        s3_bucket.require(answer, 'start of an upload in parts')
        self._id = s3_bucket.text_of(answer, 'UploadId')
        if not self._id:
            raise servers.Unreachable('the response has no UploadId')

    def _send(
        self, number: int, part: memoryview, watch: Callable[[], None]
    ) -> str:
        query = {'partNumber': str(number), 'uploadId': self._id or ''}
        headers = {
            **self._digests(part),
            'Content-Length': str(len(part)),
        }

        def attempt() -> servers.Answer:
            sending = self._bucket.start('PUT', self._key, query, headers)
            return sent(sending, [part], watch)

        answer = servers.again(attempt, lambda it: servers.is_busy(it.status))
        s3_bucket.require(answer, 'PUT of a part')
        etag = answer.headers.get('ETag')
        if not etag:
            raise servers.Unreachable('the response to a part has no ETag')
        return etag

    def _digests(self, part: memoryview) -> dict[str, str]:
        headers = {}
        if self._sizes.has_md5:
            digest = hashlib.md5(part, usedforsecurity=False).digest()
            headers['Content-MD5'] = base64.b64encode(digest).decode()
        if self._sizes.has_crc:
            crc = zlib.crc32(part).to_bytes(4, 'big')
            headers['x-amz-checksum-crc32'] = base64.b64encode(crc).decode()
        return headers

    def complete(self) -> None:
        """Complete the upload, so that the object appears."""
        if self._id is None:
            part = self.whole if self.whole is not None else memoryview(b'')
            headers = {**self._headers, **self._digests(part)}
            answer = self._bucket.ask('PUT', self._key, None, headers, part)
            s3_bucket.require(answer, 'PUT of an object')
            return
        parts = ''.join(
            f'<Part><PartNumber>{number}</PartNumber>'
            f'<ETag>{saxutils.escape(etag)}</ETag></Part>'
            for number, etag in enumerate(self.parts.result(), start=1)
        )
        answer = self._bucket.ask(
            'POST',
            self._key,
            {'uploadId': self._id},
            {'Content-Type': 'application/xml'},
            f'<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>'.encode(),
        )
        s3_bucket.require(answer, 'end of an upload in parts')

    def abort(self) -> None:
        """Have the server discard the parts; log a failure."""
        if self._id is None:
            return
        try:
            abort(self._bucket, self._key, self._id)
        except errors.Error as error:
            LOG.warning(
                'Could not abort the upload of image %s in parts; it is '
                'removed later as a leftover: %s',
                self._key,
                base.reason(error),
            )


def new_upload() -> dict[str, str]:
    return {
        'Content-Type': 'application/octet-stream',
        UPLOAD: str(uuid.uuid4()),
    }


def sent(
    sending: servers.Sending,
    pieces: Iterable[bytes | memoryview],
    watch: Callable[[], None] = lambda: None,
) -> servers.Answer:
    """Send a body and return the response."""
    try:
        for piece in pieces:
            sending.write(memoryview(piece), watch)
            if sending.is_refused:
                break
        response = sending.finish()
    except BaseException:
        sending.abort()
        raise
    try:
        answer = servers.Answer(
            response.status, response.headers, response.read_all()
        )
    finally:
        response.close()
    if answer.status < 300:
        sending.require_working()
    return answer


def abort(bucket: s3_bucket.Bucket, key: str, upload_id: str) -> None:
    answer = bucket.ask('DELETE', key, {'uploadId': upload_id})
    if answer.status != 404:
        s3_bucket.require(answer, 'end of an upload in parts', 200, 204)
