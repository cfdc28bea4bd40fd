"""A registry that fails in every way there is, behind a real glance-api.

Whatever happens on the wire, a client gets what it asked for, or 503 with
Retry-After, in bounded time; and nothing is done twice.
"""

import concurrent.futures
import json
import os
import shutil
import signal
import threading
import time
from typing import Any
import unittest
from unittest import mock
import uuid

import sqlalchemy as sa

from glance_registry.db import models
from tests.live import certificates
from tests.live import connections
from tests.live import daemons
from tests.live import keystone
from tests.live import processes
from tests.live import wire

TIMEOUT_SECONDS = 2
#: What an answer may take beyond the time-out, on a busy machine.
SLACK_SECONDS = 3
SETTLE_SECONDS = 60
MIB = 1 << 20
PATCH = 'application/openstack-images-v2.1-json-patch'
BYTES = 'application/octet-stream'


class Service(unittest.TestCase):
    """Both daemons; how they are connected is a subclass's."""

    glance: daemons.Glance

    @classmethod
    def serve(cls, glance: daemons.Glance) -> None:
        cls.glance = glance
        cls.addClassCleanup(glance.stop)
        glance.start()

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = 'application/json',
        seconds: float = TIMEOUT_SECONDS,
    ) -> int:
        """One request; its status is a success or a clean 503."""
        since = time.monotonic()
        status, headers, text = self.glance.request(
            method, path, body, content_type=media_type
        )
        self.assertLess(time.monotonic() - since, seconds + SLACK_SECONDS)
        if status >= 300:
            self.assertEqual(503, status, (method, path, text))
            self.assertGreater(int(headers['retry-after']), 0)
        return status

    def upload(self, image_id: str, data: bytes, trips: int = 1) -> int:
        return self.call(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            BYTES,
            trips * TIMEOUT_SECONDS,
        )

    def rows(self, table: sa.Table, **values: Any) -> int:
        path = self.glance.directory / 'glance.sqlite'
        engine = sa.create_engine(f'sqlite:///{path}')
        count = sa.select(sa.func.count()).select_from(table)
        for name, value in values.items():
            count = count.where(table.c[name] == value)
        with engine.connect() as connection:
            found = connection.execute(count).scalar_one()
        engine.dispose()
        return found


