"""The interface by which handlers report events."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.notifications import outbox
from glance.notifications import payloads


class Notifier:
    """One method per kind of event; each returns at once.

    :param put: called with each event
    :param disabled: names of events that are not sent; a name includes all
        names below it: ``image.member``, ``image``
    """

    def __init__(
        self, put: Callable[[outbox.Event], None], disabled: Iterable[str]
    ) -> None:
        self._put = put
        self._disabled = tuple(disabled)

    def created(self, image: contract.Image) -> None:
        self._image('image.create', image)

    def updated(self, image: contract.Image, **values: Any) -> None:
        """
        :param image: as it was before the change
        :param values: the values that the change has set
        """
        if values:
            changed: Any = {**image, **values, 'updated_at': payloads.now()}
            image = changed
        self._image('image.update', image)

    def deleted(self, image: contract.Image) -> None:
        """:param image: as it was before the deletion"""
        gone = {**image, 'status': 'deleted'}
        payload = payloads.image(gone, payloads.now())
        self._tell('image.delete', payload)

    def prepared(self, image: contract.Image) -> None:
        """An upload has claimed the image; no data has been written yet."""
        self._image('image.update', image)
        self._tell('image.prepare', payloads.image_with_data(image))

    def uploaded(self, image: contract.Image) -> None:
        """The data has been written and the image is active."""
        self._tell('image.upload', payloads.image_with_data(image))
        self.activated(image)

    def activated(self, image: contract.Image) -> None:
        self._image('image.activate', image)
        self._image('image.update', image)

    def upload_failed(self, image_id: str, error: BaseException) -> None:
        reason = str(error if isinstance(error, errors.Error) else '')
        text = f'The upload of image {image_id} failed. {reason}'.rstrip()
        self._tell('image.upload', text, 'error')

    def sent(
        self,
        image: contract.Image,
        context: context.RequestContext,
        address: str | None,
        wanted_bytes: int,
    ) -> Callable[[int], None] | None:
        """Make a function to call at the end of a download.

        :returns: the function, called with the number of sent bytes; None
            if no notification is sent
        """

        def ended(sent_bytes: int) -> None:
            payload = {
                'bytes_sent': sent_bytes,
                'image_id': image['id'],
                'owner_id': image['owner'],
                'receiver_tenant_id': context.project_id,
                'receiver_user_id': context.user_id,
                'destination_ip': address,
            }
            priority = 'info' if sent_bytes == wanted_bytes else 'error'
            self._tell('image.send', payload, priority)

        return ended

    def member_created(self, member: contract.Member) -> None:
        self._tell('image.member.create', payloads.member(member))

    def member_updated(self, member: contract.Member) -> None:
        self._tell('image.member.update', payloads.member(member))

    def member_deleted(self, member: contract.Member) -> None:
        payload = payloads.member(member, payloads.now())
        self._tell('image.member.delete', payload)

    def task(self, event: str, task: Mapping[str, Any]) -> None:
        """:param event: create, run, processing, success or failure"""
        self._tell(f'task.{event}', payloads.task(task))

    def catalogue_changed(self, event: str, payload: Any) -> None:
        """A metadata definition was created, changed or deleted."""
        self._tell(event, payload)

    def _image(self, event: str, image: contract.Image) -> None:
        self._tell(event, payloads.image(image))

    def _tell(self, event: str, payload: Any, priority: str = 'info') -> None:
        if not self._is_disabled(event):
            self._put(outbox.Event(priority, event, payload))

    def _is_disabled(self, event: str) -> bool:
        return any(
            event == name or event.startswith(f'{name}.')
            for name in self._disabled
        )


class NoNotifier(Notifier):
    """The null notifier, used if no driver is configured."""

    def __init__(self) -> None:
        pass

    def _ignore(self, *_arguments: Any, **_values: Any) -> None:
        pass

    created = updated = deleted = prepared = uploaded = activated = _ignore
    upload_failed = sent = task = _ignore
    member_created = member_updated = member_deleted = _ignore
    catalogue_changed = _ignore
