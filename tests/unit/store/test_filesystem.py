import errno
import fcntl
import os
import pathlib
import shutil
import socket
import stat
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.store import base as store_base
from glance.store import filesystem
from tests import base

ID = '7a000000-0000-4000-8000-000000000001'


def nothing() -> None:
    pass


class FilesystemTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.top = pathlib.Path(base.temporary_directory(self))
        self.directory = self.top / 'images'
        self.store = filesystem.FilesystemStore(str(self.directory))

    def names(self) -> list[str]:
        return base.names_in(str(self.directory))


class TestFiles(FilesystemTestCase):
    def test_the_url_is_the_path_of_the_image(self) -> None:
        url = self.store.write(ID, [b'x'], nothing)
        self.assertEqual(f'file://{self.directory}/{ID}', url)
        self.assertEqual(b'x', (self.directory / ID).read_bytes())

    def test_the_url_quotes_odd_directories(self) -> None:
        odd = self.top / 'a b#ü?%41'
        store = filesystem.FilesystemStore(str(odd))
        url = store.write(ID, [b'x'], nothing)
        self.assertNotIn(' ', url)
        self.assertEqual(b'x', b''.join(store.open(url, 0, None)))

    def test_the_mode_does_not_depend_on_the_umask(self) -> None:
        for umask, mode in ((0o077, 0o640), (0, 0o640), (0o022, 0o600)):
            before = os.umask(umask)
            self.addCleanup(os.umask, before)
            store = filesystem.FilesystemStore(str(self.directory), mode)
            store.write(ID, [b'x'], nothing)
            found = stat.S_IMODE((self.directory / ID).stat().st_mode)
            self.assertEqual(mode, found)

    def test_a_mode_that_hides_the_data_is_refused(self) -> None:
        with self.assertRaises(errors.ConfigurationError) as caught:
            filesystem.FilesystemStore(str(self.directory), 0o040)
        self.assertIn('filesystem_store_file_perm', str(caught.exception))

    def test_an_id_is_a_file_name(self) -> None:
        for odd in ('', '..', 'a/b', '../x', 'x\0', 'x\n', 'ü', 'x' * 37):
            with self.subTest(odd), self.assertRaises(errors.NotFound):
                self.store.write(odd, [b'x'], nothing)
            with self.subTest(odd), self.assertRaises(errors.NotFound):
                self.store.delete_unregistered(odd)
        self.assertEqual([], self.names())
        self.assertEqual(['images'], base.names_in(str(self.top)))


