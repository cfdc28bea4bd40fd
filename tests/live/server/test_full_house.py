"""More connections than the server keeps."""

from tests.live.server import cases
from tests.live.server import daemon


class TestFullHouse(cases.Shared):
    options = {'client_connections': 3}

    def test_idle_connection_gives_way(self) -> None:
        held = []
        for _ in range(3):
            sock = self.running.connect()
            self.addCleanup(sock.close)
            sock.sendall(daemon.request('/hello'))
            daemon.read_answer(sock)
            held.append(sock)
        self.assertIn(b'hello', self.running.get('/hello'))
        self.assertEqual(b'', held[0].recv(1))

    def test_full_house_says_so_at_once(self) -> None:
        busy = []
        for _ in range(3):
            sock = self.running.connect()
            self.addCleanup(sock.close)
            sock.sendall(daemon.request('/slow?3'))
            busy.append(sock)
        head = daemon.eventually(self._refused)
        self.assertIn(b'Retry-After: 5', head)
        self.assertIn(b'Too many connections', head)
        for sock in busy:
            self.assertEqual(b'slept', daemon.read_answer(sock)[1])
        self.assertIn(b'hello', self.running.get('/hello'))

    def _refused(self) -> bytes | None:
        with self.running.connect() as late:
            # More than the kernel keeps: it must not end in a reset.
            late.sendall(daemon.request('/hello') + bytes(300_000))
            answer = daemon.read_all(late)
        return answer if answer.startswith(b'HTTP/1.1 503 ') else None
