"""/v2/schemas/metadefs/{metadef}"""

import webob

from glance.api.v2.schema import metadefs
from glance.common import errors
from glance.common import wsgi


class Schemas:
    """The schemas that validate documents of the catalogue."""

    def __init__(self) -> None:
        self._documents = metadefs.documents()

    def show(self, request: wsgi.Request, metadef: str) -> webob.Response:
        request.refuse_body()
        if metadef not in self._documents:
            raise errors.NotFound(
                f'The schema metadefs/{metadef} does not exist.'
            )
        return wsgi.json_response(self._documents[metadef])
