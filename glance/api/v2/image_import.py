"""/v2/images/{image_id}/stage and /import: staging and import of data."""

from collections.abc import Sequence
import dataclasses
import re
from typing import Any

import webob

from glance import registry_client
from glance.api import policy
from glance.api.v2 import image_data
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import limits as unified_limits
from glance.images import staging
from glance.images.importing import digests
from glance.store import stores
from glance.tasks import forwarding
from glance.tasks import imports

DIRECT, WEB = 'glance-direct', 'web-download'
COPY, REMOTE = 'copy-image', 'glance-download'
METHODS = (DIRECT, WEB, COPY, REMOTE)
STORE_HEADER = 'x-image-meta-store'
#: Property with the hash that imported data from the web must have.
SOURCE_HASH = 'source_hash'
_INTERFACES = ('public', 'internal', 'admin')
_UUID = re.compile(
    '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}', re.IGNORECASE | re.ASCII
)
#: Method -> the status that the image must have.
_NEEDED = {
    DIRECT: 'uploading',
    WEB: 'queued',
    REMOTE: 'queued',
    COPY: 'active',
}


class ImageImport:
    """Stages data, and imports it by one of the import methods.

    :param methods: the enabled import methods
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        store: stores.Stores,
        *,
        stagings: staging.Stagings,
        starts: imports.Imports,
        unified: unified_limits.UnifiedLimits,
        methods: Sequence[str],
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._store = store
        self._stagings = stagings
        self._starts = starts
        self._unified = unified
        self._methods = tuple(methods)

    def stage(self, request: wsgi.Request, image_id: str) -> webob.Response:
        if DIRECT not in self._methods:
            raise errors.NotFound(
                'Data cannot be staged, because glance-direct is not among '
                'the import methods (enabled_import_methods).'
            )
        image_data.require_octets(request)
        expected = image_data.expected_bytes(request)
        context = request.context
        self._unified.require_stage(context, expected)
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'modify_image', policy.of_image(image))
        if image['status'] != 'queued':
            raise errors.Conflict(
                f'The image is {image["status"]}; data can be staged only '
                'while it is queued.'
            )
        self._stagings.run(context, image, request.source(), expected)
        return wsgi.empty()

    def create(self, request: wsgi.Request, image_id: str) -> webob.Response:
        body = request.document()
        wanted = _read(body, self._methods)
        context = request.context
        self._unified.require_size(context, None)
        image = self._registry.get_image(context, image_id)
        _require_state(image, wanted.method)
        given = _given(wanted, image['properties'].get(SOURCE_HASH))
        rule = 'copy_image' if wanted.method == COPY else 'modify_image'
        self._policy.require(context, rule, policy.of_image(image))
        if 'os_glance_import_task' in image['properties']:
            raise errors.Conflict('Another import of the image is running.')
        store_ids = self._choose(request, wanted, image)
        if not store_ids:  # all these stores have a copy already
            return wsgi.empty(202)
        if not wanted.must_all_succeed and not self._store.is_named:
            raise errors.BadRequest(
                'all_stores_must_succeed can be false only where there are '
                'several stores.'
            )
        self._starts.run(
            context,
            image,
            imports.Wanted(
                method=wanted.method,
                given=given,
                stores=store_ids,
                must_all_succeed=wanted.must_all_succeed,
                body=body,
                is_forwarded=forwarding.HEADER in request.headers,
            ),
        )
        return wsgi.empty(202)

    def _choose(
        self, request: wsgi.Request, wanted: '_Wanted', image: contract.Image
    ) -> list[str]:
        """Ids of the stores to write to; empty if no copy is missing.

        :raises errors.BadRequest: members contradict each other
        :raises errors.Conflict: there is no such store
        """
        header = request.headers.get(STORE_HEADER)
        if wanted.all_stores and (wanted.stores is not None or header):
            raise errors.BadRequest(
                f'Use one of all_stores, stores and the header {STORE_HEADER}.'
            )
        if header and wanted.stores is not None:
            raise errors.BadRequest(
                f'Use either stores or the header {STORE_HEADER}.'
            )
        if not self._store.is_named:
            if wanted.method == COPY:
                raise errors.Conflict(
                    'copy-image needs several stores (enabled_backends).'
                )
            return [self._store.default_id]
        chosen = self._named(wanted, header)
        if wanted.method != COPY:
            return chosen
        return _without_copies(
            chosen,
            {self._store.id_of(each) for each in image['locations']},
            wanted.all_stores,
        )

    def _named(self, wanted: '_Wanted', header: str | None) -> list[str]:
        if wanted.all_stores:
            return [each.id for each in self._store if not each.is_read_only]
        if wanted.stores is not None:
            chosen = list(dict.fromkeys(wanted.stores))
        else:
            chosen = [header or self._store.default_id]
        if not chosen:
            raise errors.BadRequest('stores must name a store.')
        for store_id in chosen:
            if self._store.get(store_id).is_read_only:
                raise errors.Conflict(
                    f'The store {store_id} is read-only; choose another one.'
                )
        return chosen


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """The body of a request.

    :ivar members: members of the object ``method``, besides its name
    :ivar stores: None if not given
    """

    method: str
    members: dict[str, Any]
    stores: list[str] | None
    all_stores: bool
    must_all_succeed: bool


def _read(body: Any, methods: Sequence[str]) -> _Wanted:
    """:raises errors.BadRequest: malformed, or the method is not enabled"""
    if not isinstance(body, dict) or not isinstance(body.get('method'), dict):
        raise errors.BadRequest(
            'The body must be an object with the object method.'
        )
    name = body['method'].get('name')
    if name not in methods:
        raise errors.BadRequest(
            'method.name must be one of the import methods: '
            f'{", ".join(methods)} (enabled_import_methods).'
        )
    store_ids = body.get('stores')
    if store_ids is not None and not (
        isinstance(store_ids, list)
        and all(isinstance(each, str) for each in store_ids)
    ):
        raise errors.BadRequest('stores must be an array of store ids.')
    if len(str(body)) > imports.MAX_BODY_BYTES:
        raise errors.BadRequest(
            f'The body may have at most {imports.MAX_BODY_BYTES} bytes.'
        )
    return _Wanted(
        method=name,
        members=body['method'],
        stores=store_ids,
        all_stores=_flag(body, 'all_stores', False),
        must_all_succeed=_flag(body, 'all_stores_must_succeed', True),
    )


def _flag(body: dict[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise errors.BadRequest(f'{name} must be true or false.')
    return value


def _require_state(image: contract.Image, method: str) -> None:
    """:raises errors.Conflict: the status or a format forbids the import"""
    needed = _NEEDED[method]
    if image['status'] != needed:
        raise errors.Conflict(
            f'The image is {image["status"]}; {method} needs an image that '
            f'is {needed}.'
        )
    for name in ('container_format', 'disk_format'):
        if not image[name]:
            raise errors.Conflict(f'Set {name} before importing data.')


def _given(wanted: _Wanted, source_hash: str | None) -> dict[str, Any]:
    """The parameters of the method.

    :param source_hash: expected hash of the data, from the image; None if
        absent
    :raises errors.BadRequest: a member is missing or malformed
    """
    members = wanted.members
    if wanted.method == WEB:
        given = {'uri': members.get('uri')}
        if 'hash' in members:
            digests.parse(members['hash'])
            given['hash'] = members['hash']
        elif source_hash:
            given['hash'] = digests.parse_property(source_hash)._asdict()
        return given
    if wanted.method != REMOTE:
        return {}
    region, image_id = (
        members.get('glance_region'),
        members.get('glance_image_id'),
    )
    interface = members.get('glance_service_interface', 'public')
    if not isinstance(region, str) or not region:
        raise errors.BadRequest('method.glance_region must be a region.')
    if not isinstance(image_id, str) or not _UUID.fullmatch(image_id):
        raise errors.BadRequest('method.glance_image_id must be a UUID.')
    if interface not in _INTERFACES:
        raise errors.BadRequest(
            'method.glance_service_interface must be one of '
            f'{", ".join(_INTERFACES)}.'
        )
    return {
        'glance_region': region,
        'glance_image_id': image_id,
        'glance_service_interface': interface,
    }


def _without_copies(
    chosen: list[str], present: set[str | None], all_stores: bool
) -> list[str]:
    """The stores that need a copy.

    :raises errors.BadRequest: a store that was named has the data already
    """
    missing = [each for each in chosen if each not in present]
    if not all_stores and missing != chosen:
        raise errors.BadRequest(
            'The image is already in a store of the request; name only '
            'stores that do not have it.'
        )
    return missing


class Discovery:
    """/v2/info/import"""

    def __init__(self, methods: Sequence[str]) -> None:
        self._methods = list(methods)

    def show(self, request: wsgi.Request) -> webob.Response:
        request.refuse_body()
        return wsgi.json_response(
            {
                'import-methods': {
                    'description': 'Import methods available.',
                    'type': 'array',
                    'value': self._methods,
                }
            }
        )
