"""A store with an account for each project: owners, rights of members."""

from collections.abc import Callable, Sequence
from typing import Any
import unittest
from unittest import mock

from glance.common import context
from glance.common import errors
from glance.images import access
from glance.store import base as store_base
from glance.store import filesystem
from tests import base


class Accounts(filesystem.FilesystemStore):
    """A file store that notes what a store with accounts would do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owners: list[str] = []
        self.rights: list[tuple[bool, list[str]]] = []
        self.is_broken = False
        self.meanwhile: Callable[[], object] | None = None

    def of_owner(self, project: str) -> 'Accounts':
        self.owners.append(project)
        return self

    def set_access(
        self, url: str, is_public: bool, projects: Sequence[str]
    ) -> None:
        assert self.owns(url)
        if self.is_broken:
            raise errors.StoreUnavailable
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        self.rights.append((is_public, list(projects)))


class AccessTestCase(base.ServiceTestCase):
    api_options: dict[str, Any] = {'enable_v1_api': True}

    def wrap_store(self, store: Any) -> Any:
        self.accounts = Accounts(str(store._directory))
        return self.accounts

    def uploaded(self, **fields: Any) -> str:
        image_id = self.image(**fields)
        self.assert_status(204, self.put(image_id))
        return image_id

    def put(self, image_id: str) -> Any:
        return self.call('PUT', f'/v2/images/{image_id}/file', b'data')

    def changed(self) -> list[tuple[bool, list[str]]]:
        """What was set since the last call."""
        found = list(self.accounts.rights)
        self.accounts.rights.clear()
        return found


class TestAccess(AccessTestCase):
    def test_data_goes_to_the_owner(self) -> None:
        self.uploaded()
        self.assertEqual(['p1'], self.accounts.owners)
        self.assertEqual([(False, ['p1'])], self.changed())

    def test_rights_follow_visibility_and_members(self) -> None:
        image_id = self.uploaded(visibility='shared')
        path = f'/v2/images/{image_id}/members'
        self.changed()
        self.assert_status(200, self.call('POST', path, {'member': 'p2'}))
        self.assertEqual([(False, ['p1', 'p2'])], self.changed())
        accepted = self.call(
            'PUT', f'{path}/p2', {'status': 'accepted'}, caller='bob'
        )
        self.assert_status(200, accepted)
        self.assertEqual([(False, ['p1', 'p2'])], self.changed())
        for visibility, is_public, projects in (
            ('public', True, ['p1']),
            ('community', False, ['p1']),
            ('private', False, ['p1']),
            ('shared', False, ['p1', 'p2']),
        ):
            change = {
                'op': 'replace',
                'path': '/visibility',
                'value': visibility,
            }
            response = self.patch(image_id, change, caller='admin')
            self.assert_status(200, response)
            self.assertEqual([(is_public, projects)], self.changed())
        self.assert_status(204, self.call('DELETE', f'{path}/p2'))
        self.assertEqual([(False, ['p1'])], self.changed())

    def test_members_of_v1_have_rights_too(self) -> None:
        image_id = self.uploaded()
        self.changed()
        path = f'/v1/images/{image_id}/members/p2'
        self.assert_status(204, self.call('PUT', path))
        self.assert_status(204, self.call('DELETE', path))
        self.assertEqual(
            [(False, ['p1', 'p2']), (False, ['p1'])], self.changed()
        )

    def test_rights_that_cannot_be_set_do_not_fail_the_request(self) -> None:
        image_id = self.uploaded()
        self.accounts.is_broken = True
        path = f'/v2/images/{image_id}/members'
        with self.assertLogs('glance.images.access', 'ERROR') as logs:
            self.assert_status(200, self.call('POST', path, {'member': 'p2'}))
        self.assertIn(image_id, logs.output[0])
        self.assertIn('project p1', logs.output[0])
        self.accounts.is_broken = False
        self.changed()
        member = self.call(
            'PUT', f'{path}/p2', {'status': 'accepted'}, caller='bob'
        )
        self.assert_status(200, member)
        self.assertEqual([(False, ['p1', 'p2'])], self.changed())

    def test_a_change_meanwhile_is_not_overwritten(self) -> None:
        image_id = self.uploaded()
        path = f'/v2/images/{image_id}/members'
        self.assert_status(200, self.call('POST', path, {'member': 'p2'}))
        self.changed()
        self.accounts.meanwhile = lambda: self.service.registry.delete_member(
            context.RequestContext(is_admin=True, overwrite=False),
            image_id,
            'p2',
        )
        self.assert_status(200, self.call('POST', path, {'member': 'p3'}))
        self.assertEqual(
            [(False, ['p1', 'p2', 'p3']), (False, ['p1', 'p3'])],
            self.changed(),
        )

    def test_nobody_reads_a_deactivated_image(self) -> None:
        image_id = self.uploaded(visibility='shared')
        self.changed()
        path = f'/v2/images/{image_id}/actions'
        for action, projects in (('deactivate', []), ('reactivate', ['p1'])):
            done = self.call('POST', f'{path}/{action}', caller='admin')
            self.assert_status(204, done)
            self.assertEqual([(False, projects)], self.changed())


class TestKeptData(AccessTestCase):
    """Deleted images whose data the scrubber removes later."""

    api_options: dict[str, Any] = {
        'enable_v1_api': True,
        'delayed_delete': True,
    }

    def test_nobody_reads_a_deleted_image(self) -> None:
        image_id = self.uploaded()
        self.changed()
        deleted = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(204, deleted)
        self.assertEqual([(False, [])], self.changed())


class TestLocations(unittest.TestCase):
    """Images with several locations, and stores that fail."""

    def made(self, status: str, *failures: Any) -> Any:
        registry, self.store = mock.Mock(), mock.Mock()
        registry.list_members.return_value = {
            'image': {
                'status': status,
                'owner': 'p1',
                'visibility': 'public',
                'locations': [
                    {'url': f'swift+{number}', 'metadata': {}}
                    for number in range(len(failures))
                ],
            },
            'members': [],
        }
        place = self.store.of.return_value
        place.set_access.side_effect = failures
        return access.Access(registry, self.store)

    def test_a_bad_location_does_not_stop_the_later_ones(self) -> None:
        made = self.made(
            'active',
            store_base.Elsewhere('why'),
            errors.StoreUnavailable(),
            None,
        )
        with self.assertLogs('glance.images.access', 'ERROR') as logs:
            made.refresh('image')
        self.assertEqual(2, len(logs.output))
        self.assertEqual(
            [
                mock.call(f'swift+{number}', True, ('p1',))
                for number in range(3)
            ],
            self.store.of.return_value.set_access.mock_calls,
        )

    def test_only_active_images_are_readable(self) -> None:
        for status in ('deactivated', 'pending_delete', 'queued'):
            self.made(status, None).refresh('image')
            self.store.of.return_value.set_access.assert_called_once_with(
                'swift+0', False, ()
            )
