"""The task ``location_import``: existing data in a store becomes an image.

The request claims the image (*queued → importing*) and gets its response.
Then this task checks and hashes the data at the location. The image becomes
active, or queued again with a reason. Hashes that the request did not state
are calculated after the image has become active. Both steps hold leases in
the registry, as uploads do, so a dead worker blocks nothing. The deletion of
the image ends both.
"""

from collections.abc import Callable
import contextlib
import dataclasses
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
from glance.store import stores
from glance.tasks import executor
from glance.tasks import records

LOG = logging.getLogger(__name__)

#: Max simultaneous size requests (seconds each) and hashings (hours each),
#: and max waiting jobs.
LOOKING, HASHING, WAITING = 16, 4, 1000
#: A slower server would occupy one of the few hashing threads for days.
LEAST_BYTES_PER_SECOND = 64 * 1024
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 2.0
_NO_HASHES: 'Hashes' = {
    'checksum': None,
    'os_hash_algo': None,
    'os_hash_value': None,
}

Hashes = dict[str, str | None]


@dataclasses.dataclass(frozen=True)
class Options:
    """:ivar tries: attempts of hashing, if the store fails"""

    do_secure_hash: bool
    tries: int
    hash_name: str
    size_cap_bytes: int


class _Job(NamedTuple):
    """:ivar claimed: the hashes that the client states for the data"""

    context: context.RequestContext
    image: contract.Image
    transfer: transfers.Transfer
    location: contract.Location
    claimed: dict[str, str]
    told: records.Told


class LocationImports:
    """Registers locations as the data of images.

    :param running: renews the claims of this process
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        location_rules: locations.LocationRules,
        running: transfers.Transfers,
        notifier: notifications.Notifier,
        tasks: records.Records,
        options: Options,
    ) -> None:
        self._registry = registry
        self._tasks = tasks
        self._store = store
        self._location_rules = location_rules
        self._options = options
        self._notifier = notifier
        self._running = running
        self._looking = executor.Executor(LOOKING, WAITING)
        self._hashing = executor.Executor(HASHING, WAITING)

    def start(
        self,
        context: context.RequestContext,
        image_id: str,
        location: contract.Location,
        claimed: dict[str, str],
    ) -> None:
        """Claim the image, and queue the rest of the work.

        :param claimed: ``os_hash_algo`` and ``os_hash_value``, or empty
        :raises errors.Conflict: the image is not ``queued``
        :raises errors.Unavailable: too many jobs already wait
        """
        transfer = transfers.Transfer()
        since = time.monotonic()
        claim = self._running.claim(transfer, None)
        given = {
            'image_id': image_id,
            'loc_url': location['url'],
            'validation_data': claimed,
        }
        task = self._tasks.new(
            context, transfer.id, records.LOCATION_IMPORT, given
        )
        claim['task'] = task
        answer = self._registry.claim_location(context, image_id, claim)
        told = records.told(task)
        for event in ('create', 'run', 'processing'):
            self._tasks.tell(event, told)
        job = _Job(
            _own(context), answer['image'], transfer, location, claimed, told
        )
        self._running.hold(transfer, answer['lease_seconds'], since)
        self._next(self._looking, job, self._look)

    def _next(
        self,
        where: executor.Executor,
        job: _Job,
        step: Callable[[_Job], None],
    ) -> None:
        """Queue the next step of the job.

        A step that raises ends the job. A step that returns has either queued
        the next step or finished the job.
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
        """Give the claim back, with a reason that the owner may see."""
        self._running.drop(job.transfer)
        is_hash = (
            job.transfer.id != job.told.id
        )  # the task itself has succeeded
        job.transfer.count('hash' if is_hash else 'location', 'failed')
        if not is_hash:
            self._tasks.tell('failure', job.told)
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
                'Could not end the failed registration of a location of '
                'image %s: %s',
                image_id,
                trouble,
            )

    def _look(self, job: _Job) -> None:
        """Check the data; finish, or queue the comparison of its hashes."""
        locations.require_formats(job.image)
        size = self._location_rules.size(job.location['url'])
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
        hashes = self._hashes(job, size, job.claimed['os_hash_algo'])
        if hashes['os_hash_value'] != job.claimed['os_hash_value'].lower():
            raise errors.Conflict(
                'The data does not have the hash os_hash_value.'
            )
        self._finish(job, size, hashes)

    def _finish(self, job: _Job, size: int, hashes: Hashes) -> None:
        """Make the image active; queue its hashing if it has no hashes."""
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
            'then_hash': None,
        }
        if later is not None:
            registered['then_hash'] = self._running.claim(later, None)
        if self._running.quota_bytes:
            registered['quota'] = self._running.quota_bytes
        answer = self._registry.finish_location(
            job.context, job.image['id'], registered
        )
        self._running.drop(job.transfer)
        job.transfer.count('location', 'done')
        self._notifier.activated(answer['image'])
        self._tasks.tell('success', job.told)
        if later is not None:
            self._running.hold(later, answer['lease_seconds'], since)
            step = functools.partial(self._hash, size=size)
            self._next_quietly(job._replace(transfer=later), step)

    def _hash(self, job: _Job, size: int) -> None:
        """Calculate and record the hashes of an active image."""
        hashes = self._hashes(job, size, self._options.hash_name)
        self._registry.finish_hash(
            job.context,
            job.image['id'],
            {
                'transfer_id': job.transfer.id,
                'checksum': hashes['checksum'] or '',
                'os_hash_algo': hashes['os_hash_algo'] or '',
                'os_hash_value': hashes['os_hash_value'] or '',
            },
        )
        self._running.drop(job.transfer)
        job.transfer.count('hash', 'done')

    def _hashes(self, job: _Job, size: int, hash_name: str) -> Hashes:
        """:raises errors.Error: reading the data failed in every attempt"""
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
                streams.Pieces(body),
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
    """A context of the service itself, as the caller's token may expire."""
    return context.RequestContext(
        is_admin=True, overwrite=False, request_id=caller.request_id
    )


def _require_pace(done_bytes: int, seconds: float) -> None:
    """:raises errors.Conflict: the server sends the data too slowly"""
    least = LEAST_BYTES_PER_SECOND * (seconds - PATIENCE_SECONDS)
    if done_bytes < least:
        raise errors.Conflict(
            'The server that holds the data sends it too slowly.'
        )
