"""Registration of locations with real threads."""

import socket
import threading
import time
from typing import Any
from unittest import mock

from glance.common import errors
from glance.images import transfers
from glance.tasks import executor
from glance.tasks import location_import
from glance_registry.db import transfers as db_transfers
from tests.contract import racers
from tests.functional.location_import import importing

#: A call that takes longer is considered to hang.
SECONDS = 30.0
_Thread = threading.Thread


class TestAtWork(importing.ImportTestCase):
    inline = False

    def setUp(self) -> None:
        super().setUp()
        self.go = threading.Event()
        self.threads: list[threading.Thread] = []
        self.addCleanup(self.join_tasks)
        self.patched(executor.threading, 'Thread', self.noted_thread)
        self.asked = threading.Semaphore(0)

        def answer(handler: Any) -> None:
            if handler.command == 'GET' and 'Range' not in handler.headers:
                self.asked.release()
                self.go.wait(SECONDS)
            handler.reply(200, importing.DATA)

        self.web.answers['/a'] = answer

    def noted_thread(self, **arguments: Any) -> threading.Thread:
        thread = _Thread(**arguments)
        if arguments['target'].__name__ == '_work':
            self.threads.append(thread)
        return thread

    def join_tasks(self) -> None:
        """Wait for all tasks, before the database is closed."""
        self.go.set()
        for thread in self.threads:
            thread.join(SECONDS)
            self.assertFalse(thread.is_alive())

    def await_image(self, image_id: str, **values: Any) -> None:
        end = time.monotonic() + SECONDS
        while True:
            document = self.show(image_id)
            if all(document.get(key) == it for key, it in values.items()):
                return
            self.assertLess(time.monotonic(), end, document)
            time.sleep(0.01)

    def test_importing_while_hashes_are_compared(self) -> None:
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=importing.CLAIM))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        path = f'/v2/images/{image_id}/tasks'
        (task,) = self.call('GET', path).json['tasks']
        self.assert_image(
            image_id, status='importing', os_glance_import_task=task['id']
        )
        self.assert_status(409, self.post(image_id))
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'x')
        self.assert_status(409, response)
        self.go.set()
        self.await_image(image_id, status='active', **importing.CLAIM)
        self.assert_image(image_id, os_glance_import_task=None)

    def test_active_while_hashes_are_found_out(self) -> None:
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        self.assert_image(image_id, status='active', os_hash_value=None)
        self.go.set()
        self.await_image(
            image_id, os_hash_value=importing.SHA512, checksum=importing.MD5
        )

    def test_7_two_at_once(self) -> None:
        """The registry's claim is the lock."""
        # covers 14.1-7
        image_id = self.image()
        codes: list[int] = []
        barrier = threading.Barrier(4)

        def race() -> None:
            barrier.wait(SECONDS)
            codes.append(self.post(image_id, claim=importing.CLAIM).status_int)

        threads = [_Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual([202, 409, 409, 409], sorted(codes))
        self.go.set()
        self.await_image(image_id, status='active')

    def test_a_deletion_ends_the_hashing(self) -> None:
        """A running hash calculation is cancelled."""
        # covers 14.1-13
        for claim in (None, importing.CLAIM):
            self.go.clear()
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=claim))
            self.assertTrue(self.asked.acquire(timeout=SECONDS))
            response = self.call('DELETE', f'/v2/images/{image_id}')
            self.assert_status(204, response)
            with self.assertLogs(location_import.LOG, 'WARNING') as logged:
                self.go.set()
                self.until(lambda found=logged: found.output)
            self.assertNotIn('Traceback', str(logged.output))
            response = self.call('GET', f'/v2/images/{image_id}')
            self.assert_status(404, response)

    def until(self, check: Any) -> None:
        end = time.monotonic() + SECONDS
        while not check():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_a_lost_claim_stops_the_reading(self) -> None:
        image_id = self.image()
        held: list[transfers.Transfer] = []
        hold = transfers.Transfers.hold

        def note(it: Any, transfer: transfers.Transfer, *rest: Any) -> None:
            held.append(transfer)
            hold(it, transfer, *rest)

        self.patched(transfers.Transfers, 'hold', note)
        self.assert_status(202, self.post(image_id, claim=importing.CLAIM))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        # The worker is considered dead.
        racers.lapse(self.service.database, held[0].id)
        self.assertEqual([image_id], racers.sweep(self.service.database))
        self.assert_image(
            image_id,
            status='queued',
            os_glance_failed_reason='The location given to '
            f'{socket.gethostname()} broke off.',
        )
        held[0].is_lost = True
        with self.assertLogs(location_import.LOG, 'WARNING') as logged:
            self.go.set()
            self.until(lambda: logged.output)
        self.assertIn('The upload was cancelled', str(logged.output))
        self.assert_image(
            image_id, status='queued', os_glance_import_task=None
        )

    def test_a_dead_worker_leaves_an_active_image_alone(self) -> None:
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        table = db_transfers.TRANSFERS
        rows = self.service.database.read(
            lambda connection: connection.execute(table.select()).all()
        )
        self.assertEqual(['hash'], [row.kind for row in rows])
        racers.lapse(self.service.database, rows[0].id)
        self.assertEqual([], racers.sweep(self.service.database))
        with self.assertLogs(location_import.LOG, 'WARNING') as logged:
            self.go.set()
            self.until(lambda: logged.output)
        self.assert_image(
            image_id,
            status='active',
            os_hash_value=None,
            os_glance_failed_reason=None,
        )

    def test_when_too_much_waits_the_client_is_told(self) -> None:
        image_id = self.image()
        full = errors.Unavailable(
            'Too many tasks are waiting; try again later.'
        )
        with mock.patch.object(executor.Executor, 'submit', side_effect=full):
            response = self.post(image_id)
        self.assert_status(503, response)
        self.assertIn('Retry-After', response.headers)
        self.assert_image(image_id, status='queued')
