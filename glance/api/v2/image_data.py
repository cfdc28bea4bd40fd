"""/v2/images/{image_id}/file: the data of an image."""

import re

import webob

from glance import registry_client
from glance.api import caching
from glance.api import policy
from glance.api.v2 import conditions
from glance.api.v2 import ranges
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import download
from glance.images import limits as unified_limits
from glance.images import lookups
from glance.images import upload
from glance.notifications import notifier as notifications
from glance.store import named
from glance.store import stores

OCTETS = 'application/octet-stream'


class ImageData:
    """Upload and download of an image's data."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: stores.Stores,
        *,
        uploads: upload.Uploads,
        looked_up: lookups.Lookups,
        unified: unified_limits.UnifiedLimits,
        notifier: notifications.Notifier,
        cached: caching.Caching | None,
    ) -> None:
        self._registry = registry
        self._lookups = looked_up
        self._policy = permission
        self._store = store
        self._uploads = uploads
        self._unified = unified
        self._notifier = notifier
        self._caching = cached

    def put(self, request: wsgi.Request, image_id: str) -> webob.Response:
        require_octets(request)
        expected = expected_bytes(request)
        context = request.context
        self._unified.require_size(context, expected)
        target = self._target(request)
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'upload_image', policy.of_image(image))
        source = request.source()
        self._uploads.run(context, image, source, expected, target)
        return wsgi.empty()

    def _target(self, request: wsgi.Request) -> named.Named:
        """The store that the client chooses, or the default one.

        :raises errors.BadRequest: the chosen store does not exist
        """
        chosen = request.headers.get('x-image-meta-store')
        if chosen is None or not self._store.is_named:
            return self._store.default
        try:
            self._store.get(chosen)
            return self._store.writable(chosen)
        except stores.UnknownStore as error:
            raise errors.BadRequest(
                'X-Image-Meta-Store must be one of the ids of '
                'GET /v2/info/stores.'
            ) from error

    def _preferred(
        self, request: wsgi.Request, image: contract.Image
    ) -> list[str]:
        """Ids of the stores that the client prefers.

        :raises errors.BadRequest: one of them does not exist
        """
        listed = request.GET.get('prefer', '').split(',')
        chosen = [text.strip() for text in listed if text.strip()]
        if not chosen:
            return []
        if not self._store.is_named or set(chosen) - set(self._store.ids):
            raise errors.BadRequest(
                'prefer must be ids of GET /v2/info/stores, with commas.'
            )
        target = policy.of_image(image)
        self._policy.require(request.context, 'download_from_store', target)
        return chosen

    def get(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """Send the data; for HEAD only the headers."""
        request.refuse_body()
        context = request.context
        image = self._lookups.get(context, image_id)
        self._policy.require(context, 'download_image', policy.of_image(image))
        if image['status'] == 'deactivated' and not context.is_admin:
            raise errors.Forbidden(
                'The image is deactivated; its data cannot be downloaded.'
            )
        prefer = self._preferred(request, image)
        if not image['locations']:
            return _no_data()
        size = image['size'] or 0
        etag = image['os_hash_value'] or image['checksum']
        if etag and conditions.is_known(request, etag):
            return conditions.not_modified(etag)
        part = None
        if request.method == 'GET':  # HEAD ignores Range
            part = ranges.asked(request.headers, size, etag)
        offset, length = part or (0, size)
        body = caching.open_data(
            self._caching,
            self._store,
            request,
            image,
            (offset, length),
            prefer,
        )
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
    """Add the headers that every response with data has."""
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


def require_octets(request: wsgi.Request) -> None:
    """:raises errors.UnsupportedMediaType: the Content-Type is wrong"""
    if request.content_type.lower() != OCTETS:
        raise errors.UnsupportedMediaType(
            f'The Content-Type of image data must be {OCTETS}.'
        )


def expected_bytes(request: wsgi.Request) -> int | None:
    """The number of bytes that the client announces; None if unknown.

    :raises errors.BadRequest: it is not a number
    """
    given = request.headers.get('x-openstack-image-size')
    if given is None:
        return request.known_length
    if not re.fullmatch('[0-9]{1,19}', given, re.ASCII):
        raise errors.BadRequest(
            'x-openstack-image-size must be a number of 1 to 19 digits.'
        )
    return int(given)
