"""Imports: staged, queued, taken by a worker, ended."""

from typing import Any
import uuid

from glance.common import contract
from glance.common import errors
from tests.contract import racers
from tests.contract.registry import callers
from tests.contract.registry import import_cases


class TestImports(import_cases.ImportTestCase):
    def test_claim_stage(self) -> None:
        image_id = self.create()['id']
        claim: Any = {'transfer_id': 't1', 'node': 'n', 'size': None}
        for _ in range(2):
            claimed = self.client.claim_stage(callers.ALICE, image_id, claim)
            self.assertEqual('uploading', claimed['image']['status'])
        self.expect(errors.Conflict, self.claim, image_id, 't2')
        self.assertEqual([image_id], self.lapse('t1'))
        image = self.image(image_id)
        self.assertEqual('queued', image['status'])
        self.assertEqual(
            'The staging of data through n broke off.',
            image['properties']['os_glance_failed_reason'],
        )

    def test_claims_within_a_limit(self) -> None:
        """The registry checks the limit in the transaction of the claim."""
        claim: Any = {'node': 'n', 'size': None, 'limits': {'uploading': 1}}
        first, second = self.create()['id'], self.create()['id']
        self.client.claim_stage(
            callers.ALICE, first, {**claim, 'transfer_id': 't1'}
        )
        for name in ('claim_stage', 'claim_upload'):
            self.expect(
                errors.LimitExceeded,
                getattr(self.client, name),
                callers.ALICE,
                second,
                {**claim, 'transfer_id': 't2'},
            )
        self.assertEqual('queued', self.status(second))

    def test_finish_stage(self) -> None:
        image_id = self.create()['id']
        image = self.stage(image_id)
        self.assertEqual('uploading', image['status'])
        self.assertEqual(5, image['size'])
        host = {'os_glance_stage_host': 'http://host:9292'}
        self.assertEqual(host, image['properties'])
        self.assertEqual([], racers.sweep(self.service.database))
        other = self.create()['id']
        with self.assertRaises(errors.LimitExceeded):
            self.stage(other, stage_bytes=9)
        self.stage(self.create()['id'], stage_bytes=10)

    def test_start_import(self) -> None:
        image_id = self.create()['id']
        task_id = self.start(image_id)
        self.start(image_id, task_id=task_id)  # a response may be lost
        image = self.image(image_id)
        self.assertEqual('importing', image['status'])
        self.assertEqual(
            {
                'os_glance_import_task': task_id,
                'os_glance_importing_to_stores': 'cheap,fast',
                'os_glance_failed_import': '',
            },
            image['properties'],
        )
        self.assertEqual('pending', self.task(task_id)['status'])
        self.expect(errors.Conflict, self.start, image_id)
        queued = self.create()['id']
        for method in ('glance-direct', 'copy-image'):
            self.expect(errors.Conflict, self.start, queued, method)
        self.expect(errors.NotFound, self.start, 'none')

    def test_an_image_is_created_with_its_import(self) -> None:
        image_id = str(uuid.uuid4())
        new: contract.NewImage = {
            'id': image_id,
            'values': {'owner': 'p1'},
            'properties': {'a': 'b'},
            'tags': [],
        }
        self.start(image_id, new=new)
        self.assertEqual('importing', self.status(image_id))

    def test_take_tasks(self) -> None:
        image_id = self.create()['id']
        task_id = self.start(image_id)
        self.assertEqual([], self.take(0))
        (taken,) = self.take(quota=100)
        self.assertEqual(task_id, taken['id'])
        self.assertEqual('importing', taken['image']['status'])
        self.assertEqual('http://web/a', taken['work']['given']['uri'])
        self.assertEqual(1, taken['work']['tries'])
        self.assertEqual(100, taken['room'])
        self.assertEqual('processing', self.task(task_id)['status'])
        self.assertEqual([], self.take())

    def test_only_who_has_staged_data_takes_its_import(self) -> None:
        image_id = self.create()['id']
        self.stage(image_id)
        self.start(image_id, 'glance-direct')
        self.assertEqual([], self.take())
        self.assertEqual(1, len(self.take(staged=[image_id])))

    def test_another_worker_goes_on(self) -> None:
        image_id = self.create()['id']
        task_id = self.start(image_id)
        dead = self.taken()
        self.assertEqual([], self.lapse(dead))
        self.assertEqual('importing', self.status(image_id))
        self.assertIn('n2 broke off', self.task(task_id)['message'])
        (taken,) = self.take(holder='h2')
        self.assertEqual(task_id, taken['id'])
        self.assertEqual(2, taken['work']['tries'])
        # The first worker was only slow.
        renewed = self.client.renew_transfers(
            callers.ADMIN, {'transfers': {dead: 1, taken['transfer_id']: 1}}
        )
        self.assertEqual([dead], renewed['lost'])
        self.fail(image_id, dead)
        self.expect(
            errors.Conflict,
            self.client.finish_import,
            callers.ADMIN,
            image_id,
            self.imported(dead, 'fast'),
        )
        self.assertEqual('processing', self.task(task_id)['status'])

    def test_only_who_knows_its_secret_begins_it(self) -> None:
        image_id = self.create()['id']
        self.start(image_id, only='h2')
        self.assertEqual([], self.take())
        (taken,) = self.take(holder='h2')
        self.lapse(taken['transfer_id'])
        self.assertEqual(1, len(self.take()))

    def test_tasks_wait_while_every_glance_api_is_down(self) -> None:
        image_id, direct = self.create()['id'], self.create()['id']
        self.stage(direct)
        waiting = self.start(image_id), self.start(direct, 'glance-direct')
        for task_id in (*waiting, *waiting):
            self.assertEqual([], self.lapse(task_id))
        self.assertEqual('importing', self.status(image_id))
        taken = self.take(staged=[direct])
        self.assertEqual(set(waiting), {each['id'] for each in taken})

    def test_a_task_that_somebody_cannot_do_gets_a_lease(self) -> None:
        image_id = self.create()['id']
        self.stage(image_id)
        task_id = self.start(image_id, 'glance-direct')
        for swept in ([], [image_id]):  # only the first refusal renews it
            racers.lapse(self.service.database, task_id)
            self.take()
            self.assertEqual(swept, racers.sweep(self.service.database))

    def test_a_repeated_start_is_the_same_import(self) -> None:
        image_id = self.create()['id']
        task_id = self.start(image_id)
        transfer_id = self.taken()
        self.start(image_id, task_id=task_id)
        done = self.imported(transfer_id, 'fast', 'cheap')
        self.client.finish_import(callers.ADMIN, image_id, done)
        for method in ('web-download', 'copy-image'):  # the task has ended
            self.start(image_id, method, task_id=task_id)
        self.assertEqual([], self.take())

    def left_in(self, store: str) -> list[str]:
        """Return ids of images that may have left data in a store."""
        found = self.client.take_leftovers(
            callers.ADMIN,
            {
                'holder': 'h',
                'node': 'n',
                'store': f'identity of {store}',
                'limit': 9,
            },
        )
        return [each['image_id'] for each in found]

    def test_what_a_dead_worker_stored_of_a_deleted_image_is_left(
        self,
    ) -> None:
        image_id = self.create()['id']
        self.start(image_id)
        self.lapse(self.taken())
        self.client.delete_image(
            callers.ALICE, image_id, {'row_version': None}
        )
        self.assertEqual([], self.take())
        for store in ('fast', 'cheap'):
            self.assertEqual([image_id], self.left_in(store))

    def test_what_a_dead_worker_stored_where_another_failed_is_left(
        self,
    ) -> None:
        image_id = self.create()['id']
        self.start(image_id)
        self.lapse(self.taken())
        done = {**self.imported(self.taken(), 'fast'), 'failed': ['cheap']}
        self.client.finish_import(callers.ADMIN, image_id, done)
        self.assertEqual([], self.left_in('fast'))
        self.assertEqual([image_id], self.left_in('cheap'))

    def test_nobody_goes_on(self) -> None:
        image_id = self.create()['id']
        self.stage(image_id)
        task_id = self.start(image_id, 'glance-direct')
        (taken,) = self.take(staged=[image_id])
        transfer_id = taken['transfer_id']
        self.lapse(transfer_id)
        self.assertEqual([], self.lapse(transfer_id))
        self.assertEqual([], self.take())
        self.assertEqual([image_id], self.lapse(transfer_id))
        image, task = self.image(image_id), self.task(task_id)
        self.assertEqual('queued', image['status'])
        self.assertEqual('failure', task['status'])
        self.assertEqual(
            {
                'os_glance_importing_to_stores': '',
                'os_glance_failed_import': 'cheap,fast',
                'os_glance_failed_reason': task['message'],
            },
            image['properties'],
        )
        for store in ('fast', 'cheap'):
            self.assertEqual([image_id], self.left_in(store))

    def test_a_task_that_waits_for_its_turn_stays(self) -> None:
        task_id = self.start(self.create()['id'])
        racers.lapse(self.service.database, task_id)
        self.take(0)
        self.assertEqual([], racers.sweep(self.service.database))
        self.assertEqual(1, len(self.take()))

    def test_note_tasks(self) -> None:
        image_id = self.create()['id']
        task_id = self.start(image_id)
        self.client.note_tasks(
            callers.ADMIN, {self.taken(): '42 %', str(uuid.uuid4()): '1 %'}
        )
        properties = self.image(image_id)['properties']
        self.assertEqual('42 %', properties['os_glance_progress'])
        self.assertEqual('42 %', self.task(task_id)['message'])

    def test_finish_import(self) -> None:
        image_id = self.create(properties={'old': 'x'})['id']
        task_id = self.start(image_id)
        transfer_id = self.taken()
        done = self.imported(transfer_id, 'fast')
        done['failed'] = ['cheap']
        done['values'] = {'disk_format': 'raw'}
        done['properties'] = {'new': 'y', 'old': None}
        for _ in range(2):  # a response may be lost
            image = self.client.finish_import(callers.ADMIN, image_id, done)
        self.assertEqual('active', image['status'])
        self.assertEqual(import_cases.OUTCOME['checksum'], image['checksum'])
        self.assertEqual('raw', image['disk_format'])
        (location,) = image['locations']
        self.assertEqual({'store': 'fast'}, location['metadata'])
        self.assertEqual(
            {
                'new': 'y',
                'os_glance_importing_to_stores': '',
                'os_glance_failed_import': 'cheap',
            },
            image['properties'],
        )
        task = self.task(task_id)
        self.assertEqual('success', task['status'])
        self.assertEqual('Copied 1 MiB', task['message'])
        self.assertEqual({'image_id': image_id}, task['result'])
        late = self.imported(transfer_id, 'cheap')
        self.expect(
            errors.Conflict,
            self.client.finish_import,
            callers.ADMIN,
            image_id,
            late,
        )

    def test_finish_within_quota(self) -> None:
        image_id = self.create()['id']
        self.start(image_id)
        done = self.imported(self.taken(), 'fast', 'cheap')
        for key, value in (('quota', 9), ('limits', {'size_bytes': 9})):
            self.expect(
                errors.LimitExceeded,
                self.client.finish_import,
                callers.ADMIN,
                image_id,
                {**done, key: value},
            )
        done['quota'], done['limits'] = 10, {'size_bytes': 10}
        self.client.finish_import(callers.ADMIN, image_id, done)
        self.assertEqual('active', self.status(image_id))

    def test_fail_import(self) -> None:
        image_id = self.create()['id']
        task_id = self.start(image_id)
        transfer_id = self.taken()
        for _ in range(2):
            self.fail(image_id, transfer_id)
        image = self.image(image_id)
        self.assertEqual('queued', image['status'])
        self.assertEqual(
            'cheap', image['properties']['os_glance_failed_import']
        )
        self.assertEqual('It is Monday.', self.task(task_id)['message'])
        self.start(image_id)
        properties = self.image(image_id)['properties']
        self.assertEqual('', properties['os_glance_failed_import'])
        self.assertNotIn('os_glance_failed_reason', properties)

    def test_a_copy_leaves_the_image_active(self) -> None:
        image_id = self.create()['id']
        self.claim(image_id, 't1')
        self.client.finish_upload(callers.ALICE, image_id, self.stored('t1'))
        self.start(image_id, 'copy-image')
        self.fail(image_id, self.taken())
        self.assertEqual('active', self.status(image_id))
        self.start(image_id, 'copy-image')
        transfer_id = self.taken()
        self.client.deactivate_image(
            callers.ALICE, image_id, {'row_version': None}
        )
        done = self.imported(transfer_id, 'cheap')
        done['outcome'] = {}
        image = self.client.finish_import(callers.ADMIN, image_id, done)
        self.assertEqual('deactivated', image['status'])
        self.assertEqual(2, len(image['locations']))

    def test_of_a_deleted_image(self) -> None:
        image_id = self.create()['id']
        waiting = self.start(image_id)
        wanted: Any = {'row_version': None}
        self.client.delete_image(callers.ALICE, image_id, wanted)
        self.assertEqual([], self.take())
        self.assertEqual('failure', self.task(waiting)['status'])
        image_id = self.create()['id']
        running = self.start(image_id)
        transfer_id = self.taken()
        self.client.delete_image(callers.ALICE, image_id, wanted)
        self.expect(
            errors.NotFound,
            self.client.finish_import,
            callers.ADMIN,
            image_id,
            self.imported(transfer_id, 'fast'),
        )
        self.fail(image_id, transfer_id)
        self.assertEqual('failure', self.task(running)['status'])

    def test_check_staged(self) -> None:
        staged, queued = self.create()['id'], self.create()['id']
        self.stage(staged)
        needed = self.client.check_staged(
            callers.ADMIN, [staged, queued, 'none']
        )
        self.assertEqual([staged], needed)


class TestImportsMysql(TestImports):
    kind = 'mysql'


class TestImportsPostgresql(TestImports):
    kind = 'postgresql'
