"""No file is left without an image, whenever a daemon dies.

Data that is to be removed has a record until it is removed: see
glance/images/leftovers.py.
"""

from typing import Any
from unittest import mock

from glance.api import storage
from glance.common import context
from glance.common import errors
from glance.images import leftovers
from glance_registry.db import clock
from glance_registry.db import models
from tests import base
from tests import refusing
from tests.contract import racers
from tests.functional.test_failures import FailingStore

DATA = b'data that is left'


class LeftoversTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.left = self.another('here')

    def another(self, node: str) -> leftovers.Leftovers:
        """Return the object with which another worker removes leftovers."""
        service = self.service
        store = storage.around(service.conf, service.store)
        return leftovers.Leftovers(service.registry, store, node)

    def look(self) -> None:
        """Make all leftovers due, and let a worker remove them."""
        update = models.image_leftovers.update()
        self.service.database.write(
            lambda connection: connection.execute(
                update.values(due_at=clock.after(0))
            )
        )
        self.left.look()

    def rows(self, table: Any = models.image_leftovers) -> list[Any]:
        return self.service.database.read(
            lambda connection: list(connection.execute(table.select()))
        )

    def assert_clean(self, *image_ids: str) -> None:
        """Check that only these images have files, and none are left over."""
        self.assertEqual(sorted(image_ids), self.files())
        self.assertEqual([], self.rows())

    def begin_upload(self, image_id: str, transfer_id: str = 't1') -> None:
        self.service.registry.claim_upload(
            racers.caller('alice'),
            image_id,
            {
                'transfer_id': transfer_id,
                'node': 'there',
                'size': None,
                'store': self.service.store.identity,
            },
        )

    def killed_upload(self, image_id: str) -> None:
        """Begin an upload whose worker dies after it has stored the file."""
        self.begin_upload(image_id)
        self.service.store.write(image_id, [DATA], lambda: None)

    def end_lease(self, transfer_id: str = 't1') -> None:
        racers.lapse(self.service.database, transfer_id)
        racers.sweep(self.service.database)

    def lose(self, *operations: str, does: bool = False) -> Any:
        """Let some operations of the registry fail without a response.

        :param does: run the operations, and lose only the responses
        """
        wire = self.service.wire
        send = wire.send

        def losing(method: str, path: str, *rest: Any) -> Any:
            if not path.endswith(operations):
                return send(method, path, *rest)
            if does:
                send(method, path, *rest)
            raise errors.RegistryUnavailable

        return mock.patch.object(wire, 'send', losing)


class TestUploads(LeftoversTestCase):
    def test_killed_between_its_name_and_its_record(self) -> None:
        image_id = self.image()
        self.killed_upload(image_id)
        self.look()
        self.assertEqual([image_id], self.files())  # the upload may continue
        self.end_lease()
        self.look()
        self.assert_clean()
        self.assertEqual('queued', self.show(image_id)['status'])
        self.upload(image_id, b'again')
        self.assertEqual(b'again', self.data(image_id))

    def test_killed_and_its_image_is_deleted(self) -> None:
        image_id = self.image()
        self.begin_upload(image_id)
        self.call('DELETE', f'/v2/images/{image_id}')
        self.service.store.write(image_id, [DATA], lambda: None)
        self.end_lease()
        self.look()
        self.assert_clean()

    def test_killed_before_its_name(self) -> None:
        image_id = self.image()
        self.begin_upload(image_id)
        self.end_lease()
        self.look()
        self.assert_clean()

    def test_the_registry_is_dead_at_the_end(self) -> None:
        image_id = self.image()
        with self.lose('/finish-upload', '/abandon-upload'):
            response = self.call('PUT', f'/v2/images/{image_id}/file', DATA)
        self.assert_status(503, response)
        self.assertEqual([image_id], self.files())
        (row,) = self.rows(models.image_transfers)
        self.end_lease(row.id)
        self.look()
        self.assert_clean()

    def test_the_registry_dies_while_the_data_is_removed(self) -> None:
        for lost in ('/check', '/finish'):
            with self.subTest(lost):
                image_id = self.image()
                with self.lose('/finish-upload', lost):
                    path = f'/v2/images/{image_id}/file'
                    self.assert_status(503, self.call('PUT', path, DATA))
                self.assertEqual(1, len(self.rows()))
                self.look()
                self.assert_clean()

    def test_a_finish_that_is_refused_leaves_nothing(self) -> None:
        image_id = self.image()
        with mock.patch.object(
            self.service.registry, 'finish_upload', side_effect=errors.Gone
        ):
            response = self.call('PUT', f'/v2/images/{image_id}/file', DATA)
        self.assert_status(410, response)
        self.assert_clean()

    def test_lost_response_to_finish_keeps_the_data(self) -> None:
        image_id = self.image()
        with self.lose('/finish-upload', does=True):
            response = self.call('PUT', f'/v2/images/{image_id}/file', DATA)
        self.assert_status(503, response)
        self.assertEqual(DATA, self.data(image_id))
        self.look()
        self.assert_clean(image_id)

    def test_data_that_an_image_has_stays(self) -> None:
        image_id = self.image()
        self.killed_upload(image_id)
        self.end_lease()
        self.upload(image_id, b'of the next upload')
        self.look()
        self.assert_clean(image_id)
        self.assertEqual(b'of the next upload', self.data(image_id))

    def test_data_is_not_removed_under_a_running_upload(self) -> None:
        image_id = self.image()
        self.killed_upload(image_id)
        self.end_lease()
        self.begin_upload(image_id, 't2')
        self.look()
        self.assertEqual([image_id], self.files())
        self.assertEqual(1, len(self.rows()))
        self.end_lease('t2')
        self.look()
        self.assert_clean()

    def test_an_upload_in_the_middle_of_a_look_keeps_its_data(self) -> None:
        """The upload ends after the check whether the file is in use."""
        image_id = self.image()
        self.killed_upload(image_id)
        self.end_lease()
        check = self.service.registry.check_leftovers

        def overtaken(*args: Any) -> Any:
            found = check(*args)
            self.upload(image_id, b'new')
            return found

        with mock.patch.object(
            self.service.registry, 'check_leftovers', overtaken
        ):
            self.look()
        self.assertEqual(b'new', self.data(image_id))
        self.assert_clean(image_id)

    def test_a_late_upload_of_a_swept_worker_leaves_nothing(self) -> None:
        """Its lease expired, and another upload runs when it ends."""
        image_id = self.image()

        def swept() -> None:
            (row,) = self.rows(models.image_transfers)
            self.end_lease(row.id)
            self.begin_upload(image_id, 't2')

        response = self.put(image_id, base.Source(DATA, swept))
        self.assert_status(409, response)
        self.end_lease('t2')
        self.look()
        self.assert_clean()


