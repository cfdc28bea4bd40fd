"""Operations on images, their tags and data, as HTTP sees them."""

import re
from typing import Any, cast

import webob

from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance_registry import lifecycle
from glance_registry.db import deletion
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import storage
from glance_registry.db import tags
from glance_registry.db import transfers

_ID = re.compile(r'[\w-]{1,36}', re.ASCII)
#: Largest page, whatever the client asks for.
MAX_PAGE = 10_000


class Images:
    """/v1/images and what hangs below one image.

    :param lease_seconds: how long a claim on data holds without renewal
    """

    def __init__(self, database: engine.Database, lease_seconds: int) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    def check_registry(self, request: wsgi.Request) -> webob.Response:
        """Answer if the database does; who asks was checked before."""
        self._database.read(images.ping)
        return wsgi.empty()

    def list_images(self, request: wsgi.Request) -> webob.Response:
        query = cast(contract.ImageQuery, fields(request, 'limit', 'sort'))
        query['limit'] = min(query['limit'], MAX_PAGE)
        found = self._database.read(
            images.get_page, request.context, query, self._database.dialect
        )
        return wsgi.json_response({'images': found})

    def create_image(self, request: wsgi.Request) -> webob.Response:
        new = cast(contract.NewImage, fields(request, 'id', 'values'))
        require_id(new['id'])
        image = self._database.write(images.create, new)
        return wsgi.json_response(image, 201)

    def get_image(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        require_id(image_id)
        image = self._database.read(images.get, request.context, image_id)
        return wsgi.json_response(image)

    def update_image(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        changes = fields(request, 'row_version', 'values', 'properties')
        image = self._database.write(
            images.update,
            request.context,
            require_id(image_id),
            cast(contract.ImageChanges, changes),
            self._lease_seconds,
        )
        return wsgi.json_response(image)

    def delete_image(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        wanted = cast(contract.Deletion, fields(request, 'row_version'))
        image = self._database.write(
            deletion.delete,
            request.context,
            require_id(image_id),
            wanted,
            self._lease_seconds,
        )
        return wsgi.json_response(image)

    def settle_deletion(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        settled = cast(contract.DeletionEnd, fields(request, 'status', 'ids'))
        self._database.write(deletion.settle, require_id(image_id), settled)
        return wsgi.empty()

    def settle_locations(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        settled = cast(contract.Settled, fields(request, 'ids', 'restore'))
        self._database.write(
            deletion.settle_locations, require_id(image_id), settled
        )
        return wsgi.empty()

    def claim_upload(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        return self._claim(request, image_id, transfers.UPLOAD)

    def claim_location(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        return self._claim(request, image_id, transfers.LOCATION)

    def _claim(
        self, request: wsgi.Request, image_id: str, kind: transfers.Kind
    ) -> webob.Response:
        claim = fields(request, 'transfer_id', 'node', 'size')
        claimed = self._database.write(
            transfers.claim,
            request.context,
            require_id(image_id),
            cast(contract.Claim, claim),
            kind,
            self._lease_seconds,
        )
        return wsgi.json_response(claimed)

    def renew_transfers(self, request: wsgi.Request) -> webob.Response:
        renewal = cast(contract.Renewal, fields(request, 'transfers'))
        renewed = self._database.write(
            transfers.renew, renewal, self._lease_seconds
        )
        return wsgi.json_response(renewed)

    def get_usage(self, request: wsgi.Request) -> webob.Response:
        owner = fields(request, 'owner')['owner']
        usage = self._database.read(storage.get_usage, owner)
        return wsgi.json_response(usage)

    def finish_upload(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        stored = fields(request, 'transfer_id', 'location')
        image = self._database.write(
            transfers.finish,
            require_id(image_id),
            cast(contract.Stored, stored),
        )
        return wsgi.json_response(image)

    def finish_location(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        registered = fields(request, 'transfer_id', 'location', 'then_hash')
        image = self._database.write(
            transfers.finish_location,
            require_id(image_id),
            cast(contract.Registered, registered),
            self._lease_seconds,
        )
        return wsgi.json_response(
            {'image': image, 'lease_seconds': self._lease_seconds}
        )

    def finish_hash(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        hashed = fields(request, 'transfer_id', 'os_hash_value')
        self._database.write(
            transfers.finish_hash,
            require_id(image_id),
            cast(contract.Hashed, hashed),
        )
        return wsgi.empty()

    def abandon_upload(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        abandoned = cast(contract.Abandoned, fields(request, 'transfer_id'))
        unclaimed = self._database.write(
            transfers.abandon,
            require_id(image_id),
            abandoned,
            self._lease_seconds,
        )
        return wsgi.json_response(unclaimed)

    def deactivate_image(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        return self._move(request, image_id, lifecycle.DEACTIVATE)

    def reactivate_image(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        return self._move(request, image_id, lifecycle.REACTIVATE)

    def _move(
        self, request: wsgi.Request, image_id: str, step: lifecycle.Step
    ) -> webob.Response:
        expected = cast(contract.Expected, fields(request, 'row_version'))
        self._database.write(
            images.move, request.context, require_id(image_id), step, expected
        )
        return wsgi.empty()

    def add_tag(
        self, request: wsgi.Request, image_id: str, tag: str
    ) -> webob.Response:
        new = cast(contract.NewTag, fields(request, 'quota'))
        self._database.write(
            tags.add,
            request.context,
            require_id(image_id),
            tag,
            new['quota'],
        )
        return wsgi.empty()

    def delete_tag(
        self, request: wsgi.Request, image_id: str, tag: str
    ) -> webob.Response:
        self._database.write(
            tags.delete, request.context, require_id(image_id), tag
        )
        return wsgi.empty()


def require_id(image_id: Any) -> str:
    """An id that no database trips over.

    :raises errors.NotFound: no image can have it
    """
    if not isinstance(image_id, str) or not _ID.fullmatch(image_id):
        raise errors.NotFound('There is no such image.')
    return image_id


def fields(request: wsgi.Request, *required: str) -> dict[str, Any]:
    """The document of a request.

    :raises errors.BadRequest: not an object, or a field is missing
    """
    document = request.document()
    if not isinstance(document, dict) or not all(
        name in document for name in required
    ):
        raise errors.BadRequest(f'The fields {required} are required.')
    return document
