"""What qemu-img makes (Debian: qemu-utils)."""

import os
import shutil
import subprocess
import unittest

from tests import base
from tests.unit.images.formats import inspecting

MIB = 1024 * 1024


@unittest.skipUnless(shutil.which('qemu-img'), 'qemu-img is not installed')
class TestRealImages(inspecting.FormatsTestCase):
    SIZE = 10 * MIB

    def made(self, kind: str, options: str = '') -> bytes:
        path = os.path.join(base.temporary_directory(self), 'disk')
        source = f'{path}.raw'
        with open(source, 'wb') as file:
            file.truncate(self.SIZE)
            file.seek(3 * MIB)
            file.write(inspecting.RANDOM[:MIB])
        command = ['qemu-img', 'convert', '-f', 'raw', '-O', kind]
        command += ['-o', options] if options else []
        subprocess.run([*command, source, path], check=True)
        with open(path, 'rb') as file:
            return file.read()

    def test_every_kind(self) -> None:
        for declared, kind, options in (
            ('qcow2', 'qcow2', ''),
            ('qcow2', 'qcow2', 'compat=0.10'),
            ('qcow2', 'qcow2', 'compression_type=zstd,cluster_size=4096'),
            ('vdi', 'vdi', ''),
            ('vhd', 'vpc', 'subformat=dynamic,force_size=on'),
            ('vhdx', 'vhdx', ''),
            ('vhdx', 'vhdx', 'log_size=4194304,block_size=8388608'),
            ('vmdk', 'vmdk', 'subformat=monolithicSparse'),
            ('vmdk', 'vmdk', 'subformat=streamOptimized'),
        ):
            with self.subTest(kind, options=options):
                data = self.made(kind, options)
                for piece_bytes in (MIB, 256 * 1024):
                    found = self.verdict(
                        declared, data, piece_bytes=piece_bytes
                    )
                    self.assertEqual(self.SIZE, found)

    def test_refused_ones(self) -> None:
        flat = self.made('vmdk', 'subformat=monolithicFlat')
        self.assert_refused('in other files', 'vmdk', flat)
        self.assert_refused('not allowed', 'raw', self.made('qed'))

    def test_qcow2_with_other_files(self) -> None:
        directory = base.temporary_directory(self)
        top, below = (os.path.join(directory, name) for name in 'ab')
        create = ['qemu-img', 'create', '-q', '-f', 'qcow2']
        for why, command in (
            ('data_file', ['-o', f'data_file={below}', top, '1M']),
            ('backing_file', ['-b', below, '-F', 'raw', top]),
        ):
            subprocess.run([*create, *command], check=True)
            with open(top, 'rb') as file:
                self.assert_refused(why, 'qcow2', file.read())
            os.unlink(top)
