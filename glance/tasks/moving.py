"""Moves the data of images from one store to another, image by image.

A copy is an import by the method copy-image: it has a task and a lease, and
is recorded when all its data is in the new store with the right hash. If this
process dies, another worker or the next run continues it. The data in the
old store is removed only afterwards, when the new copy was read back.
"""

from collections.abc import Iterator, Sequence
import logging
import threading
from typing import Literal, NamedTuple

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import pacing
from glance.images import copies
from glance.images import listed
from glance.images import readings
from glance.images import transfers
from glance.store import named
from glance.store import stores
from glance.tasks import engine
from glance.tasks import image_import
from glance.tasks import imports
from glance.tasks import records

LOG = logging.getLogger(__name__)

TASK = 'os_glance_import_task'
REASON = 'os_glance_failed_reason'
#: Pause between two looks at a copy that another process makes.
LOOK_SECONDS = 1.0


class Planned(NamedTuple):
    """An image with data in the old store.

    :ivar copy_bytes: amount of data to copy; 0 if the new store has it
    """

    image_id: str
    copy_bytes: int


class Result(NamedTuple):
    """:ivar detail: why it failed; empty otherwise"""

    image_id: str
    outcome: Literal['moved', 'copied', 'present', 'failed']
    detail: str = ''


class _Failed(Exception):
    """The image cannot be moved; the message is for the operator."""


