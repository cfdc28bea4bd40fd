"""The locations API (images-v2 section 14), with a real web server."""

import hashlib
import socket
import threading
import time
from typing import Any
from unittest import mock

from glance.api import resources
from glance.common import errors
from glance.images import transfers
from glance.notifications import notifier
from glance.notifications import outbox
from glance.tasks import executor
from glance.tasks import location_import
from glance_registry.db import transfers as db_transfers
from tests import base
from tests import webserver
from tests.contract import racers

DATA = b'data on a web server' * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()
SHA512 = hashlib.sha512(DATA).hexdigest()
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
CLAIM = {'os_hash_algo': 'sha256', 'os_hash_value': SHA256}
WRONG = {'os_hash_algo': 'sha256', 'os_hash_value': '0' * 64}
#: What takes longer is a hang.
SECONDS = 30.0
_Thread = threading.Thread


class ImportTestCase(base.ServiceTestCase):
    options: dict[str, Any] = {}
    #: Tasks run within their request, so that nothing has to be waited for.
    inline = True

    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.api_options = {
            'import_filtering_opts.allowed_hosts': ['127.0.0.1'],
            'import_filtering_opts.allowed_ports': [str(self.web.port)],
            **self.options,
        }
        self.patched(location_import, 'RETRY_SECONDS', 0)
        if self.inline:
            self.patched(
                executor.Executor, 'submit', lambda _executor, job: job()
            )
        super().setUp()

    def patched(self, owner: Any, name: str, value: Any) -> None:
        self.enterContext(mock.patch.object(owner, name, value))

    def post(
        self,
        image_id: str,
        url: str | None = None,
        claim: Any = None,
        caller: str = 'alice',
        **rest: Any,
    ) -> Any:
        body = {'url': self.web.url('/a') if url is None else url, **rest}
        if claim is not None:
            body['validation_data'] = claim
        return self.call(
            'POST', f'/v2/images/{image_id}/locations', body, caller=caller
        )

    def assert_image(self, image_id: str, **values: Any) -> None:
        document = self.show(image_id)
        shown = {name: document.get(name) for name in values}
        self.assertEqual(values, shown)

    def assert_failed(self, image_id: str, reason: str | None = None) -> None:
        """It is queued again, without any data, and says why."""
        self.assert_image(
            image_id,
            status='queued',
            size=None,
            checksum=None,
            os_hash_algo=None,
            os_hash_value=None,
        )
        told = self.show(image_id)['os_glance_failed_reason']
        if reason is not None:
            self.assertEqual(reason, told)
        self.assertNotIn('http', told)
        places = self.service.registry.get_image(
            racers.caller('admin'), image_id
        )['locations']
        self.assertEqual([], places)


class TestStorageQuota(ImportTestCase):
    """images-v2 section 18: a location is storage too."""

    options = {'user_storage_quota': '30KB'}

    def test_the_second_finds_no_room(self) -> None:
        first, second = self.image(), self.image()
        self.assert_status(202, self.post(first))
        self.assert_image(first, status='active', size=len(DATA))
        self.assert_status(202, self.post(second))
        self.assert_failed(second, transfers.NO_ROOM)


class TestNotifications(ImportTestCase):
    def setUp(self) -> None:
        self.events: list[outbox.Event] = []
        made = notifier.Notifier(self.events.append, [])
        self.enterContext(
            mock.patch.object(resources, '_notifier', lambda _: made)
        )
        super().setUp()

    def test_the_image_becomes_active(self) -> None:
        """images-v2 section 22."""
        self.post(self.image(), claim=CLAIM)
        *_, activated, updated = self.events
        self.assertEqual('image.activate', activated.name)
        self.assertEqual('image.update', updated.name)
        self.assertEqual('active', activated.payload['status'])
        self.assertEqual(len(DATA), activated.payload['size'])
        self.assertNotIn(self.web.url('/a'), str(self.events))