class TestLocations(FilesystemTestCase):
    """OSSA-2014-041, OSSA-2015-002: no other file of the host."""

    def check_refused(self, url: str) -> None:
        with self.subTest(url):
            with self.assertRaises(store_base.Elsewhere) as caught:
                self.store.open(url, 0, None)
            self.assertNotIn(str(self.top), str(caught.exception))
            with self.assertRaises(store_base.Elsewhere):
                self.store.delete(url)

    def test_files_outside_are_neither_read_nor_deleted(self) -> None:
        secret = self.top / 'secret'
        secret.write_bytes(b'secret')
        (self.directory / 'sub').mkdir()
        (self.directory / 'sub' / ID).write_bytes(b'secret')
        (self.directory / 'link').symlink_to(self.top)
        for path in (
            secret,
            self.directory / '..' / 'secret',
            self.directory / 'link' / 'secret',
            self.directory / 'sub' / ID,
            self.directory / 'sub' / '..' / '..' / 'secret',
            pathlib.Path('/etc/passwd'),
        ):
            self.check_refused(f'file://{path}')
            self.check_refused(f'filesystem://{path}')
        self.check_refused(f'file://{self.directory}/%2e%2e/secret')
        self.check_refused(f'file://{self.directory}%2F..%2Fsecret')
        self.check_refused(f'file://host{self.directory}/{ID}')
        self.check_refused(f'FILE:{self.directory}')
        self.assertEqual(b'secret', secret.read_bytes())

    def test_the_same_directory_under_another_name(self) -> None:
        """An operator moved the directory and left a link behind."""
        self.store.write(ID, [b'x'], nothing)
        alias = self.top / 'alias'
        alias.symlink_to(self.directory)
        for path in (alias, self.directory / '.' / '..' / 'images'):
            body = self.store.open(f'file://{path}/{ID}', 0, None)
            self.assertEqual(b'x', b''.join(body))

    def test_deleting_a_link_leaves_what_it_points_to(self) -> None:
        target = self.top / 'elsewhere'
        target.write_bytes(b'x')
        (self.directory / ID).symlink_to(target)
        self.store.delete(f'file://{self.directory}/{ID}')
        self.assertEqual([], self.names())
        self.assertEqual(b'x', target.read_bytes())

    def test_a_link_in_the_way_is_not_written_through(self) -> None:
        target = self.top / 'elsewhere'
        target.write_bytes(b'precious')
        (self.directory / ID).symlink_to(target)
        self.store.write(ID, [b'new'], nothing)
        self.assertEqual(b'precious', target.read_bytes())
        self.assertEqual(b'new', (self.directory / ID).read_bytes())

    def put_in_place(self, kind: str) -> str:
        """Something else under an image's name; its URL."""
        path = self.directory / ID
        path.unlink(missing_ok=True)
        if kind == 'link':
            target = self.top / 'secret'
            target.write_bytes(b'secret')
            path.symlink_to(target)
        elif kind == 'dangling link':
            path.symlink_to(self.top / 'nowhere')
        elif kind == 'fifo':
            os.mkfifo(path)
        elif kind == 'socket':
            made = socket.socket(socket.AF_UNIX)
            self.addCleanup(made.close)
            made.bind(str(path))
        else:
            self.make_device(path)
        return f'file://{path}'

    def make_device(self, path: pathlib.Path) -> None:
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        except PermissionError:
            os.mkfifo(path)  # a device needs root

    def test_only_regular_files_are_read(self) -> None:
        """A link leads out, a FIFO waits for ever, a device never ends."""
        for kind in ('link', 'dangling link', 'fifo', 'socket', 'device'):
            with self.subTest(kind):
                url = self.put_in_place(kind)
                for call in (
                    lambda url=url: self.store.open(url, 0, None),
                    lambda url=url: self.store.size(url),
                ):
                    with self.assertRaises(errors.StoreUnavailable) as caught:
                        call()
                    why = str(store_base.reason(caught.exception))
                    self.assertIn('not a regular file', why)
                held = self.store.hold(ID)
                assert held is not None
                held.remove()
                held.close()
                self.assertEqual([], self.names())

    def test_what_is_no_regular_file_is_replaced_and_deleted(self) -> None:
        for kind in ('link', 'dangling link', 'fifo', 'socket', 'device'):
            with self.subTest(kind):
                url = self.put_in_place(kind)
                self.store.write(ID, [b'new'], nothing)
                self.assertEqual(b'new', (self.directory / ID).read_bytes())
                url = self.put_in_place(kind)
                self.store.delete(url)
                self.assertEqual([], self.names())
        self.assertEqual(b'secret', (self.top / 'secret').read_bytes())

    def test_an_unfinished_upload_that_is_none_is_left_alone(self) -> None:
        """No FIFO holds the start up, and no link is followed."""
        target = self.top / 'elsewhere'
        target.write_bytes(b'precious')
        os.mkfifo(self.directory / '.partial-fifo')
        (self.directory / '.partial-link').symlink_to(target)
        (self.directory / '.partial-file').write_bytes(b'x')
        with self.assertLogs(filesystem.LOG, 'WARNING'):
            filesystem.FilesystemStore(str(self.directory))
        self.assertEqual(['.partial-fifo', '.partial-link'], self.names())
        self.assertEqual(b'precious', target.read_bytes())

    def test_a_temporary_name_that_was_replaced_is_not_published(self) -> None:
        target = self.top / 'elsewhere'
        target.write_bytes(b'precious')
        with mock.patch.object(os, 'O_TMPFILE', os.O_DIRECTORY):

            def replace() -> None:
                (name,) = self.directory.glob('.partial-*')
                name.unlink()
                name.symlink_to(target)

            with self.assertRaises(errors.StoreUnavailable):
                self.store.write(ID, [b'x'], replace)
        self.assertEqual([], self.names())
        self.assertEqual(b'precious', target.read_bytes())

    def test_data_of_a_later_writer_stays(self) -> None:
        """On NFS nothing is locked between two steps of a writer."""
        really_link, path = os.link, self.directory / ID

        def overtaken(*args: Any, **options: Any) -> None:
            really_link(*args, **options)
            path.unlink()
            path.write_bytes(b'later')

        def late(*args: Any, **options: Any) -> None:
            if links.pop():
                path.write_bytes(b'earlier')
            really_link(*args, **options)

        with mock.patch.object(os, 'O_TMPFILE', os.O_DIRECTORY):
            with mock.patch.object(os, 'link', overtaken):
                self.store.write(ID, [b'x'], nothing)
            self.assertEqual(b'later', path.read_bytes())
            links = [False, True, True, True]
            with (
                mock.patch.object(os, 'link', late),
                self.assertLogs('glance.store.publishing', 'WARNING'),
            ):
                self.store.write(ID, [b'y'], nothing)
        self.assertEqual(b'y', path.read_bytes())
        self.assertEqual([ID], self.names())

    def test_a_failed_flush_leaves_the_data_of_a_later_writer(self) -> None:
        path, really_sync = self.directory / ID, os.fsync

        def failing(fd: int) -> None:
            if not stat.S_ISDIR(os.fstat(fd).st_mode):
                return really_sync(fd)
            path.unlink()
            path.write_bytes(b'later')
            raise OSError(errno.EIO, 'the disk is broken')

        with (
            mock.patch.object(os, 'fsync', failing),
            self.assertRaises(errors.StoreUnavailable),
        ):
            self.store.write(ID, [b'x'], nothing)
        self.assertEqual(b'later', path.read_bytes())

    def test_a_directory_in_the_way_is_503(self) -> None:
        (self.directory / ID).mkdir()
        with self.assertRaises(errors.StoreUnavailable):
            self.store.write(ID, [b'x'], nothing)
        with self.assertRaises(errors.StoreUnavailable):
            self.store.open(f'file://{self.directory}/{ID}', 0, None)


