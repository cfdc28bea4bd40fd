"""/v2/images/{image_id}/file: the bytes of an image (section 8)."""

from collections.abc import Mapping
import re
from typing import NamedTuple

import webob

from glance import registry_client
from glance.api import policy
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import download
from glance.images import limits as unified_limits
from glance.images import streams
from glance.images import upload
from glance.notifications import notifier as notifications
from glance.store import base as store_base

OCTETS = 'application/octet-stream'


class DataLimits(NamedTuple):
    size_cap_bytes: int
    hash_name: str


class ImageData:
    """Bytes in and bytes out."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: store_base.Store,
        uploads: upload.Uploads,
        limits: DataLimits,
        unified: unified_limits.UnifiedLimits | None = None,
        notifier: notifications.Notifier | None = None,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._store = store
        self._uploads = uploads
        self._limits = limits
        self._unified = unified
        self._notifier = notifier

    def put(self, request: wsgi.Request, image_id: str) -> webob.Response:
        if request.content_type != OCTETS:
            raise errors.UnsupportedMediaType(f'Image data is {OCTETS}.')
        expected = _expected_bytes(request)
        if self._unified is not None:
            self._policy.refuse_anonymous(request.context)
            self._unified.require_size(request.context, expected)
        image = self._registry.get_image(request.context, image_id)
        self._policy.require(request.context, 'upload_image', image)
        _require_formats(image)
        _require_queued(image)
        data = streams.Measured(
            request.source(),
            cap_bytes=self._limits.size_cap_bytes,
            expected_bytes=expected,
            hash_name=image['os_hash_algo'] or self._limits.hash_name,
        )
        self._uploads.run(request.context, image_id, data, expected)
        return wsgi.empty()

    def get(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        image = self._registry.get_image(request.context, image_id)
        self._policy.require(request.context, 'download_image', image)
        if image['status'] == 'deactivated' and not request.context.is_admin:
            raise errors.Forbidden('The image is deactivated.')
        if not image['locations']:
            return _no_data()
        size = image['size'] or 0
        part = asked_range(request.headers, size)
        offset, length = part or (0, size)
        body = download.open_data(self._store, image, offset, length)
        if body is None:
            return _no_data()
        if self._notifier is not None:
            address = request.client_addr
            ended = self._notifier.sent(
                image, request.context, address, body.length
            )
            body = download.watched(body, ended)
        response = webob.Response(
            status=200 if part is None else 206, app_iter=body
        )
        response.headers['Content-Type'] = OCTETS
        response.content_length = body.length
        if image['checksum']:
            response.headers['Content-MD5'] = image['checksum']
        if part is not None:
            last = offset + length - 1
            response.headers['Content-Range'] = f'bytes {offset}-{last}/{size}'
        return response


def _no_data() -> webob.Response:
    """204 without a content type: the image has no data (trap 25.8)."""
    response = webob.Response(status=204)
    response.headers.pop('Content-Type', None)
    return response


def _expected_bytes(request: wsgi.Request) -> int | None:
    """How many bytes the client says it sends.

    :raises errors.BadRequest: it says so in words
    """
    given = request.headers.get('x-openstack-image-size')
    if given is None:
        return request.known_length
    if not re.fullmatch('[0-9]{1,19}', given, re.ASCII):
        raise errors.BadRequest('x-openstack-image-size must be a number.')
    return int(given)


def _require_formats(image: contract.Image) -> None:
    for name in ('disk_format', 'container_format'):
        if not image[name]:
            raise errors.BadRequest(f'Set {name} before uploading data.')


def _require_queued(image: contract.Image) -> None:
    """Say so before its size is looked at; the claim decides."""
    if image['status'] != 'queued':
        raise errors.Conflict(
            f'The image is {image["status"]}; data can be uploaded only '
            'while it is queued.'
        )


def asked_range(
    headers: Mapping[str, str], size: int
) -> tuple[int, int] | None:
    """The part of the data that a request wants.

    ``Range`` wins over the ``Content-Range`` that old clients send.

    :returns: (first byte, number of bytes), None for the whole
    :raises errors.BadRequest: several ranges
    :raises errors.RangeNotSatisfiable: malformed, or outside of the data
    """
    header = headers.get('Range')
    if header is not None:
        return _of_range(header, size)
    header = headers.get('Content-Range')
    if header is not None:
        return _of_content_range(header, size)
    return None


def _of_range(header: str, size: int) -> tuple[int, int]:
    if ',' in header:
        raise errors.BadRequest('Only one range is served at a time.')
    found = re.fullmatch(
        r'bytes=(?:([0-9]{1,19})-([0-9]{1,19})?|-([0-9]{1,19}))',
        header.strip(),
        re.ASCII | re.IGNORECASE,
    )
    if found is None or size == 0:
        raise errors.RangeNotSatisfiable
    first, last, suffix = found.groups()
    if suffix is not None:
        length = min(int(suffix), size) or size
        return size - length, length
    return _checked(int(first), int(last or size - 1), size)


def _of_content_range(header: str, size: int) -> tuple[int, int]:
    found = re.fullmatch(
        r'bytes ([0-9]{1,19})-([0-9]{1,19})/(?:[0-9]{1,19}|\*)',
        header.strip(),
        re.ASCII | re.IGNORECASE,
    )
    if found is None:
        raise errors.RangeNotSatisfiable
    first, last = int(found[1]), int(found[2])
    if last >= size:
        raise errors.RangeNotSatisfiable
    return _checked(first, last, size)


def _checked(first: int, last: int, size: int) -> tuple[int, int]:
    if first >= size or last < first:
        raise errors.RangeNotSatisfiable
    return first, min(last, size - 1) - first + 1
