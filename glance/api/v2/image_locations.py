"""/v2/images/{image_id}/locations: data that is in a store already.

This resource is meant for other services. It works even if locations are not
shown in documents.
"""

from typing import Any

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.api.v2.schema import location as schema
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import locations
from glance.store import stores
from glance.tasks import location_import

_CLAIM = {'os_hash_algo', 'os_hash_value'}


class ImageLocations:
    """The locations of one image's data."""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: stores.Stores,
        imports: location_import.LocationImports,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._store = store
        self._imports = imports

    def index(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        target = policy.of_image(image)
        self._policy.require(context, 'fetch_image_location', target)
        return wsgi.json_response(
            [views.location_document(each) for each in image['locations']]
        )

    def create(self, request: wsgi.Request, image_id: str) -> webob.Response:
        url, claimed = _read(request.document())
        context = request.context
        image = self._registry.get_image(context, image_id)
        target = policy.of_image(image)
        self._policy.require(context, 'get_image', target)
        if image['status'] != 'queued':
            raise errors.Conflict(
                f'The image is {image["status"]}; a location can be '
                'registered only while the image is queued.'
            )
        self._policy.require(context, 'add_image_location', target)
        self._check_url(context, url)
        if claimed and not locations.is_hash(
            claimed['os_hash_value'], claimed['os_hash_algo']
        ):
            raise errors.BadRequest(
                'os_hash_value has not the length or the digits of a hash '
                'of os_hash_algo.'
            )
        location: contract.Location = {'url': url, 'metadata': {}}
        self._imports.start(
            context, image_id, self._store.labelled(location), claimed
        )
        return wsgi.empty(202)

    def _check_url(self, context: context.RequestContext, url: str) -> None:
        """Check the URL: users may give only URLs of web servers.

        Services may also give locations in other stores.

        :raises errors.Forbidden: a user gave a URL of another kind
        :raises errors.BadRequest: no caller may give this URL
        """
        is_web = stores.scheme_of(url) in ('http', 'https')
        if (
            not (is_web and self._store.knows(url))
            and not context.has_service_role
        ):
            raise errors.Forbidden(
                'Only services may register a URL that is not on a web server.'
            )
        self._store.check(url)


def _read(document: Any) -> tuple[str, dict[str, str]]:
    """The URL, and the claimed hash of its data (``{}`` if absent).

    :raises errors.BadRequest: the document is malformed
    """
    if not isinstance(document, dict):
        raise errors.BadRequest('A location must be an object.')
    url, claimed = document.get('url'), document.get('validation_data', {})
    if not isinstance(url, str) or len(url) > schema.MAX_URL_LENGTH:
        raise errors.BadRequest(
            f'url must be a string of at most {schema.MAX_URL_LENGTH} '
            'characters.'
        )
    schemas.check_text(url, 'url')
    if not isinstance(claimed, dict):
        raise errors.BadRequest('validation_data must be an object.')
    if not claimed:
        return url, {}
    if (
        claimed.keys() != _CLAIM
        or claimed['os_hash_algo'] not in schema.HASHES
    ):
        raise errors.BadRequest(
            'validation_data must have os_hash_value and os_hash_algo and '
            'no other member; os_hash_algo must be one of '
            f'{", ".join(schema.HASHES)}.'
        )
    value = claimed['os_hash_value']
    if not isinstance(value, str) or len(value) > schema.MAX_HASH_LENGTH:
        raise errors.BadRequest(
            'os_hash_value must be a string of at most '
            f'{schema.MAX_HASH_LENGTH} hexadecimal digits.'
        )
    return url, {**claimed, 'os_hash_value': value.lower()}
