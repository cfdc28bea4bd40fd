"""/v2/metadefs/namespaces/{namespace}/tags"""

import webob

from glance.api.v2 import schemas
from glance.api.v2.metadefs import definitions
from glance.api.v2.metadefs import documents
from glance.api.v2.metadefs import listing
from glance.api.v2.metadefs import views
from glance.common import wsgi
from glance.common.contract import metadefs

#: Header of the bulk call: ``true`` keeps the existing tags.
APPEND = 'X-Openstack-Append'


class Tags(definitions.Definitions):
    """Tags: definitions that have only a name."""

    kind = 'tags'
    noun = 'tag'
    paging = listing.TAGS
    parse = staticmethod(documents.tag)
    actions = definitions.Actions(
        'get_metadef_tags',
        'get_metadef_tag',
        'add_metadef_tag',
        'modify_metadef_tag',
        'delete_metadef_tag',
        ('delete_metadef_namespace', 'delete_metadef_tags'),
    )

    def listed(self, namespace: metadefs.Namespace) -> views.Document:
        return {'tags': [{'name': each['name']} for each in namespace['tags']]}

    def shown(
        self, namespace: str, definition: metadefs.Definition
    ) -> views.Document:
        return views.tag(definition)

    def create_one(
        self, request: wsgi.Request, namespace: str, item: str
    ) -> webob.Response:
        """Create the tag that the path names."""
        request.refuse_body()
        schemas.check_text(namespace, 'namespace')
        documents.check_name(item, 'tag')
        new = [{'name': item}]
        (made,) = self.add(request, namespace, [self.actions.add], new)
        return wsgi.json_response(views.tag(made), 201)

    def create_many(
        self, request: wsgi.Request, namespace: str
    ) -> webob.Response:
        """Replace all tags, or add some."""
        schemas.check_text(namespace, 'namespace')
        new = documents.read(request, documents.tags)
        append = request.headers.get(APPEND, '').strip().lower() == 'true'
        self.add(
            request,
            namespace,
            ['add_metadef_tags'],
            new,
            replace=not append,
        )
        return wsgi.json_response({'tags': new}, 201)
