"""Running transfers of this process, and the sign of life they give.

The registry gives an image's data to one transfer at a time, on a lease.
One thread renews the leases of all transfers of the process, so a client
that sends slowly costs nothing and one that stalls loses nothing.
"""

import logging
import threading
import time
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)

#: Renewals within one lease: two of them may fail.
BEATS_PER_LEASE = 3
DELETED = 'The image was deleted during the upload.'
#: How long stored data waits for a renewal, at least.
CONFIRM_SECONDS = 30.0
CONFIRM_PAUSE_SECONDS = 0.05
NO_ROOM = (
    'The project of the image has no storage left (user_storage_quota); '
    'delete images first.'
)


class Transfer:
    """One claim on an image's data."""

    def __init__(self) -> None:
        self.id = str(uuid.uuid4())
        self.bytes_done = 0
        self.is_lost = False
        #: Why its data is not wanted any more.
        self.refusal: errors.Error | None = None
        #: Until then no other can hold the claim, whatever happens.
        self.held_until = 0.0
        self.lease_seconds = 0
        #: Its data may have a name in the store.
        self.may_be_stored = False

    def check(self) -> None:
        """Go on only while the data is wanted.

        :raises errors.Conflict: the claim was given to somebody else
        :raises errors.LimitExceeded: others used the quota up meanwhile
        :raises errors.Gone: the image was deleted
        """
        if self.is_lost:
            raise errors.Conflict(
                'The upload was given up, because it took too long without '
                'a sign of life or the image was changed; start it again.'
            )
        if self.refusal is not None:
            raise self.refusal

    def confirm(self) -> None:
        """Be sure that nobody else can hold the claim, or wait until it is.

        The store calls it in a native thread, right before the data gets
        its name. A registry that stood still for more than a lease has not
        ended the claim: its next renewal tells.

        :raises errors.Conflict: the claim was given to somebody else
        :raises errors.RegistryUnavailable: nothing can be renewed
        """
        patience_seconds = max(self.lease_seconds, CONFIRM_SECONDS)
        give_up_at = time.monotonic() + patience_seconds
        self.check()
        while time.monotonic() >= self.held_until:
            if time.monotonic() > give_up_at:
                raise errors.RegistryUnavailable
            threads.pause(CONFIRM_PAUSE_SECONDS)
            self.check()
        self.may_be_stored = True


class Transfers:
    """The transfers of this process.

    :param registry: where their leases are
    :param quota_bytes: most bytes of one owner; 0: any
    """

    def __init__(
        self, registry: registry_client.RegistryClient, quota_bytes: int
    ) -> None:
        self._registry = registry
        self._quota_bytes = quota_bytes
        self._running: dict[str, Transfer] = {}
        self._lock = threading.Lock()
        self._beating = False

    def hold(
        self, transfer: Transfer, lease_seconds: int, since: float
    ) -> None:
        """Keep a claim alive that was asked for at ``since``."""
        transfer.held_until = since + lease_seconds
        transfer.lease_seconds = lease_seconds
        with self._lock:
            self._running[transfer.id] = transfer
            start, self._beating = not self._beating, True
        if start:
            threading.Thread(
                target=self._beat, args=(lease_seconds,), daemon=True
            ).start()

    def drop(self, transfer: Transfer) -> None:
        with self._lock:
            self._running.pop(transfer.id, None)

    def _beat(self, lease_seconds: int) -> None:
        pause_seconds = lease_seconds / BEATS_PER_LEASE
        while True:
            time.sleep(pause_seconds)
            pause_seconds = lease_seconds / BEATS_PER_LEASE
            with self._lock:
                running = dict(self._running)
                if not running:
                    self._beating = False
                    return
            try:
                self._renew(running, lease_seconds)
            except errors.Error as error:
                LOG.warning(
                    'Could not renew the leases of running uploads: %s', error
                )
                continue
            if any(map(_is_late, running.values())):
                pause_seconds = 0.0  # the response took a whole lease

    def _renew(
        self, transfers: dict[str, Transfer], lease_seconds: int
    ) -> None:
        since = time.monotonic()
        renewal: contract.Renewal = {
            'transfers': {
                transfer.id: transfer.bytes_done
                for transfer in transfers.values()
            }
        }
        if self._quota_bytes:
            renewal['quota'] = self._quota_bytes
        ending = self._registry.renew_transfers(
            context.RequestContext(is_admin=True, overwrite=False), renewal
        )
        for transfer in transfers.values():
            transfer.held_until = since + lease_seconds
            transfer.is_lost = transfer.id in ending['lost']
            if transfer.id in ending.get('deleted', ()):
                transfer.refusal = errors.Gone(DELETED)
            elif transfer.id in ending.get('over_quota', ()):
                transfer.refusal = errors.LimitExceeded(NO_ROOM)


def _is_late(transfer: Transfer) -> bool:
    return not transfer.is_lost and time.monotonic() >= transfer.held_until
