"""Running transfers of this process, and the renewal of their leases.

The registry gives an image's data to one transfer at a time, on a lease.
One thread renews the leases of all transfers of the process. So a slow
client causes no extra work, and a stalled client does not lose its claim.
"""

import logging
import threading
import time
from typing import NamedTuple
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)

#: Renewals within one lease; two of them may fail.
BEATS_PER_LEASE = 3
DELETED = 'The image was deleted during the upload.'
#: Min time that stored data waits for a renewal.
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
        #: Why its data is not needed any more; None while it is.
        self.refusal: errors.Error | None = None
        #: Until this time no other transfer can hold the claim.
        self.held_until = 0.0
        self.lease_seconds = 0
        self._began_at = time.monotonic()
        #: Whether its data may already have a name in the store.
        self.may_be_stored = False

    def count(self, kind: str, outcome: str) -> None:
        """Report the end of the transfer to the metrics.

        :param outcome: done or failed
        """
        seconds = time.monotonic() - self._began_at
        counters.note('transfer', kind, outcome, amount=seconds)

    def check(self) -> None:
        """Raise if the data is not needed any more.

        :raises errors.Conflict: the claim was lost
        :raises errors.LimitExceeded: other uploads used up the quota meanwhile
        :raises errors.Gone: the image was deleted
        """
        if self.is_lost:
            raise errors.Conflict(
                'The upload was cancelled, because its lease expired or the '
                'image was changed; start it again.'
            )
        if self.refusal is not None:
            raise self.refusal

    def confirm(self) -> None:
        """Wait until it is sure that no other transfer holds the claim.

        The store calls this in a native thread, right before the data gets its
        name. If the registry was down for longer than a lease, the claim may
        still be valid: the next renewal decides.

        :raises errors.Conflict: the claim was lost
        :raises errors.RegistryUnavailable: the lease cannot be renewed
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
    """The transfers of this process; all parts share one object.

    :param registry: keeps the leases
    :param node: this host, as the registry's records name it
    :param quota_bytes: max bytes of one owner; 0 means no limit
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        *,
        node: str,
        quota_bytes: int = 0,
    ) -> None:
        self._registry = registry
        self._node = node
        self.quota_bytes = quota_bytes
        self._running: dict[str, Transfer] = {}
        self._lock = threading.Lock()
        self._beating = False

    def claim(
        self,
        transfer: Transfer,
        size_bytes: int | None,
        store: str | None = None,
    ) -> contract.Claim:
        """Return the document that claims an image's data for a transfer.

        :param size_bytes: of the data; None if unknown
        :param store: identity of the store that is written to
        """
        return {
            'transfer_id': transfer.id,
            'node': self._node,
            'size': size_bytes,
            'store': store,
        }

    def hold(
        self, transfer: Transfer, lease_seconds: int, since: float
    ) -> None:
        """Renew a claim from now on; it was requested at ``since``."""
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
        if self.quota_bytes:
            renewal['quota'] = self.quota_bytes
        ending = self._registry.renew_transfers(context.of_service(), renewal)
        for transfer in transfers.values():
            transfer.held_until = since + lease_seconds
            transfer.is_lost = transfer.id in ending['lost']
            if transfer.id in ending.get('deleted', ()):
                transfer.refusal = errors.Gone(DELETED)
            elif transfer.id in ending.get('over_quota', ()):
                transfer.refusal = errors.LimitExceeded(NO_ROOM)


def _is_late(transfer: Transfer) -> bool:
    return not transfer.is_lost and time.monotonic() >= transfer.held_until


class Failure(NamedTuple):
    """A transfer that failed, for the log.

    :ivar kind: ``upload`` or ``staging``
    """

    kind: str
    image_id: str
    cause: BaseException

    def log(self, ended: contract.Unclaimed) -> None:
        """Log the failure, and what became of the image."""
        status = ended.get('status', 'no longer claimed')
        LOG.warning(
            'The %s of image %s failed; the image is %s now: %r (%r)',
            self.kind,
            self.image_id,
            status or 'deleted',
            self.cause,
            self.cause.__cause__,
        )

    def log_not_undone(self, error: errors.Error) -> None:
        """Log the failure, and that the image does not show it yet."""
        LOG.error(
            'The %s of image %s failed: %r (%r). It could not be undone '
            '(%s), which the registry does when the lease expires',
            self.kind,
            self.image_id,
            self.cause,
            self.cause.__cause__,
            error,
        )
