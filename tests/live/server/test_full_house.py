"""More connections than the server keeps, or than it has descriptors."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import resource
import socket
import time

from tests.live.server import cases
from tests.live.server import daemon

#: How /proc/net/tcp names the state.
LISTEN = '0A'
#: In this time an accept that fails would end a connection.
PAUSE_SECONDS = 0.3


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
            sock.sendall(daemon.request('/slow?8'))
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


class NoDescriptor(cases.Shared):
    """A daemon whose descriptors can be taken away."""

    def setUp(self) -> None:
        """Wait until the next connection gets the lowest free descriptor.

        With a free one below it, its end would not help under the limit. What
        connected before is accepted before the answer comes.
        """
        self.assert_still_well()
        daemon.eventually(lambda: self.connections() == 0)

    @contextlib.contextmanager
    def no_descriptor(self) -> Iterator[None]:
        """Let the daemon open nothing more; it holds one connection."""
        daemon.eventually(lambda: self.connections() == 1)
        pid = self.running.process.pid
        used = {int(path.name) for path in self.descriptors()}
        limit = min(set(range(len(used) + 1)) - used)
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, usual[1]))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)

    def descriptors(self) -> list[pathlib.Path]:
        pid = self.running.process.pid
        return list(pathlib.Path(f'/proc/{pid}/fd').iterdir())

    def connections(self) -> int:
        """How many the daemon has accepted and not closed."""
        port = f':{self.running.port:04X}'
        lines = pathlib.Path('/proc/net/tcp').read_text().splitlines()[1:]
        fields = [line.split() for line in lines]
        sockets = {
            f'socket:[{field[9]}]'
            for field in fields
            if field[1].endswith(port) and field[3] != LISTEN
        }
        held = 0
        for path in self.descriptors():
            with contextlib.suppress(FileNotFoundError):
                held += os.readlink(path) in sockets
        return held

    def sent(self, *path: str) -> socket.socket:
        """A connection, with a request on it if there is a path."""
        sock = self.running.connect()
        self.addCleanup(sock.close)
        for each in path:
            sock.sendall(daemon.request(each))
        return sock

    def cpu_seconds(self) -> float:
        pid = self.running.process.pid
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().split()
        return sum(map(int, fields[13:15])) / os.sysconf('SC_CLK_TCK')


class TestNoDescriptor(NoDescriptor):
    """Without a free descriptor clients hear 503 and the CPU rests."""

    options = {'file': '/dev/zero'}

    def test_accept(self) -> None:
        busy = self.sent('/slow?8')
        with self.no_descriptor():
            for _ in range(3):
                answer = self.exchange(daemon.request('/hello'))
                self.assertTrue(answer.startswith(b'HTTP/1.1 503 '), answer)
                self.assertIn(b'Retry-After: 5', answer)
            before, begin = self.cpu_seconds(), time.monotonic()
            waiting = self.sent('/hello')
            self.assertEqual(b'slept', daemon.read_answer(busy)[1])
            spent, taken = (
                self.cpu_seconds() - before,
                time.monotonic() - begin,
            )
            if taken > 1:  # else it was this process that was late
                self.assertLess(spent, taken / 2)
            busy.close()
            daemon.read_all(waiting)
        # It may have begun to refuse one more connection.
        daemon.eventually(
            lambda: b' 200 ' in daemon.read_answer(self.sent('/hello'))[0]
        )
        self.assert_still_well()
        self.assertLess(self.running.log().count('Cannot accept'), 3)

    def test_file_that_cannot_be_opened(self) -> None:
        asking = self.sent('/hello')
        daemon.read_answer(asking)
        with self.no_descriptor():
            asking.sendall(daemon.request('/file?0,1'))
            head, _ = daemon.read_answer(asking)
        self.assertTrue(head.startswith(b'HTTP/1.1 503 '), head)
        self.assertIn(b'Retry-After: 5', head)
        self.assertNotIn('Traceback', self.running.log())


class TestNoDescriptorAndNoPause(NoDescriptor):
    """A busy worker accepts again before it has closed a connection."""

    options = {'accept_pause': 0}

    def test_idle_connection_gives_way(self) -> None:
        idle = self.sent('/hello')
        daemon.read_answer(idle)
        with self.no_descriptor():
            self.assertIn(b'hello', self.running.get('/hello'))
        self.assertEqual(b'', idle.recv(1))

    def test_a_new_connection_stays_if_no_other_client_waits(self) -> None:
        idle = self.sent('/hello')
        daemon.read_answer(idle)
        with self.no_descriptor():
            new = self.sent()
            self.assertEqual(b'', idle.recv(1))
            daemon.eventually(lambda: self.connections() == 1)
            time.sleep(PAUSE_SECONDS)
            new.sendall(daemon.request('/hello'))
            self.assertIn(b' 200 ', daemon.read_answer(new)[0])
