"""/v2/metadefs/namespaces"""

from typing import Any

import webob

from glance.api import links
from glance.api.v2 import pages
from glance.api.v2 import schemas
from glance.api.v2.metadefs import catalogue as catalogues
from glance.api.v2.metadefs import documents
from glance.api.v2.metadefs import listing
from glance.api.v2.metadefs import views
from glance.common import context
from glance.common import errors
from glance.common import wsgi
from glance.common.contract import metadefs

#: The policy rules for showing a namespace with all its definitions.
_SHOW = (
    'get_metadef_namespace',
    'list_metadef_resource_types',
    'get_metadef_properties',
    'get_metadef_objects',
    'get_metadef_tags',
)
#: Kind -> the policy rule for creating a namespace with such definitions.
_ADD: dict[metadefs.Kind, str] = {
    'resource_type_associations': 'add_metadef_resource_type_association',
    'properties': 'add_metadef_property',
    'objects': 'add_metadef_object',
    'tags': 'add_metadef_tag',
}


class Namespaces:
    """The collection, and one namespace.

    :param rules: the rules for pages
    :param public_endpoint: the address of the API for clients; None to use
        the address of each request
    """

    def __init__(
        self,
        catalogue: catalogues.Catalogue,
        rules: listing.PageRules,
        public_endpoint: str | None,
    ) -> None:
        self._catalogue = catalogue
        self._rules = rules
        self._public_endpoint = public_endpoint

    def index(self, request: wsgi.Request) -> webob.Response:
        request.refuse_body()
        context, pairs = request.context, pages.pairs(request)
        query = listing.namespaces(pairs, self._rules)
        self._catalogue.permit_all(
            context, 'get_metadef_namespaces', 'list_metadef_resource_types'
        )
        page = self._catalogue.registry.list_namespaces(context, query)
        document: dict[str, Any] = {
            'namespaces': [
                views.namespace(each)
                for each in page
                if self._catalogue.shows(context, each)
            ],
            'first': pages.link(views.NAMESPACES, pairs),
            'schema': '/v2/schemas/metadefs/namespaces',
        }
        if page and len(page) == query['limit']:
            marker = page[-1]['namespace']
            document['next'] = pages.link(views.NAMESPACES, pairs, marker)
        return wsgi.json_response(document)

    def show(self, request: wsgi.Request, namespace: str) -> webob.Response:
        request.refuse_body()
        schemas.check_text(namespace, 'namespace')
        query = pages.pairs(request)
        catalogues.refuse_unknown(query, 'resource_type')
        resource_type = listing.resource_type(query)
        record = self._catalogue.read(
            request.context, _SHOW, namespace, *metadefs.KINDS[1:]
        )
        record['tags'].reverse()  # the newest first, as in their list
        document = views.namespace(record)
        for each in record['resource_type_associations']:
            if each['name'] == resource_type and each['prefix']:
                document = views.prefixed(document, each['prefix'])
        return wsgi.json_response(document)

    def create(self, request: wsgi.Request) -> webob.Response:
        context = request.context
        new = documents.read(request, documents.namespace)
        _set_owner(new['values'], context)
        kinds = [kind for kind in metadefs.KINDS if new[kind]]
        actions = [_ADD[kind] for kind in kinds]
        self._catalogue.permit_new(
            context, ['add_metadef_namespace', *actions], new['values']
        )
        made: Any = self._catalogue.registry.create_namespace(context, new)
        self._catalogue.tell_namespace('create', made)
        for kind in kinds:
            self._catalogue.tell('create', kind, made['namespace'], made[kind])
        base = links.base(request, self._public_endpoint)
        document = views.namespace(made)
        return wsgi.json_response(
            document, 201, {'Location': f'{base}{document["self"]}'}
        )

    def update(self, request: wsgi.Request, namespace: str) -> webob.Response:
        schemas.check_text(namespace, 'namespace')
        values = documents.read(request, documents.namespace_values)
        context = request.context
        _set_owner(values, context)
        self._catalogue.read(context, ['modify_metadef_namespace'], namespace)
        changed = self._catalogue.registry.update_namespace(
            context, {'namespace': namespace, 'values': values}
        )
        self._catalogue.tell_namespace('update', changed, namespace)
        return wsgi.json_response(views.namespace(changed))

    def delete(self, request: wsgi.Request, namespace: str) -> webob.Response:
        request.refuse_body()
        schemas.check_text(namespace, 'namespace')
        context = request.context
        record = self._catalogue.read(
            context, ['delete_metadef_namespace'], namespace
        )
        self._catalogue.registry.delete_namespace(context, namespace)
        self._catalogue.tell_namespace('delete', record)
        return wsgi.empty()


def _set_owner(
    values: metadefs.NamespaceValues, context: context.RequestContext
) -> None:
    """Use the caller's project if the request has no owner.

    :raises errors.BadRequest: the token has no project either
    """
    owner = values['owner'] or context.project_id
    if not owner:
        raise errors.BadRequest(
            'owner is required, because the token has no project.'
        )
    values['owner'] = owner