class BrokenWire(Service):
    @classmethod
    def setUpClass(cls) -> None:
        glance = daemons.Glance(
            api={'DEFAULT': {'registry_client_timeout': TIMEOUT_SECONDS}},
            registry={'DEFAULT': {'transfer_lease_seconds': 3}},
            workers=1,
        )
        cls.wire = wire.Wire(int(glance.registry_url.rpartition(':')[2]))
        cls.addClassCleanup(cls.wire.close)
        glance.configure('glance-api', {'registry_port': cls.wire.port})
        cls.serve(glance)

    def setUp(self) -> None:
        self.addCleanup(self.wire.mend)

    def test_every_call_at_every_fault(self) -> None:
        """The first trip fails; the answers are bounded and clean."""
        image_id = self.glance.create()
        path = f'/v2/images/{image_id}'
        change = [{'op': 'add', 'path': '/a', 'value': 'b'}]
        calls = (
            ('GET', '/v2/images'),
            ('GET', path),
            ('POST', '/v2/images', {}),
            ('PATCH', path, change, PATCH),
            ('PUT', f'{path}/tags/a'),
            ('DELETE', f'{path}/tags/a'),
            ('GET', f'{path}/members'),
            ('POST', f'{path}/members', {'member': 'm'}),
            ('PUT', f'{path}/file', b'data', BYTES),
            ('GET', f'{path}/file'),
            ('POST', f'{path}/actions/deactivate'),
            ('DELETE', path),
        )
        for fault in wire.FAULTS:
            self.wire.break_at(fault, times=1000)
            with concurrent.futures.ThreadPoolExecutor() as executor:
                asked = {
                    executor.submit(self.call, *call): call for call in calls
                }
                for answer, call in asked.items():
                    self.assertEqual(
                        503, answer.result(SETTLE_SECONDS), (fault, call)
                    )
            self.wire.mend()
        self.assertEqual(200, self.call('GET', path))

    def test_created_once(self) -> None:
        for fault in wire.LOST:
            name = str(uuid.uuid4())
            self.wire.break_at(fault, 'POST /v1/images ')
            status = self.call('POST', '/v2/images', {'name': name})
            self.assertEqual(503, status)
            self.assertEqual(1, len(self.wire.requests))
            self.wire.mend()
            self.assertEqual(1, self.rows(models.images, name=name))

    def test_created_after_a_request_that_never_came(self) -> None:
        name = str(uuid.uuid4())
        self.wire.break_at('refused', 'POST /v1/images ')
        status = self.call('POST', '/v2/images', {'name': name})
        expected = 1 if status == 201 else 0
        self.assertEqual(expected, self.rows(models.images, name=name))

    def test_member_and_tag_once(self) -> None:
        for fault in wire.LOST:
            image_id = self.glance.create()
            path = f'/v2/images/{image_id}'
            self.wire.break_at(fault, 'POST .*/members ')
            self.call('POST', f'{path}/members', {'member': 'm'}, seconds=4)
            self.wire.break_at(fault, 'PUT .*/tags/')
            self.call('PUT', f'{path}/tags/a', seconds=4)
            self.wire.mend()
            for table in (models.image_members, models.image_tags):
                self.assertEqual(1, self.rows(table, image_id=image_id))

    def test_patched_once(self) -> None:
        for fault in wire.LOST:
            image_id = self.glance.create()
            path = f'/v2/images/{image_id}'
            change = [{'op': 'add', 'path': '/a', 'value': 'b'}]
            self.wire.break_at(fault, 'PATCH ')
            self.call('PATCH', path, change, PATCH, seconds=4)
            self.wire.mend()
            self.assertEqual(
                1, self.rows(models.images, id=image_id, row_version=2)
            )

    def test_answer_to_an_upload_is_lost(self) -> None:
        """Active with its bytes, or queued without: never between."""
        for operation in ('claim-upload', 'finish-upload'):
            for fault in wire.FAULTS:
                image_id = self.glance.create()
                self.wire.break_at(fault, operation)
                status = self.upload(image_id, b'data', trips=3)
                self.wire.mend()
                self.assert_settled(image_id, (operation, fault, status))

    def assert_settled(self, image_id: str, note: Any) -> None:
        processes.wait_until(
            lambda: self.glance.image(image_id)['status'] != 'saving',
            SETTLE_SECONDS,
            f'the upload ends {note}',
        )
        image = self.glance.image(image_id)
        locations = self.rows(
            models.image_locations, image_id=image_id, deleted=False
        )
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        if image['status'] == 'active':
            self.assertEqual((200, b'data', 1), (status, body, locations))
        else:
            self.assertEqual(('queued', 0), (image['status'], locations))
            self.assertEqual(204, self.upload(image_id, b'data'))

    def test_deleted_once(self) -> None:
        for fault in wire.LOST:
            image_id = self.glance.create()
            self.upload(image_id, b'data')
            self.wire.break_at(fault, 'DELETE ')
            path = f'/v2/images/{image_id}'
            self.call('DELETE', path, seconds=2 * TIMEOUT_SECONDS)
            self.wire.mend()
            self.assertEqual(404, self.glance.request('GET', path)[0])


class StoppedRegistry(Service):
    @classmethod
    def setUpClass(cls) -> None:
        cls.serve(
            daemons.Glance(
                api={'DEFAULT': {'registry_client_timeout': TIMEOUT_SECONDS}},
                registry={'DEFAULT': {'transfer_lease_seconds': 3}},
                workers=1,
            )
        )

    def signal(self, number: int) -> None:
        for pid in self.glance.registry.workers():
            os.kill(pid, number)

    def test_stopped_before_the_end_of_an_upload(self) -> None:
        image_id = self.glance.create()
        slow = connections.upload(self.glance.api_url, image_id, 2 * MIB)
        self.addCleanup(slow.hang_up)
        slow.send(MIB)
        self.signal(signal.SIGSTOP)
        since = time.monotonic()
        try:
            slow.send(MIB)
            self.assertEqual(503, slow.status())
            self.assertLess(
                time.monotonic() - since, 2 * TIMEOUT_SECONDS + SLACK_SECONDS
            )
        finally:
            self.signal(signal.SIGCONT)
        # What the registry found when it woke up was done, or given back.
        processes.wait_until(
            lambda: self.glance.image(image_id)['status'] != 'saving',
            SETTLE_SECONDS,
            'the upload ends',
        )
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        if self.glance.image(image_id)['status'] == 'active':
            self.assertEqual((200, 2 * MIB), (status, len(body)))
        else:
            self.assertEqual(204, self.upload(image_id, b'data'))

    def test_many_requests_at_once(self) -> None:
        """They share the time, whatever the number of connections."""
        self.signal(signal.SIGSTOP)
        try:
            with concurrent.futures.ThreadPoolExecutor(100) as executor:
                asked = [
                    executor.submit(self.call, 'GET', '/v2/images')
                    for _ in range(100)
                ]
                for answer in asked:
                    self.assertEqual(503, answer.result(SETTLE_SECONDS))
        finally:
            self.signal(signal.SIGCONT)
        self.assertEqual(200, self.call('GET', '/v2/images'))