class TestDeletions(LeftoversTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return FailingStore(store)

    def status(self, image_id: str) -> tuple[str, str]:
        (image,) = [r for r in self.rows(models.images) if r.id == image_id]
        (place,) = [
            row
            for row in self.rows(models.image_locations)
            if row.image_id == image_id
        ]
        return image.status, place.status

    def test_a_deletion_is_forgotten_with_the_next_look(self) -> None:
        image_id = self.image(data=DATA)
        path = f'/v2/images/{image_id}'
        self.assert_status(204, self.call('DELETE', path))
        self.assertEqual([], self.files())
        self.assertEqual('deleted', self.status(image_id)[0])
        self.look()
        self.assert_clean()

    def test_a_store_that_is_read_only_for_the_moment(self) -> None:
        image_id = self.image(data=DATA)
        self.service.store.trouble['delete'] = errors.StoreUnavailable()
        with self.assertLogs('glance.images', 'ERROR') as logged:
            response = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(204, response)
        self.assertIn(image_id, logged.output[0])
        self.assertEqual(
            ('pending_delete', 'pending_delete'), self.status(image_id)
        )
        self.look()
        self.assertEqual([image_id], self.files())
        self.service.store.trouble.clear()
        with self.assertLogs('glance.images', 'INFO') as logged:
            self.look()
        self.assertIn(image_id, str(logged.output))
        self.assert_clean()
        self.assertEqual(('deleted', 'deleted'), self.status(image_id))

    def test_killed_between_the_record_and_the_data(self) -> None:
        image_id = self.image(data=DATA)
        with (
            mock.patch.object(
                FailingStore, 'delete', side_effect=SystemExit, create=True
            ),
            self.assertRaises(SystemExit),
        ):
            self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual([image_id], self.files())
        self.look()
        self.assert_clean()
        self.assertEqual(('deleted', 'deleted'), self.status(image_id))

    def test_a_bug_of_a_store_ends_no_other_work(self) -> None:
        for _ in range(2):
            image_id = self.image(data=DATA)
            self.service.store.trouble['delete'] = errors.StoreUnavailable()
            self.call('DELETE', f'/v2/images/{image_id}')
        self.service.store.trouble['delete'] = RuntimeError('a bug')
        self.look()
        self.assertEqual(2, len(self.rows()))
        self.service.store.trouble.clear()
        self.look()
        self.assert_clean()

    def test_data_out_of_reach_is_reported_and_stays_pending(self) -> None:
        for url, told in (
            ('file:///elsewhere/x', 'filesystem_store_datadir'),
            ('gAAAAABencrypted', 'metadata_encryption_key'),
            ('rbd://pool/image', 'scheme'),
        ):
            with self.subTest(url):
                image_id = self.image(data=DATA)
                (place,) = [
                    row.value
                    for row in self.rows(models.image_locations)
                    if row.image_id == image_id
                ]
                self.move(image_id, url)
                path = f'/v2/images/{image_id}'
                with self.assertLogs('glance.images', 'ERROR') as logged:
                    response = self.call('GET', f'{path}/file')
                self.assert_status(503, response)
                self.assertIn(told, str(logged.output))
                for work in (
                    lambda path=path: self.call('DELETE', path),
                    self.look,
                ):
                    with self.assertLogs('glance.images', 'ERROR') as logged:
                        work()
                    (line,) = logged.output
                    self.assertIn(f'image {image_id}', line)
                    self.assertIn(told, line)
                (row,) = self.rows()
                self.assertEqual(image_id, row.image_id)
                self.move(image_id, place)
                self.look()
                self.assertEqual([], self.rows())

    def test_stores_that_do_not_exist_any_more(self) -> None:
        image_id = self.image(data=DATA)
        self.move(image_id, 'rbd://a/b/c/snap')
        self.call('DELETE', f'/v2/images/{image_id}')
        self.look()
        self.assertEqual(1, len(self.rows()))
        conf = self.service.conf
        conf.set_override('lost_stores', ['rbd'])
        self.addCleanup(conf.clear_override, 'lost_stores')
        self.left = self.another('here')
        with self.assertLogs('glance.store', 'WARNING') as logged:
            self.look()
        self.assertIn('lost_stores', str(logged.output))
        self.assertEqual([], self.rows())

    def test_data_on_a_web_server_is_never_removed(self) -> None:
        image_id = self.image(data=DATA)
        self.move(image_id, 'https://example.org/x')
        known = self.left._store
        with mock.patch.object(known, '_by_scheme', {}):
            known.delete('https://example.org/x', image_id)
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
        self.look()
        self.assertEqual([], self.rows())

    def move(self, image_id: str, url: str) -> None:
        """Change the URL of an image in the database."""
        places = models.image_locations
        update = places.update().where(places.c.image_id == image_id)
        self.service.database.write(
            lambda connection: connection.execute(update.values(value=url))
        )


class TestDelayed(LeftoversTestCase):
    api_options = {'delayed_delete': True}

    def test_data_that_is_kept_stays(self) -> None:
        """It stays also if an earlier upload of the image was killed."""
        image_id = self.image()
        self.killed_upload(image_id)
        self.end_lease()
        self.upload(image_id, DATA)
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
        self.look()
        self.assert_clean(image_id)


class TestHeld(LeftoversTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def test_killed_while_the_image_is_pending(self) -> None:
        image_id = self.image(data=DATA)
        with (
            mock.patch.object(
                refusing.RefusingStore, 'delete', side_effect=SystemExit
            ),
            self.assertRaises(SystemExit),
        ):
            self.call('DELETE', f'/v2/images/{image_id}')
        self.service.store.trouble = errors.Conflict('The data is in use.')
        self.look()
        (row,) = self.rows(models.images)
        self.assertEqual('pending_delete', row.status)
        self.service.store.trouble = None
        self.look()
        self.assert_clean()
        (row,) = self.rows(models.images)
        self.assertEqual('deleted', row.status)

    def test_a_deletion_that_is_refused_leaves_no_record(self) -> None:
        image_id = self.image(data=DATA)
        self.service.store.trouble = errors.Conflict('The data is in use.')
        self.assert_status(409, self.call('DELETE', f'/v2/images/{image_id}'))
        self.look()
        self.assert_clean(image_id)
        self.assertEqual(DATA, self.data(image_id))


class TestStores(LeftoversTestCase):
    def test_data_in_a_store_of_others_waits_for_them(self) -> None:
        image_id = self.image()
        self.killed_upload(image_id)
        self.end_lease()
        store = self.service.store
        with mock.patch.object(store, 'identity', 'another'):
            self.left = self.another('elsewhere')
        self.look()
        self.assertEqual([image_id], self.files())
        self.assertEqual(1, len(self.rows()))
        self.left = self.another('elsewhere')
        self.look()
        self.assert_clean()

    def test_two_workers_share_the_work(self) -> None:
        for number in range(6):
            image_id = self.image()
            self.begin_upload(image_id, f't{number}')
            self.service.store.write(image_id, [DATA], lambda: None)
            self.end_lease(f't{number}')
        done = []
        with mock.patch.object(leftovers, 'BATCH', 2):
            for each in (self.another('a'), self.another('b')):
                taken = each._take(self.service.store.identity)
                done += [leftover['id'] for leftover in taken]
        self.assertEqual(4, len(set(done)))
        self.look()
        self.assert_clean()

    def test_a_registry_that_is_away_is_no_trouble(self) -> None:
        with (
            self.lose('/take'),
            self.assertLogs(leftovers.LOG, 'WARNING'),
        ):
            self.left.look()

    def test_records_are_forgotten_at_the_end_of_a_worker(self) -> None:
        image_id = self.image(data=DATA)
        removal = self.left.removal()
        self.service.registry.delete_image(
            context.RequestContext(is_admin=True, overwrite=False),
            image_id,
            {'row_version': None, 'removal': removal},
        )
        self.service.store.delete_unregistered(image_id)
        self.left.removed(removal['id'])
        self.left.forget_removed()
        self.assert_clean()
