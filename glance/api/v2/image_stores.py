"""/v2/info/stores and /v2/stores: the stores, and copies of data in them."""

from typing import Any

import webob

from glance import registry_client
from glance.api import policy
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import copies
from glance.images import leftovers
from glance.store import named
from glance.store import stores

_TARGET = policy.Target({}, 'stores')


class ImageStores:
    """:param left: makes records of data that is to be removed"""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: stores.Stores,
        left: leftovers.Leftovers,
    ) -> None:
        self._policy = permission
        self._store = store
        self._copies = copies.Copies(registry, store, left)

    def index(self, request: wsgi.Request) -> webob.Response:
        request.refuse_body()
        self._require_several()
        return wsgi.json_response(
            {'stores': [self._described(each) for each in self._store]}
        )

    def detail(self, request: wsgi.Request) -> webob.Response:
        request.refuse_body()
        self._require_several()
        self._policy.require(request.context, 'stores_info_detail', _TARGET)
        return wsgi.json_response(
            {'stores': [self._detailed(each) for each in self._store]}
        )

    def _require_several(self) -> None:
        if not self._store.is_named:
            raise errors.NotFound(
                'This service has a single store without an id.'
            )

    def _described(self, store: named.Named) -> dict[str, Any]:
        document = {'id': store.id}
        if store.description:
            document['description'] = store.description
        if store.id == self._store.default_id:
            document['default'] = 'true'
        if store.is_read_only:
            document['read-only'] = 'true'
        return document

    def _detailed(self, store: named.Named) -> dict[str, Any]:
        document = {
            **self._described(store),
            'type': store.kind,
            'weight': store.weight,
            'properties': store.properties(),
        }
        if store.trouble is not None:
            document['unavailable'] = store.trouble
        return document

    def delete(
        self, request: wsgi.Request, store: str, image_id: str
    ) -> webob.Response:
        """Delete the copy of an image's data in one store."""
        request.refuse_body()
        self._require_several()
        context = request.context

        def permit(image: contract.Image) -> None:
            target = policy.of_image(image)
            for rule in ('get_image_location', 'delete_image_location'):
                self._policy.require(context, rule, target)

        self._copies.delete(context, self._store.get(store), image_id, permit)
        return wsgi.empty()
