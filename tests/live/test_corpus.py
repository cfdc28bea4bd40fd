"""What real tools make is accepted as what it is, and as nothing else.

Debian: dosfstools, gdisk, ntfs-3g, parted, qemu-utils, xorriso.
"""

from collections.abc import Iterator
import json
import shutil
import unittest

from tests.live import corpus
from tests.live import daemons
from tests.live import processes

#: Every disk_format that an image may have here.
FORMATS = (
    *('raw', 'ami', 'ari', 'aki', 'ploop', 'iso', 'gpt', 'luks'),
    *('qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi'),
)
#: With these, every item is tried; the last four know one kind of data.
OFTEN = ('raw', 'ami', 'gpt', 'iso', 'qcow2', 'vmdk')


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.glance = daemons.Glance(
            api={'image_format': {'disk_formats': ','.join(FORMATS)}},
            workers=1,
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def setUp(self) -> None:
        self.directory = processes.private_directory()
        self.addCleanup(shutil.rmtree, self.directory)

    def judge(self, items: Iterator[corpus.Item]) -> None:
        """Upload each item as what it is, and as what it might be called."""
        for name, right, path in items:
            data = path.read_bytes()
            path.unlink()
            accepted = {'raw', *right} if right else set()
            for disk_format in sorted({*right, *OFTEN}):
                with self.subTest(name, disk_format=disk_format):
                    status, body = self.upload(disk_format, data)
                    expected = 204 if disk_format in accepted else 415
                    self.assertEqual(expected, status, body)

    def upload(self, disk_format: str, data: bytes) -> tuple[int, bytes]:
        """Answer and status; an image that was accepted is deleted again."""
        image_id = self.glance.create(disk_format=disk_format)
        path = f'/v2/images/{image_id}'
        status, _, body = self.glance.request(
            'PUT',
            f'{path}/file',
            data,
            content_type='application/octet-stream',
        )
        if status == 204:
            shown = json.loads(self.glance.request('GET', path)[2])
            self.assertEqual(
                ('active', len(data)), (shown['status'], shown['size'])
            )
            self.glance.request('DELETE', path)
        return status, body

    def test_file_systems_and_partition_tables(self) -> None:
        self.judge(corpus.disks(self.directory))

    def test_disk_images(self) -> None:
        self.judge(corpus.images(self.directory))

    def test_discs(self) -> None:
        self.judge(corpus.discs(self.directory))

    def test_boot_files_of_debian(self) -> None:
        self.judge(corpus.boot_files(self.directory))

    def test_no_data(self) -> None:
        """The image of a server that boots from a volume has none."""
        for disk_format in FORMATS:
            self.assertEqual((204, b''), self.upload(disk_format, b''))
