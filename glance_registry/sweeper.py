"""Gives back, now and then, what daemons that died had claimed."""

from collections.abc import Callable, Iterable
import logging
import threading
import time
from typing import Any

from glance.common import errors
from glance.common import wsgi
from glance_registry.db import engine
from glance_registry.db import transfers

LOG = logging.getLogger(__name__)


class Sweeping:
    """The registry with a sweeper beside it.

    It starts with the first request of a worker: before that nobody can see
    what it would change, and a worker's threads must not be born before
    the worker. It sweeps for the first time one lease later, so that a
    registry that was down does not take the leases of those who could not
    renew them meanwhile. Several may run.
    """

    def __init__(
        self,
        app: wsgi.WSGIApp,
        database: engine.Database,
        lease_seconds: int,
    ) -> None:
        self._app = app
        self._database = database
        self._lease_seconds = lease_seconds
        self._started = False

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, daemon=True).start()
        return self._app(environ, start_response)

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
