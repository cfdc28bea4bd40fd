import os
import pathlib
import tempfile
import unittest

from glance.common import filebody


class TestFileBody(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.path = pathlib.Path(kept.name, 'file')
        self.data = os.urandom(3 * filebody.CHUNK_BYTES // 2)
        self.path.write_bytes(self.data)

    def body(self, offset: int, length: int) -> filebody.FileBody:
        body = filebody.FileBody(self.path.open('rb'), offset, length)
        self.addCleanup(body.close)
        return body

    def test_exact_bytes(self) -> None:
        size = len(self.data)
        for offset, length in ((0, size), (1, size - 2), (5, 0), (size, 0)):
            with self.subTest(offset=offset, length=length):
                found = b''.join(self.body(offset, length))
                self.assertEqual(self.data[offset : offset + length], found)

    def test_can_be_iterated_again(self) -> None:
        body = self.body(3, 10)
        self.assertEqual(list(body), list(body))

    def test_chunks_are_small(self) -> None:
        sizes = [len(chunk) for chunk in self.body(0, len(self.data))]
        self.assertLessEqual(max(sizes), filebody.CHUNK_BYTES)

    def test_file_that_is_too_short(self) -> None:
        with self.assertRaises(filebody.TruncatedFile):
            list(self.body(0, len(self.data) + 1))

    def test_close(self) -> None:
        body = self.body(0, 1)
        body.close()
        with self.assertRaises(ValueError):
            body.fileno()
