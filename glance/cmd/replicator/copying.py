"""Copy images to a target, one after the other."""

from collections.abc import Callable, Collection, Iterable
import dataclasses
import time
from typing import Any

from keystoneauth1 import exceptions

from glance.cmd.replicator import documents
from glance.cmd.replicator.service import FAILURES
from glance.cmd.replicator.service import Image
from glance.cmd.replicator.service import Service

Say = Callable[[str], None]

#: Statuses of images of the target that have no data yet.
_WITHOUT_DATA = ('queued',)
#: Statuses of images whose data is copied.
WITH_DATA = ('active', 'deactivated')
#: Statuses of images of the target that still receive data. The upload may
#: be of an earlier run that was interrupted, which the target has not noticed
#: yet.
_RECEIVING = ('saving', 'uploading', 'importing')
#: How long to wait for an image of the target that receives data.
WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Settings:
    """
    :ivar without: names that are not copied
    :ivar only_metadata: neither create images nor copy data
    :ivar is_dry: only print what would be done
    """

    without: Collection[str] = ()
    only_metadata: bool = False
    is_dry: bool = False


@dataclasses.dataclass(frozen=True)
class Origin:
    """One image of the source.

    :ivar chunks: opens its data; None if there is no data
    """

    image: Image
    members: Callable[[], dict[str, str]]
    chunks: Callable[[], Iterable[bytes]] | None


class Copies:
    """Copies images to ``target``; a failure affects only that image.

    Existing images are compared and completed, so an interrupted copy is
    continued when the command is run again.

    :param say: called with a text about an image that failed or is left out
    :param tell: called with a text about what was done, or would be done
    """

    def __init__(
        self, target: Service, settings: Settings, say: Say, tell: Say
    ) -> None:
        self._target = target
        self._settings = settings
        self._say = say
        self._tell = tell
        self.failures = 0

    def bring(self, origin: Origin) -> None:
        image_id = origin.image['id']
        try:
            self._bring(origin)
        except exceptions.Conflict as error:
            self._failed(image_id, f'the target refuses it: {error.message}')
        except (*FAILURES, documents.DamagedError) as error:
            self._failed(image_id, str(error) or type(error).__name__)

    def _failed(self, image_id: str, reason: str) -> None:
        self.failures += 1
        self._say(f'{image_id}: FAILED: {" ".join(reason.split())}')

    def _bring(self, origin: Origin) -> None:
        image, settings = origin.image, self._settings
        image_id = image['id']
        target_image = self._after_uploads(image_id)
        if target_image is not None and target_image['status'] == 'killed':
            raise documents.DamagedError(
                'its upload with API v1 was interrupted, so the target does '
                'not accept data for this id any more'
            )
        has_data = image.get('status') in WITH_DATA
        if target_image is None and (settings.only_metadata or not has_data):
            self._say(f'{image_id}: left out, the target does not have it')
            return
        if has_data and (
            target_image is None or target_image['status'] in _WITHOUT_DATA
        ):
            if settings.only_metadata:
                self._say(f'{image_id}: left out, its data is not there')
                return
            if origin.chunks is None:
                self._say(f'{image_id}: left out, its data was not dumped')
                return
            target_image = self._send_data(origin, target_image)
            if target_image is None:
                return
        elif has_data and target_image is not None:
            self._require_same_data(image, target_image)
        if target_image is not None:
            self._complete(origin, target_image)

    def _after_uploads(self, image_id: str) -> Image | None:
        """Wait until no upload of the image runs; return the target's image.

        None if the target does not have it.

        :raises documents.DamagedError: an upload is still running
        """
        until = time.monotonic() + WAIT_SECONDS
        while True:
            image = self._target.image(image_id)
            if image is None or image['status'] not in _RECEIVING:
                return image
            if time.monotonic() >= until:
                raise documents.DamagedError(
                    f'the target still receives data (status '
                    f'{image["status"]}) after {WAIT_SECONDS:.0f} seconds; '
                    'run the command again later'
                )
            time.sleep(_POLL_SECONDS)

    def _send_data(self, origin: Origin, copied: Image | None) -> Image | None:
        image, chunks = origin.image, origin.chunks
        image_id, size = image['id'], image.get('size') or 0
        if self._settings.is_dry or chunks is None:
            self._tell(f'{image_id}: would be copied ({size} bytes)')
            return None
        if copied is None:
            values = documents.values(image, self._settings.without)
            # Protect the image last, so that an operator can delete it if the
            # copy fails.
            values |= {'id': image_id, 'protected': False}
            self._target.create(values)
        # If the upload breaks off, the image has no data and the next run
        # continues.
        self._target.upload(image_id, documents.Checked(image, chunks()))
        copy = self._target.image(image_id)
        try:
            self._require_same_data(image, copy or {})
        except documents.DamagedError as damage:
            # It is not deleted, because its id could never be used again.
            try:
                self._target.deactivate(image_id)
            except FAILURES as error:
                raise documents.DamagedError(
                    f'{damage}; the copy could not be deactivated: {error}'
                ) from error
            raise
        self._tell(f'{image_id}: copied ({size} bytes)')
        return copy

    @staticmethod
    def _require_same_data(image: Image, copy: Image) -> None:
        names = [
            name
            for name in documents.differing_data(image, copy)
            if image.get(name) is not None
        ]
        # It is deactivated after all other changes.
        if image['status'] == 'deactivated' and copy.get('status') == 'active':
            names.remove('status')
        if names:
            raise documents.DamagedError(
                f'{", ".join(names)} of the target differ'
            )

    def _complete(self, origin: Origin, copied: Image) -> None:
        """Make properties, tags and members equal to those of the source."""
        image = origin.image
        image_id = image['id']
        changes = documents.differences(image, copied, self._settings.without)
        if changes:
            names = ', '.join(sorted(changes))
            self._do(
                f'{image_id}: changed {names}',
                self._target.change,
                *(image_id, changes),
            )
        if image.get('visibility') == 'shared':
            self._share(origin)
        if (image.get('status'), copied['status']) == (
            'deactivated',
            'active',
        ):
            words = f'{image_id}: deactivated'
            self._do(words, self._target.deactivate, image_id)

    def _share(self, origin: Origin) -> None:
        image_id = origin.image['id']
        there = self._target.members(image_id)
        for member, status in origin.members().items():
            if member not in there:
                self._do(
                    f'{image_id}: shared with {member}',
                    self._target.add_member,
                    *(image_id, member),
                )
            if there.get(member, 'pending') != status:
                self._do(
                    f'{image_id}: {member} is {status}',
                    self._target.set_status,
                    *(image_id, member, status),
                )

    def _do(self, words: str, act: Callable[..., Any], *values: Any) -> None:
        if self._settings.is_dry:
            self._tell(f'{words} (not done: --dry-run)')
            return
        act(*values)
        self._tell(words)