class SeveralRegistries(Service):
    """Two of them, on one database."""

    @classmethod
    def setUpClass(cls) -> None:
        port = processes.free_port()
        glance = daemons.Glance(workers=1)
        settings = {'registry_client_timeout': 2 * TIMEOUT_SECONDS}
        cls.second_url = f'http://127.0.0.1:{port}'
        endpoints = f'{glance.registry_url}, {cls.second_url}'
        settings['registry_endpoints'] = endpoints
        glance.configure('glance-api', settings)
        config = glance.directory / 'second.conf'
        first = glance.directory / 'glance-registry.conf'
        text = daemons.render({'DEFAULT': {'bind_port': port}})
        config.write_text(first.read_text() + text)
        cls.second = processes.Process(
            [daemons.program('glance-registry'), '--config-file', config],
            glance.directory / 'second.log',
        )
        cls.addClassCleanup(cls.second.stop)
        cls.serve(glance)
        cls.second.start()
        processes.wait_until(
            lambda: processes.answers(f'{cls.second_url}/healthcheck'),
            SETTLE_SECONDS,
            'the second',
        )

    def test_one_is_enough(self) -> None:
        stop, made = threading.Event(), []
        statuses: set[int] = set()

        def work() -> None:
            while not stop.is_set():
                name = str(uuid.uuid4())
                status = self.call(
                    'POST', '/v2/images', {'name': name}, seconds=4
                )
                statuses.add(status)
                if status == 201:
                    made.append(name)
                # What can be repeated never fails.
                self.assertEqual(200, self.call('GET', '/v2/images'))

        with concurrent.futures.ThreadPoolExecutor() as executor:
            workers = [executor.submit(work) for _ in range(4)]
            try:
                for process, url in (
                    (self.glance.registry, self.glance.registry_url),
                    (self.second, self.second_url),
                ) * 2:
                    self.wait_for_more(made)
                    process.kill()
                    self.wait_for_more(made)
                    process.start()
                    self.wait_until_listening(url)
            finally:
                stop.set()
            for worker in workers:
                worker.result(SETTLE_SECONDS)
        self.assertLessEqual(statuses, {201, 503})
        for name in made:
            self.assertEqual(1, self.rows(models.images, name=name))

    def wait_for_more(self, made: list[str]) -> None:
        enough = len(made) + 20
        processes.wait_until(
            lambda: len(made) > enough, SETTLE_SECONDS, 'writes go on'
        )

    def wait_until_listening(self, url: str) -> None:
        processes.wait_until(
            lambda: processes.answers(f'{url}/healthcheck'),
            SETTLE_SECONDS,
            'the registry is back',
        )

    def test_one_that_is_silent_is_left_alone(self) -> None:
        for pid in self.glance.registry.workers():
            os.kill(pid, signal.SIGSTOP)
        try:
            self.assertEqual(200, self.call('GET', '/v2/images', seconds=4))
            for _ in range(10):
                self.assertEqual(
                    200, self.call('GET', '/v2/images', seconds=-2)
                )
        finally:
            for pid in self.glance.registry.workers():
                os.kill(pid, signal.SIGCONT)


class Hidden(daemons.Glance):
    """A registry that only glance-api can ask."""

    def wait_until_healthy(self) -> None:
        processes.wait_until(
            lambda: (
                self.request('GET', '/v2/images')[0] == 200
                if processes.answers(f'{self.api_url}/healthcheck')
                else False
            ),
            daemons.START_SECONDS,
            'glance-api with its registry',
            self.api,
        )


class HiddenRegistry(Service):
    def assert_works(self) -> None:
        image_id = self.glance.create(name='x')
        self.assertEqual(204, self.upload(image_id, b'data' * MIB))
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        self.assertEqual((200, 4 * MIB), (status, len(body)))
        self.glance.registry.kill()
        self.assertEqual(503, self.call('GET', f'/v2/images/{image_id}'))
        self.glance.start_registry()
        self.assertEqual(204, self.call('DELETE', f'/v2/images/{image_id}'))


