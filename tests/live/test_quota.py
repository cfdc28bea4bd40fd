"""user_storage_quota over several workers."""

import contextlib
import socket
import sqlite3
import threading
import time
import unittest
import urllib.parse

from tests.live import daemons
from tests.live import processes

MIB = 1024 * 1024
QUOTA = 20 * MIB
LEASE_SECONDS = 9
OCTETS = 'application/octet-stream'
SECONDS = 120


#: The connection was cut while we were sending: the answer is lost.
CUT = 0


class Sender:
    """An upload that goes on piece by piece, once it is invited.

    :param size: announced; None: the body is chunked
    """

    def __init__(
        self, glance: daemons.Glance, image_id: str, size: int | None = None
    ) -> None:
        place = urllib.parse.urlsplit(glance.api_url)
        framing = (
            'Transfer-Encoding: chunked'
            if size is None
            else f'Content-Length: {size}'
        )
        self._is_chunked = size is None
        self._socket = socket.create_connection(
            (place.hostname, place.port), timeout=SECONDS
        )
        self._socket.sendall(
            f'PUT /v2/images/{image_id}/file HTTP/1.1\r\n'
            f'Host: {place.netloc}\r\nContent-Type: {OCTETS}\r\n'
            f'Expect: 100-continue\r\n{framing}\r\n\r\n'.encode()
        )
        self._answer = self._socket.makefile('rb')
        self._status = int(self._answer.readline().split()[1])
        self.is_invited = self._status == 100

    def send(self, size: int) -> None:
        """:raises ConnectionError: it is refused meanwhile"""
        data = b'x' * size
        if self._is_chunked:
            data = b'%x\r\n%s\r\n' % (size, data)
        self._socket.sendall(data)

    def status(self) -> int:
        """End the body, if that is still wanted, and read the answer."""
        with self._socket, self._answer:
            if not self.is_invited:
                return self._status
            try:
                if self._is_chunked:
                    self._socket.sendall(b'0\r\n\r\n')
                self._answer.readline()  # the empty one of the invitation
                return int(self._answer.readline().split()[1])
            except (ConnectionError, IndexError):
                return CUT


class Quota(unittest.TestCase):
    def setUp(self) -> None:
        self.glance = daemons.Glance(
            api={'DEFAULT': {'user_storage_quota': '20MB', 'workers': 4}},
            registry={'DEFAULT': {'transfer_lease_seconds': LEASE_SECONDS}},
        )
        self.addCleanup(self.glance.stop)
        self.glance.start()

    def upload(self, size: int, is_announced: bool = True) -> int:
        """The status of an upload by MiBs."""
        announced = size if is_announced else None
        sender = Sender(self.glance, self.glance.create(), announced)
        with contextlib.suppress(ConnectionError):
            for _ in range(size // MIB if sender.is_invited else 0):
                sender.send(MIB)
        return sender.status()

    def kept(self) -> int:
        return sum(path.stat().st_size for path in self.glance.files())

    def test_of_many_at_once_as_many_as_fit(self) -> None:
        """Of known size by half, of unknown size by half."""
        answers: list[int] = []

        def send(is_announced: bool) -> None:
            answers.append(self.upload(6 * MIB, is_announced))

        threads = [
            threading.Thread(target=send, args=(each,))
            for each in (True, False) * 4
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        # Room may be promised for a moment to one that fails: not always
        # three of them, but never four.
        self.assertEqual(8, len(answers))
        self.assertLessEqual(set(answers), {204, 413, CUT})
        active = answers.count(204)
        self.assertIn(active, (1, 2, 3))
        self.assertEqual(active * 6 * MIB, self.kept())
        while self.upload(6 * MIB) == 204:
            active += 1
        self.assertEqual(3, active)

    def test_deleting_an_upload_gives_no_room_while_it_runs(self) -> None:
        """OSSA-2015-003."""
        image_id = self.glance.create()
        sender = Sender(self.glance, image_id)
        self.assertTrue(sender.is_invited)
        for _ in range(15):
            sender.send(MIB)
        self.await_bytes(15 * MIB)
        status, _, _ = self.glance.request('DELETE', f'/v2/images/{image_id}')
        self.assertEqual(204, status)
        # The next sign of life tells the worker; until then it counts.
        self.assertEqual(413, self.upload(6 * MIB))
        end = time.monotonic() + SECONDS
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < end:
                sender.send(1024)
                time.sleep(0.01)
        self.assertLess(time.monotonic(), end, 'nobody stopped it')
        processes.wait_until(
            lambda: self.upload(6 * MIB) == 204, SECONDS, 'room'
        )
        self.assertEqual(6 * MIB, self.kept())

    def await_bytes(self, size: int) -> None:
        """Until the registry knows what has come."""
        database = self.glance.directory / 'glance.sqlite'

        def known() -> bool:
            with contextlib.closing(sqlite3.connect(database)) as connection:
                row = connection.execute(
                    'SELECT bytes_done FROM image_transfers'
                ).fetchone()
            return row is not None and row[0] >= size - MIB

        processes.wait_until(known, SECONDS, 'a sign of life')


class WrongConfiguration(unittest.TestCase):
    def test_ends_the_start_in_one_line(self) -> None:
        glance = daemons.Glance(
            api={'DEFAULT': {'user_storage_quota': '20 MB'}}
        )
        self.addCleanup(glance.stop)
        glance.api.start()
        self.assertNotEqual(0, glance.api.wait(SECONDS))
        said = glance.api.tail()
        self.assertIn('user_storage_quota', said)
        self.assertNotIn('Traceback', said)
