"""/v2/metadefs/namespaces/{namespace}/objects"""

from collections.abc import Sequence

from glance.api.v2.metadefs import definitions
from glance.api.v2.metadefs import documents
from glance.api.v2.metadefs import listing
from glance.api.v2.metadefs import views
from glance.common.contract import metadefs


class Objects(definitions.Definitions):
    """Groups of properties."""

    kind = 'objects'
    noun = 'object'
    paging = listing.OBJECTS
    parse = staticmethod(documents.object_)
    actions = definitions.Actions(
        'get_metadef_objects',
        'get_metadef_object',
        'add_metadef_object',
        'modify_metadef_object',
        'delete_metadef_object',
        ('delete_metadef_namespace',),
    )

    def listed(self, namespace: metadefs.Namespace) -> views.Document:
        name = namespace['namespace']
        return {
            'objects': [
                views.object_(name, each) for each in namespace['objects']
            ],
            'schema': '/v2/schemas/metadefs/objects',
        }

    def shown(
        self, namespace: str, definition: metadefs.Definition
    ) -> views.Document:
        return views.object_(namespace, definition)

    def echoed(
        self,
        namespace: str,
        definition: metadefs.Definition,
        _sent: Sequence[str],
    ) -> views.Document:
        return views.object_(namespace, definition, _sent)
