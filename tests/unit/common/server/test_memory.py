"""Buffers of downloads use the same memory again and again."""

import subprocess
import sys
import unittest

from glance.common import server
from glance.store import rbd_data
from glance.store import readahead
from glance.store import remote

COPIES = """
import collections, resource
from glance.common import server
server.patch()
piece = b'x' * {size}
waiting = collections.deque(maxlen=4)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range({number}):
    waiting.append(bytes(memoryview(piece)))
print(faults() - before)
"""
NUMBER = 200
#: A new mapping has one for each page or, with large folios, for each 64 KiB.
FEW = 3


class TestBuffers(unittest.TestCase):
    def faults(self, size: int) -> float:
        """Page faults for each copy of so many bytes."""
        done = subprocess.run(
            [sys.executable, '-c', COPIES.format(size=size, number=NUMBER)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout) / NUMBER

    def test_pieces_of_downloads_are_not_mapped_anew(self) -> None:
        for size in {
            readahead.PIECE_BYTES,
            remote.PIECE_BYTES,
            rbd_data._READ_BYTES,
        }:
            with self.subTest(size):
                self.assertLess(self.faults(size), FEW)

    def test_memory_of_large_buffers_is_returned(self) -> None:
        self.assertGreater(self.faults(server.MAPPED_BYTES), FEW)