class TestHeld(FilesystemTestCase):
    """What lies under an image's id is recognised when it is removed."""

    def test_what_replaced_it_stays(self) -> None:
        self.store.write(ID, [b'left'], nothing)
        held = self.store.hold(ID)
        assert held is not None
        self.addCleanup(held.close)
        self.store.write(ID, [b'new'], nothing)
        held.remove()
        self.assertEqual(b'new', (self.directory / ID).read_bytes())

    def test_what_is_gone_is_no_error(self) -> None:
        self.assertIsNone(self.store.hold(ID))
        self.store.write(ID, [b'left'], nothing)
        held = self.store.hold(ID)
        assert held is not None
        self.addCleanup(held.close)
        self.store.delete_unregistered(ID)
        held.remove()

    def test_without_its_directory_nothing_is_known(self) -> None:
        shutil.rmtree(self.directory)
        with self.assertRaises(errors.StoreUnavailable):
            self.store.hold(ID)


class TestIdentity(FilesystemTestCase):
    def test_it_is_the_directorys(self) -> None:
        same = filesystem.FilesystemStore(str(self.directory))
        alias = self.top / 'alias'
        alias.symlink_to(self.directory)
        linked = filesystem.FilesystemStore(str(alias))
        other = filesystem.FilesystemStore(str(self.top / 'other'))
        self.assertEqual(self.store.identity, same.identity)
        self.assertEqual(self.store.identity, linked.identity)
        if self.store.identity is not None:
            self.assertNotEqual(self.store.identity, other.identity)
        self.assertEqual([], self.names())

    def test_a_file_system_without_attributes_has_none(self) -> None:
        trouble = OSError(errno.EOPNOTSUPP, 'not supported')
        with mock.patch.object(os, 'setxattr', side_effect=trouble):
            store = filesystem.FilesystemStore(str(self.top / 'other'))
        self.assertIsNone(store.identity)


