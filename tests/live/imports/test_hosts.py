"""Imports while hosts die, and between two hosts."""

import http.server
import json
import pathlib
import threading
import unittest

from tests import webserver
from tests.live import daemons
from tests.live import processes

DATA = bytes(range(256)) * 4096
SECONDS = 120
LEASE_SECONDS = 9


class Hosts(unittest.TestCase):
    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.staging = processes.private_directory()
        self.glance = daemons.Glance(
            api={
                'DEFAULT': {'node_staging_uri': self.staging.as_uri()},
                'import_filtering_opts': {
                    'allowed_hosts': '127.0.0.1',
                    'allowed_ports': self.web.port,
                },
            },
            registry={'DEFAULT': {'transfer_lease_seconds': LEASE_SECONDS}},
            workers=1,
        )
        self.glance.configure(
            'glance-api', {'worker_self_reference_url': self.glance.api_url}
        )
        self.addCleanup(self.glance.stop)
        self.glance.start()

    def _stage(self, image_id: str) -> None:
        status, _, body = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/stage',
            DATA,
            content_type='application/octet-stream',
        )
        self.assertEqual(204, status, body)

    def _import(
        self, image_id: str, url: str | None = None, at: str | None = None
    ) -> tuple[int, bytes]:
        method = {'name': 'web-download', 'uri': url}
        if url is None:
            method = {'name': 'glance-direct'}
        here, self.glance.api_url = (
            self.glance.api_url,
            at or self.glance.api_url,
        )
        try:
            status, _, body = self.glance.request(
                'POST', f'/v2/images/{image_id}/import', {'method': method}
            )
        finally:
            self.glance.api_url = here
        return status, body

    def _wait_until_active(self, *image_ids: str) -> None:
        for image_id in image_ids:
            processes.wait_until(
                lambda image_id=image_id: (
                    (self.glance.image(image_id) or {}).get('status')
                    == 'active'
                ),
                SECONDS,
                f'image {image_id} is active',
            )

    def test_a_killed_api_loses_no_import(self) -> None:
        """Downloads, staged data, and what waits for its turn."""
        asked, release = threading.Semaphore(0), threading.Event()

        def half(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header('Content-Length', str(len(DATA)))
            handler.end_headers()
            handler.wfile.write(DATA[: len(DATA) // 2])
            handler.wfile.flush()
            asked.release()
            release.wait(SECONDS)

        self.web.answers['/a'] = half
        url = self.web.url('/a')
        self.glance.configure(
            'glance-api', {'max_workers': 2}, 'taskflow_executor'
        )
        self.glance.api.stop()
        self.glance.api.start()
        self.glance.wait_until_healthy()
        images = [self.glance.create() for _ in range(4)]
        self._stage(images[-1])
        for image_id in images[:-1]:
            self.assertEqual(202, self._import(image_id, url)[0])
        self.assertEqual(202, self._import(images[-1])[0])
        for _ in range(2):
            self.assertTrue(asked.acquire(timeout=SECONDS))
        self.glance.api.kill()
        self.web.answers.clear()
        self.web.data['/a'] = DATA
        release.set()
        self.glance.api.start()
        self.glance.wait_until_healthy()
        self._wait_until_active(*images)
        processes.wait_until(
            lambda: not list(self.staging.iterdir()),
            SECONDS,
            'staging is empty',
        )
        names = sorted(path.name for path in self.glance.files())
        self.assertEqual(sorted(images), names)
        _, _, body = self.glance.request('GET', '/v2/tasks')
        self.assertEqual(
            ['success'] * 4,
            [task['status'] for task in json.loads(body)['tasks']],
        )

    def _second_host(self) -> tuple[processes.Process, str]:
        """Another glance-api with a staging directory of its own."""
        port = processes.free_port()
        config = self.glance.directory / 'glance-api.conf'
        other = self.glance.directory / 'second.conf'
        url = f'http://127.0.0.1:{port}'
        settings = {
            'bind_port': port,
            'node_staging_uri': processes.private_directory().as_uri(),
            'worker_self_reference_url': url,
        }
        text = config.read_text() + daemons.render({'DEFAULT': settings})
        other.write_text(text)
        process = processes.Process(
            [daemons.program('glance-api'), '--config-file', other],
            self.glance.directory / 'second.log',
        )
        self.addCleanup(process.stop)
        process.start()
        processes.wait_until(
            lambda: processes.answers(f'{url}/healthcheck'),
            SECONDS,
            url,
            process,
        )
        return process, url

    def test_data_that_was_staged_on_another_host(self) -> None:
        _process, second = self._second_host()
        image_id, lost = self.glance.create(), self.glance.create()
        for each in (image_id, lost):
            self._stage(each)
        self.assertEqual(202, self._import(image_id, at=second)[0])
        self._wait_until_active(image_id)
        processes.wait_until(
            lambda: not (self.staging / image_id).exists(),
            SECONDS,
            'the staged file is gone',
        )
        self.glance.api.kill()
        status, body = self._import(lost, at=second)
        self.assertEqual(504, status, body)
        self.assertIn(b'does not respond', body)
        first, self.glance.api_url = self.glance.api_url, second
        status, _, _ = self.glance.request('DELETE', f'/v2/images/{lost}')
        self.assertEqual(204, status)
        self.glance.api_url = first
        self.assertEqual(
            [lost], [each.name for each in self.staging.iterdir()]
        )
        self.glance.api.start()
        processes.wait_until(
            lambda: not list(pathlib.Path(self.staging).iterdir()),
            SECONDS,
            'the host has removed what nobody needs',
        )
