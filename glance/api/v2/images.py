"""/v2/images: list, show, create, delete; see image_update for PATCH."""

from collections.abc import Mapping, Sequence
from typing import Any

import webob

from glance import registry_client
from glance.api import links
from glance.api import policy
from glance.api.v2 import conditions
from glance.api.v2 import pages
from glance.api.v2 import query
from glance.api.v2 import schemas
from glance.api.v2 import views
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import creation
from glance.images import deletion
from glance.images import properties as image_properties
from glance.images import quotas

#: Names that are refused on create before all other checks.
_LINKS = ('direct_url', 'self', 'file', 'schema', 'stores')


class Images:
    """The collection, and one image's metadata.

    :param public_endpoint: the address of the API for clients; None to use
        the address of each request
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        permission: policy.Policy,
        *,
        creations: creation.Creations,
        deletions: deletion.Deletions,
        schema: schemas.ImageSchema,
        limits: quotas.Quotas,
        pages: query.Pages,
        entities: views.Entities,
        public_endpoint: str | None,
        import_methods: Sequence[str] = (),
    ) -> None:
        self._registry = registry
        self._policy = permission
        self._creations = creations
        self._deletions = deletions
        self._schema = schema
        self._quotas = limits
        self._pages = pages
        self._entities = entities
        self._public_endpoint = public_endpoint
        self._import_methods = ','.join(import_methods)

    def index(self, request: wsgi.Request) -> webob.Response:
        pairs = pages.pairs(request)
        asked = query.parse(pairs, self._pages)
        self._policy.require_list(request.context)
        allows = self._entities.allows(request.context)
        images: list[contract.Image] = []
        if allows is None or all(
            allows('read', name) for name, _value in asked['properties']
        ):  # a filter by a property that is not readable matches no image
            images = self._registry.list_images(request.context, asked)
        document = {
            'images': self._entities.documents(
                request.context,
                [one for one in images if self._shows(request.context, one)],
            ),
            'first': pages.link('/v2/images', pairs),
            'schema': '/v2/schemas/images',
        }
        if images and len(images) == asked['limit']:
            document['next'] = pages.link(
                '/v2/images', pairs, images[-1]['id']
            )
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
        new = request.work(self.new_image, request.document())
        image = self._creations.run(request.context, new)
        base = links.base(request, self._public_endpoint)
        headers = {'Location': f'{base}/v2/images/{image["id"]}'}
        if self._import_methods:
            headers['OpenStack-image-import-methods'] = self._import_methods
        if self._entities.store_ids:
            ids = ','.join(self._entities.store_ids)
            headers['OpenStack-image-store-ids'] = ids
        document = self._entities.document(request.context, image)
        return wsgi.json_response(document, 201, headers)

    def new_image(self, document: Any) -> creation.NewImage:
        """Read the document of a new image.

        :raises errors.Error: a limit, a constraint or a name is violated
        """
        values, properties = self._split(self._checked(document))
        tags = values.pop('tags', [])
        return creation.NewImage(values, properties, tags)

    def delete(self, request: wsgi.Request, image_id: str) -> webob.Response:
        request.refuse_body()
        context = request.context
        image = self._registry.get_image(context, image_id)
        self._policy.require(context, 'delete_image', policy.of_image(image))
        expected = conditions.expected(request, image)
        self._deletions.run(context, image, expected)
        return wsgi.empty()

    def _shows(
        self, context: context.RequestContext, image: contract.Image
    ) -> bool:
        target = policy.of_image(image)
        return self._policy.allows(context, 'get_image', target)

    def _checked(self, document: Any) -> dict[str, Any]:
        """Check the document; first the counts, because they are cheap.

        :raises errors.Error: a limit, a constraint or a name is violated
        """
        if not isinstance(document, dict):
            raise errors.BadRequest(
                'The body must be an object that describes an image.'
            )
        for name in _LINKS:
            if name in document:
                raise errors.Forbidden(f'{name} is read-only.')
        tags = document.get('tags')
        if isinstance(tags, list):
            self._quotas.check_tags(len(tags))
        count = sum(not self._schema.is_base(name) for name in document)
        self._quotas.check_properties(count)
        checked = self._schema.check(document)
        image_properties.refuse_reserved(checked)
        for name in checked:
            self._refuse_alias(name)
        for tag in checked.get('tags', ()):
            schemas.check_path_name(tag, 'tag')
        return checked

    def _refuse_alias(self, name: str) -> None:
        """Refuse a property that a patch would confuse with another member.

        :raises errors.BadRequest: it is another member's name with blanks
            around it
        """
        bare = name.strip()
        if name != bare and (
            self._schema.is_base(bare) or image_properties.is_reserved(bare)
        ):
            raise errors.BadRequest(
                f'A property cannot be named like {bare} with blanks around '
                'it.'
            )

    def _split(
        self, document: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Split the document into base members and custom properties."""
        values: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for name, value in document.items():
            home = values if self._schema.is_base(name) else properties
            home[name] = value
        return values, properties
