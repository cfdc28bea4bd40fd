"""New files are in the page cache when somebody downloads them."""

from collections.abc import Iterator
import concurrent.futures
import contextlib
import mmap
import os
import pathlib
import tempfile
import time
import unittest
from unittest import mock

from glance.common import threads
from glance.store import filesystem
from glance.store import warming

ID = '71c675ab-d94f-49cd-a114-e12490b328d9'
OTHER = '71c675ab-d94f-49cd-a114-e12490b328da'
THIRD = '71c675ab-d94f-49cd-a114-e12490b328db'
MIB = 1 << 20
PATIENCE_SECONDS = 60
SAMPLE_BYTES = 256 * 1024


def nothing() -> None:
    pass


def cached_bytes(path: pathlib.Path) -> int:
    """How much of a file can be read without waiting for the disk.

    One page in each 256 KiB stands for all of them.
    """
    cached = 0
    with path.open('rb') as file:
        # Or asking for one page makes the kernel read those behind it.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        for offset in range(0, path.stat().st_size, SAMPLE_BYTES):
            try:
                os.preadv(file.fileno(), [bytearray(1)], offset, os.RWF_NOWAIT)
                cached += SAMPLE_BYTES
            except BlockingIOError:
                continue
    return cached


def descriptors() -> set[str]:
    found = set()
    for link in pathlib.Path('/proc/self/fd').iterdir():
        try:
            found.add(os.readlink(link))
        except FileNotFoundError:
            continue
    return found


@contextlib.contextmanager
def counted_sendfile() -> Iterator[list[int]]:
    """The bytes that each call read."""
    steps: list[int] = []
    send = os.sendfile

    def counted(*arguments: int) -> int:
        steps.append(send(*arguments))
        return steps[-1]

    with mock.patch.object(os, 'sendfile', counted):
        yield steps


class WarmingTestCase(unittest.TestCase):
    PIECES = 8

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name).resolve()
        self.path = self.directory / ID
        for name, value in (('PIECE_BYTES', 2 * MIB), ('STEP_BYTES', MIB)):
            patch = mock.patch.object(warming, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.piece = memoryview(mmap.mmap(-1, MIB))
        self.piece[:] = os.urandom(MIB)
        self._write(0)
        if cached_bytes(self.path):
            raise unittest.SkipTest('this file system has no direct writes')
        self.path.unlink()

    def _write(self, percent: int) -> None:
        store = filesystem.FilesystemStore(
            str(self.directory), warm_percent=percent
        )
        store.write(ID, [self.piece] * self.PIECES, nothing)

    def _wait_until_closed(self) -> None:
        """The reader is done with a file when it has closed it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while any(str(self.directory) in name for name in descriptors()):
            self.assertLess(time.monotonic(), end, descriptors())
            time.sleep(0.01)


class Warming(WarmingTestCase):
    def test_new_file_is_in_memory(self) -> None:
        self._write(50)
        self._wait_until_closed()
        self.assertEqual(self.PIECES * MIB, cached_bytes(self.path))

    def test_zero_percent_reads_nothing(self) -> None:
        self._write(0)
        self._wait_until_closed()
        self.assertEqual(0, cached_bytes(self.path))

    def test_file_is_read_while_it_is_written(self) -> None:
        store = filesystem.FilesystemStore(
            str(self.directory), warm_percent=50
        )

        def pieces() -> Iterator[memoryview]:
            for _ in range(self.PIECES):
                yield self.piece
            end = time.monotonic() + PATIENCE_SECONDS
            while sum(steps) < (self.PIECES - 2) * MIB:
                self.assertLess(time.monotonic(), end)
                time.sleep(0.01)

        with counted_sendfile() as steps:
            store.write(ID, pieces(), nothing)
            self._wait_until_closed()

    def test_no_more_than_its_share_of_memory(self) -> None:
        with (
            mock.patch.object(
                warming, 'available_bytes', return_value=10 * MIB
            ),
            counted_sendfile() as steps,
        ):
            self._write(50)
            self._wait_until_closed()
        # The kernel's own readahead goes a little further.
        self.assertEqual([MIB] * 4, steps)

    def test_share_is_free_again_for_the_next_file(self) -> None:
        store = filesystem.FilesystemStore(
            str(self.directory), warm_percent=50
        )
        with mock.patch.object(
            warming, 'available_bytes', return_value=20 * MIB
        ):
            for _ in range(3):
                store.write(ID, [self.piece] * self.PIECES, nothing)
                self._wait_until_closed()
                self.assertEqual(self.PIECES * MIB, cached_bytes(self.path))
                self.path.unlink()

    def test_failed_write_lets_its_file_go(self) -> None:
        store = filesystem.FilesystemStore(
            str(self.directory), warm_percent=50
        )

        def pieces() -> Iterator[memoryview]:
            for _ in range(self.PIECES):
                yield self.piece
            raise ValueError('the client is gone')

        with self.assertRaises(ValueError):
            store.write(ID, pieces(), nothing)
        self._wait_until_closed()
        self.assertEqual([], list(self.directory.iterdir()))

    def test_deleted_file_is_read_no_further(self) -> None:
        read: list[int] = []
        send = os.sendfile

        def send_and_delete(*arguments: int) -> int:
            # The first step of a file that has its name.
            if self.path.exists():
                self.path.unlink()
                read.clear()
            read.append(send(*arguments))
            return read[-1]

        with (
            mock.patch.object(os, 'sendfile', send_and_delete),
            mock.patch.object(warming, 'PIECE_BYTES', 1 << 40),
        ):
            self._write(50)
            self._wait_until_closed()
        self.assertEqual([MIB], read)

    def test_uploads_in_several_threads_share_one_reader(self) -> None:
        warmer = warming.Warmer(50)
        started: list[object] = []
        with (
            mock.patch.object(warming.threads, 'start', started.append),
            concurrent.futures.ThreadPoolExecutor(8) as pool,
        ):
            for _ in range(64):
                pool.submit(warmer.read, mock.Mock(), 0, is_last=False)
        self.assertEqual(1, len(started))

    def test_memory_of_this_machine_is_known(self) -> None:
        self.assertGreater(warming.available_bytes(), 1 * MIB)


class Failures(WarmingTestCase):
    def test_disk_that_fails_to_read_fails_no_upload(self) -> None:
        with (
            mock.patch.object(os, 'sendfile', side_effect=OSError(5, 'disk')),
            self.assertLogs(warming.LOG, 'WARNING'),
        ):
            self._write(50)
            self._wait_until_closed()
        self.assertEqual(self.PIECES * MIB, self.path.stat().st_size)

    def test_missing_thread_or_descriptor_fails_no_upload(self) -> None:
        """The next upload starts the reader, for both files."""
        store = filesystem.FilesystemStore(
            str(self.directory), warm_percent=50
        )
        trouble = RuntimeError("can't start new thread")
        for name, broken in (
            (ID, mock.patch.object(threads, 'start', side_effect=trouble)),
            (OTHER, mock.patch.object(os, 'devnull', '/none/at/all')),
        ):
            with broken, self.assertLogs(warming.LOG, 'WARNING'):
                store.write(name, [self.piece] * self.PIECES, nothing)
        store.write(THIRD, [self.piece] * self.PIECES, nothing)
        self._wait_until_closed()
