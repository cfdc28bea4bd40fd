"""Operations on data that is to be removed, as HTTP sees them."""

from typing import cast

import webob

from glance.common import contract
from glance.common import wsgi
from glance_registry import images
from glance_registry.db import engine
from glance_registry.db import leftovers


class Leftovers:
    """/v1/leftovers.

    :param held_seconds: how long one is left to who took it
    """

    def __init__(self, database: engine.Database, held_seconds: int) -> None:
        self._database = database
        self._held_seconds = held_seconds

    def take_leftovers(self, request: wsgi.Request) -> webob.Response:
        wanted = images.fields(request, 'holder', 'node', 'store', 'limit')
        taken = self._database.write(
            leftovers.take, cast(contract.Taking, wanted), self._held_seconds
        )
        return wsgi.json_response({'leftovers': taken})

    def check_leftovers(self, request: wsgi.Request) -> webob.Response:
        wanted = images.fields(request, 'image_ids')
        checked = self._database.read(
            leftovers.check, cast(contract.Checking, wanted)
        )
        return wsgi.json_response(checked)

    def settle_leftovers(self, request: wsgi.Request) -> webob.Response:
        removed = images.fields(request, 'done')
        self._database.write(leftovers.settle, cast(contract.Removed, removed))
        return wsgi.empty()
