"""Lists the objects of an S3 bucket, and copies damaged ones aside."""

from collections.abc import Callable, Iterator
import datetime
import functools
from typing import NamedTuple
import urllib.parse
from xml.sax import saxutils

from glance.common import threads
from glance.store import base
from glance.store import listing
from glance.store import s3_bucket
from glance.store import s3_upload
from glance.store import servers

#: Max bytes that one request copies. The limit of S3 is 5 GiB; a smaller copy
#: ends before the request times out.
COPY_BYTES = 1024 * s3_upload.MIB


class _Object(NamedTuple):
    key: str
    size_bytes: int
    age_seconds: float


def pieces(
    bucket: s3_bucket.Bucket,
    url_of: Callable[[str], str],
    hold: Callable[[str], base.Held | None],
) -> Iterator[base.Piece]:
    """Yield all objects of a bucket.

    :raises errors.StoreUnavailable: the bucket cannot be listed now
    """
    marker = ''
    while page := threads.run(_page, bucket, marker):
        for entry in page:
            image_id, is_aside = listing.owner_of(entry.key)
            yield base.Piece(
                name=f'{bucket.name}/{entry.key}',
                image_id=image_id,
                url=url_of(entry.key),
                is_aside=is_aside,
                size_bytes=entry.size_bytes,
                age_seconds=entry.age_seconds,
                hold=functools.partial(hold, entry.key),
            )
        marker = page[-1].key


def _page(bucket: s3_bucket.Bucket, marker: str) -> list[_Object]:
    """The next objects; empty if there are no more."""
    query = {'encoding-type': 'url', 'marker': marker, 'max-keys': '1000'}
    answer = bucket.ask('GET', '', query)
    s3_bucket.require(answer, 'list of a bucket')
    elements = s3_bucket.elements_of(answer)
    if not elements or s3_bucket.local(elements[0]) != 'ListBucketResult':
        raise servers.Unreachable('the list of the bucket cannot be read')
    is_quoted = s3_bucket.text_of(answer, 'EncodingType') == 'url'
    now = listing.time_of(answer.headers)
    objects = []
    for element in elements:
        if s3_bucket.local(element) != 'Contents':
            continue
        texts = {s3_bucket.local(child): child.text or '' for child in element}
        key = texts['Key']
        changed = datetime.datetime.fromisoformat(texts['LastModified'])
        objects.append(
            _Object(
                urllib.parse.unquote_plus(key) if is_quoted else key,
                int(texts['Size']),
                listing.seconds_between(changed, now),
            )
        )
    return objects


def copy_aside(bucket: s3_bucket.Bucket, key: str) -> str:
    """Copy an object on the server; return the key of the copy.

    :raises errors.NotFound: there is no such object
    :raises errors.StoreUnavailable: it cannot be copied now
    """
    answer = bucket.ask('HEAD', key)
    s3_bucket.require(answer, 'HEAD of an object')
    size = int(answer.headers.get('Content-Length') or 0)
    aside = listing.aside_name(key)
    source = {'x-amz-copy-source': servers.quoted(f'/{bucket.name}/{key}')}
    if size > COPY_BYTES:
        _copy_parts(bucket, aside, source, size)
    else:
        answer = bucket.ask('PUT', aside, None, source)
        s3_bucket.require(answer, 'copy of an object')
    return aside


def _copy_parts(
    bucket: s3_bucket.Bucket, aside: str, source: dict[str, str], size: int
) -> None:
    answer = bucket.ask('POST', aside, {'uploads': ''})
    s3_bucket.require(answer, 'start of an upload in parts')
    upload_id = s3_bucket.text_of(answer, 'UploadId')
    try:
        parts = ''
        for number, begin in enumerate(range(0, size, COPY_BYTES), start=1):
            end = min(begin + COPY_BYTES, size) - 1
            answer = bucket.ask(
                'PUT',
                aside,
                {'partNumber': str(number), 'uploadId': upload_id},
                {**source, 'x-amz-copy-source-range': f'bytes={begin}-{end}'},
            )
            s3_bucket.require(answer, 'copy of a part')
            etag = saxutils.escape(s3_bucket.text_of(answer, 'ETag'))
            parts += (
                f'<Part><PartNumber>{number}</PartNumber>'
                f'<ETag>{etag}</ETag></Part>'
            )
        body = f'<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>'
        answer = bucket.ask(
            'POST',
            aside,
            {'uploadId': upload_id},
            {'Content-Type': 'application/xml'},
            body.encode(),
        )
        s3_bucket.require(answer, 'end of an upload in parts')
    except BaseException:
        s3_upload.abort(bucket, aside, upload_id)
        raise
