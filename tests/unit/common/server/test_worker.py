"""A worker that drains."""

import unittest
from unittest import mock

from eventlet import event

from glance.common.server import worker


class TestDrain(unittest.TestCase):
    def test_the_last_connection_ends_while_the_worker_begins_to_drain(
        self,
    ) -> None:
        draining = worker.Worker.__new__(worker.Worker)
        draining.draining = False
        draining._server = mock.Mock()
        draining._socket = mock.Mock()
        draining._connections = {}
        draining._grace_seconds = None
        draining._drained = event.Event()
        # Other green threads run while the one that accepts is killed.
        draining._acceptor = mock.Mock()
        draining._acceptor.kill.side_effect = draining._finish
        with mock.patch.object(worker.eventlet, 'spawn_after'):
            draining.drain()
        self.assertEqual(0, draining.run())
