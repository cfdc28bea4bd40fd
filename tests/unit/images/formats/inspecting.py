"""Good data of every format, and what an inspection says of it."""

import random
from typing import Any
import unittest

from glance.common import errors
from glance.images import formats
from tests import disks

MIB = 1024 * 1024
RULES = formats.FormatRules(
    must_match=True,
    vmdk_types=frozenset(('streamoptimized', 'monolithicsparse')),
    nonfatal_gpt_checks=frozenset(),
)
RANDOM = b'\0' + random.Random(1).randbytes(2 * MIB - 1)
#: Good data of every format, and the size of the disk it describes.
GOOD: dict[str, tuple[bytes, int]] = {
    'qcow2': (disks.qcow2(5 * MIB), 5 * MIB),
    'vhd': (disks.vhd(6 * MIB), 6 * MIB),
    'vhdx': (disks.vhdx(7 * MIB), 7 * MIB),
    'vmdk': (disks.vmdk(8 * MIB), 8 * MIB),
    'vdi': (disks.vdi(9 * MIB), 9 * MIB),
    'iso': (disks.iso(100), 100 * 2048),
    'gpt': (disks.mbr(disks.PROTECTIVE, size=3 * MIB), 3 * MIB),
    'luks': (disks.luks(payload_sectors=8), MIB - 4096),
}


class FormatsTestCase(unittest.TestCase):
    def verdict(
        self,
        declared: str | None,
        data: bytes,
        *,
        piece_bytes: int = MIB,
        **rules: Any,
    ) -> int | None:
        """The virtual size, of data that comes in pieces."""
        looking = formats.Inspection(RULES._replace(**rules), declared)
        view = memoryview(data)
        while view:
            if looking.wants_more:
                looking.feed(view[:piece_bytes])
            view = view[piece_bytes:]
        return looking.conclude(len(data))

    def assert_refused(
        self, why: str, declared: str, data: bytes, **rules: Any
    ) -> None:
        with self.assertRaisesRegex(errors.UnsupportedMediaType, why):
            self.verdict(declared, data, **rules)
