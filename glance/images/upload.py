"""One upload: first byte to active image, and its undoing."""

from collections.abc import Iterator
import logging
import operator
import time

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import threads
from glance.images import formats
from glance.images import key_manager
from glance.images import leftovers
from glance.images import limits
from glance.images import signatures
from glance.images import streams
from glance.images import transfers
from glance.notifications import notifier as notifications
from glance.store import stores

LOG = logging.getLogger(__name__)


class Uploads:
    """Writes images' data.

    :param left: removes what an upload that failed has stored
    :param node: this host, as the registry's records name it
    :param rules: about the content of images
    :param keys: where certificates of signed images are
    :param quota_bytes: most bytes that one owner may keep; 0: any
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        left: leftovers.Leftovers,
        node: str,
        rules: formats.Rules,
        keys: key_manager.Keys,
        quota_bytes: int,
        unified: limits.UnifiedLimits,
        notifier: notifications.Notifier,
    ) -> None:
        self._registry = registry
        self._store = store
        self._left = left
        self._node = node
        self._rules = rules
        self._keys = keys
        self._quota_bytes = quota_bytes
        self._unified = unified
        self._notifier = notifier
        self._transfers = transfers.Transfers(registry, quota_bytes)

    def run(
        self,
        context: context.RequestContext,
        image_id: str,
        data: streams.Measured,
        expected_bytes: int | None,
    ) -> None:
        """Make the image active with ``data``.

        Whatever fails, the image is ``queued`` again and the bytes are
        gone; the first error goes on.

        :raises errors.Conflict: the image is not ``queued``
        :raises errors.LimitExceeded: its owner has no room for the data
        :raises errors.Gone: it was deleted while the bytes came
        """
        transfer = transfers.Transfer()
        since = time.monotonic()
        claimed = self._registry.claim_upload(
            context, image_id, self._claim(transfer, expected_bytes)
        )
        self._transfers.hold(transfer, claimed['lease_seconds'], since)
        try:
            self._unified.require_uploading(context)
            if 'room' in claimed:
                data.narrow(claimed['room'], transfers.NO_ROOM)
            self._notifier.prepared(claimed['image'])
            self._examine(context, claimed['image'], data)
            url = self._write(image_id, transfer, data, expected_bytes)
            image = self._finish(context, image_id, transfer, data, url)
        except BaseException as error:  # also a killed greenthread
            self._undo(context, image_id, transfer, error)
            raise
        finally:
            self._transfers.drop(transfer)
        self._notifier.uploaded(image)

    def _claim(
        self, transfer: transfers.Transfer, expected_bytes: int | None
    ) -> contract.Claim:
        claim: contract.Claim = {
            'transfer_id': transfer.id,
            'node': self._node,
            'size': expected_bytes,
            'store': self._store.identity,
        }
        if self._quota_bytes:
            claim['quota'] = self._quota_bytes
        return claim

    def _examine(
        self,
        context: context.RequestContext,
        image: contract.Image,
        data: streams.Measured,
    ) -> None:
        """Say what the data must be; the stream refuses other data."""
        signature = None
        if image['properties'].keys() >= signatures.PROPERTIES:
            signature = signatures.verifier(
                context, image['properties'], self._keys
            )
        inspection = formats.inspection(self._rules, image)
        data.expect(image, inspection, signature)

    def _write(
        self,
        image_id: str,
        transfer: transfers.Transfer,
        data: streams.Measured,
        expected_bytes: int | None,
    ) -> str:
        """Store the data, in a native thread if it can be read by one."""
        run = threads.run if data.go_native() else operator.call
        url: str = run(
            self._store.write,
            image_id,
            _watched(data, transfer),
            transfer.confirm,
            expected_bytes,
        )
        return url

    def _finish(
        self,
        context: context.RequestContext,
        image_id: str,
        transfer: transfers.Transfer,
        data: streams.Measured,
        url: str,
    ) -> contract.Image:
        stored: contract.Stored = {
            'transfer_id': transfer.id,
            'size': data.size_bytes,
            'virtual_size': data.virtual_size,
            'checksum': data.checksum,
            'os_hash_algo': data.hash_name,
            'os_hash_value': data.hash_value,
            'location': {'url': url, 'metadata': {}},
        }
        if self._quota_bytes:
            stored['quota'] = self._quota_bytes
        try:
            return self._registry.finish_upload(context, image_id, stored)
        except errors.NotFound as error:
            raise errors.Gone(transfers.DELETED) from error

    def _undo(
        self,
        context: context.RequestContext,
        image_id: str,
        transfer: transfers.Transfer,
        cause: BaseException,
    ) -> None:
        """Give the claim back, and then remove what may be stored.

        In this order: the response to finish may have been lost. What is
        stored is recorded as left over together with the end of the claim,
        so it is removed later if it cannot be now. If the registry does not
        respond at all, it does the same when the lease lapses.
        """
        LOG.warning(
            'The upload of image %s failed; the image is queued again: %r '
            '(%r)',
            image_id,
            cause,
            cause.__cause__,
        )
        self._notifier.upload_failed(image_id, cause)
        abandoned: contract.Abandoned = {
            'transfer_id': transfer.id,
            'reason': f'The upload failed: {errors.public_text(cause)}',
        }
        if transfer.may_be_stored:
            abandoned['leftover'] = self._left.removal(transfer.id)
        try:
            self._registry.abandon_upload(context, image_id, abandoned)
            if transfer.may_be_stored:
                self._left.remove_stored(transfer.id, image_id)
        except errors.Error as error:
            LOG.error(
                'Could not undo the failed upload of image %s; it will be '
                'tried again: %s',
                image_id,
                error,
            )


def _watched(
    data: streams.Measured, transfer: transfers.Transfer
) -> Iterator[memoryview]:
    """The data, as long as it is wanted."""
    for chunk in data:
        transfer.check()
        transfer.bytes_done = data.size_bytes
        yield chunk
