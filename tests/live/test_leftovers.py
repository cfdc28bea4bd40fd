"""A registry that stands still, and a worker killed in the worst moment."""

import os
import signal
import unittest

from tests.live import connections
from tests.live import daemons
from tests.live import processes

MIB = 1 << 20
LEASE_SECONDS = 9
SECONDS = 120


class Leftovers(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.glance = daemons.Glance(
            api={'DEFAULT': {'leftover_interval_seconds': 1}},
            registry={'DEFAULT': {'transfer_lease_seconds': LEASE_SECONDS}},
        )
        self.addCleanup(self.glance.stop)
        self.glance.start()

    def start_upload(self, size: int) -> tuple[str, connections.Slow]:
        image_id = self.glance.create()
        slow = connections.upload(self.glance.api_url, image_id, size)
        self.addCleanup(slow.hang_up)
        slow.send(MIB)
        self.wait_for(image_id, 'saving')
        return image_id, slow

    def wait_for(self, image_id: str, status: str) -> None:
        processes.wait_until(
            lambda: (
                (self.glance.image(image_id) or {}).get('status') == status
            ),
            SECONDS,
            f'the image is {status}',
        )

    def stop_registry(self) -> None:
        """Let it stand still; it goes on at the end in any case."""
        os.killpg(self.glance.registry.pid, signal.SIGSTOP)
        self.addCleanup(self.go_on)

    def go_on(self) -> None:
        if self.glance.registry.is_alive():
            os.killpg(self.glance.registry.pid, signal.SIGCONT)

    def test_a_registry_that_stood_still_ends_no_upload(self) -> None:
        image_id, slow = self.start_upload(2 * MIB)
        self.stop_registry()
        signal.sigtimedwait([], 2 * LEASE_SECONDS)  # time itself is the test
        slow.send(MIB)
        self.go_on()
        self.assertEqual(204, slow.status(), slow.got)
        self.wait_for(image_id, 'active')

    def test_killed_between_the_files_name_and_its_record(self) -> None:
        image_id, slow = self.start_upload(2 * MIB)
        self.stop_registry()
        slow.send(MIB)
        processes.wait_until(
            lambda: (self.glance.images / image_id).exists(),
            SECONDS,
            'the file has its name',
        )
        for pid in self.glance.api.workers():
            os.kill(pid, signal.SIGKILL)
        # With what waits in its sockets, or it would finish the upload.
        self.glance.registry.kill()
        self.glance.start_registry()
        processes.wait_until(
            lambda: not self.glance.files(), SECONDS, 'the file is removed'
        )
        self.wait_for(image_id, 'queued')
