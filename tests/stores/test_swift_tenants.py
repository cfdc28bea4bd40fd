"""Swift with the accounts of the owners of images."""

import json
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import drivers
from glance.store import servers
from glance.store import swift_account
from tests.stores import contract
from tests.stores import test_swift
from tests.stores.servers import swift


class TestTenants(test_swift.Driver, unittest.TestCase):
    """Each image is in the account of its owner, in its own container."""

    more = {
        'swift_store_multi_tenant': True,
        'swift_store_admin_tenants': ['some-project'],
        'swift_store_retry_get_count': 2,
    }
    # A copy in the account of its owner would not be found again.
    test_damaged_data_is_set_aside = None
    test_data_of_several_parts_is_listed_and_set_aside = None

    def setUp(self) -> None:
        self.accounts = swift.Accounts(swift.found())
        super().setUp()

    def make_store(self) -> Any:
        store = super().make_store()
        self.owner = self.accounts.projects['p1']
        store.write = store.of_owner(self.owner).write
        return store

    def held(self) -> list[str]:
        return self.accounts.held(self.container.name)

    def whoever(
        self,
        user: str,
        url: str,
        method: str = 'GET',
        data: bytes = b'',
        **headers: str,
    ) -> int:
        """The status of a direct request of a user for data."""
        cloud = swift.person(self.container.server.identity, user)
        answer = cloud.object_store.request(
            url.removeprefix('swift+'),
            method,
            data=data,
            headers={key.replace('_', '-'): headers[key] for key in headers},
        )
        return int(answer.status_code)

    def foreign(self) -> dict[str, str]:
        """Headers of a link to data of bob, which alice must not read."""
        project = self.accounts.projects['p2']
        place = f'{self.container.server.url}/v1/AUTH_{project}'
        container = f'{self.container.name}_secret'
        self.assertEqual(
            201, self.whoever('bob', f'{place}/{container}', 'PUT')
        )
        url = f'{place}/{container}/secret'
        self.addCleanup(self.whoever, 'bob', f'{place}/{container}', 'DELETE')
        self.addCleanup(self.whoever, 'bob', url, 'DELETE')
        self.assertEqual(201, self.whoever('bob', url, 'PUT', b'spy!'))
        self.assertEqual(403, self.whoever('alice', url))
        return {
            'X_Symlink_Target': f'{container}/secret',
            'X_Symlink_Target_Account': f'AUTH_{project}',
        }

    def segment(self, url: str) -> str:
        """The URL of the only segment of an image."""
        names = [it for it in self.held() if f'/{test_swift.ID}-' in it]
        self.assertEqual(1, len(names))
        return url.rpartition('/')[0] + '/' + names[0].partition('/')[2]

    def forget(self) -> None:
        """Remove the record, as if another program had written the data."""
        account = self.container.server.account
        mark = self.store._marks.path(test_swift.ID)
        place = f'{self.container.server.url}/v1/{account}/{mark}'
        self.assertEqual(204, self.accounts.cloud.delete(place).status_code)

    def require_refused(self, url: str) -> None:
        for read in (self.store.size, self.read):
            with self.assertRaises(errors.StoreUnavailable):
                read(url)

    def test_links_of_the_owner_are_not_followed(self) -> None:
        link = self.foreign()
        for size in (4, None):
            url = self.store.write(
                test_swift.ID, iter([b'data']), lambda: None, size
            )
            place = url if size else self.segment(url)
            self.assertEqual(201, self.whoever('alice', place, 'PUT', **link))
            with self.assertRaises(errors.StoreUnavailable):
                self.read(url)
            if size:
                with self.assertRaises(errors.StoreUnavailable):
                    self.store.size(url)
            self.forget()
            with self.assertRaises(errors.StoreUnavailable):
                self.assertNotEqual(b'spy!', self.read(url, 0, 4))

    def test_data_that_its_owner_replaced_is_refused(self) -> None:
        for size in (4, None):
            url = self.store.write(
                test_swift.ID, iter([b'data']), lambda: None, size
            )
            place = url if size else self.segment(url)
            self.assertEqual(b'data', self.read(url))
            self.assertEqual(201, self.whoever('alice', place, 'PUT', b'evil'))
            with self.assertLogs('glance.store', 'ERROR') as logs:
                self.require_refused(url)
            self.assertIn(test_swift.ID, logs.output[0])
            self.store.delete(url)
        self.assertEqual([], self.held())

    def test_other_manifests_of_the_owner_have_no_effect(self) -> None:
        url = self.store.write(test_swift.ID, iter([b'data']), lambda: None)
        part = url.rpartition('/')[0] + '/other'
        self.assertEqual(201, self.whoever('alice', part, 'PUT', b'evil'))
        to = part.partition('AUTH_')[2].partition('/')[2]
        self.whoever('alice', url, 'PUT', X_Object_Manifest=to)
        self.assertEqual(b'data', self.read(url))
        self.whoever('alice', part, 'DELETE')
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_data_of_other_programs_is_read_if_it_is_all_here(self) -> None:
        for size in (4, None):
            url = self.store.write(
                test_swift.ID, iter([b'data']), lambda: None, size
            )
            self.forget()
            self.assertEqual(4, self.store.size(url))
            self.assertEqual(b'data', self.read(url))
            self.assertEqual(b'at', self.read(url, 1, 2))
        listed = json.dumps(
            [
                {
                    'path': self.segment(url)
                    .partition('AUTH_')[2]
                    .partition('/')[2]
                }
            ]
        )
        cloud = swift.person(self.container.server.identity, 'alice')
        answer = cloud.object_store.put(
            url.removeprefix('swift+') + '?multipart-manifest=put',
            data=listed.encode(),
        )
        self.assertEqual(201, answer.status_code)
        self.require_refused(url)

    def test_a_range_goes_across_segments(self) -> None:
        data = bytes(range(256)) * (3 * test_swift.MB // 256) + b'end'
        url = self.store.write(
            test_swift.ID, contract.chunks(data), lambda: None
        )
        self.assertEqual(
            data[test_swift.MB - 5 : 2 * test_swift.MB + 9],
            self.read(url, test_swift.MB - 5, test_swift.MB + 14),
        )
        self.assertEqual(b'end', self.read(url, 3 * test_swift.MB, None))

    def test_what_cannot_be_tidied_does_not_fail_a_deletion(self) -> None:
        url = self.store.write(test_swift.ID, iter([b'data']), lambda: None, 4)
        other = url.rpartition('/')[0] + '/others'
        self.assertEqual(201, self.whoever('alice', other, 'PUT', b'x'))
        ask = swift_account.Account.ask

        def busy(
            account: Any, method: str, path: str, *more: Any, **rest: Any
        ) -> Any:
            if method == 'DELETE' and not path.endswith(f'/{test_swift.ID}'):
                raise servers.Unreachable('the tests say so')
            return ask(account, method, path, *more, **rest)

        with (
            mock.patch.object(swift_account.Account, 'ask', busy),
            self.assertLogs('glance.store', 'WARNING') as logs,
        ):
            self.store.delete(url)
        self.assertIn(test_swift.ID, logs.output[0])
        with self.assertRaises(errors.NotFound):
            self.store.size(url)
        self.whoever('alice', other, 'DELETE')
        self.store.hold(test_swift.ID).remove()
        self.assertEqual([], self.held())

    def test_held_data_is_removed_but_not_what_came_later(self) -> None:
        self.store.write(test_swift.ID, iter([b'first']), lambda: None, 5)
        held = self.store.hold(test_swift.ID)
        url = self.store.write(test_swift.ID, iter([b'next']), lambda: None)
        held.remove()
        self.assertEqual(b'next', self.read(url))
        # An upload that only began: the same mark, but new segments.
        held = self.store.hold(test_swift.ID)
        late = f'{url}-0123456789ab-00001'
        self.assertEqual(201, self.whoever('alice', late, 'PUT', b'x'))
        held.remove()
        self.assertEqual(
            [late.rpartition('/')[2]],
            [
                it.partition('/')[2]
                for it in self.held()
                if f'_{test_swift.ID}/' in it
            ],
        )

    def test_what_a_killed_upload_left_is_listed(self) -> None:
        url = self.store.write(test_swift.ID, iter([b'data']), lambda: None)
        self.assertEqual([4], [it.size_bytes for it in self.store.pieces()])
        mark = self.store._marks.get(test_swift.ID)
        self.store._marks.put(test_swift.ID, mark.url, mark.upload, b'')
        (piece,) = self.store.pieces()
        self.assertEqual(
            (test_swift.ID, url, 4),
            (piece.image_id, piece.url, piece.size_bytes),
        )
        self.assertIn(f'AUTH_{self.owner}/', piece.name)
        piece.hold().remove()
        self.assertEqual([], self.held())
        self.assertEqual([], list(self.store.pieces()))

    def test_data_without_an_owner_is_listed_once(self) -> None:
        url = self.store.write_for(
            None, test_swift.ID, iter([b'data']), lambda: None, None
        )
        (piece,) = self.store.pieces()
        self.assertEqual((test_swift.ID, url), (piece.image_id, piece.url))
        self.store.delete(url)

    def test_the_account_is_that_of_the_owner(self) -> None:
        place = f'{self.container.server.url}/v1/AUTH_{self.owner}'
        container = f'{self.container.name}_{test_swift.ID}'
        for size in (4, None):
            url = self.store.write(
                test_swift.ID, iter([b'data']), lambda: None, size
            )
            self.assertEqual(f'swift+{place}/{container}/{test_swift.ID}', url)
            self.assertEqual(200, self.whoever('alice', url))
        held = self.held()
        self.assertIn(container, held)
        self.assertIn(
            f'{self.container.name}/account-of-{test_swift.ID}', held
        )
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_rights_follow_what_is_set(self) -> None:
        url = self.store.write(test_swift.ID, iter([b'data']), lambda: None, 4)
        projects = self.accounts.projects
        for is_public, members, status in (
            (False, [], 403),
            (False, [projects['p2']], 200),
            (False, ['other'], 403),
            (True, [], 200),
            (False, [], 403),
        ):
            self.store.set_access(url, is_public, members)
            self.assertEqual(status, self.whoever('bob', url))
            self.assertEqual(403, self.whoever('bob', url, 'PUT'))
            self.assertEqual(200, self.whoever('alice', url))
        self.store.set_access(url, False, [projects['p2']])
        head = self.accounts.cloud.head(
            url.removeprefix('swift+').rpartition('/')[0]
        )
        self.assertEqual(
            f'{projects["p2"]}:*,some-project:*',
            head.headers['X-Container-Read'],
        )
        self.assertEqual('some-project:*', head.headers['X-Container-Write'])

    def test_a_new_owner_replaces_what_a_killed_upload_left(self) -> None:
        self.store.write(test_swift.ID, iter([b'first']), lambda: None, 5)
        other = self.accounts.projects['p2']
        url = self.store.of_owner(other).write(
            test_swift.ID, iter([b'second']), lambda: None, 6
        )
        self.assertIn(other, url)
        self.assertEqual(b'second', self.read(url))
        self.assertFalse(
            [name for name in self.held() if name.endswith('first')]
        )
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_images_of_one_account_are_still_read(self) -> None:
        single = drivers.make(
            contract.backend('swift', self.container.settings())
        )
        self.assertNotEqual(single.identity, self.store.identity)
        other = self.store.write(
            test_swift.ID, iter([b'data']), lambda: None, 4
        )
        self.assertEqual([], list(single.pieces()))
        self.assertIsNone(single.hold(test_swift.ID))
        self.store.delete(other)
        url = single.write(test_swift.ID, iter([b'data']), lambda: None, 4)
        self.assertTrue(self.store.owns(url))
        self.assertEqual(b'data', self.read(url))
        # It may be an image of the other store, which this one cannot know.
        self.assertEqual([], list(self.store.pieces()))
        self.store.delete(url)
        self.assertEqual([], self.held())

    def test_urls_of_other_accounts_are_not_followed(self) -> None:
        host = self.container.server.url
        for url in (
            f'swift+{host}/v1/KEY_x/c/o',
            f'swift+{host}/v1/AUTH_x/c',
            f'swift+{host}/v1/AUTH_x/y/c/o',
            'swift+http://127.0.0.1:1/v1/AUTH_x/c/o',
        ):
            self.assertFalse(self.store.owns(url), url)
