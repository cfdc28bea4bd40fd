"""The file store on NFS; run in user-mode Linux, beside its mounts."""

import contextlib
import mmap
import os
import pathlib
import shutil
import socket
import threading
from typing import Any
import unittest
import uuid

from glance.common import errors
from glance.store import drivers
from glance.store import filesystem
from glance.store import partial
from tests import base
from tests.live import processes
from tests.stores import contract

ID = contract.ID
MIB = contract.MIB


class Files(contract.Driver):
    kind = 'file'
    part_bytes = MIB
    mount: str

    def settings(self: Any) -> dict[str, Any]:
        self.directory = pathlib.Path(self.mount, uuid.uuid4().hex)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        return {'filesystem_store_datadir': str(self.directory)}

    def held(self: Any) -> list[str]:
        return base.names_in(str(self.directory))

    def test_the_kernel_sends_a_file(self: Any) -> None:
        data = os.urandom(3 * MIB + 5)
        url = self.store.write(ID, iter([data]), lambda: None)
        body = self.store.open(url, 7, None)
        ours, theirs = socket.socketpair()
        received: list[bytes] = []

        def receive() -> None:
            while piece := theirs.recv(MIB):
                received.append(piece)

        receiver = threading.Thread(target=receive)
        receiver.start()
        sent = 0
        while sent < body.length:
            sent += os.sendfile(
                ours.fileno(),
                body.fileno(),
                body.offset + sent,
                body.length - sent,
            )
        ours.close()
        receiver.join(60)
        body.close()
        self.assertEqual(data[7:], b''.join(received))

    def test_a_file_has_a_locked_name_while_it_is_written(self: Any) -> None:
        file = partial.Partial(self.directory, 0o640, 10, False, True)
        (name,) = self.held()
        self.assertTrue(name.startswith(partial.PREFIX))
        # O_DIRECT would wait for the server with each piece.
        self.assertFalse(file._direct)
        self.store.remove_unfinished()
        self.assertEqual([name], self.held())
        file.write(b'0123456789')
        file.flush()
        self.assertTrue(file.publish(self.directory / ID))
        self.assertFalse(file.publish(self.directory / ID))
        file.close()
        self.assertEqual([ID], self.held())
        self.assertEqual(10, self.store.size(f'file://{self.directory}/{ID}'))

    def test_a_file_is_written_past_the_page_cache(self: Any) -> None:
        """What other programs on this host do is possible as well."""
        path = self.directory / 'direct'
        with contextlib.closing(_Descriptor(path)) as opened:
            opened.write(bytes(4096))
        self.assertEqual(4096, path.stat().st_size)

    def test_a_full_server_is_told(self: Any) -> None:
        with self.assertRaises(errors.LimitExceeded):
            self.store.write(ID, iter([b'x']), lambda: None, 1 << 40)

        def much() -> Any:
            while True:
                yield b'x' * 8 * MIB

        with self.assertRaises(errors.LimitExceeded):
            self.store.write(ID, much(), lambda: None)
        self.assertEqual([], self.held())
        # The server keeps removed files open for a while.
        processes.wait_until(
            lambda: self._free_bytes() > 128 * MIB,
            60,
            'no space is given back',
        )

    def _free_bytes(self: Any) -> int:
        found = os.statvfs(self.mount)
        return found.f_bavail * found.f_frsize

    def messages(self: Any) -> str:
        with self.assertLogs(filesystem.LOG, 'INFO') as logged:
            filesystem.LOG.info('begin')
            drivers.make(contract.backend('file', self.settings()))
        return '\n'.join(logged.output)


class _Descriptor:
    def __init__(self, path: pathlib.Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_DIRECT
        self.fd = os.open(path, flags, 0o600)

    def write(self, data: bytes) -> None:
        with mmap.mmap(-1, len(data)) as aligned:
            aligned.write(data)
            os.write(self.fd, aligned)

    def close(self) -> None:
        os.close(self.fd)


class TestVersion3(Files, unittest.TestCase):
    mount = '/mnt/v3'

    def test_local_locks_are_told(self) -> None:
        self.assertIn('hosts do not see the locks', self.messages())


class TestVersion42(Files, unittest.TestCase):
    mount = '/mnt/v4'

    def test_nothing_is_told(self) -> None:
        self.assertNotIn('is mounted with', self.messages())

    def test_hosts_have_the_same_identity(self) -> None:
        again = filesystem.FilesystemStore(str(self.directory))
        self.assertEqual(self.store.identity, again.identity)
        self.assertIsNotNone(again.identity)


class TestOptions(Files, unittest.TestCase):
    """Only that the options of a real mount are recognized."""

    mount = '/mnt/soft'

    def test_options_that_break_a_promise_are_told(self) -> None:
        told = self.messages()
        self.assertIn('mounted with soft: ', told)
        self.assertIn('mounted with nocto: ', told)


def load_tests(loader: Any, _tests: Any, _pattern: Any) -> unittest.TestSuite:
    found = unittest.TestSuite()
    for case in (TestVersion3, TestVersion42):
        found.addTests(loader.loadTestsFromTestCase(case))
    found.addTest(TestOptions('test_options_that_break_a_promise_are_told'))
    return found
