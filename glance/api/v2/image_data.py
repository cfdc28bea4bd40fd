"""/v2/images/{image_id}/file: the bytes of an image."""

import re
from typing import NamedTuple

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import conditions
from glance.api.v2 import ranges
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import download
from glance.images import limits as unified_limits
from glance.images import streams
from glance.images import upload
from glance.notifications import notifier as notifications
from glance.store import stores

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
        store: stores.Stores,
        uploads: upload.Uploads,
        limits: DataLimits,
        unified: unified_limits.UnifiedLimits,
        notifier: notifications.Notifier,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._store = store
        self._uploads = uploads
        self._limits = limits
        self._unified = unified
        self._notifier = notifier

    def put(self, request: wsgi.Request, image_id: str) -> webob.Response:
        if request.content_type.lower() != OCTETS:
            raise errors.UnsupportedMediaType(
                f'The Content-Type of image data must be {OCTETS}.'
            )
        expected = _expected_bytes(request)
        context = request.context
        self._unified.require_size(context, expected)
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'upload_image', policy.of_image(image))
        _require_formats(image)
        _require_queued(image)
        data = streams.Measured(
            request.source(),
            cap_bytes=self._limits.size_cap_bytes,
            expected_bytes=expected,
            hash_name=image['os_hash_algo'] or self._limits.hash_name,
        )
        self._uploads.run(context, image_id, data, expected)
        return wsgi.empty()

    def get(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """Send the data; to HEAD only what would be said of them."""
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'download_image', policy.of_image(image))
        if image['status'] == 'deactivated' and not context.is_admin:
            raise errors.Forbidden(
                'The image is deactivated; its data cannot be downloaded.'
            )
        if not image['locations']:
            return _no_data()
        size = image['size'] or 0
        etag = image['os_hash_value'] or image['checksum']
        if etag and conditions.is_known(request, etag):
            return conditions.not_modified(etag)
        part = None
        if request.method == 'GET':  # a Range means nothing to HEAD
            part = ranges.asked(request.headers, size, etag)
        offset, length = part or (0, size)
        body = download.open_data(self._store, image, offset, length)
        if request.method == 'HEAD':
            body.close()
            return _described(webob.Response(), image, body.length, etag)
        ended = self._notifier.sent(
            image, context, request.remote_addr, body.length
        )
        body = download.watched(body, ended)
        response = webob.Response(app_iter=body)
        if part is not None:
            last = offset + length - 1
            response.status_int = 206
            response.headers['Content-Range'] = f'bytes {offset}-{last}/{size}'
        return _described(response, image, body.length, etag)


def _described(
    response: webob.Response,
    image: contract.Image,
    length: int,
    etag: str | None,
) -> webob.Response:
    """Add the headers that every answer with data has."""
    response.headers['Content-Type'] = OCTETS
    response.content_length = length
    response.accept_ranges = 'bytes'
    response.etag = etag
    if image['checksum']:
        response.headers['Content-MD5'] = image['checksum']
    return response


def _no_data() -> webob.Response:
    """204 without a content type: the image has no data."""
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
        raise errors.BadRequest(
            'x-openstack-image-size must be a number of 1 to 19 digits.'
        )
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
