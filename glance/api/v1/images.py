"""/v1/images: an image's metadata in headers, its data in the body."""

import copy
from typing import Any

from oslo_config import cfg
import webob

from glance.api import caching
from glance.api import links
from glance.api import parts as shared
from glance.api import policy
from glance.api.v1 import changes as v1_changes
from glance.api.v1 import headers
from glance.api.v1 import query
from glance.api.v1 import sources
from glance.api.v1 import views
from glance.api.v2 import image_data
from glance.api.v2 import pages as list_pages
from glance.api.v2 import query as list_query
from glance.api.v2 import schemas
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance.images import changes
from glance.images import creation
from glance.images import download
from glance.images import properties
from glance.tasks import filling
from glance.tasks import imports


class Images:
    """The collection, and one image with its data."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        parts: shared.Parts,
        cases: shared.UseCases,
        starts: imports.Imports,
        schema: schemas.ImageSchema,
    ) -> None:
        self._parts = parts
        self._cases = cases
        self._registry = parts.registry
        self._policy = parts.policy
        self._schema = schema
        self._pages = list_query.Pages(
            conf.limit_param_default, conf.api_limit_max
        )
        self._public_endpoint = conf.public_endpoint
        self._size_cap_bytes = conf.image_size_cap
        self._filling = filling.Filling(
            parts.registry,
            uploads=cases.uploads,
            changing=cases.changes,
            starts=starts,
            location_rules=parts.location_rules,
        )

    def index(self, request: wsgi.Request) -> webob.Response:
        items = [views.brief(image) for image in self._listed(request)]
        return wsgi.json_response({'images': items})

    def detail(self, request: wsgi.Request) -> webob.Response:
        allows = self._parts.allows_of(request.context)
        documents = [
            views.document(image, allows) for image in self._listed(request)
        ]
        return wsgi.json_response({'images': documents})

    def describe(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """HEAD: the metadata, in headers; administrators see deleted ones."""
        context = request.context
        image = self._seen(context, image_id)
        self._policy.require_image(context, 'get_image', image)
        return self._described(context, image)

    def show(self, request: wsgi.Request, image_id: str) -> webob.Response:
        """GET: the data, and the metadata in headers."""
        context = request.context
        image = self._cases.lookups.get(context, image_id)
        for action in ('get_image', 'download_image'):
            self._policy.require_image(context, action, image)
        if image['status'] != 'active':
            is_off = image['status'] == 'deactivated'
            error = errors.Forbidden if is_off else errors.NotFound
            raise error(f'The image is {image["status"]}; it gives no data.')
        response = self._described(context, image)
        response.content_type = image_data.OCTETS
        if image['locations']:
            parts, whole = self._parts, (0, image['size'] or 0)
            body = caching.open_data(
                parts.cached, parts.store, request, image, whole
            )
            ended = parts.notifier.sent(
                image, context, request.remote_addr, body.length
            )
            response.app_iter = download.watched(body, ended)
            response.content_length = body.length
        return response

    def create(self, request: wsgi.Request) -> webob.Response:
        context = request.context
        given, source = self._read(request)
        properties.refuse_reserved(given.properties)
        new = creation.NewImage(
            v1_changes.new_values(given, context),
            given.properties,
            actions=source.actions,
            expected=v1_changes.expected(given, source),
            probe=lambda: self._filling.probe(source),
        )
        image = self._cases.creations.run(context, new)
        image = self._filling.run(context, image, source)
        base = links.base(request, self._public_endpoint)
        response = self._document(context, image)
        response.status_int = 201
        response.headers['Location'] = f'{base}/v1/images/{image["id"]}'
        return response

    def update(self, request: wsgi.Request, image_id: str) -> webob.Response:
        context = request.context
        given, source = self._read(request)
        update = v1_changes.Update(
            given,
            headers.purges(request),
            source,
            is_admin=bool(context.is_admin),
            probe=lambda: self._filling.probe(source),
        )
        change = changes.Change(
            edit=update.edit,
            actions=('get_image', 'modify_image', *source.actions),
            check=update.check,
            on_locations=source.on_locations,
            sizes=source.sizes,
        )
        try:
            image = self._cases.changes.run(context, image_id, change)
        except errors.NotFound:
            if context.is_admin:
                deleted = self._registry.get_deleted_image(context, image_id)
                update.check(deleted)
            raise
        if source.kind != 'location':
            image = self._filling.run(context, image, source)
        return self._document(context, image)

    def delete(self, request: wsgi.Request, image_id: str) -> webob.Response:
        context = request.context
        image = self._seen(context, image_id)
        if image['status'] == 'pending_delete':
            raise errors.Forbidden('The image is deleted; its data is not.')
        self._policy.require_image(context, 'delete_image', image)
        self._cases.deletions.run(context, image, {'row_version': None})
        return wsgi.empty(200)

    def _seen(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Image:
        """The image; administrators see deleted ones too."""
        try:
            return self._registry.get_image(context, image_id)
        except errors.NotFound:
            if not context.is_admin:
                raise
            return self._registry.get_deleted_image(context, image_id)

    def _read(
        self, request: wsgi.Request
    ) -> tuple[headers.Given, filling.Source]:
        given = headers.read(request, self._schema)
        if given.copy_from is not None:
            self._filling.check_url(given.copy_from)
        source = sources.of(request, given, self._parts, self._size_cap_bytes)
        return given, source

    def _listed(self, request: wsgi.Request) -> list[contract.Image]:
        context = request.context
        asked, as_user = query.parse(
            list_pages.pairs(request), self._pages, context
        )
        self._policy.require_list(context)
        allows = self._parts.allows_of(context)
        if allows is not None and not all(
            allows('read', name) for name, _ in asked['properties']
        ):
            return []  # a filter must not reveal unreadable properties
        reader = copy.copy(context)
        reader.is_admin = context.is_admin and not as_user
        return [
            image
            for image in self._registry.list_images(reader, asked)
            if self._policy.allows(
                context, 'get_image', policy.of_image(image)
            )
        ]

    def _described(
        self, context: context.RequestContext, image: contract.Image
    ) -> webob.Response:
        document = views.document(image, self._parts.allows_of(context))
        return _tagged(webob.Response(headerlist=headers.of(document)), image)

    def _document(
        self, context: context.RequestContext, image: contract.Image
    ) -> webob.Response:
        document: Any = views.document(image, self._parts.allows_of(context))
        return _tagged(wsgi.json_response({'image': document}), image)


def _tagged(response: webob.Response, image: contract.Image) -> webob.Response:
    if image['checksum']:
        response.headers['ETag'] = image['checksum']
    return response
