"""Our verdict on data is no weaker than what qemu makes of them."""

from concurrent import futures
import functools
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import threading
from typing import Any
import unittest

from glance.common import errors
from glance.images import formats
from tests.live import hostile
from tests.live import processes

RULES = formats.FormatRules(
    must_match=False,
    vmdk_types=formats.VMDK_TYPES,
    nonfatal_gpt_checks=('mbr',),
)
#: qemu's name of what an image is declared to be; it guesses for the rest.
DRIVERS = {
    'qcow2': 'qcow2',
    'vmdk': 'vmdk',
    'vhd': 'vpc',
    'vdi': 'vdi',
    'vhdx': 'vhdx',
    'ploop': 'parallels',
}
#: Of each of hostile.seeds, of which most formats have several.
MUTANTS = 120
SEED = 20


class Qemu(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.qemu_img = processes.find('qemu-img', 'qemu-utils')
        cls.directory = processes.private_directory()
        cls.addClassCleanup(shutil.rmtree, cls.directory)

    def info(self, path: pathlib.Path, *options: str) -> dict[str, Any]:
        """What qemu-img says of it; nothing if it cannot open it."""
        result = subprocess.run(
            [self.qemu_img, 'info', '--output=json', *options, path.name],
            capture_output=True,
            cwd=self.directory,
            timeout=60,
            check=False,
        )
        found: dict[str, Any] = json.loads(result.stdout or '{}')
        return found

    def opened_with_other_files(self, declared: str, data: bytes) -> list[str]:
        """The disk_formats with which qemu would open them."""
        path = self.directory / f'{threading.get_ident()}.image'
        path.write_bytes(data)
        guessed = self.info(path)
        if _refers(guessed, path):
            return ['raw', 'iso', 'ami', declared]
        driver = DRIVERS.get(declared)
        if (
            driver is not None
            and guessed.get('format') == 'raw'
            and _refers(self.info(path, '-f', driver), path)
        ):
            return [declared]
        return []

    def judge(
        self, name: str, declared: str, number: int, data: bytes
    ) -> bool:
        """Whether qemu opens the data with other files; then we do not."""
        found = self.opened_with_other_files(declared, data)
        for disk_format in found:
            self.assertTrue(
                _is_refused(disk_format, data),
                f'{name} {number} as {disk_format}: {data[:2000]!r}',
            )
        return bool(found)

    def test_what_qemu_opens_with_other_files_is_refused(self) -> None:
        chance = random.Random(SEED)
        with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, declared, data in hostile.seeds(
                self.directory, self.qemu_img
            ):
                mutants = hostile.mutants(name, data, MUTANTS, chance)
                judge = functools.partial(self.judge, name, declared)
                with self.subTest(name):
                    opened = sum(pool.map(judge, itertools.count(), mutants))
                    least = MUTANTS // 10 if name in hostile.REFERRING else 0
                    self.assertGreaterEqual(opened, least)


def _refers(info: dict[str, Any], path: pathlib.Path) -> bool:
    specific = info.get('format-specific', {}).get('data', {})
    extents = [each.get('filename') for each in specific.get('extents', ())]
    return (
        'backing-filename' in info
        or 'data-file' in specific
        or any(name != path.name for name in extents)
    )


def _is_refused(declared: str, data: bytes) -> bool:
    inspection = formats.Inspection(RULES, declared)
    inspection.feed(memoryview(data))
    try:
        inspection.conclude(len(data))
    except errors.UnsupportedMediaType:
        return True
    return False
