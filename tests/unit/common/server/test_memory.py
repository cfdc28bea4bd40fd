"""Buffers of transfers use the same memory again and again."""

import subprocess
import sys
import unittest

from glance.common import server
from glance.store import frames
from glance.store import rbd_data
from glance.store import readahead
from glance.store import remote

COPIES = """
import collections, resource
from glance.common import server
server.tune_malloc()
piece = b'x' * {size}
waiting = collections.deque(maxlen=4)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range({number}):
    waiting.append(bytes(memoryview(piece)))
print(faults() - before)
"""
UPLOADS = """
import resource
from glance.common import server
server.tune_malloc()
from glance.store import feeding
def held_back(data):
    for _ in feeding.held_back(data):
        pass
def parts(data):
    parts = feeding.Parts(lambda *_: None, lambda _: 2 << 20, 2)
    for number, part in enumerate(parts.fill(data), start=1):
        parts.give(number, part)
    parts.result()
piece = memoryview(bytearray(1 << 20))
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
{name}(piece for _ in range({number}))
print(faults() - before)
"""
NUMBER = 1000
#: A new mapping has one for each page or, with large folios, for each 64 KiB.
FEW = 3


class TestBuffers(unittest.TestCase):
    def faults(self, script: str, **values: object) -> float:
        """Page faults for each of its steps."""
        code = script.format(number=NUMBER, **values)
        done = subprocess.run(
            [sys.executable, '-c', code],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return int(done.stdout) / NUMBER

    def test_pieces_of_transfers_are_not_mapped_anew(self) -> None:
        for size in {
            readahead.PIECE_BYTES,
            remote.PIECE_BYTES,
            frames.MAX_BYTES,
            rbd_data._READ_BYTES,
            rbd_data._WRITE_BYTES,
        }:
            with self.subTest(size):
                self.assertLess(self.faults(COPIES, size=size), FEW)

    def test_memory_of_large_buffers_is_returned(self) -> None:
        found = self.faults(COPIES, size=server.MAPPED_BYTES)
        self.assertGreater(found, FEW)

    def test_copies_of_uploads_are_not_mapped_anew(self) -> None:
        for name in ('held_back', 'parts'):
            with self.subTest(name):
                self.assertLess(self.faults(UPLOADS, name=name), FEW)
