"""A registry that is stopped, and several of them."""

import concurrent.futures
import os
import signal
import statistics
import threading
import time
import uuid

from glance_registry.db import models
from tests.live import connections
from tests.live import daemons
from tests.live import processes
from tests.live.wire_faults import service


class StoppedRegistry(service.Service):
    @classmethod
    def setUpClass(cls) -> None:
        cls.serve(
            daemons.Glance(
                api={
                    'DEFAULT': {
                        'registry_client_timeout': service.TIMEOUT_SECONDS
                    }
                },
                registry={'DEFAULT': {'transfer_lease_seconds': 9}},
                workers=1,
            )
        )

    def signal(self, number: int) -> None:
        for pid in self.glance.registry.workers():
            os.kill(pid, number)

    def test_stopped_before_the_end_of_an_upload(self) -> None:
        image_id = self.glance.create()
        slow = connections.upload(
            self.glance.api_url, image_id, 2 * service.MIB
        )
        self.addCleanup(slow.hang_up)
        slow.send(service.MIB)
        self.signal(signal.SIGSTOP)
        since = time.monotonic()
        try:
            slow.send(service.MIB)
            self.assertEqual(503, slow.status())
            self.assertLess(
                time.monotonic() - since,
                2 * service.TIMEOUT_SECONDS
                + processes.allowed(service.SLACK_SECONDS),
            )
        finally:
            self.signal(signal.SIGCONT)
        # What the registry found when it woke up was done, or given back.
        processes.wait_until(
            lambda: self.glance.image(image_id)['status'] != 'saving',
            service.SETTLE_SECONDS,
            'the upload ends',
        )
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        if self.glance.image(image_id)['status'] == 'active':
            self.assertEqual((200, 2 * service.MIB), (status, len(body)))
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
                    self.assertEqual(
                        503, answer.result(service.SETTLE_SECONDS)
                    )
        finally:
            self.signal(signal.SIGCONT)
        self.assertEqual(200, self.call('GET', '/v2/images'))


class SeveralRegistries(service.Service):
    """Two of them, on one database."""

    @classmethod
    def setUpClass(cls) -> None:
        port = processes.free_port()
        glance = daemons.Glance(workers=1)
        settings = {'registry_client_timeout': 2 * service.TIMEOUT_SECONDS}
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
            service.SETTLE_SECONDS,
            'the second',
        )

    def test_one_is_enough(self) -> None:
        stop, made = threading.Event(), []
        statuses: set[int] = set()

        def work() -> None:
            while not stop.is_set():
                name = str(uuid.uuid4())
                status = self.call(
                    'POST',
                    '/v2/images',
                    {'name': name},
                    seconds=2 * service.TIMEOUT_SECONDS,
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
                worker.result(service.SETTLE_SECONDS)
        self.assertLessEqual(statuses, {201, 503})
        for name in made:
            self.assertEqual(1, self.rows(models.images, name=name))

    def wait_for_more(self, made: list[str]) -> None:
        enough = len(made) + 20
        processes.wait_until(
            lambda: len(made) > enough, service.SETTLE_SECONDS, 'writes go on'
        )

    def wait_until_listening(self, url: str) -> None:
        processes.wait_until(
            lambda: processes.answers(f'{url}/healthcheck'),
            service.SETTLE_SECONDS,
            'the registry is back',
        )

    def test_one_that_is_silent_is_left_alone(self) -> None:
        for pid in self.glance.registry.workers():
            os.kill(pid, signal.SIGSTOP)
        try:
            self.assertEqual(
                200,
                self.call(
                    'GET', '/v2/images', seconds=2 * service.TIMEOUT_SECONDS
                ),
            )
            taken = []
            for _ in range(10):
                since = time.monotonic()
                self.assertEqual(200, self.call('GET', '/v2/images'))
                taken.append(time.monotonic() - since)
            self.assertLess(statistics.median(taken), service.TIMEOUT_SECONDS)
        finally:
            for pid in self.glance.registry.workers():
                os.kill(pid, signal.SIGCONT)
