"""Disk images that refer to other files, and damaged ones of every format.

Whatever refers to a file refers to VICTIM, which is there, so that qemu can
open the image.
"""

from collections.abc import Callable, Iterator
import pathlib
import random
import struct
import subprocess

from tests import disks

VICTIM = 'victim'
KIB = 1024
#: Mutations touch the bytes that decide.
_HEAD_BYTES = 640
#: What follows in a VHDX are its blocks.
_MOST_BYTES = 4 * 1024 * KIB
#: Where the text of a sparse VMDK ends.
_TEXT_END = 512 + 20 * 512
_LENGTHS = (60, 90, 200, 511, 512, 513, 1024, 2048, 66_000)

#: What qemu-img makes: a name, the disk_format, options.
_CREATED = (
    ('qcow2-backing', 'qcow2', '-f qcow2 -b {victim} -F raw'),
    (
        'qcow2-old-backing',
        'qcow2',
        '-f qcow2 -o compat=0.10 -b {victim} -Fraw',
    ),
    ('qcow2-data', 'qcow2', '-f qcow2 -o data_file={data},data_file_raw=on'),
    ('qcow2-whole', 'qcow2', '-f qcow2 -o extended_l2=on'),
    ('qcow1', 'qcow2', '-f qcow -b {victim} -F raw'),
    ('qed', 'qcow2', '-f qed -b {victim} -F raw'),
    ('vmdk-parent', 'vmdk', '-f vmdk -b {parent} -F vmdk'),
    ('vmdk-flat', 'vmdk', '-f vmdk -o subformat=monolithicFlat'),
    ('vmdk-split', 'vmdk', '-f vmdk -o subformat=twoGbMaxExtentSparse'),
    ('vmdk-whole', 'vmdk', '-f vmdk -o subformat=monolithicSparse'),
    ('vmdk-stream', 'vmdk', '-f vmdk -o subformat=streamOptimized'),
    ('parallels', 'ploop', '-f parallels'),
    ('vdi', 'vdi', '-f vdi'),
    ('vhd', 'vhd', '-f vpc'),
    ('vhd-fixed', 'vhd', '-f vpc -o subformat=fixed'),
    ('vhdx', 'vhdx', '-f vhdx'),
    ('raw', 'iso', '-f raw'),
)
#: Of these every run must meet mutants that qemu opens with other files.
REFERRING = frozenset(
    (
        *('qcow2-backing', 'qcow2-old-backing', 'qcow2-data', 'qcow1', 'qed'),
        *('vmdk-parent', 'vmdk-flat', 'vmdk-split', 'flat-text'),
        *('no-capacity', 'short-qcow2'),
    )
)

Seed = tuple[str, str, bytes]
Mutation = Callable[[bytes, random.Random], bytes]


def seeds(directory: pathlib.Path, qemu_img: pathlib.Path) -> Iterator[Seed]:
    """Names, disk_formats and data, from qemu-img and made by hand."""
    (directory / VICTIM).write_bytes(b'secret'.ljust(64 * KIB, b'.'))
    parent = directory / 'parent'
    _create(qemu_img, '-f vmdk', parent)
    for name, disk_format, options in _CREATED:
        words = options.format(
            victim=directory / VICTIM,
            data=directory / 'data',
            parent=parent,
        )
        path = directory / name
        _create(qemu_img, words, path)
        yield name, disk_format, path.read_bytes()[:_MOST_BYTES]
    yield 'flat-text', 'vmdk', _flat().encode()
    embedded = _flat().replace('createType=', 'createType#') + 'createType="'
    embedded += 'monolithicSparse"\n'
    yield 'no-capacity', 'vmdk', disks.vmdk(0, embedded)
    yield 'short-qcow2', 'qcow2', _short_qcow2()
    yield 'vhd-parent', 'vhd', disks.vhd(disk_type=4)


def _create(qemu_img: pathlib.Path, words: str, path: pathlib.Path) -> None:
    size = [] if '-b ' in words else ['64K']
    command = [qemu_img, 'create', '-q', *words.split(), path, *size]
    subprocess.run(command, check=True, timeout=60)


def _flat() -> str:
    return disks.descriptor('monolithicFlat', f'RW 128 FLAT "{VICTIM}" 0')


