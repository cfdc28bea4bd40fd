"""The steps of an upload (claim, examine, write, finish), and their undoing.

``Uploads.run`` is the upload of a request. Code that gets the data in another
way (an import, a copy, staged data) calls the same steps.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import logging
import operator
import pathlib
import time

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import threads
from glance.images import access
from glance.images import formats
from glance.images import key_manager
from glance.images import leftovers
from glance.images import limits
from glance.images import signatures
from glance.images import streams
from glance.images import transfers
from glance.images.importing import passing
from glance.images.importing import plugins
from glance.notifications import notifier as notifications
from glance.store import named

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Options:
    """:ivar rules: checks of the content of images

    :ivar hash_name: algorithm of the second hash, in addition to md5
    :ivar scratch: directory for data that a plug-in needs as a file
    """

    rules: formats.FormatRules
    size_cap_bytes: int
    hash_name: str
    scratch: pathlib.Path = pathlib.Path('/nonexistent')


@dataclasses.dataclass(frozen=True)
class Upload:
    """One running upload, which has a claim on the data of an image.

    :ivar image: as it was claimed
    :ivar expected_bytes: the exact length of the data; None if unknown
    :ivar room_bytes: what the owner's quota leaves; None if unlimited
    """

    context: context.RequestContext
    image: contract.Image
    transfer: transfers.Transfer
    expected_bytes: int | None
    room_bytes: int | None


class Uploads:
    """Writes the data of images.

    :param running: renews the claims of this process
    :param left: removes what a failed upload has stored
    :param keys: has the certificates of signed images
    :param chain: plug-ins that change the data in ``run``; None if there are
        none
    :param access: sets the rights of new data; None if they are not needed
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        *,
        running: transfers.Transfers,
        left: leftovers.Leftovers,
        keys: key_manager.Keys,
        unified: limits.UnifiedLimits,
        notifier: notifications.Notifier,
        options: Options,
        chain: plugins.Chain | None = None,
        access: access.Access | None = None,
    ) -> None:
        self._registry = registry
        self._running = running
        self._left = left
        self._keys = keys
        self._unified = unified
        self._notifier = notifier
        self._options = options
        self._chain = chain
        self._access = access

    def run(
        self,
        context: context.RequestContext,
        image: contract.Image,
        source: streams.Chunks,
        expected_bytes: int | None,
        store: named.Named,
    ) -> contract.Image:
        """Store the bytes of the source and make the image active.

        After any failure the image is ``queued`` again and the bytes are
        removed; the first error is raised.

        :param image: as the caller just read it
        :raises errors.BadRequest: the image lacks a format, or the data is
            not what it should be
        :raises errors.Conflict: the image is not ``queued``
        :raises errors.LimitExceeded: the data exceeds a limit of its owner
        :raises errors.Gone: the image was deleted during the upload
        """
        _require_formats(image)
        _require_queued(image)
        data = self.measured(image, source, expected_bytes)
        with self.claimed(context, image, expected_bytes, store) as upload:
            if self._chain is None:
                active = self._stored(upload, data, store)
            else:
                active = self._changed(upload, source, store, self._chain)
        self._notifier.uploaded(active)
        if self._access is not None:
            self._access.refresh(active['id'])
        return active

    def _stored(
        self,
        upload: Upload,
        data: streams.Measured,
        store: named.Named,
        job: plugins.Job | None = None,
    ) -> contract.Image:
        self.examine(upload, data)
        location = self.write(upload, data, store)
        return self.finish(upload, data, [location], job)

    def _changed(
        self,
        upload: Upload,
        source: streams.Chunks,
        store: named.Named,
        chain: plugins.Chain,
    ) -> contract.Image:
        """Store the data as the plug-ins change it."""
        cap_bytes = self._options.size_cap_bytes
        if upload.room_bytes is not None:
            cap_bytes = min(cap_bytes, upload.room_bytes)
        job = plugins.Job(upload.image, upload.context.roles, cap_bytes)
        announced = passing.Announced(
            source, upload.expected_bytes, cap_bytes, upload.transfer.check
        )
        name = f'{upload.image["id"]}.{upload.transfer.id}'
        scratch = self._options.scratch / name
        with passing.through(chain, job, announced, scratch) as output:
            size = passing.size_of(output)
            data = self.measured(upload.image, output, size)
            changed = dataclasses.replace(
                upload, image=job.image, expected_bytes=size
            )
            return self._stored(changed, data, store, job)

    def measured(
        self,
        image: contract.Image,
        source: streams.Chunks,
        expected_bytes: int | None,
    ) -> streams.Measured:
        """Return the bytes of the source, counted, limited and hashed.

        :raises errors.LimitExceeded: the data exceeds image_size_cap
        """
        return streams.Measured(
            source,
            cap_bytes=self._options.size_cap_bytes,
            expected_bytes=expected_bytes,
            hash_name=image['os_hash_algo'] or self._options.hash_name,
        )

    @contextlib.contextmanager
    def claimed(
        self,
        context: context.RequestContext,
        image: contract.Image,
        expected_bytes: int | None,
        store: named.Named,
    ) -> Iterator[Upload]:
        """Hold the claim on an image's data; an error inside undoes it.

        :param store: the store that is written to; the first one of several
        :raises errors.Conflict: the image is not ``queued``
        :raises errors.LimitExceeded: the data exceeds a limit of its owner
        """
        image_id, transfer = image['id'], transfers.Transfer()
        wanted = self._running.claim(transfer, expected_bytes, store.identity)
        if self._running.quota_bytes:
            wanted['quota'] = self._running.quota_bytes
        if limits := self._unified.limits_of(
            image['owner'], ('image_count_uploading', 'image_size_total')
        ):
            wanted['limits'] = limits
        since = time.monotonic()
        claimed = self._registry.claim_upload(context, image_id, wanted)
        self._running.hold(transfer, claimed['lease_seconds'], since)
        outcome = 'failed'
        try:
            self._notifier.prepared(claimed['image'])
            yield Upload(
                context=context,
                image=claimed['image'],
                transfer=transfer,
                expected_bytes=expected_bytes,
                room_bytes=claimed.get('room'),
            )
            outcome = 'done'
        except BaseException as error:  # also a killed greenthread
            self._undo(context, image_id, transfer, store, error)
            raise
        finally:
            self._running.drop(transfer)
            transfer.count('upload', outcome)

    def examine(self, upload: Upload, data: streams.Measured) -> None:
        """Set what the data must be; the stream refuses other data."""
        image, signature = upload.image, None
        if upload.room_bytes is not None:
            data.narrow(upload.room_bytes, transfers.NO_ROOM)
        if image['properties'].keys() >= signatures.PROPERTIES:
            signature = signatures.verifier(
                upload.context, image['properties'], self._keys
            )
        inspection = formats.inspection(self._options.rules, image)
        data.expect(image, inspection, signature)

    def write(
        self, upload: Upload, data: streams.Measured, store: named.Named
    ) -> contract.Location:
        """Store the data, in a native thread if the source allows it.

        :returns: the location of the data
        """
        run = threads.run if data.go_native() else operator.call
        # If the upload fails, the unfinished data is removed as a leftover.
        upload.transfer.may_be_stored |= store.leaves_unfinished
        writer: named.Named | named.Owned = store
        if store.has_accounts:
            writer = store.for_owner(upload.image['owner'])
        url: str = run(
            writer.write,
            upload.image['id'],
            _watched(data, upload.transfer),
            upload.transfer.confirm,
            upload.expected_bytes,
        )
        counters.note('store_written', store.id, amount=data.size_bytes)
        return location_of(store, url)

    def finish(
        self,
        upload: Upload,
        data: streams.Measured,
        locations: Sequence[contract.Location],
        job: plugins.Job | None = None,
    ) -> contract.Image:
        """Make the image active; its data is stored.

        :param locations: one for each store that has the data
        :param job: the plug-ins' changes of the image; None if there are none
        :raises errors.Gone: the image was deleted meanwhile
        """
        stored: contract.Stored = {
            'transfer_id': upload.transfer.id,
            'size': data.size_bytes,
            'virtual_size': data.virtual_size,
            'checksum': data.checksum,
            'os_hash_algo': data.hash_name,
            'os_hash_value': data.hash_value,
            'location': locations[0],
        }
        if len(locations) > 1:
            stored['further_locations'] = list(locations[1:])
        if job is not None:
            stored['formats'] = job.values
            stored['properties'] = job.properties
        if self._running.quota_bytes:
            stored['quota'] = self._running.quota_bytes
        image_id = upload.image['id']
        try:
            return self._registry.finish_upload(
                upload.context, image_id, stored
            )
        except errors.NotFound as error:
            raise errors.Gone(transfers.DELETED) from error

    def _undo(
        self,
        context: context.RequestContext,
        image_id: str,
        transfer: transfers.Transfer,
        store: named.Named,
        cause: BaseException,
    ) -> None:
        """Give the claim back, and then remove what may be stored.

        This order is needed because the response to finish may have been lost.
        The end of the claim and the record of leftover data are written
        together, so that the data is removed later if it cannot be removed
        now. If the registry does not respond, it does the same when the
        lease expires.
        """
        failure = transfers.Failure('upload', image_id, cause)
        self._notifier.upload_failed(image_id, cause)
        abandoned: contract.Abandoned = {
            'transfer_id': transfer.id,
            'reason': f'The upload failed: {errors.public_text(cause)}',
        }
        if transfer.may_be_stored:
            abandoned['leftover'] = self._left.removal(transfer.id, store)
        try:
            ended = self._registry.abandon_upload(context, image_id, abandoned)
            failure.log(ended)
            if transfer.may_be_stored:
                self._left.remove_stored(transfer.id, image_id)
        except errors.Error as error:
            failure.log_not_undone(error)


def location_of(store: named.Named, url: str) -> contract.Location:
    """Return the location of new data in a store."""
    return {'url': url, 'metadata': {**store.metadata(url), **store.labels}}


def _watched(
    data: streams.Measured, transfer: transfers.Transfer
) -> Iterator[memoryview]:
    """Yield the data; raise as soon as it is not needed any more."""
    for chunk in data:
        transfer.check()
        transfer.bytes_done = data.size_bytes
        yield chunk


def _require_formats(image: contract.Image) -> None:
    """:raises errors.BadRequest: a format is missing"""
    for name in ('disk_format', 'container_format'):
        if not image[name]:
            raise errors.BadRequest(f'Set {name} before uploading data.')


def _require_queued(image: contract.Image) -> None:
    """Fail early, before the size is checked; the claim decides.

    :raises errors.Conflict: the image is not ``queued``
    """
    if image['status'] != 'queued':
        raise errors.Conflict(
            f'The image is {image["status"]}; data can be uploaded only '
            'while it is queued.'
        )
