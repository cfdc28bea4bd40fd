"""Rights in stores whose data projects can read without this service.

A store with an account for each project (Swift) has access control lists. They
follow the status, the visibility and the members of an image. This service
checks each request itself. But if a list cannot be changed, projects that
lost their right can still read the data from the store directly, until the
next change of the image sets the list; that is an ERROR in the log.
"""

from collections.abc import Sequence
import logging
from typing import NamedTuple

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.store import base
from glance.store import stores

LOG = logging.getLogger(__name__)

#: Max times that the rights are set again, as the image changed meanwhile.
TRIES = 5


class Rights(NamedTuple):
    """Who may read the data of an image, and where it is."""

    owner: str
    is_public: bool
    projects: tuple[str, ...]
    #: URL and label of the store.
    urls: tuple[tuple[str, str | None], ...]


class Access:
    """Sets the rights of images in stores that have some; see :func:`of`."""

    def __init__(
        self, registry: registry_client.RegistryClient, store: stores.Stores
    ) -> None:
        self._registry = registry
        self._store = store

    def refresh(self, image_id: str) -> None:
        """Set the rights of an image as it is now; log failures."""
        try:
            rights = self._rights(image_id)
            for _ in range(TRIES):
                self._set(image_id, rights)
                # Another request may have changed the image, and have set
                # its rights before these.
                now = self._rights(image_id)
                if now == rights:
                    return
                rights = now
            self._failed(image_id, rights.owner, 'it is changed all the time')
        except errors.NotFound:
            LOG.info('Image %s was deleted meanwhile', image_id)
        except errors.Error as error:
            self._failed(image_id, 'unknown', base.reason(error))

    def revoke(
        self,
        image_id: str,
        owner: str | None,
        locations: Sequence[contract.Location],
    ) -> None:
        """Let nobody read the data of a deleted image; log failures."""
        urls = _urls(locations)
        self._set(image_id, Rights(owner or '', False, (), urls))

    def _rights(self, image_id: str) -> Rights:
        service = context.of_service()
        image_members = self._registry.list_members(service, image_id)
        image = image_members['image']
        owner, urls = image['owner'] or '', _urls(image['locations'])
        if image['status'] != 'active':
            return Rights(owner, False, (), urls)
        projects = {owner} - {''}
        if image['visibility'] == 'shared':
            projects |= {
                each['member_id'] for each in image_members['members']
            }
        is_public = image['visibility'] == 'public'
        return Rights(owner, is_public, tuple(sorted(projects)), urls)

    def _set(self, image_id: str, rights: Rights) -> None:
        """Set the rights at all locations; log those that fail."""
        for url, label in rights.urls:
            try:
                self._store.of(url, label).set_access(
                    url, rights.is_public, rights.projects
                )
            except errors.NotFound:
                LOG.info('The data of image %s does not exist', image_id)
            except errors.Error as error:
                self._failed(image_id, rights.owner, base.reason(error))

    def _failed(self, image_id: str, owner: str, reason: object) -> None:
        LOG.error(
            'The rights of image %s of project %s in its store could not be '
            'set, so projects may still read its data there that may not any '
            'more. The next change of the image or its members sets them: %s',
            image_id,
            owner,
            reason,
        )


def _urls(
    locations: Sequence[contract.Location],
) -> tuple[tuple[str, str | None], ...]:
    return tuple((it['url'], stores.label_of(it)) for it in locations)


class NoAccess(Access):
    """Does nothing; used if no store has access control lists."""

    def __init__(self) -> None:
        pass

    def refresh(self, image_id: str) -> None:
        pass

    def revoke(
        self,
        image_id: str,
        owner: str | None,
        locations: Sequence[contract.Location],
    ) -> None:
        pass


def of(
    registry: registry_client.RegistryClient, store: stores.Stores
) -> Access:
    """Return what sets the rights in the stores of the configuration."""
    if any(each.may_grant_access for each in store):
        return Access(registry, store)
    return NoAccess()
