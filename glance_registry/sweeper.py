"""Periodically ends the transfers of daemons that died."""

from collections.abc import Callable, Iterable, Mapping
import logging
import threading
import time
from typing import Any

from glance.common import counters
from glance.common import errors
from glance.common import wsgi
from glance_registry.db import engine
from glance_registry.db import sweeping
from glance_registry.db import tasks

LOG = logging.getLogger(__name__)

#: Number of checks during one lease.
LOOKS_PER_LEASE = 3


class Observed:
    """Measures how long each transfer has not been renewed.

    Only time in which this process made checks counts, at most one interval
    per check. So a transfer does not end because a clock jumps or differs
    from another host's, or because a registry or the database was paused:
    after a pause, the holder has most of a lease to renew it.

    :param lease_seconds: time after which a transfer without renewal expires
    """

    def __init__(self, lease_seconds: float) -> None:
        self.interval_seconds = lease_seconds / LOOKS_PER_LEASE
        self._lease_seconds = lease_seconds
        self._seen: dict[str, tuple[sweeping.Mark, float]] = {}
        self._looked_at = 0.0

    def note(
        self, present: Mapping[str, sweeping.Mark], now: float
    ) -> dict[str, sweeping.Mark]:
        """Record the transfers that a check found.

        :param present: all transfers, by id
        :param now: seconds of a monotonic clock
        :returns: transfers that were not renewed for a whole lease
        """
        passed = min(now - self._looked_at, self.interval_seconds)
        self._looked_at = now
        before, self._seen = self._seen, {}
        for transfer_id, mark in present.items():
            known, unchanged_seconds = before.get(transfer_id, (None, 0.0))
            total = unchanged_seconds + passed if known == mark else 0.0
            self._seen[transfer_id] = (mark, total)
        # Slightly less than a lease, because a sum of floating-point numbers
        # may be slightly too small.
        enough = self._lease_seconds - self.interval_seconds / 100
        return {
            transfer_id: mark
            for transfer_id, (mark, total) in self._seen.items()
            if total >= enough
        }


class Sweeping:
    """The registry's application with a sweeper thread.

    The thread starts with the first request of a worker: it must not start
    before the worker process is forked, and it is not needed earlier. The
    sweepers of several workers may run at the same time.
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
        """Check all transfers once, and end those with an expired lease.

        :param now: seconds of a monotonic clock
        """
        self._database.write(tasks.expire)
        present = self._database.read(sweeping.observe)
        lapsed = self._observed.note(present, now)
        if not lapsed:
            return
        swept = self._database.write(sweeping.sweep, lapsed)
        for image_id, status in swept.items():
            counters.note('lapse')
            LOG.warning(
                'Image %s is %s now: its upload or import did not renew '
                'its lease for %s seconds (transfer_lease_seconds)',
                image_id,
                status,
                self._lease_seconds,
            )