def _short_qcow2() -> bytes:
    """A disk of no bytes in a file of less than a sector."""
    numbers = (2, 80, len(VICTIM), 16, 0, 0, 0, 64 * KIB, 128 * KIB, 1, 0, 0)
    head = struct.pack('>4sIQIIQIIQQIIQ', b'QFI\xfb', *numbers)
    return head.ljust(80, b'\0') + VICTIM.encode()


def mutants(
    name: str, data: bytes, count: int, chance: random.Random
) -> Iterator[bytes]:
    """The data itself, and damaged in at most so many ways."""
    seen = {hash(data)}
    yield data
    mutations: list[Mutation] = [_bytes, _bytes, _cut]
    if name == 'flat-text' or name.startswith(('vmdk', 'no-capacity')):
        mutations += [_words] * 5 + [_before, _sectors]
    for _ in range(count):
        mutant = data
        for _ in range(chance.randrange(1, 4)):
            mutant = chance.choice(mutations)(mutant, chance)
        if hash(mutant) not in seen:
            seen.add(hash(mutant))
            yield mutant


def _bytes(data: bytes, chance: random.Random) -> bytes:
    """One field of the head gets a value that may mean something."""
    at = chance.randrange(min(_HEAD_BYTES, max(len(data), 1)))
    value = chance.choice((b'\0', b'\1', b'\2', b'\4', b'\xff', b'\0' * 8))
    return data[:at] + value + data[at + len(value) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.choice(_LENGTHS)]


#: What a careless parser may take for the same.
_WORDS = (
    (b'=', (b':', b'#', b' ', b'\t', b'\0', b'= ', b' =', b'==')),
    (b'"', (b"'", b' "', b'""', b'\t"')),
    (b'\n', (b'\r\n', b'\n\n', b'\n \n', b'\r', b'\n\t', b' \n', b'\0\n')),
    (b'createType', (b'createtype', b'CREATETYPE', b'# createType', b'x')),
    (b'monolithicSparse', (b'monolithicFlat', b'vmfs', b'custom')),
    (b'monolithicFlat', (b'monolithicSparse', b'vmfs', b'MonolithicFlat')),
    (b'parentFileNameHint', (b'# parentFileNameHint', b'ddb.parentFile')),
    (b'parentCID', (b'parentcid', b'# parentCID')),
    (b'version=1', (b'version=2', b'version=3', b'version=4', b'VERSION=1')),
    (b'RW ', (b'RDONLY ', b'RW\t', b' RW ', b'rw ', b'NOACCESS ')),
    (b'# Disk DescriptorFile', (b'#\0', b'\xff\xfe', b'', b'# \xe4', b' ')),
)


def _in_text(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The descriptor changes; what follows an embedded one stays in place."""
    if not data.startswith(b'KDMV'):
        return change(data)
    text = change(data[512:_TEXT_END].rstrip(b'\0'))
    size = _TEXT_END - 512
    return data[:512] + text.ljust(size, b'\0')[:size] + data[_TEXT_END:]


def _words(data: bytes, chance: random.Random) -> bytes:
    """One occurrence of a word in the text becomes another."""
    word, others = chance.choice(_WORDS)
    other = chance.choice(others)

    def change(text: bytes) -> bytes:
        count = text.count(word)
        before = text.split(word, chance.randrange(count) if count else 0)
        return word.join(before[:-1] + [before[-1].replace(word, other, 1)])

    return _in_text(data, change)


def _before(data: bytes, chance: random.Random) -> bytes:
    """Something that parsers skip comes before the text."""
    skipped = chance.choice(
        (
            *(b'#\x01\x02\x1b\n', b'\n', b'  \n', b' \r\n', b'\r\n', b'\t\n'),
            *(b'#' + b'\0' * 99 + b'\n', b'#' * 300 + b'\n', b'\v'),
        )
    )
    return _in_text(data, lambda text: skipped + text)


def _sectors(data: bytes, chance: random.Random) -> bytes:
    """The header of a sparse file counts fewer sectors, or none."""
    at = chance.choice((12, 28, 36))  # capacity, descriptor: where, how long
    value = chance.choice((0, 1, 2, 20, 2**40)).to_bytes(8, 'little')
    return data[:at] + value + data[at + 8 :]
