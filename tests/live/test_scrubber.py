"""glance-scrubber as a program: one pass, a daemon, a restored image."""

import json
import signal
import subprocess
from typing import Any
import unittest
import urllib.request
import uuid

from tests.live import daemons
from tests.live import processes

SECONDS = 60


class Scrubber(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.glance = daemons.Glance(
            api={'DEFAULT': {'delayed_delete': True}}, workers=1
        )
        self.addCleanup(self.glance.stop)
        self.glance.start()

    def program(self, *flags: str) -> processes.Process:
        path = self.glance.directory / 'glance-api.conf'
        made = processes.Process(
            [
                daemons.program('glance-scrubber'),
                *('--config-file', path),
                *flags,
            ],
            self.glance.directory / 'glance-scrubber.log',
        )
        self.addCleanup(made.stop, SECONDS)
        return made

    def deleted(self) -> str:
        image_id = self.glance.create()
        path = f'/v2/images/{image_id}'
        octets = 'application/octet-stream'
        status, _, _ = self.glance.request(
            'PUT', f'{path}/file', b'data', content_type=octets
        )
        self.assertEqual(204, status)
        self.assertEqual(204, self.glance.request('DELETE', path)[0])
        return image_id

    def run_once(self, *flags: str) -> int:
        program = self.program(*flags)
        program.start()
        return program.wait(SECONDS)

    def test_pass_and_restore(self) -> None:
        image_id = self.deleted()
        self.assertEqual(1, len(self.glance.files()))
        self.assertEqual(0, self.run_once('--restore', image_id))
        image = self.glance.image(image_id) or {}
        self.assertEqual('active', image.get('status'))
        self.assertEqual(1, self.run_once('--restore', image_id))
        path = f'/v2/images/{image_id}'
        self.assertEqual(204, self.glance.request('DELETE', path)[0])
        self.assertEqual(0, self.run_once())
        self.assertEqual([], self.glance.files())
        self.assertEqual(1, self.run_once('--restore', image_id))

    def test_staged_data_that_a_killed_api_left_is_removed(self) -> None:
        """But not what waits for its import."""
        staging = self.glance.directory / 'staging'
        self.glance.configure(
            'glance-api', {'node_staging_uri': staging.as_uri()}
        )
        self.glance.api.stop(SECONDS)
        self.glance.api.start()
        self.glance.wait_until_healthy()
        image_id, lost_id = self.glance.create(), str(uuid.uuid4())
        status, _, _ = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/stage',
            b'data',
            content_type='application/octet-stream',
        )
        self.assertEqual(204, status)
        self.glance.api.kill()
        (staging / lost_id).write_bytes(b'x')
        self.assertEqual(0, self.run_once())
        self.assertEqual([image_id], [it.name for it in staging.iterdir()])

    def test_daemon_works_until_it_is_told_to_stop(self) -> None:
        path = self.glance.directory / 'scrubber.conf'
        port = processes.free_port()
        path.write_text(
            f'[DEFAULT]\nwakeup_time = 1\n[metrics]\nport = {port}\n'
        )
        daemon = self.program('--config-file', str(path), '--daemon')
        daemon.start()
        self.deleted()
        processes.wait_until(
            lambda: not self.glance.files(), SECONDS, 'the file is removed'
        )
        self.deleted()
        processes.wait_until(
            lambda: not self.glance.files(), SECONDS, 'the next one too'
        )
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/') as answer:
            text = answer.read().decode()
        self.assertRegex(
            text,
            r'glance_removals_total{kind="deleted",outcome="done"} [12]\.0',
        )
        daemon.signal(signal.SIGTERM)
        self.assertEqual(0, daemon.wait(SECONDS))

    def image(self, data: bytes) -> str:
        image_id = self.glance.create()
        status, _, _ = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            content_type='application/octet-stream',
        )
        self.assertEqual(204, status)
        return image_id

    def told(self, *flags: str, code: int) -> list[dict[str, Any]]:
        """Objects that one run writes, a line each."""
        done = subprocess.run(
            [
                daemons.program('glance-scrubber'),
                *('--config-file', self.glance.directory / 'glance-api.conf'),
                *('--json', *flags),
            ],
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        self.assertEqual(code, done.returncode, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_verify_and_orphans(self) -> None:
        good, bad = self.image(b'good'), self.image(b'data')
        directory = self.glance.directory / 'images'
        (result,) = (
            each
            for each in self.told('--verify', '--rate', '100', code=0)
            if each['image_id'] == bad
        )
        self.assertEqual('verified', result['state'])
        (directory / bad).write_bytes(b'Data')
        states = {
            each['image_id']: (each['state'], each['status'])
            for each in self.told('--verify', code=2)
        }
        self.assertEqual(
            {good: ('verified', 'active'), bad: ('damaged', 'deactivated')},
            states,
        )
        image = self.glance.image(bad) or {}
        self.assertIn('sha512', image['os_glance_integrity'])
        orphan = str(uuid.uuid4())
        (directory / orphan).write_bytes(b'x')
        (found,) = self.told('--orphans', code=2)
        self.assertEqual(('orphan', ''), (found['kind'], found['outcome']))
        path = self.glance.directory / 'grace.conf'
        path.write_text('[DEFAULT]\norphan_grace_time = 0\n')
        (found,) = self.told(
            *('--config-file', str(path), '--orphans', '--delete'), code=0
        )
        self.assertEqual('deleted', found['outcome'])
        left = sorted(path.name for path in self.glance.files())
        self.assertEqual(sorted([good, bad]), left)
        (directory / good).unlink()
        (found,) = self.told('--orphans', code=2)
        self.assertEqual(('missing', good), (found['kind'], found['image_id']))

    def test_the_daemon_verifies_beside_its_other_work(self) -> None:
        image_id = self.image(b'data')
        path = self.glance.directory / 'scrubber.conf'
        path.write_text('[DEFAULT]\nwakeup_time = 1\nverify = True\n')
        daemon = self.program('--config-file', str(path), '--daemon')
        daemon.start()
        processes.wait_until(
            lambda: (
                'os_glance_integrity' in (self.glance.image(image_id) or {})
            ),
            SECONDS,
            'the image is verified',
        )
        self.assertEqual(
            204, self.glance.request('DELETE', f'/v2/images/{image_id}')[0]
        )
        processes.wait_until(
            lambda: not self.glance.files(), SECONDS, 'the file is removed'
        )
        daemon.signal(signal.SIGTERM)
        self.assertEqual(0, daemon.wait(SECONDS))

    def test_missing_registry_is_an_error(self) -> None:
        self.glance.registry.stop(SECONDS)
        self.assertEqual(1, self.run_once())
