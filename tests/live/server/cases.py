"""Tests of the server, as a real process on loopback."""

import os
import pathlib
import tempfile
import unittest

from tests.live.server import daemon


class Case(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.directory = kept.name

    def daemon(self, **options: object) -> daemon.Daemon:
        made = daemon.Daemon(self.directory, **options)
        self.addCleanup(lambda: hasattr(made, 'process') and made.stop())
        return made

    def assert_refused(self, code: int, text: str, **options: object) -> None:
        refused = self.daemon(**options).start()
        self.assertEqual(code, refused.wait(), refused.log())
        errors = [
            line
            for line in refused.log().splitlines()
            if line.startswith('ERROR: ')
        ]
        self.assertEqual(1, len(errors), refused.log())
        self.assertIn(text, errors[0])
        self.assertNotIn('Traceback', refused.log())


class Shared(unittest.TestCase):
    """One daemon for all tests of a class."""

    options: dict[str, object] = {}
    running: daemon.Daemon

    @classmethod
    def setUpClass(cls) -> None:
        kept = tempfile.TemporaryDirectory()
        cls.addClassCleanup(kept.cleanup)
        cls.directory = pathlib.Path(kept.name)
        cls.prepare()
        cls.running = daemon.Daemon(kept.name, **cls.options)
        cls.addClassCleanup(lambda: cls.running.stop())
        cls.running.up()

    @classmethod
    def prepare(cls) -> None:
        """Make what the options name."""

    def exchange(self, data: bytes) -> bytes:
        """Everything that comes back, until the daemon closes."""
        with self.running.connect() as sock:
            sock.sendall(data)
            return daemon.read_all(sock)

    def assert_still_well(self) -> None:
        self.assertIn(b'hello', self.running.get('/hello'))


def connects(running: daemon.Daemon) -> bool:
    try:
        running.connect().close()
    except ConnectionError:
        return False
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
