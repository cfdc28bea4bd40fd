"""The task ``location_import``: data that lies in a store becomes an image.

The request claims the image (*queued → importing*) and gets its response.
Then this task checks and hashes the data at the location, and the image
becomes active, or queued again with a reason. Hashes that the request did
not state are calculated after the image has become active. Both hold leases
in the registry, as uploads do, so nothing stays blocked when a worker dies.
The deletion of the image ends them.
"""

from collections.abc import Callable, Iterator
import contextlib
import functools
import logging
import time
from typing import NamedTuple

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import locations
from glance.images import streams
from glance.images import transfers
from glance.notifications import notifier as notifications
from glance.store import base
from glance.store import stores
from glance.tasks import executor

LOG = logging.getLogger(__name__)

#: Looking at a place takes seconds; hashing an image hours.
LOOKING, HASHING, WAITING = 16, 4, 1000
#: A slower server would hold one of the few places for hashing for days.
LEAST_BYTES_PER_SECOND = 64 * 1024
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 2.0
_NO_HASHES: 'Hashes' = {
    'checksum': None,
    'os_hash_algo': None,
    'os_hash_value': None,
}

Hashes = dict[str, str | None]


class Options(NamedTuple):
    """:ivar tries: of hashing, when the store fails

    :ivar quota_bytes: most bytes that one owner may keep; 0: any
    """

    do_secure_hash: bool
    tries: int
    hash_name: str
    size_cap_bytes: int
    quota_bytes: int = 0


class _Job(NamedTuple):
    """:ivar claimed: hashes that the client claims the data to have"""

    context: context.RequestContext
    image: contract.Image
    transfer: transfers.Transfer
    location: contract.Location
    claimed: dict[str, str]


