"""The work of an import: one source is read once and written to all stores.

``Importer.run`` is called by the engine with a task that this worker holds.
Every step can be repeated by another worker: stores replace existing data
under the image's id, and the result takes effect in one transaction of the
registry.
"""

from collections.abc import Callable, Collection, Sequence
import contextlib
import dataclasses
import functools
import logging
import pathlib
from typing import Any

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import threads
from glance.images import access
from glance.images import leftovers
from glance.images import readings
from glance.images import staging
from glance.images import streams
from glance.images import transfers
from glance.images import upload
from glance.images.importing import digests
from glance.images.importing import passing
from glance.images.importing import plugins
from glance.images.importing import remote
from glance.images.importing import source
from glance.images.importing import sources
from glance.images.importing import tee
from glance.images.importing import web
from glance.notifications import notifier as notifications
from glance.store import outbound
from glance.store import stores
from glance.tasks import engine
from glance.tasks import import_progress
from glance.tasks import records
from glance.tasks import tokens

LOG = logging.getLogger(__name__)

MIB = 1024 * 1024
#: The event that notes how long a step took.
STEP = 'import_step'
#: A task is given up after so many workers died, perhaps because of it.
MAX_TRIES = 5
COPY, REMOTE = 'copy-image', 'glance-download'
#: The method of imports from a URL that an API v1 request contains.
FROM_V1 = 'copy-from'


@dataclasses.dataclass(frozen=True)
class Options:
    """Options of imports.

    :ivar limits: limits of downloads
    :ivar extra_properties: prefixes of the names of properties that are copied
        with an image of another region
    """

    limits: web.Limits
    extra_properties: tuple[str, ...] = ()


