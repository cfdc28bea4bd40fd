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
    extensions: bytes = b'',
) -> bytes:
    """:param extensions: what follows the header"""
    head = struct.pack(
        '>4sIQIIQ', b'QFI\xfb', version, backing_offset, 0, 16, size
    ).ljust(72, b'\0')
    if version != 2:
        head += struct.pack('>QQQII', features, 0, 0, 4, 104)
    return (head + extensions).ljust(MIB // 4, b'\0')


def qed() -> bytes:
    return b'QED\0'.ljust(4096, b'\0')


def vhd_footer(size: int = MIB, disk_type: int = 3) -> bytes:
    """What ends every VHD. 2: fixed, 3: dynamic, 4: of a parent."""
    footer = b'conectix' + struct.pack('>IIQ', 2, 0x10000, 512)
    footer = footer.ljust(40, b'\0') + struct.pack('>QQ', size, size)
    footer = footer.ljust(60, b'\0') + struct.pack('>I', disk_type)
    checksum = 0xFFFFFFFF & ~sum(footer)
    return (footer + struct.pack('>I', checksum)).ljust(SECTOR, b'\0')


def vhd(size: int = MIB, disk_type: int = 3) -> bytes:
    """A dynamic disk: it begins with a copy of its footer."""
    footer = vhd_footer(size, disk_type)
    table = struct.pack('>8sQQII', b'cxsparse', 2**64 - 1, 1536, 0x10000, 1)
    head = footer + table.ljust(1024, b'\0') + struct.pack('>I', 2**32 - 1)
    return head.ljust(4096 - SECTOR, b'\0') + footer


def vdi(
    size: int = MIB,
    image_type: int = 1,
    *,
    version: int = 0x10001,
    parent: bytes = b'',
) -> bytes:
    """:param image_type: 1: dynamic, 2: fixed, 3 and 4: of a parent"""
    head = b'<<< disk >>>'.ljust(0x40, b'\0')
    head += struct.pack('<IIII', 0xBEDA107F, version, 0x180, image_type)
    head = head.ljust(0x154, b'\0') + struct.pack('<II', 512, 1024)
    head = head.ljust(0x168, b'\0') + struct.pack('<I', 512)
    blocks = -(-size // MIB) % 2**32
    head = head.ljust(0x170, b'\0') + struct.pack('<QII', size, MIB, 0)
    head += struct.pack('<II', blocks, 0)
    head = head.ljust(0x1B8, b'\0') + parent.ljust(16, b'\0')
    return (head.ljust(512, b'\0') + b'\xff' * 4 * min(blocks, 128)).ljust(
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


def boot_sector(jump: bytes, system: bytes, cluster: int = 1) -> bytes:
    """A file system's; where a partition table would be, it has code.

    :param cluster: sectors in one
    """
    sector = jump + system.ljust(8) + struct.pack('<HB', 512, cluster)
    if not cluster:
        sector = sector[:11] + bytes(3)
    sector = sector.ljust(446, b'\0') + bytes(range(1, 65)) + b'\x55\xaa'
    return sector.ljust(MIB, b'\0')


def kernel() -> bytes:
    """The head of a Linux for x86 that is an EFI program too."""
    sector = b'MZ'.ljust(446, b'\0') + bytes(range(1, 65)) + b'\x55\xaa'
    return (sector + b'\xeb\x66HdrS\x0f\x02').ljust(MIB, b'\0')


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
    text: str | bytes | None = None,
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
    embedded = descriptor() if text is None else text
    if isinstance(embedded, str):
        embedded = embedded.encode()
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
    footer_size: int | None = None,
    text: str | None = None,
) -> bytes:
    """A stream-optimised VMDK, whose footer counts instead of its head.

    :param grains: bytes between descriptor and footer
    """
    if text is None:
        text = descriptor('streamOptimized')
    if footer_size is None:
        footer_size = size
    footer = _sparse_head(
        footer_size // SECTOR, desc_at, 20, directory, version
    )
    return (
        vmdk(size, text, directory=AT_END)
        + b'\xa5' * grains
        + footer_marker
        + footer
        + end_marker
    )


_META = uuid.UUID('8B7CA206-4790-4B9A-B8FE-575F050F886E').bytes_le
_FILE_PARAMETERS = uuid.UUID('CAA16737-FA36-4D43-B3B6-33F0AA44E76B').bytes_le
_DISK_SIZE = uuid.UUID('2FA54224-CD1B-4876-B211-5DBED83BF4B8').bytes_le


#: An item of the metadata that only disks with a parent have.
PARENT_LOCATOR = uuid.UUID('A8D35F2D-B30B-454D-ABF7-D3D84834AB0C').bytes_le


def vhdx(
    size: int = MIB,
    *,
    signature: bytes = b'regi',
    meta_at: int = 2 * MIB,
    entries: int = 2,
    item: bytes = _DISK_SIZE,
    item_bytes: int = 8,
    parameters: bytes = _FILE_PARAMETERS,
    parameter_bits: int = 0,
    more_items: bytes = b'',
    log_id: bytes = b'',
    regions_again: bytes = b'',
    total: int = 3 * MIB,
) -> bytes:
    """A VHDX with its region table and metadata.

    :param entries: what the metadata say about the number of their items
    :param parameter_bits: 2: the disk has a parent
    :param log_id: names a log that was not replayed yet
    """
    data = bytearray(total)
    data[:8] = b'vhdxfile'
    header = b'head'.ljust(48, b'\0') + log_id
    data[128 * 1024 : 128 * 1024 + len(header)] = header
    table = signature + struct.pack('<III', 0, 1, 0)
    table += _META + struct.pack('<QII', meta_at, MIB, 1)
    data[192 * 1024 : 192 * 1024 + len(table)] = table
    data[256 * 1024 : 256 * 1024 + len(regions_again)] = regions_again
    if meta_at + 70_000 <= total:
        meta = struct.pack('<8sHH', b'metadata', 0, entries).ljust(32, b'\0')
        meta += item + struct.pack('<IIII', 65_536, item_bytes, 6, 0)
        meta += parameters + struct.pack('<IIII', 65_544, 8, 4, 0)
        meta += more_items
        data[meta_at : meta_at + len(meta)] = meta
        values = struct.pack('<QII', size, MIB, parameter_bits)
        data[meta_at + 65_536 : meta_at + 65_536 + len(values)] = values
    return bytes(data)
