"""Conversion with the real qemu-img."""

import os
import pathlib
import random
import subprocess
import tempfile
from typing import Any
import unittest
import unittest.mock

from glance.common import errors
from glance.images import formats
from glance.images.importing import plugins
from glance.images.importing import qemu_img
from glance.images.importing.plugins import conversion
from tests import disks
from tests.unit.images.importing import targets

MIB = 1024 * 1024
RULES = formats.FormatRules(False, formats.VMDK_TYPES, ('mbr',))
DISK = random.Random(10).randbytes(MIB) + bytes(3 * MIB)


@unittest.skipIf(qemu_img.is_missing(), 'qemu-img is not installed')
class TestConversion(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name, targets.ID)
        self.container = 'bare'
        self.cap_bytes = 100 * MIB

    def convert(self, declared: str, output: str) -> plugins.Job:
        image: Any = {
            'id': targets.ID,
            'disk_format': declared,
            'container_format': self.container,
        }
        job = plugins.Job(image, (), self.cap_bytes)
        chain = plugins.Chain([conversion.Convert(output, RULES)])
        self.assertTrue(chain.needs_file)
        chain.change(job, self.path)
        return job

    def refused(
        self,
        declared: str,
        pattern: str,
        kind: type[errors.Error] = errors.UnsupportedMediaType,
        output: str = 'raw',
    ) -> None:
        with self.assertRaisesRegex(kind, pattern):
            self.convert(declared, output)
        self.assertEqual([self.path], list(self.path.parent.iterdir()))

    def make(self, disk_format: str, *options: str) -> None:
        """A disk of this format, made by qemu-img."""
        raw = self.path.with_suffix('.raw')
        raw.write_bytes(DISK)
        subprocess.run(
            [
                *('qemu-img', 'convert', '-f', 'raw', '-O', disk_format),
                *options,
                *(str(raw), str(self.path)),
            ],
            check=True,
            capture_output=True,
        )
        raw.unlink()

    def info(self) -> str:
        return subprocess.run(
            ['qemu-img', 'info', str(self.path)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def test_every_format_becomes_raw(self) -> None:
        for name in ('qcow2', 'vmdk', 'vdi', 'vpc', 'vhdx'):
            # VPC sizes are those of geometries otherwise.
            options = ('-o', 'force_size=on') if name == 'vpc' else ()
            with self.subTest(name):
                self.make(name, *options)
                declared = {'vpc': 'vhd'}.get(name, name)
                job = self.convert(declared, 'raw')
                self.assertEqual(
                    {'disk_format': 'raw', 'container_format': 'bare'},
                    job.values,
                )
                self.assertEqual(DISK, self.path.read_bytes())

    def test_raw_becomes_every_output_format(self) -> None:
        for name in ('qcow2', 'vmdk'):
            self.path.write_bytes(DISK)
            job = self.convert('raw', name)
            self.assertEqual(name, job.values['disk_format'])
            self.assertIn(f'file format: {name}', self.info())
            self.assertEqual([self.path], list(self.path.parent.iterdir()))

    def test_the_right_format_stays(self) -> None:
        self.make('qcow2')
        before = self.path.read_bytes()
        self.assertEqual({}, self.convert('qcow2', 'qcow2').values)
        self.assertEqual(before, self.path.read_bytes())

    def test_what_is_no_disk_stays(self) -> None:
        self.path.write_bytes(b'anything')
        for declared in ('iso', 'ami', 'aki', 'ari', 'ploop'):
            self.assertEqual({}, self.convert(declared, 'raw').values)
        self.container = 'ovf'
        self.assertEqual({}, self.convert('qcow2', 'raw').values)
        self.assertEqual(b'anything', self.path.read_bytes())

    def test_other_data_than_declared_is_refused(self) -> None:
        self.make('qcow2')
        self.refused('vmdk', 'disk_format is vmdk')
        self.path.write_bytes(DISK)
        self.refused('qcow2', 'disk_format is qcow2')

    def test_data_that_refers_to_other_files_is_refused(self) -> None:
        self.path.write_bytes(disks.qcow2(backing_offset=512))
        self.refused('qcow2', 'qcow2')
        self.path.write_bytes(disks.qcow2(features=4))  # a data file
        self.refused('qcow2', 'qcow2')

    def test_damaged_data_is_refused_without_names_of_files(self) -> None:
        self.make('qcow2')
        damaged = bytearray(self.path.read_bytes())
        damaged[40:48] = (1).to_bytes(8, 'big')  # where its L1 table is
        self.path.write_bytes(damaged)
        with self.assertLogs(qemu_img.LOG, 'WARNING'):
            self.refused('qcow2', 'cannot convert', errors.BadRequest)

    def test_a_disk_beyond_the_cap_is_refused(self) -> None:
        self.make('qcow2')
        self.cap_bytes = MIB
        self.refused('qcow2', f'limit is {MIB}', errors.LimitExceeded)

    def limited(self, pattern: str, **limits: int) -> None:
        found = qemu_img.Limits(60, qemu_img.MEMORY_BYTES, 100 * MIB)
        with (
            unittest.mock.patch.object(
                qemu_img, 'limits_for', lambda *_: found._replace(**limits)
            ),
            self.assertLogs(qemu_img.LOG, 'WARNING'),
        ):
            self.refused('qcow2', pattern, errors.BadRequest)

    def test_limits_of_the_process_hold(self) -> None:
        self.make('qcow2')
        self.limited('disk space|cannot convert', file_bytes=MIB // 2)
        self.limited('more memory', memory_bytes=30 * MIB)

    def test_a_program_that_hangs_is_ended(self) -> None:
        self.make('qcow2')
        directory = self.path.parent / 'bin'
        directory.mkdir()
        program = directory / 'qemu-img'
        program.write_text('#!/bin/sh\nexec sleep 600\n')
        program.chmod(0o755)
        path = {'PATH': f'{directory}:{os.defpath}'}
        target = self.path.with_suffix('.out')
        with (
            unittest.mock.patch.object(qemu_img, '_ENVIRONMENT', path),
            self.assertLogs(qemu_img.LOG, 'WARNING'),
            self.assertRaisesRegex(errors.BadRequest, 'more than 1 seconds'),
        ):
            qemu_img.convert(
                self.path,
                'qcow2',
                target,
                'raw',
                qemu_img.Limits(1, qemu_img.MEMORY_BYTES, MIB),
            )

    def test_a_missing_program_is_an_operators_fault(self) -> None:
        self.make('qcow2')
        with (
            unittest.mock.patch.object(
                qemu_img, '_ENVIRONMENT', {'PATH': '/nowhere'}
            ),
            self.assertLogs(qemu_img.LOG),
        ):
            self.refused('qcow2', 'qemu-img|conversion', errors.Error)

    def test_what_a_killed_conversion_left_is_removed(self) -> None:
        self.make('qcow2')
        left = self.path.with_name(f'{self.path.name}{conversion.SUFFIX}')
        left.write_bytes(b'x')
        for _ in range(2):
            conversion.remove_scratch(self.path)
            self.assertEqual([self.path], list(self.path.parent.iterdir()))
