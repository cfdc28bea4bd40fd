"""tools/chaos: how a request that gets no whole answer is understood."""

import contextlib
import socket
import threading
import unittest

from tools.chaos_load import client
from tools.chaos_load import findings
from tools.chaos_load import journal


class Server:
    """Gives every connection the same bytes.

    :param said: None: it says nothing and keeps the connection
    """

    def __init__(self, said: bytes | None) -> None:
        self._said = said
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self._listener.getsockname()[1]}'
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                if self._said is None:
                    self._open.append(peer)
                    continue
                peer.recv(65536)
                peer.sendall(self._said)
                peer.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._open):
            each.close()


class Requests(unittest.TestCase):
    def setUp(self) -> None:
        self.findings = findings.Findings()

    def _client(
        self, said: bytes | None, patience_seconds: float = 60
    ) -> client.Client:
        server = Server(said)
        self.addCleanup(server.close)
        return client.Client(server.url, self.findings, patience_seconds)

    def test_whole_download_has_its_hash(self) -> None:
        said = b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'
        answer, data = self._client(said).download('/')
        self.assertEqual(200, answer.status)
        self.assertIsInstance(data, journal.Data)
        self.assertEqual(3, data.size)
        self.assertTrue(data.sha512.startswith('ddaf35a1'))

    def test_truncated_download_is_cut(self) -> None:
        said = b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc'
        self.assertEqual((client.CUT, None), self._client(said).download('/'))

    def test_connection_without_an_answer_is_cut(self) -> None:
        self.assertEqual(client.CUT, self._client(b'').json('GET', '/'))
        self.assertEqual(0, self.findings.total())

    def test_silence_is_hung(self) -> None:
        requests = self._client(None, 0.2)
        self.assertEqual(client.CUT, requests.json('GET', '/'))
        self.assertEqual(1, self.findings.count('hung'))

    def test_daemon_that_does_not_listen_is_hung(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as free:
            url = f'http://127.0.0.1:{free.getsockname()[1]}'
        requests = client.Client(url, self.findings, 0.2)
        self.assertEqual(client.NOT_SENT, requests.json('GET', '/'))
        self.assertEqual(1, self.findings.count('hung'))

    def test_refusal_changes_nothing(self) -> None:
        said = b'HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n'
        answer = self._client(said).json('PUT', '/', {})
        self.assertTrue(answer.is_refusal)
        self.assertFalse(answer.is_success)
