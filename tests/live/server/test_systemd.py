"""What systemd passes to a daemon, and what it hears from it."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys

from tests.live.server import cases
from tests.live.server import daemon

#: Give the descriptor the number and the daemon the process id that
#: sd_listen_fds(3) promises.
_LAUNCHER = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'


class Unit(daemon.Daemon):
    """A daemon under a service manager."""

    passed: socket.socket | None = None
    passed_name = 'tiny.socket'
    environment: dict[str, str]

    def start(self) -> 'Unit':
        command = [
            *(sys.executable, str(daemon.PROGRAM)),
            *('--config-file', str(self.conf_file)),
        ]
        kept: tuple[int, ...] = ()
        if self.passed is not None:
            number = self.passed.fileno()
            kept = (number,)
            self.environment['LISTEN_FDNAMES'] = self.passed_name
            command = ['sh', '-c', _LAUNCHER, 'sh', str(number), *command]
        with open(self.log_file, 'ab') as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                pass_fds=kept,
                env={
                    **os.environ,
                    'PYTHONPATH': str(daemon.ROOT),
                    **self.environment,
                },
            )
        return self


class SystemdCase(cases.Case):
    def unit(self, **options: object) -> Unit:
        unit = Unit(self.directory, **options)
        unit.environment = {}
        self.addCleanup(unit.stop)
        return unit

    @contextlib.contextmanager
    def notified(self, unit: Unit) -> Iterator[socket.socket]:
        path = str(pathlib.Path(self.directory, 'notify'))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(path)
            sock.settimeout(daemon.PATIENCE_SECONDS)
            unit.environment['NOTIFY_SOCKET'] = path
            yield sock

    def wait_for(self, sock: socket.socket, line: str) -> None:
        """Read notifications until the line comes; fail if it does not."""
        while line not in sock.recv(4096).decode().splitlines():
            pass


class TestNotifications(SystemdCase):
    def test_start_and_stop_are_told(self) -> None:
        for workers in (1, 2):
            with self.subTest(workers=workers):
                self.assert_told(workers)

    def assert_told(self, workers: int) -> None:
        unit = self.unit(workers=workers)
        with self.notified(unit) as sock:
            unit.start()
            self.wait_for(sock, 'READY=1')
            self.assertIn(b'hello', unit.get('/hello'))
            unit.signal(signal.SIGTERM)
            self.wait_for(sock, 'STOPPING=1')
            self.assertEqual(0, unit.wait())
        pathlib.Path(self.directory, 'notify').unlink()

    def test_watchdog_is_fed_by_the_main_process(self) -> None:
        for workers in (1, 2):
            with self.subTest(workers=workers):
                unit = self.unit(workers=workers)
                unit.environment['WATCHDOG_USEC'] = '300000'
                with self.notified(unit) as sock:
                    unit.start()
                    self.wait_for(sock, 'WATCHDOG=1')
                    self.wait_for(sock, 'WATCHDOG=1')
                unit.stop()
                pathlib.Path(self.directory, 'notify').unlink()

    def test_daemon_waits_until_its_peer_responds(self) -> None:
        peer = pathlib.Path(self.directory, 'peer')
        unit = self.unit()
        unit.configure(**unit.options, peer=peer)
        with self.notified(unit) as sock:
            unit.start()
            self.wait_for(sock, 'STATUS=Waiting: The peer is not there.')
            peer.touch()
            self.wait_for(sock, 'READY=1')


class TestSocketUnit(SystemdCase):
    def listening(self, host: str = '127.0.0.1') -> socket.socket:
        sock = socket.create_server((host, 0))
        self.addCleanup(sock.close)
        return sock

    def test_connections_wait_while_the_daemon_restarts(self) -> None:
        sock = self.listening()
        port = sock.getsockname()[1]
        for workers in (1, 2):
            unit = self.unit(bind_port=port, workers=workers)
            unit.passed = sock
            with socket.create_connection(('127.0.0.1', port)) as early:
                early.settimeout(daemon.PATIENCE_SECONDS)
                early.sendall(daemon.request('/hello', 'Connection: close'))
                unit.start()
                self.assertIn(b'hello', daemon.read_all(early))
            unit.signal(signal.SIGTERM)
            self.assertEqual(0, unit.wait())

    def test_another_address_than_configured_is_refused(self) -> None:
        unit = self.unit()
        unit.passed = self.listening()
        self.assertEqual(1, unit.start().wait())
        self.assertIn('The socket unit listens on', unit.log())


class TestKeptSocket(SystemdCase):
    def kept_by(self, unit: Unit) -> socket.socket:
        """Start the daemon, and take over the socket that it hands over."""
        with self.notified(unit) as notifications:
            unit.start()
            while True:
                text, found, _, _ = socket.recv_fds(notifications, 4096, 1)
                if found:
                    break
        self.assertEqual('FDSTORE=1\nFDNAME=listener', text.decode())
        pathlib.Path(self.directory, 'notify').unlink()
        kept = socket.socket(fileno=found[0])
        self.addCleanup(kept.close)
        return kept

    def test_restart_refuses_no_connection(self) -> None:
        first = self.unit()
        kept = self.kept_by(first)
        first.stop()
        with first.connect() as waiting:
            waiting.sendall(daemon.request('/hello', 'Connection: close'))
            second = self.unit(bind_port=first.port)
            second.passed, second.passed_name = kept, 'listener'
            second.start()
            self.assertIn(b'hello', daemon.read_all(waiting))

    def test_a_new_address_wins_over_the_kept_socket(self) -> None:
        first = self.unit()
        kept = self.kept_by(first)
        first.stop()
        second = self.unit()
        second.passed, second.passed_name = kept, 'listener'
        second.up()
        self.assertIn(b'hello', second.get('/hello'))