class TestTrouble(FilesystemTestCase):
    def check(
        self, function: str, number: int, expected: type[errors.Error]
    ) -> None:
        trouble = OSError(number, os.strerror(number))
        with (
            self.subTest(f'{function} {errno.errorcode[number]}'),
            mock.patch.object(os, function, side_effect=trouble),
        ):
            with self.assertRaises(expected) as caught:
                self.store.write(ID, [b'x'], nothing)
            self.assertNotIn(str(self.top), str(caught.exception))
        self.assertEqual([], self.names())

    def test_a_full_disk_is_413_and_leaves_nothing(self) -> None:
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            for function in ('pwrite', 'fsync', 'link', 'open'):
                self.check(function, number, errors.LimitExceeded)

    def test_a_broken_disk_is_503_and_leaves_nothing(self) -> None:
        for number in (errno.EIO, errno.EROFS, errno.EACCES, errno.ENOENT):
            for function in ('pwrite', 'fsync', 'link', 'open'):
                self.check(function, number, errors.StoreUnavailable)

    def test_short_writes_are_continued(self) -> None:
        really_write = os.pwrite

        def short(fd: int, data: Any, offset: int) -> int:
            return really_write(fd, bytes(data[:7]), offset)

        with mock.patch.object(os, 'pwrite', short):
            self.store.write(ID, [b'0123456789' * 5], nothing)
        self.assertEqual(b'0123456789' * 5, (self.directory / ID).read_bytes())

    def test_the_data_is_on_disk_before_it_has_a_name(self) -> None:
        steps = []
        for name in ('fsync', 'link'):
            real = getattr(os, name)

            def noted(
                *args: Any, name: str = name, real: Any = real, **k: Any
            ) -> Any:
                steps.append(name)
                return real(*args, **k)

            patched = mock.patch.object(os, name, noted)
            patched.start()
            self.addCleanup(patched.stop)
        self.store.write(ID, [b'x'], nothing)
        self.assertEqual(['fsync', 'link', 'fsync'], steps)

    def test_a_directory_that_vanished_is_503(self) -> None:
        shutil.rmtree(self.directory)
        with self.assertRaises(errors.StoreUnavailable):
            self.store.write(ID, [b'x'], nothing)
        with self.assertRaises(errors.NotFound):
            self.store.open(f'file://{self.directory}/{ID}', 0, None)

    def test_no_descriptor_is_left_open(self) -> None:
        self.store.write(ID, [b'x'], nothing)
        url = f'file://{self.directory}/{ID}'
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(5):
            self.store.write(ID, [b'x'], nothing)
            self.store.open(url, 0, None).close()
            with self.assertRaises(errors.StoreUnavailable):
                self.store.open(url, 0, 100)
            with self.assertRaises(RuntimeError):
                self.store.write(ID, self.failing(), nothing)
        self.assertEqual(before, len(os.listdir('/proc/self/fd')))

    def failing(self) -> Any:
        yield b'x'
        raise RuntimeError


class TestStart(FilesystemTestCase):
    def test_the_directory_is_made(self) -> None:
        deep = self.top / 'a' / 'b'
        filesystem.FilesystemStore(str(deep))
        self.assertTrue(deep.is_dir())

    def test_a_file_is_no_directory(self) -> None:
        file = self.top / 'file'
        file.write_bytes(b'')
        for path in (file, file / 'below'):
            with self.assertRaises(errors.ConfigurationError) as caught:
                filesystem.FilesystemStore(str(path))
            self.assertIn('filesystem_store_datadir', str(caught.exception))

    def test_a_directory_that_cannot_be_written_is_refused(self) -> None:
        with (
            mock.patch.object(os, 'access', return_value=False),
            self.assertRaises(errors.ConfigurationError),
        ):
            filesystem.FilesystemStore(str(self.directory))

    def test_leftovers_go_unless_somebody_writes_them(self) -> None:
        (self.directory / ID).write_bytes(b'an image')
        (self.directory / '.partial-old').write_bytes(b'half')
        busy = self.directory / '.partial-busy'
        with busy.open('wb') as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            filesystem.FilesystemStore(str(self.directory))
            self.assertEqual(['.partial-busy', ID], self.names())
        filesystem.FilesystemStore(str(self.directory))
        self.assertEqual([ID], self.names())

    def test_a_leftover_that_another_worker_removed(self) -> None:
        gone = [self.directory / '.partial-gone']
        with mock.patch.object(
            pathlib.Path, 'glob', return_value=gone
        ) as listing:
            filesystem.FilesystemStore(str(self.directory))
        self.assertEqual(1, listing.call_count)