class LocationImports:
    """:param node: this host, as the registry's records name it"""

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        places: locations.Locations,
        node: str,
        options: Options,
        notifier: notifications.Notifier,
    ) -> None:
        self._registry = registry
        self._store = store
        self._places = places
        self._node = node
        self._options = options
        self._notifier = notifier
        self._transfers = transfers.Transfers(registry, options.quota_bytes)
        self._looking = executor.Executor(LOOKING, WAITING)
        self._hashing = executor.Executor(HASHING, WAITING)

    def start(
        self,
        context: context.RequestContext,
        image_id: str,
        location: contract.Location,
        claimed: dict[str, str],
    ) -> None:
        """Claim the image; the rest follows when there is time.

        :param claimed: ``os_hash_algo`` and ``os_hash_value``, or nothing
        :raises errors.Conflict: the image is not ``queued``
        :raises errors.Unavailable: too much is to be done already
        """
        transfer = transfers.Transfer()
        since = time.monotonic()
        claim = self._claim(transfer)
        answer = self._registry.claim_location(context, image_id, claim)
        job = _Job(_own(context), answer['image'], transfer, location, claimed)
        self._transfers.hold(transfer, answer['lease_seconds'], since)
        self._next(self._looking, job, self._look)

    def _claim(self, transfer: transfers.Transfer) -> contract.Claim:
        return {'transfer_id': transfer.id, 'node': self._node, 'size': None}

    def _next(
        self,
        where: executor.Executor,
        job: _Job,
        step: Callable[[_Job], None],
    ) -> None:
        """Let a step of the job follow.

        A step that fails is the end of the job; one that returns has let
        another one follow, or has done the rest.
        """
        try:
            where.submit(functools.partial(self._do, job, step))
        except errors.Unavailable as error:
            self._fail(job, error)
            raise

    def _do(self, job: _Job, step: Callable[[_Job], None]) -> None:
        try:
            job.transfer.check()
            step(job)
        except Exception as error:
            self._fail(job, error)

    def _fail(self, job: _Job, error: Exception) -> None:
        """Give the claim back, with what its owner may know."""
        self._transfers.drop(job.transfer)
        image_id = job.image['id']
        known = isinstance(error, errors.Error)
        LOG.log(
            logging.WARNING if known else logging.ERROR,
            'Could not register the location of image %s: %s',
            image_id,
            error,
            exc_info=None if known else error,
        )
        reason = errors.public_text(error)
        try:
            self._registry.abandon_upload(
                job.context,
                image_id,
                {'transfer_id': job.transfer.id, 'reason': reason},
            )
        except errors.Error as trouble:
            LOG.error(
                'Could not set image %s back to queued: %s', image_id, trouble
            )

    def _look(self, job: _Job) -> None:
        """See what is there; let the hashes be compared if they must."""
        locations.require_formats(job.image)
        size = self._places.size(job.location['url'])
        if job.claimed and self._options.do_secure_hash:
            step = functools.partial(self._compare, size=size)
            self._next_quietly(job, step)
            return
        hashes = {**_NO_HASHES, **job.claimed}
        self._finish(job, size, hashes)

    def _next_quietly(self, job: _Job, step: Callable[[_Job], None]) -> None:
        with contextlib.suppress(errors.Unavailable):  # the job has failed
            self._next(self._hashing, job, step)

    def _compare(self, job: _Job, size: int) -> None:
        found = self._hashes(job, size, job.claimed['os_hash_algo'])
        if found['os_hash_value'] != job.claimed['os_hash_value'].lower():
            raise errors.Conflict(
                'The data does not have the hash os_hash_value.'
            )
        self._finish(job, size, found)

    def _finish(self, job: _Job, size: int, hashes: Hashes) -> None:
        """Make the image active; let it be hashed if it has no hashes."""
        later = None
        if self._options.do_secure_hash and hashes['os_hash_value'] is None:
            later = transfers.Transfer()
        since = time.monotonic()
        registered: contract.Registered = {
            'transfer_id': job.transfer.id,
            'size': size,
            'virtual_size': None,
            'checksum': hashes['checksum'],
            'os_hash_algo': hashes['os_hash_algo'],
            'os_hash_value': hashes['os_hash_value'],
            'location': job.location,
            'then_hash': None if later is None else self._claim(later),
        }
        if self._options.quota_bytes:
            registered['quota'] = self._options.quota_bytes
        answer = self._registry.finish_location(
            job.context, job.image['id'], registered
        )
        self._transfers.drop(job.transfer)
        self._notifier.activated(answer['image'])
        if later is not None:
            self._transfers.hold(later, answer['lease_seconds'], since)
            step = functools.partial(self._hash, size=size)
            self._next_quietly(job._replace(transfer=later), step)

    def _hash(self, job: _Job, size: int) -> None:
        """Tell the hashes of an active image."""
        found = self._hashes(job, size, self._options.hash_name)
        self._registry.finish_hash(
            job.context,
            job.image['id'],
            {
                'transfer_id': job.transfer.id,
                'checksum': found['checksum'] or '',
                'os_hash_algo': found['os_hash_algo'] or '',
                'os_hash_value': found['os_hash_value'] or '',
            },
        )
        self._transfers.drop(job.transfer)

    def _hashes(self, job: _Job, size: int, hash_name: str) -> Hashes:
        """:raises errors.Error: the data cannot be read, in every try"""
        for tries_left in reversed(range(max(1, self._options.tries))):
            try:
                return self._read(job, size, hash_name)
            except (errors.StoreUnavailable, errors.NotFound) as error:
                job.transfer.check()
                if not tries_left:
                    raise
                LOG.info(
                    'Reading the data of image %s failed; hashing starts '
                    'again: %s',
                    job.image['id'],
                    error,
                )
                time.sleep(RETRY_SECONDS)
        raise AssertionError('not reached')

    def _read(self, job: _Job, size: int, hash_name: str) -> Hashes:
        body = self._store.open(job.location['url'], 0, size)
        with contextlib.closing(body):
            data = streams.Measured(
                _Pieces(body),
                cap_bytes=self._options.size_cap_bytes,
                expected_bytes=size,
                hash_name=hash_name,
            )
            since = time.monotonic()
            for _ in data:
                job.transfer.check()
                job.transfer.bytes_done = data.size_bytes
                _require_pace(data.size_bytes, time.monotonic() - since)
        return {
            'checksum': data.checksum,
            'os_hash_algo': hash_name,
            'os_hash_value': data.hash_value,
        }


def _own(caller: context.RequestContext) -> context.RequestContext:
    """The service for itself: the caller's token ends before its task."""
    return context.RequestContext(
        is_admin=True, overwrite=False, request_id=caller.request_id
    )


def _require_pace(done_bytes: int, seconds: float) -> None:
    """:raises errors.Conflict: it would take for ever"""
    least = LEAST_BYTES_PER_SECOND * (seconds - PATIENCE_SECONDS)
    if done_bytes < least:
        raise errors.Conflict(
            'The server that holds the data sends it too slowly.'
        )


class _Pieces:
    """A body that is read into buffers."""

    def __init__(self, body: base.Body) -> None:
        self._pieces: Iterator[bytes] = iter(body)
        self._rest = memoryview(b'')

    def go_native(self) -> bool:
        return False

    def readinto(self, view: memoryview) -> int:
        got = 0
        while got < len(view):
            if not self._rest:
                self._rest = memoryview(next(self._pieces, b''))
                if not self._rest:
                    break
            amount = min(len(view) - got, len(self._rest))
            view[got : got + amount] = self._rest[:amount]
            self._rest = self._rest[amount:]
            got += amount
        return got