class TestSecureHash(ImportTestCase):
    """do_secure_hash is on."""

    def test_without_a_claim_it_is_active_and_then_hashed(self) -> None:
        # covers 14.1-8..9
        image_id = self.image()
        response = self.post(image_id)
        self.assert_status(202, response)
        self.assertEqual(b'', response.body)
        self.assertNotIn('json', response.headers['Content-Type'])
        self.assert_image(
            image_id,
            status='active',
            size=len(DATA),
            checksum=MD5,
            os_hash_algo='sha512',
            os_hash_value=SHA512,
        )
        self.assertEqual(DATA, self.data(image_id))

    def test_trap_39_an_empty_claim_is_none(self) -> None:
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim={}))
        self.assert_image(image_id, status='active', os_hash_value=SHA512)

    def test_with_a_claim(self) -> None:
        # covers 14.1-10
        for claim in (CLAIM, {**CLAIM, 'os_hash_value': SHA256.upper()}):
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=claim))
            self.assert_image(
                image_id,
                status='active',
                size=len(DATA),
                checksum=MD5,
                **CLAIM,
            )

    def test_with_a_wrong_claim_it_is_queued_again(self) -> None:
        """And the location goes, also one on a web server."""
        # covers 14.1-10
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=WRONG))
        self.assert_failed(image_id, 'The data does not have this hash.')
        self.assert_status(202, self.post(image_id, claim=CLAIM))
        self.assert_image(
            image_id, status='active', os_glance_failed_reason=None
        )

    def test_a_hash_that_cannot_be_had_is_none(self) -> None:
        """The image stays active, with null hashes."""
        gets = self.broken_after_head()
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assert_image(
            image_id, status='active', checksum=None, os_hash_value=None
        )
        self.assertEqual(3, len(gets))

    def test_http_retries(self) -> None:
        gets = self.broken_after_head(2)
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=CLAIM))
        self.assert_image(image_id, status='active', **CLAIM)
        self.assertEqual(3, len(gets))

    def broken_after_head(self, times: int = 1000) -> list[str]:
        """The server fails so often when it is asked for data."""
        gets: list[str] = []

        def answer(handler: Any) -> None:
            if handler.command == 'GET':
                gets.append(handler.path)
                if len(gets) <= times:
                    handler.reply(503, b'')
                    return
            handler.reply(200, DATA)

        self.web.answers['/a'] = answer
        return gets

    def test_data_that_grew_or_shrank_is_not_taken(self) -> None:
        """The length that HEAD told, and the one that came."""
        for length in (len(DATA) - 1, len(DATA) + 1):

            def answer(handler: Any, length: int = length) -> None:
                size = len(DATA) if handler.command == 'HEAD' else length
                handler.reply(200, (DATA + b'x')[:size])

            self.web.answers['/a'] = answer
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=CLAIM))
            if length < len(DATA):
                self.assert_failed(image_id)
            else:  # what came had the hash that was claimed
                self.assert_image(image_id, status='active', **CLAIM)

    def test_cve_2026_71196_a_slow_server_does_not_hold_us(self) -> None:
        self.patched(location_import, 'PATIENCE_SECONDS', -1000.0)
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=CLAIM))
        self.assert_failed(image_id, 'The data comes too slowly.')


class TestPlainHash(ImportTestCase):
    """do_secure_hash is off: nothing is read."""

    options = {'do_secure_hash': False}

    def test_a_claim_is_believed(self) -> None:
        # covers 14.1-11
        image_id = self.image()
        self.assert_status(202, self.post(image_id, claim=WRONG))
        self.assert_image(image_id, status='active', checksum=None, **WRONG)

    def test_without_a_claim_there_are_no_hashes(self) -> None:
        # covers 14.1-11
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assert_image(
            image_id, status='active', checksum=None, os_hash_value=None
        )

    def tearDown(self) -> None:
        methods = {method for method, *_ in self.web.requests}
        self.assertEqual({'HEAD'}, methods)
        super().tearDown()


