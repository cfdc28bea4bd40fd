"""A partition table: an MBR, or the protective MBR of a GPT.

A boot sector ends with ``55 AA``, but many kinds of data begin with a boot
sector. Other bytes of it show whether its end is a partition table or boot
code of something else.
"""

import logging
import struct

from glance.images.formats import kinds
from glance.images.formats import sample

LOG = logging.getLogger(__name__)

_TABLE_AT = 446
_GPT = 0xEE
_SECTOR_BYTES = (512, 1024, 2048, 4096)
#: File systems that have a parameter block of their own format.
_SYSTEMS = (b'NTFS    ', b'EXFAT   ', b'-FVE-FS-')


class Gpt:
    """A disk with partitions, or with an empty partition table."""

    name = 'gpt'

    def matches(self, data: sample.Sample) -> bool:
        return (
            data.head[510:512] == b'\x55\xaa'
            and not _is_kernel(data.head)
            and not _is_file_system(data.head)
        )

    def check(self, data: sample.Sample, rules: kinds.FormatRules) -> None:
        why = _contradiction(data.head)
        if why is None:
            return
        if 'mbr' not in rules.nonfatal_gpt_checks:
            raise kinds.Unsafe(f'mbr ({why})')
        LOG.warning(
            'Accepted image data with an unsafe partition table '
            '(gpt_safety_checks_nonfatal): %s',
            why,
        )

    def virtual_size(self, data: sample.Sample) -> int | None:
        return data.size_bytes


def _is_kernel(head: bytearray) -> bool:
    """Linux for x86 has its setup header after the boot sector."""
    return head[0x202:0x206] == b'HdrS'


def _is_file_system(head: bytearray) -> bool:
    """A volume of FAT, NTFS or similar: a jump, then parameters."""
    if head[0] != 0xE9 and (head[0] != 0xEB or head[2] != 0x90):
        return False
    sector_bytes, cluster = struct.unpack_from('<HB', head, 11)
    return head[3:11] in _SYSTEMS or (
        sector_bytes in _SECTOR_BYTES
        and cluster > 0
        and cluster & (cluster - 1) == 0
    )


def _contradiction(head: bytearray) -> str | None:
    """Why the table is invalid; None if it is valid."""
    table = [
        struct.unpack_from('<B3xB3xII', head, _TABLE_AT + 16 * number)
        for number in range(4)
    ]
    for number, (boot, _, _, _) in enumerate(table):
        if boot not in (0, 0x80):
            return f'partition {number} has the invalid boot flag {boot:#04x}'
    starts = [start for _, kind, start, _ in table if kind == _GPT]
    if starts and 1 not in starts:
        return 'the GPT does not have the start LBA 1'
    return None
