"""Hand-made heads of disk images, good ones and hostile ones."""

import struct
import uuid

MIB = 1024 * 1024
SECTOR = 512


def qcow2(
    size: int = MIB,
    *,
    version: int = 3,
    backing_offset: int = 0,
    features: int = 0,
) -> bytes:
    head = struct.pack(
        '>4sIQIIQ', b'QFI\xfb', version, backing_offset, 0, 16, size
    )
    return (head.ljust(72, b'\0') + struct.pack('>Q', features)).ljust(
        MIB // 4, b'\0'
    )


def qed() -> bytes:
    return b'QED\0'.ljust(4096, b'\0')


def vhd(size: int = MIB) -> bytes:
    """A dynamic disk: it begins with a copy of its footer."""
    head = b'conectix'.ljust(40, b'\0') + struct.pack('>QQ', size, size)
    return head.ljust(4096, b'\0')


def vdi(size: int = MIB) -> bytes:
    head = b'<<< disk >>>'.ljust(0x40, b'\0') + struct.pack('<I', 0xBEDA107F)
    return (head.ljust(0x170, b'\0') + struct.pack('<Q', size)).ljust(
        4096, b'\0'
    )


def iso(
    blocks: int = 100, *, name: bytes = b'CD001', head: bytes = b''
) -> bytes:
    """An ISO 9660 image of blocks of 2 KiB.

    :param head: what is in the system area
    """
    volume = (b'\1' + name + b'\1').ljust(80, b'\0')
    volume += struct.pack('<L', blocks) + struct.pack('>L', blocks)
    volume = volume.ljust(128, b'\0') + struct.pack('<H', 2048)
    volume += struct.pack('>H', 2048)
    return (head.ljust(32 * 1024, b'\0') + volume).ljust(40 * 1024, b'\0')


def partition(
    kind: int,
    *,
    boot: int = 0,
    chs: bytes = b'\0\2\0',
    start: int = 1,
    sectors: int = 99,
) -> bytes:
    entry = bytes([boot]) + chs + bytes([kind]) + b'\xff' * 3
    return entry + struct.pack('<II', start, sectors)


#: What protects a GPT from tools that know only the MBR.
PROTECTIVE = partition(0xEE)


def mbr(*partitions: bytes, size: int = MIB) -> bytes:
    table = b''.join(partitions).ljust(64, b'\0')
    return (b'\0' * 446 + table + b'\x55\xaa').ljust(size, b'\0')


def fat() -> bytes:
    """The boot sector of a FAT file system ends like an MBR."""
    sector = bytearray(mbr())
    sector[0x10], sector[0x15] = 2, 0xF8
    return bytes(sector)


def luks(
    version: int = 1, *, payload_sectors: int = 8, size: int = MIB
) -> bytes:
    head = struct.pack(
        '>6sH32s32s32sII20s32sI',
        b'LUKS\xba\xbe',
        version,
        b'aes',
        b'xts-plain64',
        b'sha256',
        payload_sectors,
        64,
        b'',
        b'',
        1000,
    )
    return head.ljust(size, b'\0')


def descriptor(
    create_type: str = 'monolithicSparse',
    extent: str = 'RW 2048 SPARSE "disk.vmdk"',
) -> str:
    return (
        '# Disk DescriptorFile\nversion=1\nCID=fffffffe\n'
        f'parentCID=ffffffff\ncreateType="{create_type}"\n\n'
        f'# Extent description\n{extent}\n\n'
        '# The Disk Data Base\nddb.adapterType = "ide"\n'
    )


def _sparse_head(
    sectors: int, desc_at: int, desc_sectors: int, directory: int, version: int
) -> bytes:
    return struct.pack(
        '<4sIIQQQQIQQ',
        b'KDMV',
        version,
        3,
        sectors,
        128,
        desc_at,
        desc_sectors,
        512,
        0,
        directory,
    ).ljust(SECTOR, b'\0')


AT_END = 2**64 - 1


def vmdk(
    size: int = MIB,
    text: str | None = None,
    *,
    version: int = 1,
    desc_at: int = 1,
    desc_sectors: int = 20,
    directory: int = 21,
) -> bytes:
    """A sparse extent with its descriptor."""
    head = _sparse_head(
        size // SECTOR, desc_at, desc_sectors, directory, version
    )
    embedded = (descriptor() if text is None else text).encode()
    return (head + embedded).ljust(64 * 1024, b'\0')


def marker(value: int, size: int, kind: int) -> bytes:
    return struct.pack('<QII', value, size, kind).ljust(SECTOR, b'\0')


def stream_vmdk(
    size: int = MIB,
    *,
    grains: int = 0,
    footer_marker: bytes = marker(1, 0, 3),
    end_marker: bytes = marker(0, 0, 0),
    version: int = 1,
    desc_at: int = 1,
    directory: int = 21,
) -> bytes:
    """A stream-optimised VMDK, whose footer counts instead of its head.

    :param grains: bytes between descriptor and footer
    """
    text = descriptor('streamOptimized')
    footer = _sparse_head(size // SECTOR, desc_at, 20, directory, version)
    return (
        vmdk(size, text, directory=AT_END)
        + b'\xa5' * grains
        + footer_marker
        + footer
        + end_marker
    )


_META = uuid.UUID('8B7CA206-4790-4B9A-B8FE-575F050F886E').bytes_le
_DISK_SIZE = uuid.UUID('2FA54224-CD1B-4876-B211-5DBED83BF4B8').bytes_le


def vhdx(
    size: int = MIB,
    *,
    signature: bytes = b'regi',
    meta_at: int = 2 * MIB,
    entries: int = 1,
    item: bytes = _DISK_SIZE,
    item_bytes: int = 8,
    total: int = 3 * MIB,
) -> bytes:
    """A VHDX with its region table and metadata.

    :param entries: what the metadata say about the number of their items
    """
    data = bytearray(total)
    data[:8] = b'vhdxfile'
    table = signature + struct.pack('<III', 0, 1, 0)
    table += _META + struct.pack('<QII', meta_at, MIB, 1)
    data[192 * 1024 : 192 * 1024 + len(table)] = table
    if meta_at + 70_000 <= total:
        meta = struct.pack('<8sHH', b'metadata', 0, entries).ljust(32, b'\0')
        meta += item + struct.pack('<III', 65_536, item_bytes, 6)
        data[meta_at : meta_at + len(meta)] = meta
        value = meta_at + 65_536
        data[value : value + 8] = struct.pack('<Q', size)
    return bytes(data)
