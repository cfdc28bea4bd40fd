"""/v2/metadefs/namespaces/{namespace}/properties"""

import webob

from glance.api.v2 import pages
from glance.api.v2 import schemas
from glance.api.v2.metadefs import catalogue as catalogues
from glance.api.v2.metadefs import definitions
from glance.api.v2.metadefs import documents
from glance.api.v2.metadefs import listing
from glance.api.v2.metadefs import views
from glance.common import errors
from glance.common import wsgi
from glance.common.contract import metadefs


class Properties(definitions.Definitions):
    """Properties that are not part of an object."""

    kind = 'properties'
    noun = 'property'
    parse = staticmethod(documents.property_)
    actions = definitions.Actions(
        'get_metadef_properties',
        'get_metadef_property',
        'add_metadef_property',
        'modify_metadef_property',
        'remove_metadef_property',
        ('delete_metadef_namespace',),
    )

    def listed(self, namespace: metadefs.Namespace) -> views.Document:
        return {'properties': views.properties(namespace['properties'])}

    def shown(
        self, namespace: str, definition: metadefs.Definition
    ) -> views.Document:
        return views.named_property(definition)

    def show(
        self, request: wsgi.Request, namespace: str, item: str
    ) -> webob.Response:
        """One property.

        With ``resource_type`` its name has the prefix of that association.
        """
        query = pages.pairs(request)
        catalogues.refuse_unknown(query, 'resource_type')
        resource_type = listing.resource_type(query)
        if resource_type is None:
            return super().show(request, namespace, item)
        request.refuse_body()
        schemas.check_text(namespace, 'namespace')
        record = self._catalogue.read(
            request.context, [self.actions.show], namespace, self.kind
        )
        return wsgi.json_response(
            views.named_property(_prefixed(record, resource_type, item))
        )


def _prefixed(
    namespace: metadefs.Namespace, resource_type: str, item: str
) -> metadefs.Property:
    """The property whose name with the resource type's prefix is ``item``.

    :raises errors.NotFound: there is no such property
    """
    for association in namespace['resource_type_associations']:
        prefix = association['prefix'] or ''
        if association['name'] == resource_type and item.startswith(prefix):
            bare = item.removeprefix(prefix)
            for each in namespace['properties']:
                if each['name'] == bare:
                    return each
    raise errors.NotFound(
        f'The namespace {namespace["namespace"]} has no property {item} of '
        f'{resource_type}.'
    )
