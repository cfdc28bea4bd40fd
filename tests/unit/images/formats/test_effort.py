"""Nobody looks longer, or holds more, than it needs."""

import random
import resource
import tracemalloc

from glance.common import errors
from glance.images import formats
from tests import disks
from tests.unit.images.formats import inspecting

MIB = 1024 * 1024


class TestEffort(inspecting.FormatsTestCase):
    def bytes_seen(self, declared: str, data: bytes) -> int:
        looking = formats.Inspection(inspecting.RULES, declared)
        seen = 0
        while looking.wants_more and seen < len(data):
            looking.feed(memoryview(data)[seen : seen + 64 * 1024])
            seen += 64 * 1024
        return seen

    def test_bytes_bypass_once_it_is_decided(self) -> None:
        rest = bytes(8 * MIB)
        for name, most in (
            ('qcow2', 256 * 1024),
            ('vdi', 256 * 1024),
            ('iso', 256 * 1024),
            ('gpt', 256 * 1024),
            ('vhdx', 3 * MIB),
        ):
            seen = self.bytes_seen(name, inspecting.GOOD[name][0] + rest)
            self.assertLessEqual(seen, most, name)
        self.assertLessEqual(
            self.bytes_seen('raw', inspecting.RANDOM * 4), 256 * 1024
        )
        self.assertLessEqual(self.bytes_seen('raw', rest), 256 * 1024)
        self.assertLessEqual(self.bytes_seen('raw', b'text\n' * MIB), MIB)

    def test_a_buffer_that_was_looked_at_is_free(self) -> None:
        """What no parser understood is a failure, with frames behind it."""
        good = [data for data, _ in inspecting.GOOD.values()]
        for data in (inspecting.RANDOM, b'VMDK', b'KDMV' * MIB, *good):
            buffer = bytearray(data)
            looking = formats.Inspection(inspecting.RULES, 'raw')
            with memoryview(buffer) as view:
                for start in range(0, len(data), 64 * 1024):
                    with view[start : start + 64 * 1024] as piece:
                        looking.feed(piece)
            buffer.append(1)  # an error as long as anybody looks

    def hostile(self) -> dict[str, bytes]:
        lines = 'a=\n' * 400_000
        return {
            'long descriptor': disks.vmdk(text=lines, desc_sectors=2047),
            'many lines': disks.vmdk(
                text=(disks.descriptor() + lines)[:60_000], desc_sectors=128
            ),
            'text': b'x\n' * 4 * MIB,
            'far metadata': disks.vhdx(meta_at=2**40, total=8 * MIB),
            'late metadata': disks.vhdx(
                meta_at=200 * 1024, entries=2046, total=8 * MIB
            ),
            'many items': disks.vhdx(
                entries=2046, item=bytes(16), total=8 * MIB
            ),
            'endless footer': disks.stream_vmdk(grains=8 * MIB),
        }

    def test_ossa_2016_012_hostile_heads_cost_little(self) -> None:
        for name, data in self.hostile().items():
            self.judge(data)  # what is imported only once
            tracemalloc.start()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
            self.judge(data)
            spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            with self.subTest(name):
                self.assertLess(spent, 2)  # seconds, slowed by tracemalloc
                self.assertLess(peak, 8 * MIB)

    def judge(self, data: bytes) -> None:
        try:
            self.verdict('raw', data)
        except errors.UnsupportedMediaType:
            return

    def test_no_head_makes_an_error_of_ours(self) -> None:
        """Damaged heads: a verdict or a refusal, and nothing else."""
        chance = random.Random(7)
        heads = [data[: 300 * 1024] for data, _ in inspecting.GOOD.values()]
        heads += [disks.vhdx()[: 3 * MIB], disks.stream_vmdk()]
        for _ in range(300):
            damaged = bytearray(chance.choice(heads))
            for _ in range(chance.randrange(1, 20)):
                at = chance.randrange(min(len(damaged), 4096))
                damaged[at] = chance.randrange(256)
            del damaged[chance.randrange(len(damaged)) :]
            self.judge(bytes(damaged))
