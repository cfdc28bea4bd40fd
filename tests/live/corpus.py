"""Images made by the tools that people make images with."""

from collections.abc import Iterator
import os
import pathlib
import shlex

from tests.live import inputs
from tests.live import processes

MAKE_SECONDS = 120
#: Debian's packages of the programs.
PACKAGES = {
    'qemu-img': 'qemu-utils',
    'mkfs.fat': 'dosfstools',
    'mkfs.ntfs': 'ntfs-3g',
    'mkfs.ext4': 'e2fsprogs',
    'mkswap': 'util-linux',
    'parted': 'parted',
    'sgdisk': 'gdisk',
    'xorriso': 'xorriso',
}
#: What is neither a disk nor an image with a header: a file system, say.
PLAIN = ('raw', 'ami', 'ari', 'aki', 'ploop')
DISK = ('raw', 'gpt')

#: Name, formats that are right, size in KiB, commands; {} is the file.
_MADE = (
    ('ext4', PLAIN, 1024, ('mkfs.ext4 -q -F {}',)),
    ('swap', PLAIN, 1024, ('mkswap -q {}',)),
    ('floppy', PLAIN, 1440, ('mkfs.fat {}',)),
    ('fat12', PLAIN, 1024, ('mkfs.fat -F 12 {}',)),
    ('fat16', PLAIN, 4096, ('mkfs.fat -F 16 -s 1 {}',)),
    ('fat32', PLAIN, 4096, ('mkfs.fat -F 32 -s 1 {}',)),
    ('fat-4k', PLAIN, 4096, ('mkfs.fat -S 4096 {}',)),
    ('ntfs', PLAIN, 2048, ('mkfs.ntfs -F -q {}',)),
    ('ntfs-clusters', PLAIN, 4096, ('mkfs.ntfs -F -q -c 65536 {}',)),
    ('empty-mbr', DISK, 1024, ('parted -s {} mklabel msdos',)),
    (
        'mbr',
        DISK,
        4096,
        ('parted -s {} mklabel msdos mkpart primary ext4 1MiB 3MiB',),
    ),
    ('empty-gpt', DISK, 1024, ('parted -s {} mklabel gpt',)),
    (
        'gpt-boot',
        DISK,
        4096,
        ('parted -s {} mklabel gpt mkpart a 1MiB 3MiB disk_set pmbr_boot on',),
    ),
    ('gpt', DISK, 4096, ('sgdisk -n 1:2048:+1M {}',)),
    (
        'gpt-hybrid',
        DISK,
        4096,
        ('sgdisk -n 1:2048:+512K -n 2:4096:+512K {}', 'sgdisk -h 1:2 {}'),
    ),
    (
        'gpt-hybrid-last',
        DISK,
        4096,
        ('sgdisk -n 1:2048:+512K {}', 'sgdisk -h 1:EE {}'),
    ),
)
_CREATED = (
    ('qcow2', ('qcow2',), 'qcow2', ''),
    ('qcow2-old', ('qcow2',), 'qcow2', 'compat=0.10'),
    ('qcow2-zstd', ('qcow2',), 'qcow2', 'compression_type=zstd'),
    ('qcow2-lazy', ('qcow2',), 'qcow2', 'lazy_refcounts=on'),
    ('qcow2-extended', ('qcow2',), 'qcow2', 'extended_l2=on'),
    ('vdi', ('vdi',), 'vdi', ''),
    ('vdi-static', ('vdi',), 'vdi', 'static=on'),
    ('vhd', ('vhd',), 'vpc', 'force_size=on'),
    ('vhdx', ('vhdx',), 'vhdx', 'block_size=1M'),
    ('vhdx-fixed', ('vhdx',), 'vhdx', 'subformat=fixed,block_size=1M'),
    ('vmdk', ('vmdk',), 'vmdk', ''),
    ('vmdk-stream', ('vmdk',), 'vmdk', 'subformat=streamOptimized'),
    ('vmdk-zeroed', ('vmdk',), 'vmdk', 'zeroed_grain=on'),
    # It begins with the partition table that is on the disk.
    ('vhd-fixed', ('vhd', *DISK), 'vpc', 'subformat=fixed,force_size=on'),
    # qemu reads it as it is; the format is known as ploop's only.
    ('parallels', PLAIN, 'parallels', ''),
    # Never right.
    ('qed', (), 'qed', ''),
    ('qcow', (), 'qcow', ''),
    ('vmdk-flat', (), 'vmdk', 'subformat=monolithicFlat'),
    ('vmdk-split', (), 'vmdk', 'subformat=twoGbMaxExtentSparse'),
)
#: Where Debian's installer has its kernel and its initial RAM disk.
_BOOT = {
    'kernel': '/debian-installer/amd64/linux',
    'ramdisk': '/debian-installer/amd64/initrd.gz',
    'pxelinux': '/debian-installer/amd64/pxelinux.0',
    'grub-efi': '/debian-installer/amd64/bootnetx64.efi',
}

#: A RAM disk is large, and only its head decides.
_MOST_BYTES = 8 << 20

Item = tuple[str, tuple[str, ...], pathlib.Path]


def disks(directory: pathlib.Path) -> Iterator[Item]:
    """File systems, partition tables: name, right formats, file."""
    for name, right, kib, commands in _MADE:
        path = directory / name
        with path.open('wb') as file:
            file.truncate(kib * 1024)
        for command in commands:
            _run(command, path)
        yield name, right, path


def images(directory: pathlib.Path) -> Iterator[Item]:
    """What qemu-img makes of a partitioned disk of 2 MiB."""
    source = directory / 'source'
    with source.open('wb') as file:
        file.truncate(2 << 20)
    _run('parted -s {} mklabel gpt mkpart a 1MiB 1536KiB', source)
    for name, right, driver, options in _CREATED:
        path = directory / name
        words = f'-o {options}' if options else ''
        _run(
            f'qemu-img convert -f raw -O {driver} {words} {source} {{}}', path
        )
        yield name, right, path


def discs(directory: pathlib.Path) -> Iterator[Item]:
    """Disc images: plain, for USB sticks, with a partition table."""
    tree = directory / 'tree'
    tree.mkdir()
    (tree / 'file').write_bytes(b'data')
    for name, options in (
        ('iso', '-r -J'),
        ('iso-partitioned', '-r -append_partition 2 0xef tree/file'),
        ('iso-table', '-r -partition_offset 16'),
    ):
        path = directory / name
        words = options.replace('tree/file', str(tree / 'file'))
        _run(f'xorriso -as mkisofs -quiet {words} -o {{}} {tree}', path)
        yield name, ('iso', 'raw'), path


def boot_files(directory: pathlib.Path) -> Iterator[Item]:
    """What Debian's installer boots, each a raw file as any other."""
    disc = inputs.iso().path
    for name, place in _BOOT.items():
        path = directory / name
        _run(f'xorriso -osirrox on -indev {disc} -extract {place} {{}}', path)
        path.chmod(0o600)
        os.truncate(path, min(path.stat().st_size, _MOST_BYTES))
        yield name, PLAIN, path


def _run(command: str, path: pathlib.Path) -> None:
    program, *words = (
        word.replace('{}', str(path)) for word in shlex.split(command)
    )
    found = processes.find(program, PACKAGES[program])
    processes.run([found, *words], MAKE_SECONDS)
