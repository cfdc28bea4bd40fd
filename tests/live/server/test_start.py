"""What the server needs to start, and what it says when it cannot."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

from tests.live.server import cases
from tests.live.server import daemon


class TestStart(cases.Case):
    def test_port_that_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_refused(1, 'bind_port', bind_port=port)

    def test_second_daemon_on_the_same_port(self) -> None:
        first = self.daemon().up()
        self.assert_refused(1, 'bind_port', bind_port=first.port)

    def test_value_out_of_bounds(self) -> None:
        self.assert_refused(5, 'backlog', backlog=0)

    def test_application_refuses_its_configuration(self) -> None:
        self.assert_refused(1, 'greeting', greeting='wrong')

    def test_certificate_without_key(self) -> None:
        self.assert_refused(1, 'key_file', cert_file='/nowhere')

    def test_certificate_that_is_missing(self) -> None:
        self.assert_refused(
            1, 'cert_file', cert_file='/nowhere', key_file='/nowhere'
        )

    def test_missing_configuration_file(self) -> None:
        missing = self.daemon()
        missing.conf_file.unlink()
        self.assertEqual(1, missing.start().wait())
        self.assertIn('ERROR: ', missing.log())

    def test_unknown_flag(self) -> None:
        script = str(daemon.PROGRAM)
        done = subprocess.run(
            [sys.executable, script, '--no-such-flag'],
            env={**os.environ, 'PYTHONPATH': str(daemon.ROOT)},
            capture_output=True,
        )
        self.assertEqual(2, done.returncode)

    def test_ipv6(self) -> None:
        six = self.daemon(bind_host='::1').up()
        self.assertIn(b'hello', six.get('/hello'))

    def test_unix_socket(self) -> None:
        path = os.path.join(self.directory, 'socket')
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        served = self.daemon(bind_socket=path).up()
        self.assertIn(b'hello', served.get('/hello'))
        self.assertEqual(0o660, os.stat(path).st_mode & 0o777)
        self.assert_refused(1, 'bind_socket', bind_socket=path)
        self.assertIn(b'hello', served.get('/hello'))
        idle = served.connect()
        self.addCleanup(idle.close)
        served.signal(signal.SIGTERM)
        self.assertEqual(0, served.wait())

    def test_path_that_is_no_socket(self) -> None:
        path = pathlib.Path(self.directory, 'precious')
        path.write_text('data')
        self.assert_refused(1, 'bind_socket', bind_socket=path)
        self.assertEqual('data', path.read_text())
