"""/v2/images: list, show, create, delete; see image_update for PATCH."""

from collections.abc import Mapping
from typing import Any, NamedTuple
import urllib.parse
import uuid

import webob

from glance import registry_client
from glance.api import links
from glance.api import policy
from glance.api.policy import protections
from glance.api.v2 import conditions
from glance.api.v2 import patch
from glance.api.v2 import query
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import deletion
from glance.images import limits as unified_limits
from glance.notifications import notifier as notifications

#: Names that are refused on create before anything else is looked at.
_LINKS = ('direct_url', 'self', 'file', 'schema', 'stores')
#: Base members that only the service sets.
_READ_ONLY = (
    *('status', 'checksum', 'size', 'virtual_size', 'created_at'),
    *('updated_at', 'os_hash_algo', 'os_hash_value', 'locations'),
)


class Limits(NamedTuple):
    """Of pages and of what one image may carry; negative is unlimited.

    :ivar storage_bytes: of one owner's images; 0 is unlimited
    """

    page_default: int
    page_max: int
    properties: int
    tags: int
    members: int
    storage_bytes: int = 0
    locations: int = -1


class Images:
    """The collection, and one image's metadata.

    :param public_endpoint: the address of the API for clients; None: as
        each request came
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        deletions: deletion.Deletions,
        schema: schemas.ImageSchema,
        limits: Limits,
        entities: views.Entities,
        unified: unified_limits.UnifiedLimits,
        notifier: notifications.Notifier,
        public_endpoint: str | None,
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._deletions = deletions
        self._schema = schema
        self._limits = limits
        self._entities = entities
        self._unified = unified
        self._notifier = notifier
        self._public_endpoint = public_endpoint

    def index(self, request: wsgi.Request) -> webob.Response:
        pairs = _pairs(request)
        asked = query.parse(
            pairs, self._limits.page_default, self._limits.page_max
        )
        self._policy.require_list(request.context)
        allows = self._entities.allows(request.context)
        images: list[contract.Image] = []
        if allows is None or all(
            allows('read', name) for name, _value in asked['properties']
        ):  # else nothing matches: not by what the caller may not know
            images = self._registry.list_images(request.context, asked)
        document = {
            'images': self._entities.documents(
                request.context,
                [one for one in images if self._shows(request.context, one)],
            ),
            'first': _link(pairs),
            'schema': '/v2/schemas/images',
        }
        if images and len(images) == asked['limit']:
            document['next'] = _link(pairs, images[-1]['id'])
        return wsgi.json_response(document)

    def show(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'get_image', policy.of_image(image))
        version = str(image['row_version'])
        if conditions.is_known(request, version):
            return conditions.not_modified(version)
        return self._entities.answer(context, image)

    def create(self, request: wsgi.Request) -> webob.Response:
        new = self._new_image(request)
        image = self._registry.create_image(request.context, new)
        self._notifier.created(image)
        base = links.base(request, self._public_endpoint)
        return wsgi.json_response(
            self._entities.document(request.context, image),
            201,
            {'Location': f'{base}/v2/images/{image["id"]}'},
        )

    def delete(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'delete_image', policy.of_image(image))
        expected = conditions.expected(request, image)
        image = self._deletions.run(context, image, expected)
        self._notifier.deleted(image)
        return wsgi.empty()

    def _shows(
        self, context: context.RequestContext, image: contract.Image
    ) -> bool:
        target = policy.of_image(image)
        return self._policy.allows(context, 'get_image', target)

    def _new_image(self, request: wsgi.Request) -> contract.NewImage:
        """Check a create request in the contract's order."""
        document = request.work(self._checked, request.document())
        values, properties = self._split(document)
        values.setdefault('owner', request.context.project_id)
        values.setdefault('visibility', 'shared')
        target = policy.of_new_image({**properties, **values, 'tags': []})
        for action in ('add_image', *policy.visibility_rules(values)):
            self._policy.require(request.context, action, target)
        self._unified.require_image(request.context)
        protections.require_create(
            properties, self._entities.allows(request.context)
        )
        tags = values.pop('tags', [])
        _refuse(document, _READ_ONLY)
        image_id = values.pop('id', None) or str(uuid.uuid4())
        return {
            'id': image_id,
            'values': values,
            'properties': properties,
            'tags': tags,
        }

    def _checked(self, document: Any) -> dict[str, Any]:
        """The document by itself: counts first, because they are cheap.

        :raises errors.Error: a limit, a constraint or a name forbids it
        """
        if not isinstance(document, dict):
            raise errors.BadRequest(
                'The body must be an object that describes an image.'
            )
        _refuse(document, _LINKS)
        tags = document.get('tags')
        if isinstance(tags, list):
            check_quota('tags', len(tags), self._limits.tags)
        count = sum(not self._schema.is_base(name) for name in document)
        check_quota('properties', count, self._limits.properties)
        checked = self._schema.check(document)
        for name in checked:
            if patch.is_reserved(name):
                raise errors.Forbidden(f'{name} is reserved.')
            self._refuse_alias(name)
        for tag in checked.get('tags', ()):
            schemas.check_path_name(tag, 'tag')
        return checked

    def _refuse_alias(self, name: str) -> None:
        """Refuse a property that a patch would take for another member.

        :raises errors.BadRequest: with blanks around it is another's name
        """
        bare = name.strip()
        if name != bare and (
            self._schema.is_base(bare) or patch.is_reserved(bare)
        ):
            raise errors.BadRequest(
                f'A property cannot be named like {bare} with blanks around '
                'it.'
            )

    def _split(
        self, document: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Base members, and custom properties."""
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, value in document.items():
            home = values if self._schema.is_base(name) else properties
            home[name] = value
        return values, properties


#: What is counted -> the option that limits it.
_QUOTA_OPTIONS = {
    'tags': 'image_tag_quota',
    'properties': 'image_property_quota',
}


def check_quota(what: str, count: int, quota: int) -> None:
    """:raises errors.LimitExceeded: an image may not have so many"""
    if 0 <= quota < count:
        raise errors.LimitExceeded(
            f'The image would have {count} {what}; the limit is {quota} '
            f'({_QUOTA_OPTIONS[what]}).'
        )


def _refuse(document: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name in document:
            raise errors.Forbidden(f'{name} is read-only.')


def _pairs(request: wsgi.Request) -> query.Pairs:
    try:
        return list(request.GET.items())
    except UnicodeDecodeError as error:
        raise errors.BadRequest(
            'The query string is not valid UTF-8.'
        ) from error


def _link(pairs: query.Pairs, marker: str | None = None) -> str:
    """A page's address: every parameter as it came, but for the marker."""
    kept = [(name, value) for name, value in pairs if name != 'marker']
    if marker is not None:
        kept.append(('marker', marker))
    text = urllib.parse.urlencode(kept)
    return f'/v2/images?{text}' if text else '/v2/images'