class UnixSocket(HiddenRegistry):
    def test_everything(self) -> None:
        directory = processes.private_directory()
        path = directory / 'socket'
        self.serve(
            Hidden(
                api={'DEFAULT': {'registry_socket': path}},
                registry={'DEFAULT': {'bind_socket': path}},
            )
        )
        self.assert_works()


class ClientCertificates(HiddenRegistry):
    @classmethod
    def setUpClass(cls) -> None:
        if shutil.which('openssl') is None:
            raise unittest.SkipTest('no openssl')
        directory = processes.private_directory()
        certificates.make(directory)
        glance = Hidden(
            api={
                'DEFAULT': {
                    'registry_host': 'localhost',
                    'registry_client_protocol': 'https',
                    'registry_client_ca_file': directory / 'ca.crt',
                    'registry_client_cert_file': directory / 'client.crt',
                    'registry_client_key_file': directory / 'client.key',
                }
            },
            registry={
                'DEFAULT': {
                    'cert_file': directory / 'server.crt',
                    'key_file': directory / 'server.key',
                    'ca_file': directory / 'ca.crt',
                }
            },
        )
        cls.certificates = directory
        cls.serve(glance)

    def test_everything(self) -> None:
        self.assert_works()

    def test_another_certificate(self) -> None:
        for name, value in (
            ('registry_client_cert_file', 'stranger.crt'),
            ('registry_client_ca_file', 'stranger.crt'),
            ('registry_host', '127.0.0.1'),  # not what it is issued to
        ):
            stranger = daemons.Glance(workers=1)
            text = (self.glance.directory / 'glance-api.conf').read_text()
            config = stranger.directory / 'glance-api.conf'
            port = int(stranger.api_url.rpartition(':')[2])
            config.write_text(text)
            settings = {'bind_port': port, 'workers': 1, name: value}
            if '.' in value and value.endswith('crt'):
                settings[name] = self.certificates / value
            if name == 'registry_client_cert_file':
                key = self.certificates / 'stranger.key'
                settings['registry_client_key_file'] = key
            stranger.configure('glance-api', settings)
            self.addCleanup(stranger.stop)
            stranger.api.start()
            processes.wait_until(
                lambda url=stranger.api_url: processes.answers(
                    f'{url}/healthcheck'
                ),
                SETTLE_SECONDS,
                'glance-api',
                stranger.api,
            )
            status, _, _ = stranger.request('GET', '/v2/images')
            self.assertEqual(503, status, name)


class ExpiringTokens(unittest.TestCase):
    """An upload that takes longer than the token lives."""

    LIFE_SECONDS = 10

    def test_upload_outlives_its_token(self) -> None:
        # covers 8.1-19
        short = keystone.CONFIGURATION.replace(
            '[token]', f'[token]\nexpiration = {self.LIFE_SECONDS}'
        )
        with mock.patch.object(keystone, 'CONFIGURATION', short):
            server = keystone.Keystone()
        self.addCleanup(server.stop)
        glance = daemons.with_keystone('keystone', address=server.address)
        self.addCleanup(glance.stop)
        glance.start()
        cloud = keystone.connect(server.address, 'alice')
        token = str(cloud.auth_token)
        since = time.monotonic()
        status, _, body = glance.request(
            'POST',
            '/v2/images',
            {'disk_format': 'raw', 'container_format': 'bare'},
            token,
        )
        self.assertEqual(201, status, body)
        image_id = json.loads(body)['id']
        slow = connections.Slow(
            glance.api_url,
            'PUT',
            f'/v2/images/{image_id}/file',
            f'Content-Type: {BYTES}',
            f'Content-Length: {2 * MIB}',
            f'X-Auth-Token: {token}',
        )
        self.addCleanup(slow.hang_up)
        slow.send(MIB)
        time.sleep(self.LIFE_SECONDS + 2 - (time.monotonic() - since))
        path = f'/v2/images/{image_id}'
        self.assertEqual(401, glance.request('GET', path, None, token)[0])
        slow.send(MIB)
        self.assertEqual(204, slow.status())
        fresh = str(keystone.connect(server.address, 'alice').auth_token)
        _, _, body = glance.request('GET', path, None, fresh)
        self.assertEqual('active', json.loads(body)['status'])
