"""Operations on running transfers, as HTTP sees them; and the sweeper."""

import logging
import threading
import time
from typing import cast

import webob

from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance_registry import images
from glance_registry.db import engine
from glance_registry.db import transfers

LOG = logging.getLogger(__name__)


class Transfers:
    """Claims on images' data.

    :param lease_seconds: how long a claim holds without renewal
    """

    def __init__(self, database: engine.Database, lease_seconds: int) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    def claim_upload(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        claim = images.fields(request, 'transfer_id', 'node', 'size')
        claimed = self._database.write(
            transfers.claim,
            request.context,
            images.require_id(image_id),
            cast(contract.Claim, claim),
            self._lease_seconds,
        )
        return wsgi.json_response(claimed)

    def renew_transfers(self, request: wsgi.Request) -> webob.Response:
        renewal = cast(contract.Renewal, images.fields(request, 'transfers'))
        renewed = self._database.write(
            transfers.renew, renewal, self._lease_seconds
        )
        return wsgi.json_response(renewed)

    def finish_upload(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        stored = images.fields(request, 'transfer_id', 'location')
        image = self._database.write(
            transfers.finish,
            images.require_id(image_id),
            cast(contract.Stored, stored),
        )
        return wsgi.json_response(image)

    def abandon_upload(
        self, request: wsgi.Request, image_id: str
    ) -> webob.Response:
        unclaimed = self._database.write(
            transfers.abandon,
            images.require_id(image_id),
            images.fields(request, 'transfer_id')['transfer_id'],
        )
        return wsgi.json_response(unclaimed)


class Sweeper:
    """Gives back, now and then, what daemons that died had claimed.

    It starts with the first request of a worker, for before that nobody
    can see what it would change; and it sweeps for the first time one
    lease later, so that a registry that was down does not take the leases
    of those who could not renew them meanwhile. Several may run.
    """

    def __init__(self, database: engine.Database, lease_seconds: int) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._started = False

    def ensure_started(self) -> None:
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        time.sleep(self._lease_seconds)
        while True:
            try:
                for image_id in self._database.write(transfers.sweep):
                    LOG.warning(
                        'Gave image %s back: its upload broke off', image_id
                    )
            except errors.Error as error:
                LOG.error('Could not look for broken uploads: %s', error)
            time.sleep(self._lease_seconds / 2)
