"""glance-control, with a small program in the place of the daemons."""

import contextlib
import io
import os
from pathlib import Path
import signal
import sys
import threading
import time
import unittest
from unittest import mock

from glance.cmd import control
from glance.cmd.control import pidfile
from glance.cmd.control import servers
from tests import base

WAIT_SECONDS = 30.0

#: Writes what it is told, and ends as its first configuration file says.
PROGRAM = """\
#!{python}
import pathlib, signal, sys, time
here = pathlib.Path({directory!r})
def say(text):
    with (here / 'said').open('a') as file:
        file.write(text + chr(10))
signal.signal(signal.SIGHUP, lambda *_: say('reload'))
def end(*_):
    if not (here / 'stubborn').exists():
        say('stop')
        sys.exit(0)
signal.signal(signal.SIGTERM, end)
say('start ' + ' '.join(sys.argv[1:]))
if (here / 'fail').exists():
    sys.exit(7)
print('captured', flush=True)
while True:
    time.sleep(3600)
"""


def wait_until(condition: object, *arguments: object) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition(*arguments):  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise AssertionError(f'{condition} did not become true')
        time.sleep(0.01)


class ControlTestCase(unittest.TestCase):
    """Programs beside sys.executable, and a directory of pid files."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(base.temporary_directory(self))
        text = PROGRAM.format(
            python=sys.executable, directory=str(self.directory)
        )
        for name in ('glance-api', 'glance-registry', 'glance-scrubber'):
            program = self.directory / name
            program.write_text(text)
            program.chmod(0o755)
        python = str(self.directory / 'python')
        for patch in (
            mock.patch.object(sys, 'executable', python),
            mock.patch.object(pidfile, 'DIRECTORY', self.directory / 'run'),
            mock.patch.object(servers, 'raise_limits'),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        (self.directory / 'run').mkdir()
        self.pid_file = self.directory / 'run/glance-api.pid'
        self.addCleanup(self.kill_all)

    def kill_all(self) -> None:
        for path in (self.directory / 'run').glob('*.pid'):
            with contextlib.suppress(ValueError, ProcessLookupError):
                os.kill(int(path.read_text()), signal.SIGKILL)

    def call(self, *argv: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = control.main(argv)
            except SystemExit as end:
                code = int(end.code or 0)
        return code, out.getvalue()

    def assert_code(self, code: int, *argv: str) -> str:
        found, out = self.call(*argv)
        self.assertEqual(code, found, out)
        return out

    def said(self) -> list[str]:
        path = self.directory / 'said'
        return path.read_text().splitlines() if path.exists() else []

    def start(self, *argv: str) -> int:
        """Start it, and wait until it can be signalled."""
        count = len(self.said())
        self.assert_code(0, *argv, 'api', 'start')
        wait_until(lambda: len(self.said()) > count)
        return int(self.pid_file.read_text())


class ControlTest(ControlTestCase):
    def test_from_start_to_stop(self) -> None:
        conf = self.directory / 'x.conf'
        conf.touch()
        self.assertIn(
            'glance-api is not running', self.assert_code(3, 'api', 'status')
        )
        out = self.assert_code(0, 'api', 'start', str(conf), '/none.conf')
        self.assertIn('/none.conf does not exist', out)
        wait_until(self.said)
        pid = int(self.pid_file.read_text())
        self.assertEqual(f'start --config-file {conf}', self.said()[0])
        self.assertEqual(pid, os.getsid(pid))
        self.assertIn(str(pid), self.assert_code(0, 'glance-api', 'status'))
        self.assertIn('already', self.assert_code(0, 'api', 'start'))
        for command in ('reload', 'force-reload'):
            count = len(self.said())
            self.assert_code(0, 'api', command)
            wait_until(lambda count=count: len(self.said()) > count)
            self.assertEqual('reload', self.said()[-1])
        self.assert_code(0, 'api', 'stop')
        self.assertEqual('stop', self.said()[-1])
        self.assertFalse(self.pid_file.exists())
        self.assert_code(3, 'api', 'status')
        self.assert_code(0, 'api', 'stop')

    def test_shutdown_stops(self) -> None:
        self.start()
        self.assert_code(0, 'api', 'shutdown')
        self.assertEqual('stop', self.said()[-1])

    def test_restart(self) -> None:
        first = self.start()
        self.assert_code(0, 'api', 'restart')
        self.assertNotEqual(first, int(self.pid_file.read_text()))
        wait_until(lambda: len(self.said()) == 3)

    def test_a_dead_server_with_a_pid_file(self) -> None:
        pid = self.start()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.assertIn('is dead', self.assert_code(1, 'api', 'status'))
        self.assert_code(1, 'api', 'reload')
        self.assertIn('old pid file', self.assert_code(0, 'api', 'start'))

    def test_the_id_of_another_process_is_not_signalled(self) -> None:
        self.pid_file.write_text(f'{os.getpid()}\n')
        self.assert_code(1, 'api', 'status')
        self.assert_code(0, 'api', 'stop')
        self.assert_code(1, 'api', 'reload')

    def test_a_server_that_does_not_stop(self) -> None:
        (self.directory / 'stubborn').touch()
        pid = self.start()
        out = self.assert_code(1, '--stop-timeout', '0.1', 'api', 'stop')
        self.assertIn('--stop-timeout', out)
        self.assertEqual(f'{pid}\n', self.pid_file.read_text())
        out = self.assert_code(1, '--stop-timeout', '0', 'api', 'restart')
        self.assertEqual(f'{pid}\n', self.pid_file.read_text())

    def test_await_child_returns_the_code_of_a_failed_start(self) -> None:
        (self.directory / 'fail').touch()
        self.assert_code(7, '--await-child', '30', 'api', 'start')
        self.assertFalse(self.pid_file.exists())

    def test_respawn_and_await_child_exclude_each_other(self) -> None:
        self.assert_code(1, '--respawn', '--await-child', '1', 'api', 'start')

    def test_all(self) -> None:
        run = self.directory / 'run'
        with mock.patch.object(control, '_has_scrubber', lambda: True):
            self.assert_code(0, 'all', 'start')
            wait_until(lambda: len(self.said()) == 3)
            self.assertIn('start --daemon', self.said())
            self.assertEqual(
                [
                    'glance-api.pid',
                    'glance-registry.pid',
                    'glance-scrubber.pid',
                ],
                sorted(path.name for path in run.iterdir()),
            )
            self.assert_code(0, 'all', 'reload')
            wait_until(lambda: len(self.said()) == 5)
            self.assert_code(1, 'scrubber', 'reload')
            self.assert_code(0, 'all', 'stop')
        self.assertEqual([], list(run.iterdir()))
        self.assert_code(1, '--pid-file', '/x', 'all', 'start')

    def test_own_pid_file(self) -> None:
        path = self.directory / 'new/own.pid'
        self.assert_code(0, '--pid-file', str(path), 'registry', 'start')
        self.assert_code(0, '--pid-file', str(path), 'registry', 'status')
        self.assert_code(0, '--pid-file', str(path), 'registry', 'stop')

    def test_process_whose_program_starts_is_running(self) -> None:
        """The kernel shows no command line at that moment."""
        read = Path.read_bytes
        shown = [b'', b'']

        def read_bytes(path: Path) -> bytes:
            return shown.pop() if shown else read(path)

        name = Path(sys.orig_argv[0]).name
        with mock.patch.object(Path, 'read_bytes', read_bytes):
            self.assertTrue(pidfile.is_running(os.getpid(), name))
        self.assertEqual([], shown)

    def test_a_directory_of_the_user_if_the_usual_one_is_closed(self) -> None:
        with (
            mock.patch('os.access', return_value=False),
            mock.patch('tempfile.gettempdir', lambda: str(self.directory)),
        ):
            own = pidfile.default_path('glance-api')
            self.assertEqual(f'glance-{os.getuid()}', own.parent.name)
            self.assertEqual(0o700, own.parent.stat().st_mode & 0o777)
            own.parent.rmdir()
            own.parent.symlink_to(self.directory)
            with self.assertRaises(PermissionError):
                pidfile.default_path('glance-api')

    def test_a_program_that_is_not_there(self) -> None:
        (self.directory / 'glance-api').unlink()
        with mock.patch('shutil.which', return_value=None):
            out = self.assert_code(1, 'api', 'start')
        self.assertIn('glance-api is not installed', out)

    def test_usage(self) -> None:
        self.assertIn('example', self.assert_code(0))
        self.assertIn('example', self.assert_code(0, '--help'))
        self.assert_code(2, 'cinder', 'start')
        self.assert_code(2, 'api', 'explode')


class RespawnTest(ControlTestCase):
    """What happens to a server that dies while somebody looks after it."""

    def respawn(self) -> tuple[threading.Thread, list[int]]:
        server = servers.Server(
            'glance-api', pidfile.PidFile(self.pid_file, 'glance-api')
        )
        child = servers.start(server, is_captured=False)
        self.assertIsNotNone(child)
        codes: list[int] = []
        thread = threading.Thread(
            target=lambda: codes.append(servers.respawn([child]))
        )
        thread.start()
        self.addCleanup(thread.join)
        wait_until(self.said)
        return thread, codes

    def test_it_is_started_again_until_it_is_stopped(self) -> None:
        with mock.patch.object(servers, 'MIN_RUN_SECONDS', 0):
            thread, codes = self.respawn()
            first = int(self.pid_file.read_text())
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: len(self.said()) == 2)
            self.assertNotEqual(first, int(self.pid_file.read_text()))
            self.assert_code(0, 'api', 'stop')
            thread.join(WAIT_SECONDS)
        self.assertEqual([0], codes)
        self.assertEqual('stop', self.said()[-1])

    def test_a_server_that_ends_at_once_is_left(self) -> None:
        with mock.patch.object(servers, 'MIN_RUN_SECONDS', 3600):
            thread, codes = self.respawn()
            os.kill(int(self.pid_file.read_text()), signal.SIGKILL)
            thread.join(WAIT_SECONDS)
        self.assertEqual([137], codes)
        self.assertFalse(self.pid_file.exists())
