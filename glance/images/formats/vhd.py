"""VHD: a footer at the end, and in dynamic disks a copy at the beginning."""

import struct

from glance.images.formats import kinds
from glance.images.formats import sample

MAGIC = b'conectix'
_FIXED = 2
_DYNAMIC = 3
#: Footers from before 2004 are one byte shorter.
_FOOTER_BYTES = (512, 511)


class Vhd:
    """Dynamic disks and, if declared as VHD, fixed ones.

    A fixed disk begins like a raw one. So a program takes it for a raw disk
    unless it is told the format.

    :param is_declared: the reader will be told that the data is VHD
    """

    name = 'vhd'

    def __init__(self, is_declared: bool) -> None:
        self._is_declared = is_declared

    def matches(self, data: sample.Sample) -> bool:
        return data.head.startswith(MAGIC) or (
            self._is_declared and bool(_footers(data))
        )

    def is_fixed(self, data: sample.Sample) -> bool:
        return not data.head.startswith(MAGIC)

    def check(self, data: sample.Sample, rules: kinds.FormatRules) -> None:
        right = _FIXED if self.is_fixed(data) else _DYNAMIC
        footers = _footers(data)
        if right == _DYNAMIC:
            footers.append(bytes(data.head[:512]))
        if data.size_bytes < max(_FOOTER_BYTES):
            raise kinds.Unsafe('the data ends before its footer does')
        for footer in footers:
            (disk_type,) = struct.unpack_from('>I', footer, 60)
            if disk_type != right:
                raise kinds.Unsafe(
                    f'it has the disk type {disk_type} (4: its data is in a '
                    f'parent) where only {right} is accepted'
                )

    def virtual_size(self, data: sample.Sample) -> int | None:
        if self.is_fixed(data):
            return data.size_bytes - len(_footers(data)[0])
        (size,) = struct.unpack_from('>Q', data.head, 48)
        return int(size)


def _footers(data: sample.Sample) -> list[bytes]:
    ends = (data.tail[-size:] for size in _FOOTER_BYTES)
    return [end for end in ends if end.startswith(MAGIC)]