class TestChecks(ImportTestCase):
    """The rows of the table in section 14.1, in their order."""

    def test_1_malformed(self) -> None:
        # covers 14.1-1
        image_id = self.image()
        url = self.web.url('/a')
        path = f'/v2/images/{image_id}/locations'
        long = {**CLAIM, 'os_hash_value': 'a' * 129}
        for body in (
            b'',
            b'{',
            [],
            [{'url': url}],
            b'"x"',
            b'7',
            {},
            {'url': None},
            {'url': 7},
            {'url': 'http://a/' + 'x' * 3000},
            {'url': url + '\0'},
            {'url': url, 'validation_data': None},
            {'url': url, 'validation_data': []},
            {'url': url, 'validation_data': 'x'},
            {'url': url, 'validation_data': {'os_hash_algo': 'sha256'}},
            {'url': url, 'validation_data': {'os_hash_value': SHA256}},
            {'url': url, 'validation_data': {**CLAIM, 'checksum': MD5}},
            {'url': url, 'validation_data': {**CLAIM, 'os_hash_algo': 7}},
            {'url': url, 'validation_data': {**CLAIM, 'os_hash_algo': []}},
            {'url': url, 'validation_data': {**CLAIM, 'os_hash_value': 7}},
            {
                'url': url,
                'validation_data': {**CLAIM, 'os_hash_algo': 'sha384'},
            },
            {'url': url, 'validation_data': long},
        ):
            with self.subTest(str(body)[:60]):
                self.assert_status(400, self.call('POST', path, body))
        self.assert_image(image_id, status='queued')

    def test_other_members_are_ignored(self) -> None:
        # covers 14.1-1
        response = self.post(self.image(), metadata=7, checksum='x')
        self.assert_status(202, response)

    def test_2_of_others(self) -> None:
        # covers 14.1-2
        self.assert_status(404, self.post(self.image(), caller='bob'))
        self.assert_status(404, self.post('none'))
        self.assert_status(404, self.post(self.image(), caller='nova'))

    def test_3_status_comes_before_permission(self) -> None:
        # covers 14.1-3
        image_id = self.image(data=b'x', caller='admin', visibility='public')
        self.assert_status(409, self.post(image_id))
        saving = self.image()
        self.put(
            saving,
            base.Source(
                b'x', lambda: self.assert_status(409, self.post(saving))
            ),
        )

    def test_4_permission(self) -> None:
        # covers 14.1-4
        public = self.image(caller='admin', visibility='public')
        self.assert_status(403, self.post(public))
        self.assert_status(403, self.post(self.image(), caller='rita'))
        self.assert_status(202, self.post(public, caller='nova'))

    def test_5_only_services_name_what_is_no_web_server(self) -> None:
        """OSSA-2014-041, OSSA-2015-002: nobody names a file."""
        # covers 14.1-5
        image_id = self.image(visibility='public', caller='admin')
        for url in ('rbd://a/b/c/d', 'file:///etc/passwd', 'x', ''):
            for caller, status in (('admin', 403), ('nova', 400)):
                with self.subTest(f'{url} {caller}'):
                    response = self.post(image_id, url, caller=caller)
                    self.assert_status(status, response)
                    self.assertNotIn('passwd', response.text)

    def test_5_a_service_token_beside_the_users(self) -> None:
        # covers 14.1-5
        response = self.call(
            'POST',
            f'/v2/images/{self.image()}/locations',
            {'url': 'rbd://a/b/c/d'},
            headers={'X-Service-Roles': 'service'},
        )
        self.assert_status(400, response)  # not 403: but there is no rbd

    def test_6_no_such_hash(self) -> None:
        # covers 14.1-6
        image_id = self.image()
        for value in (SHA256[1:], SHA256 + '0', 'z' * 64, ''):
            claim = {**CLAIM, 'os_hash_value': value}
            self.assert_status(400, self.post(image_id, claim=claim))
        self.assert_image(image_id, status='queued')

    def test_all_hashes(self) -> None:
        for name in ('sha1', 'sha256', 'sha512', 'md5'):
            found = hashlib.new(name, DATA, usedforsecurity=False).hexdigest()
            claim = {'os_hash_algo': name, 'os_hash_value': found}
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=claim))
            self.assert_image(image_id, status='active', **claim)

    def test_wrong_methods(self) -> None:
        # covers 2.6-5
        path = f'/v2/images/{self.image()}/locations'
        for method in ('PUT', 'DELETE', 'PATCH', 'HEAD'):
            response = self.call(method, path)
            self.assert_status(405, response)
            self.assertEqual('GET, POST', response.headers['Allow'])

    def test_cve_2026_71197_places_that_are_refused(self) -> None:
        image_id = self.image()
        for url in (
            'http://169.254.169.254/latest',
            'http://localhost/',
            'http://0x7f000001/',
            f'http://127.0.0.1:{self.web.port + 1}/a',
            f'http://user@127.0.0.1:{self.web.port}/a',
        ):
            response = self.post(image_id, url)
            self.assert_status(400, response)
            self.assertNotIn(url, response.text)
        self.assert_image(image_id, status='queued')

    def test_what_fails_later_has_one_text(self) -> None:
        """Rule 10 of the outbound rules (operator-security section 5)."""
        # covers 14.1-12
        self.web.answers['/angry'] = lambda handler: handler.reply(500, b'')
        self.web.data['/empty'] = b''
        self.web.redirect('/away', 'http://169.254.169.254/')
        for path in ('/missing', '/angry', '/empty', '/away'):
            image_id = self.image()
            self.assert_status(202, self.post(image_id, self.web.url(path)))
            self.assert_failed(image_id, 'The location cannot be used.')

    def test_missing_formats(self) -> None:
        # covers 14.1-12
        image_id = self.image(disk_format=None)
        self.assert_status(202, self.post(image_id))
        self.assert_failed(
            image_id, 'Set disk_format before giving a location.'
        )

    def test_a_bug_is_not_told(self) -> None:
        image_id = self.image()
        with mock.patch.object(
            location_import.locations,
            'require_formats',
            side_effect=RuntimeError('secret'),
        ):
            self.assert_status(202, self.post(image_id))
        self.assert_failed(image_id, errors.Error.text)


