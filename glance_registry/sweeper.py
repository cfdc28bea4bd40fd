"""Gives back, now and then, what daemons that died had claimed."""

from collections.abc import Callable, Iterable, Mapping
import logging
import threading
import time
from typing import Any

from glance.common import errors
from glance.common import wsgi
from glance_registry.db import engine
from glance_registry.db import transfers

LOG = logging.getLogger(__name__)

#: Looks within one lease.
LOOKS_PER_LEASE = 3


class Observed:
    """How long each transfer has been seen without a renewal.

    Only time in which this process looked counts, at most one interval per
    look. So neither a clock that jumps, nor one that differs from another
    host's, nor a registry or a database that stood still ends a transfer:
    after a standstill its holder has most of a lease to renew it.

    :param lease_seconds: how long a transfer lives without renewal
    """

    def __init__(self, lease_seconds: float) -> None:
        self.interval_seconds = lease_seconds / LOOKS_PER_LEASE
        self._lease_seconds = lease_seconds
        self._seen: dict[str, tuple[transfers.Mark, float]] = {}
        self._looked_at = 0.0

    def note(
        self, present: Mapping[str, transfers.Mark], now: float
    ) -> dict[str, transfers.Mark]:
        """Take what a look found.

        :param now: seconds of a clock that never jumps
        :returns: transfers that were not renewed for a whole lease
        """
        passed = min(now - self._looked_at, self.interval_seconds)
        self._looked_at = now
        before, self._seen = self._seen, {}
        for transfer_id, mark in present.items():
            known, unchanged_seconds = before.get(transfer_id, (None, 0.0))
            total = unchanged_seconds + passed if known == mark else 0.0
            self._seen[transfer_id] = (mark, total)
        # A little less: a sum of floating-point numbers may not reach it.
        enough = self._lease_seconds - self.interval_seconds / 100
        return {
            transfer_id: mark
            for transfer_id, (mark, total) in self._seen.items()
            if total >= enough
        }


class Sweeping:
    """The registry with a sweeper beside it.

    It starts with the first request of a worker: before that nobody can see
    what it would change, and a worker's threads must not be born before
    the worker. Several may run.
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
        self._observed = Observed(lease_seconds)
        self._first_request = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if self._first_request.acquire(blocking=False):  # never released
            threading.Thread(target=self._run, daemon=True).start()
        return self._app(environ, start_response)

    def _run(self) -> None:
        while True:
            try:
                self.look(time.monotonic())
            except errors.Error as error:
                LOG.error('Could not look for broken uploads: %s', error)
            except Exception:
                LOG.exception('Could not look for broken uploads')
            time.sleep(self._observed.interval_seconds)

    def look(self, now: float) -> None:
        """Look at all transfers once, and end those that lapsed.

        :param now: seconds of a clock that never jumps
        """
        present = self._database.read(transfers.observe)
        lapsed = self._observed.note(present, now)
        if not lapsed:
            return
        for image_id in self._database.write(transfers.sweep, lapsed):
            LOG.warning(
                'Image %s is queued again: its upload gave no sign of life '
                'for %s seconds (transfer_lease_seconds)',
                image_id,
                self._lease_seconds,
            )
