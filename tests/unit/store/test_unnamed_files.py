import ctypes
import errno
import os
import pathlib
import random
import unittest
from unittest import mock

from glance.store import partial
from tests import base

BLOCK = partial.HOLE_BYTES


class PartialTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(base.temporary_directory(self))

    def written(
        self, *chunks: bytes, size: int | None = None, holes: bool = False
    ) -> os.stat_result:
        """Publish the chunks; the file has them, and is shaped like this."""
        file = partial.Partial(self.directory, 0o600, size, holes, True)
        for chunk in chunks:
            file.write(memoryview(chunk))
        path = self.directory / 'image'
        path.unlink(missing_ok=True)
        file.flush()
        self.assertTrue(file.publish(path))
        file.close()
        self.assertEqual(b''.join(chunks), path.read_bytes())
        return path.stat()

    def taken(self, found: os.stat_result) -> int:
        return found.st_blocks * 512


class TestHoles(PartialTestCase):
    def test_zeros_take_no_room(self) -> None:
        data = b'x' + bytes(40 * BLOCK)
        found = self.written(data, bytes(7), holes=True)
        self.assertEqual(len(data) + 7, found.st_size)
        self.assertLessEqual(self.taken(found), 2 * BLOCK)

    def test_nothing_but_zeros(self) -> None:
        found = self.written(bytes(3 * BLOCK + 1), holes=True)
        self.assertEqual(0, self.taken(found))

    def test_what_is_between_stays(self) -> None:
        some = random.Random(3)
        chunks = [
            some.choice((bytes(n), some.randbytes(n), bytes(n - 1) + b'1'))
            for n in (some.randrange(1, 3 * BLOCK) for _ in range(50))
        ]
        self.written(*chunks, holes=True)

    def test_without_the_option_zeros_are_data(self) -> None:
        found = self.written(bytes(4 * BLOCK))
        self.assertEqual(4 * BLOCK, self.taken(found))


class TestAllocation(PartialTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.steps: list[tuple[int, int]] = []
        self.enterContext(mock.patch.object(partial, 'AHEAD_BYTES', 4 * BLOCK))

    def noted(self, _fd: int, offset: int, length: int) -> None:
        self.steps.append((offset, length))

    def test_goes_ahead_in_steps(self) -> None:
        with mock.patch.object(partial, '_fallocate', self.noted):
            self.written(*[bytes(BLOCK)] * 10, b'xy', size=10 * BLOCK + 2)
        starts = [(n * 4 * BLOCK, 4 * BLOCK) for n in (0, 1)]
        self.assertEqual([*starts, (8 * BLOCK, 2 * BLOCK + 2)], self.steps)

    def test_is_not_for_unknown_sizes_nor_for_holes(self) -> None:
        with mock.patch.object(partial, '_fallocate', self.noted):
            self.written(bytes(BLOCK))
            self.written(bytes(BLOCK), size=BLOCK, holes=True)
        self.assertEqual([], self.steps)

    def test_takes_as_much_as_the_file_has(self) -> None:
        found = self.written(*[b'x' * BLOCK] * 6, size=6 * BLOCK)
        self.assertEqual(6 * BLOCK, self.taken(found))

    def test_a_file_system_that_cannot(self) -> None:
        libc = mock.Mock()
        libc.fallocate.side_effect = lambda *_: (
            ctypes.set_errno(errno.EOPNOTSUPP),
            -1,
        )[1]
        with mock.patch.object(partial, '_LIBC', libc):
            self.written(*[b'x' * BLOCK] * 6, size=6 * BLOCK)
        libc.fallocate.assert_called_once()

    def test_a_full_file_system_says_so_first(self) -> None:
        free = os.statvfs(self.directory)
        size = free.f_blocks * free.f_frsize + 1
        with self.assertRaises(OSError) as caught:
            partial.Partial(self.directory, 0o600, size, False, True)
        self.assertEqual(errno.ENOSPC, caught.exception.errno)
        self.assertEqual([], os.listdir(self.directory))