class Importer:
    """Imports the data of images.

    :param client: for web servers that clients name; used in native threads
    :param chain: plug-ins that change the data on its way
    :param secrets: tokens of callers
    :param access: sets the rights of new data in its stores
    :param observe: called with the bytes of each piece that was read; it may
        wait, and raises to abort the import
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        uploads: upload.Uploads,
        running: transfers.Transfers,
        left: leftovers.Leftovers,
        staged: staging.Directory,
        client: outbound.Client,
        notifier: notifications.Notifier,
        tasks: records.Records,
        limits_of: Callable[[str | None, Collection[str]], dict[str, int]],
        chain: plugins.Chain,
        secrets: tokens.Tokens,
        options: Options,
        access: access.Access,
        observe: Callable[[int], None] = lambda _size_bytes: None,
    ) -> None:
        self._registry = registry
        self._store = store
        self._observe = observe
        self._access = access
        self._uploads = uploads
        self._running = running
        self._left = left
        self._staged = staged
        self._client = client
        self._notifier = notifier
        self._tasks = tasks
        self._limits_of = limits_of
        self._chain = chain
        self._secrets = secrets
        self._options = options

    def run(self, job: engine.Job) -> None:
        """Do the task; end it in any case."""
        task = job.task
        told = records.Told(task['id'], task['type'], task['owner'])
        self._tasks.tell('processing', told)
        outcomes: list[tee.Outcome] = []
        try:
            image = self._import(job, outcomes)
        except Exception as error:
            self._fail(job, error, outcomes)
            self._tasks.tell('failure', told)
            job.transfer.count(task['work']['method'], 'failed')
        else:
            self._staged.remove(image['id'])
            self._tasks.tell('success', told)
            job.transfer.count(task['work']['method'], 'done')
            self._access.refresh(image['id'])
            if task['work']['method'] != COPY:
                self._notifier.uploaded(image)

    def _import(
        self, job: engine.Job, outcomes: list[tee.Outcome]
    ) -> contract.Image:
        """:param outcomes: receives the result of each store"""
        work, image = job.task['work'], job.task['image']
        chain = self._chain if work['method'] != COPY else plugins.Chain(())
        changing = plugins.Job(
            image, work['roles'], self._limits(job).cap_bytes
        )
        if work['tries'] > MAX_TRIES:
            raise errors.Conflict(
                f'{MAX_TRIES} workers broke off while they imported this '
                'image.'
            )
        self._notifier.prepared(image)
        step = functools.partial(counters.timed, STEP, work['method'])
        with contextlib.ExitStack() as stack:
            with step('open'):
                opened = self._open(job, changing)
            stack.callback(opened.close)
            scratch = self._scratch(chain, image['id'])
            with step('prepare'):
                output = stack.enter_context(
                    passing.through(chain, changing, opened, scratch)
                )
            with step('write'):
                data = self._write(job, changing, output, outcomes)
        with step('finish'):
            return self._finish(job, changing, data, outcomes)

    def _write(
        self,
        job: engine.Job,
        changing: plugins.Job,
        output: source.Data,
        outcomes: list[tee.Outcome],
    ) -> streams.Measured:
        """Write the data to the stores; one at least must succeed."""
        work, image = job.task['work'], job.task['image']
        size_bytes = passing.size_of(output)
        data = self._measured(job, changing, output, size_bytes)
        job.transfer.may_be_stored |= any(
            self._store.get(store_id).leaves_unfinished
            for store_id in work['stores']
        )
        outcomes += tee.write_to_all(
            image['id'],
            data,
            self._targets(work, image['owner']),
            all_must_succeed=work['must_all_succeed'],
            confirm=job.transfer.confirm,
            size_bytes=size_bytes,
            watch=import_progress.watch(job, data, size_bytes, self._observe),
        )
        if not any(each.location for each in outcomes):
            raise _error_of(outcomes)
        return data

    def _scratch(self, chain: plugins.Chain, image_id: str) -> pathlib.Path:
        """Path for the files of plug-ins, if one of them needs files."""
        if chain.needs_file:
            return self._staged.scratch(image_id)
        return self._staged.file(image_id)

    def _open(self, job: engine.Job, changing: plugins.Job) -> source.Source:
        """Open the source of the data, in a native thread if it blocks."""
        work, image = job.task['work'], job.task['image']
        if work['method'] == 'glance-direct':
            return sources.staged(self._staged.file(image['id']))
        if work['method'] == REMOTE:
            return self._open_remote(job, changing)
        opened: source.Source
        if work['method'] == COPY:
            opened = threads.run(sources.image, self._store, image)
        else:
            expected = None
            if 'hash' in work['given']:
                expected = digests.parse(work['given']['hash'])
            opened = threads.run(
                sources.web,
                self._client,
                work['given']['uri'],
                expected,
                self._limits(job),
            )
        return opened

    def _open_remote(
        self, job: engine.Job, changing: plugins.Job
    ) -> source.Source:
        """Open an image of another region, and take over its metadata.

        :raises errors.Conflict: this worker does not have the token
        """
        given = job.task['work']['given']
        token = self._secrets.take(job.task['id'])
        if token is None:
            raise errors.Conflict(
                'The import was interrupted. It needs the token of the '
                'caller, which is not stored; start it again.'
            )
        service = remote.Service(self._client, given['endpoint'], token)
        limits = self._limits(job)
        image_id = given['glance_image_id']
        remote_image = threads.run(service.image, image_id, limits)
        changing.set(**remote_image.members(changing.image))
        changing.properties |= remote_image.properties(
            self._options.extra_properties, changing.image.keys()
        )
        opened: source.Source = threads.run(
            sources.glance, service, remote_image, limits
        )
        return opened

    def _limits(self, job: engine.Job) -> web.Limits:
        limits, room = self._options.limits, _room(job)
        if room is not None and room < limits.cap_bytes:
            return limits._replace(
                cap_bytes=room, cap_reason=transfers.NO_ROOM
            )
        return limits

    def _measured(
        self,
        job: engine.Job,
        changing: plugins.Job,
        source_data: source.Data,
        size_bytes: int | None,
    ) -> streams.Measured:
        image = changing.image
        if not self._is_size_fixed(job):
            image = {**image, 'size': size_bytes}
        data = self._uploads.measured(image, source_data, size_bytes)
        if self._is_known(job):
            if (room := _room(job)) is not None:
                data.narrow(room, transfers.NO_ROOM)
            data.expect(image, None, None)
            return data
        self._uploads.examine(
            upload.Upload(
                context=_own(),
                image=image,
                transfer=job.transfer,
                expected_bytes=size_bytes,
                room_bytes=_room(job),
            ),
            data,
        )
        return data

    @staticmethod
    def _is_known(job: engine.Job) -> bool:
        """Whether the data is known by its hash, and was examined before.

        The certificate of a signed image could not be read here: that needs
        the token of a caller.
        """
        work = job.task['work']
        return work['method'] == COPY and readings.is_compared(
            job.task['image']
        )

    def _is_size_fixed(self, job: engine.Job) -> bool:
        """Whether the data must have the size of the image's record."""
        if job.task['work']['method'] == FROM_V1:
            return not self._chain  # a plug-in may change the size
        return job.task['work']['method'] == COPY

    def _targets(
        self, work: contract.Work, owner: str | None
    ) -> list[tee.Target]:
        return [
            tee.Target(store_id, self._store.get(store_id).for_owner(owner))
            for store_id in work['stores']
        ]

    def _finish(
        self,
        job: engine.Job,
        changing: plugins.Job,
        data: streams.Measured,
        outcomes: Sequence[tee.Outcome],
    ) -> contract.Image:
        work, image = job.task['work'], job.task['image']
        located = [each for each in outcomes if each.location]
        done: contract.Imported = {
            'transfer_id': job.transfer.id,
            'outcome': {} if work['method'] == COPY else _outcome(data),
            'locations': [self._location(each) for each in located],
            'stores': [each.store_id for each in located],
            'failed': [each.store_id for each in outcomes if each.error],
            'values': changing.values,
            'properties': dict(changing.properties),
            'message': f'Copied {data.size_bytes // MIB} MiB.',
        }
        if self._running.quota_bytes:
            done['quota'] = self._running.quota_bytes
        limits = self._limits_of(image['owner'], ('image_size_total',))
        if limits:
            done['limits'] = limits
        try:
            return self._registry.finish_import(_own(), image['id'], done)
        except errors.NotFound as error:
            raise errors.Gone(
                'The image was deleted during its import.'
            ) from error

    def _location(self, outcome: tee.Outcome) -> contract.Location:
        store = self._store.get(outcome.store_id)
        return upload.location_of(store, outcome.location or '')

    def _fail(
        self,
        job: engine.Job,
        error: Exception,
        outcomes: Sequence[tee.Outcome],
    ) -> None:
        """End the task; remove afterwards what may be in a store."""
        image_id, work = job.task['image']['id'], job.task['work']
        known = isinstance(error, errors.Error)
        LOG.log(
            logging.WARNING if known else logging.ERROR,
            'The import of image %s by %s failed: %s (%r)',
            image_id,
            work['method'],
            error,
            error.__cause__,
            exc_info=None if known else error,
        )
        self._notifier.upload_failed(image_id, error)
        failure: contract.ImportFailure = {
            'transfer_id': job.transfer.id,
            'reason': f'The import failed: {errors.public_text(error)}',
            'failed': [each.store_id for each in outcomes if each.error],
            'leftovers': [],
        }
        # A worker that died with this task may also have stored data.
        if job.transfer.may_be_stored or work['tries'] > 1:
            # By identity, because this host may not have all of the stores.
            failure['leftovers'] = [
                self._left.removal_at(identity) for identity in work['targets']
            ]
        try:
            self._registry.fail_import(_own(), image_id, failure)
        except errors.Error as trouble:
            LOG.error(
                'Could not end the failed import of image %s; another worker '
                'will take it up: %s',
                image_id,
                trouble,
            )
            return
        if not job.transfer.is_lost and work['method'] != COPY:
            self._staged.remove(image_id)


def _outcome(data: streams.Measured) -> dict[str, Any]:
    return {
        'size': data.size_bytes,
        'virtual_size': data.virtual_size,
        'checksum': data.checksum,
        'os_hash_algo': data.hash_name,
        'os_hash_value': data.hash_value,
    }


def _room(job: engine.Job) -> int | None:
    """Max bytes of the data; each store uses that much of the quota."""
    room = job.task.get('room')
    return None if room is None else room // len(job.task['work']['stores'])


def _error_of(outcomes: Sequence[tee.Outcome]) -> Exception:
    """The error that explains why no store has the data."""
    for each in outcomes:
        if isinstance(each.error, errors.Error):
            return type(each.error)(
                f'The store {each.store_id} failed: {each.error}'
            )
    for each in outcomes:
        if isinstance(each.error, Exception):
            return each.error
    return errors.StoreUnavailable()


def _own() -> context.RequestContext:
    """A context of the service itself, as the caller's token may expire."""
    return context.of_service()
