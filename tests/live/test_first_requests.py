"""The first requests of a worker come together, and none waits for ever."""

import threading
import unittest

from tests.live import daemons

CLIENTS = 24


class FirstRequests(unittest.TestCase):
    """SQLite runs in native threads: no two may meet at a green lock."""

    def test_all_are_answered(self) -> None:
        for _ in range(2):
            statuses = self._statuses()
            self.assertEqual([201] * CLIENTS, statuses)

    def _statuses(self) -> list[int]:
        glance = daemons.Glance(workers=1)
        try:
            glance.start()
            together = threading.Barrier(CLIENTS)
            statuses: list[int] = []

            def ask() -> None:
                together.wait()
                status, _, _ = glance.request('POST', '/v2/images', {})
                statuses.append(status)

            clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
        finally:
            glance.stop()
        return statuses
