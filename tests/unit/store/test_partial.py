"""Writing of files past the page cache."""

import errno
import fcntl
import mmap
import os
from typing import Any
from unittest import mock

from glance.store import filesystem
from tests.unit.store import test_filesystem


class TestDirect(test_filesystem.FilesystemTestCase):
    """Past the page cache, whatever the pieces look like."""

    BLOCK = 64 * 1024

    def setUp(self) -> None:
        super().setUp()
        self.direct: list[bool] = []
        really_write = os.pwrite

        def noted(fd: int, data: Any, offset: int) -> int:
            flags = fcntl.fcntl(fd, fcntl.F_GETFL)
            self.direct.append(bool(flags & os.O_DIRECT))
            return really_write(fd, data, offset)

        self.is_strict = self.refuses_odd_bytes()
        self.enterContext(mock.patch.object(os, 'pwrite', noted))

    def refuses_odd_bytes(self) -> bool:
        """As disks do. In memory (tmpfs) anything goes."""
        flags = os.O_WRONLY | os.O_TMPFILE | os.O_DIRECT
        try:
            fd = os.open(self.directory, flags)
        except OSError:
            return False
        try:
            os.pwrite(fd, b'odd', 0)
        except OSError:
            return True
        finally:
            os.close(fd)
        return False

    def pieces(self, *sizes: int) -> list[memoryview]:
        """Of whole pages, as :mod:`glance.images.streams` has them."""
        found = []
        for size in sizes:
            buffer = memoryview(mmap.mmap(-1, max(size, 1)))[:size]
            buffer[:] = b'\1' * size
            found.append(buffer)
        return found

    def check(self, pieces: list[Any], direct: list[bool]) -> None:
        data = b''.join(pieces)
        for keep_holes in (False, True):
            store = filesystem.FilesystemStore(
                str(self.directory), keep_holes=keep_holes
            )
            for size in (None, len(data)):
                self.direct.clear()
                store.write(
                    test_filesystem.ID, pieces, test_filesystem.nothing, size
                )
                path = self.directory / test_filesystem.ID
                self.assertEqual(data, path.read_bytes())
                path.unlink()
                if self.is_strict:
                    self.assertEqual(direct, self.direct)

    def test_whole_blocks(self) -> None:
        self.check(self.pieces(self.BLOCK, 4 * self.BLOCK), [True, True])

    def test_the_end_is_no_whole_block(self) -> None:
        self.check(
            self.pieces(self.BLOCK, self.BLOCK + 1), [True, True, False]
        )

    def test_small(self) -> None:
        self.check(self.pieces(5), [True, False])
        self.check([], [])

    def test_odd_pieces(self) -> None:
        self.check(
            self.pieces(7, self.BLOCK, self.BLOCK), [True, False, False, False]
        )

    def test_odd_memory(self) -> None:
        odd = memoryview(bytearray(b'\1' * (self.BLOCK + 1)))[1:]
        self.check([odd], [True, False])

    def test_holes_between(self) -> None:
        data = self.pieces(6 * self.BLOCK)[0]
        data[: self.BLOCK] = bytes(self.BLOCK)
        data[3 * self.BLOCK : 4 * self.BLOCK] = bytes(self.BLOCK)
        store = filesystem.FilesystemStore(str(self.directory), 0o640, True)
        store.write(test_filesystem.ID, [data], test_filesystem.nothing)
        self.assertEqual(
            bytes(data), (self.directory / test_filesystem.ID).read_bytes()
        )
        self.assertEqual([True, True], self.direct)
        blocks = (self.directory / test_filesystem.ID).stat().st_blocks
        self.assertEqual(4 * self.BLOCK, blocks * 512)

    def test_not_if_told_so(self) -> None:
        store = filesystem.FilesystemStore(str(self.directory), direct=False)
        store.write(
            test_filesystem.ID,
            self.pieces(self.BLOCK),
            test_filesystem.nothing,
        )
        self.assertEqual([False], self.direct)

    def test_not_in_a_file_system_without(self) -> None:
        really = fcntl.fcntl

        def refuse(fd: int, command: int, argument: int = 0) -> int:
            if command == fcntl.F_SETFL and argument & os.O_DIRECT:
                raise OSError(errno.EINVAL, 'no such thing')
            return really(fd, command, argument)

        with mock.patch.object(fcntl, 'fcntl', refuse):
            self.check(self.pieces(self.BLOCK, 3), [False, False])
