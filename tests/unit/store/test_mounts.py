"""Mount options that break a promise of the file store."""

import os
import pathlib
import time
import unittest
from unittest import mock

from glance.store import filesystem
from glance.store import mounts
from glance.store import partial
from tests import base

_INFO = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,soft
60 21 0:45 / /a rw,relatime shared:3 - nfs nas:/a rw,vers=3,nolock,hard
61 21 0:46 / /b rw - nfs4 nas:/b rw,vers=4.2,soft,nocto,local_lock=none
62 21 0:47 / /c rw - nfs4 nas:/c rw,vers=4.2,hard,local_lock=flock
63 21 0:48 / /d rw - nfs4
"""


class TestMounts(unittest.TestCase):
    def _troubles(self, device: str) -> list[str]:
        return mounts.find(_INFO, device).troubles()

    def test_options_that_break_a_promise_are_told(self) -> None:
        (told,) = self._troubles('0:45')
        self.assertTrue(told.startswith('nolock: hosts do not see'), told)
        soft, nocto = self._troubles('0:46')
        self.assertIn('mount it with hard', soft)
        self.assertIn('mount it without nocto', nocto)
        (told,) = self._troubles('0:47')
        self.assertTrue(told.startswith('local_lock=flock: '), told)

    def test_other_mounts_have_no_trouble(self) -> None:
        for device in ('8:1', '0:48', '9:9'):
            self.assertEqual([], self._troubles(device))
            self.assertFalse(mounts.find(_INFO, device).has_local_locks)
        self.assertTrue(mounts.find(_INFO, '0:45').has_local_locks)
        self.assertFalse(mounts.find(_INFO, '0:46').has_local_locks)

    def test_the_mount_of_a_directory_is_found(self) -> None:
        self.assertEqual('proc', mounts.of(pathlib.Path('/proc')).kind)


class TestLocalLocks(unittest.TestCase):
    def test_a_new_file_of_another_host_is_not_removed(self) -> None:
        directory = pathlib.Path(base.temporary_directory(self))
        new = directory / f'{partial.PREFIX}new'
        old = directory / f'{partial.PREFIX}old'
        for path in (new, old):
            path.write_bytes(b'x')
        day_ago = time.time() - 25 * 60 * 60
        os.utime(old, (day_ago, day_ago))
        found = mounts.Mount('nfs', frozenset(('nolock',)))
        with (
            mock.patch.object(mounts, 'of', return_value=found),
            self.assertLogs(filesystem.LOG, 'WARNING') as logged,
        ):
            filesystem.FilesystemStore(str(directory))
        self.assertEqual([new.name], base.names_in(str(directory)))
        self.assertIn('is mounted with nolock', '\n'.join(logged.output))
        filesystem.FilesystemStore(str(directory))
        self.assertEqual([], base.names_in(str(directory)))
