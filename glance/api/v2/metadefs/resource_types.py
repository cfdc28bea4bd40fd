"""/v2/metadefs/resource_types, and those of a namespace."""

import webob

from glance.api.v2.metadefs import definitions
from glance.api.v2.metadefs import documents
from glance.api.v2.metadefs import views
from glance.common import wsgi
from glance.common.contract import metadefs


class ResourceTypes(definitions.Definitions):
    """The resource types that a namespace is associated with."""

    kind = 'resource_type_associations'
    noun = 'association with the resource type'
    parse = staticmethod(documents.association)
    actions = definitions.Actions(
        'get_metadef_resource_type',
        'get_metadef_resource_type',
        'add_metadef_resource_type_association',
        '',
        'remove_metadef_resource_type_association',
        (),
    )

    def listed(self, namespace: metadefs.Namespace) -> views.Document:
        return {
            self.kind: [
                views.association({**each})
                for each in namespace['resource_type_associations']
            ]
        }

    def shown(
        self, namespace: str, definition: metadefs.Definition
    ) -> views.Document:
        return views.association(definition)

    def all(self, request: wsgi.Request) -> webob.Response:
        """All types that any namespace has ever been associated with."""
        request.refuse_body()
        context = request.context
        self._catalogue.permit_all(context, 'list_metadef_resource_types')
        types = self._catalogue.registry.list_resource_types(context)
        return wsgi.json_response({'resource_types': types})