class TestFetch(ImportTestCase):
    """GET (section 14.2)."""

    def fetch(self, image_id: str, caller: str, **headers: str) -> Any:
        return self.call(
            'GET',
            f'/v2/images/{image_id}/locations',
            caller=caller,
            headers=headers,
        )

    def test_who_may(self) -> None:
        # covers 14.2-2
        private = self.image(data=b'x')
        public = self.image(caller='admin', visibility='public')
        for image_id, caller, status in (
            (private, 'alice', 403),
            (private, 'rita', 403),
            (private, 'admin', 200),
            (private, 'nova', 404),
            (private, 'bob', 404),
            (public, 'nova', 200),
            (public, 'bob', 403),
            ('none', 'admin', 404),
        ):
            with self.subTest(f'{caller} {status}'):
                self.assert_status(status, self.fetch(image_id, caller))
        response = self.fetch(private, 'alice', X_Service_Roles='service')
        self.assert_status(403, response)

    def test_what(self) -> None:
        # covers 14.2-1
        empty = self.fetch(self.image(), 'admin')
        self.assertEqual([], empty.json)
        image_id = self.image()
        self.post(image_id)
        place = {'url': self.web.url('/a'), 'metadata': {}}
        self.assertEqual([place], self.fetch(image_id, 'admin').json)


class TestAtWork(ImportTestCase):
    """With threads, as it really is."""

    inline = False

    def setUp(self) -> None:
        super().setUp()
        self.go = threading.Event()
        self.threads: list[threading.Thread] = []
        self.addCleanup(self.join_tasks)
        self.patched(executor.threading, 'Thread', self.noted_thread)
        self.asked = threading.Semaphore(0)

        def answer(handler: Any) -> None:
            if handler.command == 'GET':
                self.asked.release()
                self.go.wait(SECONDS)
            handler.reply(200, DATA)

        self.web.answers['/a'] = answer

    def noted_thread(self, **arguments: Any) -> threading.Thread:
        thread = _Thread(**arguments)
        if arguments['target'].__name__ == '_work':
            self.threads.append(thread)
        return thread

    def join_tasks(self) -> None:
        """The database must not be closed under a task."""
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
        self.assert_status(202, self.post(image_id, claim=CLAIM))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        self.assert_image(image_id, status='importing')
        self.assert_status(409, self.post(image_id))
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'x')
        self.assert_status(409, response)
        self.go.set()
        self.await_image(image_id, status='active', **CLAIM)

    def test_active_while_hashes_are_found_out(self) -> None:
        image_id = self.image()
        self.assert_status(202, self.post(image_id))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        self.assert_image(image_id, status='active', os_hash_value=None)
        self.go.set()
        self.await_image(image_id, os_hash_value=SHA512, checksum=MD5)

    def test_7_two_at_once(self) -> None:
        """The registry's claim is the lock."""
        # covers 14.1-7
        image_id = self.image()
        codes: list[int] = []
        barrier = threading.Barrier(4)

        def race() -> None:
            barrier.wait(SECONDS)
            codes.append(self.post(image_id, claim=CLAIM).status_int)

        threads = [_Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        self.assertEqual([202, 409, 409, 409], sorted(codes))
        self.go.set()
        self.await_image(image_id, status='active')

    def test_a_deletion_ends_the_hashing(self) -> None:
        """Section 7.5: a running hash calculation is cancelled."""
        # covers 14.1-13
        for claim in (None, CLAIM):
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
        self.assert_status(202, self.post(image_id, claim=CLAIM))
        self.assertTrue(self.asked.acquire(timeout=SECONDS))
        # The worker is taken for dead.
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
        self.assertIn('lost', str(logged.output))
        self.assert_image(image_id, status='queued')

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
        full = errors.Unavailable('Too many tasks are waiting.')
        with mock.patch.object(executor.Executor, 'submit', side_effect=full):
            response = self.post(image_id)
        self.assert_status(503, response)
        self.assertIn('Retry-After', response.headers)
        self.assert_image(image_id, status='queued')