class Mover:
    """Moves images.

    :param old: the store that has the data
    :param new: the store that gets it
    :param deletes: whether the data in the old store is removed
    :param importer: makes the copies
    :param reader: reads new copies back
    :param running: renews the claims of this process
    :param node: this host, as the registry's records name it
    :param stopped: is set when the program is to end
    """

    def __init__(
        self,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        *,
        old: named.Named,
        new: named.Named,
        deletes: bool,
        importer: image_import.Importer,
        copies: copies.Copies,
        reader: readings.Reader,
        running: transfers.Transfers,
        tasks: records.Records,
        node: str,
        holder: str,
        stopped: threading.Event,
    ) -> None:
        self._registry = registry
        self._store = store
        self._old, self._new, self._deletes = old, new, deletes
        self._importer = importer
        self._copies = copies
        self._reader = reader
        self._running = running
        self._tasks = tasks
        self._node = node
        self._holder = holder
        self._stopped = stopped

    def require_working(self) -> None:
        """:raises errors.Error: the registry cannot give this process tasks"""
        engine.require_single_tasks(self._registry, self._holder, self._node)

    def plan(self, image_ids: Sequence[str]) -> Iterator[Planned]:
        """Find the images to move.

        :param image_ids: the images to consider; empty: all
        :raises errors.Error: an image does not exist, or has no data in the
            old store
        """
        for image_id in dict.fromkeys(image_ids):
            image = self._registry.get_image(context.of_service(), image_id)
            planned = self._planned(image)
            if planned is None:
                raise errors.Conflict(
                    f'Image {image_id} ({image["status"]}) has no data in '
                    f'the store {self._old.id}.'
                )
            yield planned
        if not image_ids:
            for image in listed.images(self._registry):
                planned = self._planned(image)
                if planned is not None:
                    yield planned

    def _planned(self, image: contract.Image) -> Planned | None:
        if not self._copies.of(image, self._old.id):
            return None
        has_copy = bool(self._copies.of(image, self._new.id))
        return Planned(image['id'], 0 if has_copy else image['size'] or 0)

    def move(self, image_id: str) -> Result:
        """Move one image.

        :raises pacing.Stopped: the program is to end
        :raises errors.RegistryUnavailable: the registry does not respond
        :raises errors.RegistryOutdated: it is of an older release
        """
        try:
            return self._move(image_id)
        except (errors.RegistryUnavailable, errors.RegistryOutdated):
            raise
        except (errors.Error, _Failed) as error:
            self._check()
            return Result(image_id, 'failed', str(error))

    def _move(self, image_id: str) -> Result:
        image = self._registry.get_image(context.of_service(), image_id)
        if not self._copies.of(image, self._old.id):
            return Result(image_id, 'present')
        had_copy = bool(self._copies.of(image, self._new.id))
        if not had_copy:
            image = self._copied(image)
        if self._deletes:
            self._delete(image)
            return Result(image_id, 'moved')
        return Result(image_id, 'present' if had_copy else 'copied')

    def _copied(self, image: contract.Image) -> contract.Image:
        """Copy the data; return the image with its new location.

        :raises _Failed: there is no copy
        """
        task_id = image['properties'].get(TASK)
        if task_id is None:
            task_id = self._start(image)
        else:
            LOG.info(
                'Image %s is copied already, by the task %s; waiting for it',
                image['id'],
                task_id,
            )
        while not self._work(task_id):
            image = self._registry.get_image(context.of_service(), image['id'])
            if image['properties'].get(TASK) != task_id:
                break
            self._stopped.wait(LOOK_SECONDS)
            self._check()
        self._check()
        image = self._registry.get_image(context.of_service(), image['id'])
        if not self._copies.of(image, self._new.id):
            raise _Failed(
                image['properties'].get(REASON) or 'The copy was not made.'
            )
        return image

    def _start(self, image: contract.Image) -> str:
        """Queue the copy for this process; return the id of its task."""
        stores_ids = [self._new.id]
        caller = context.of_service(image['owner'])
        start = imports.document(
            caller,
            self._store,
            self._tasks,
            self._node,
            records.API_IMAGE_IMPORT,
            {
                'image_id': image['id'],
                'import_req': {
                    'method': {'name': image_import.COPY},
                    'stores': stores_ids,
                },
                'backend': stores_ids,
            },
            imports.Wanted(
                method=image_import.COPY,
                given={},
                stores=stores_ids,
                must_all_succeed=True,
                body=None,
            ),
        )
        start['work']['only'] = self._holder
        start['size'] = image['size']
        self._registry.start_import(context.of_service(), image['id'], start)
        return start['task']['id']

    def _work(self, task_id: str) -> bool:
        """Do the task if no other worker does it.

        :returns: whether this process has done it
        """
        taken = engine.take_one(
            self._registry, self._running, self._holder, self._node, task_id
        )
        if taken is None:
            return False
        try:
            self._importer.run(taken)
        finally:
            self._running.drop(taken.transfer)
        return True

    def _delete(self, image: contract.Image) -> None:
        """Remove the data in the old store, if the new copy is good.

        :raises _Failed: the new copy is not good
        """
        url = self._verified(image)

        def permit(now: contract.Image) -> None:
            present = self._copies.of(now, self._new.id)
            if url not in [each['url'] for each in present]:
                raise errors.Conflict(
                    f'The copy in the store {self._new.id} was removed '
                    'meanwhile.'
                )

        self._copies.delete(
            context.of_service(),
            self._old,
            image['id'],
            permit,
            keeps_status=True,
        )

    def _verified(self, image: contract.Image) -> str:
        """Read the new copy back; return its URL."""
        (copy, *_) = self._copies.of(image, self._new.id)
        unclaimed = transfers.Transfer()  # reading needs no claim
        reading = self._reader.read(image, copy, unclaimed)
        if reading.state != 'good':
            raise _Failed(
                f'The copy in the store {self._new.id} is not good: '
                f'{reading.detail}. The data in {self._old.id} stays.'
            )
        if not readings.is_compared(image):
            (old, *_) = self._copies.of(image, self._old.id)
            if (
                self._reader.read(image, old, unclaimed).hashes
                != reading.hashes
            ):
                raise _Failed(
                    f'The copies in {self._old.id} and {self._new.id} '
                    'differ, and the image has no hash. Both stay.'
                )
        return copy['url']

    def _check(self) -> None:
        if self._stopped.is_set():
            raise pacing.Stopped
