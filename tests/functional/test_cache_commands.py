"""The commands of the image cache, against both daemons."""

import contextlib
import io
import os
import pathlib
import sys
import time
from typing import Any
import unittest
from unittest import mock

from keystoneauth1 import exceptions
from oslo_config import cfg
from oslo_log import log

from glance.api import caching
from glance.cmd import cache_jobs
from glance.cmd import cache_manage
from tests import base
from tests import loopback
from tests.functional import test_cache

MIB = test_cache.MIB
UNKNOWN = '7a000000-0000-4000-8000-00000000000f'


class TestManage(test_cache.CacheTestCase):
    def setUp(self) -> None:
        super().setUp()
        options = {'oslo_config_config': self.service.conf}
        managing = caching.managing_factory(options)
        self.service.app = managing(self.service.app)
        self.served = loopback.Served(self.service)
        self.addCleanup(self.served.close)
        self.host, _, self.port = self.served.url.partition(':')

    def run_it(self, *argv: str, code: int = 0, said: str = '') -> str:
        """Run the command.

        :param said: input that the operator types
        """
        words = ('-H', self.host, '-p', self.port, *argv)
        return run(words, code, said)

    def test_cached_images(self) -> None:
        self.assertEqual('No cached images.\n', self.run_it('list-cached'))
        image = self.image(data=b'data')
        self.data(image)
        self.assertEqual([image], self.cached())
        lines = self.run_it('list-cached').splitlines()
        self.assertEqual('Found 1 cached images...', lines[0])
        self.assertEqual(
            'ID Last Accessed (UTC) Last Modified (UTC) Size Hits',
            ' '.join(lines[1].split()),
        )
        self.assertRegex(
            lines[3],
            rf'^{image} N/A +{time.gmtime().tm_year}-\S+T\S+ +4 +0$',
        )
        self.data(image)
        self.assertRegex(
            self.run_it('list-cached'),
            rf'{image} (\d+-\d\d-\d\dT\d\d:\d\d:\d\d ){{2}} +4 +1\n',
        )
        self.assertEqual('', self.run_it('-f', 'delete-cached-image', image))
        self.assertEqual([], self.cached())

    def test_queued_images(self) -> None:
        with mock.patch.object(caching.Caching, 'fetch_queued'):
            self.assertEqual('', self.run_it('-f', 'queue-image', UNKNOWN))
        lines = self.run_it('list-queued').splitlines()
        self.assertEqual('Found 1 queued images...', lines[0])
        self.assertEqual(['ID', '-' * 36, UNKNOWN], lines[1:])
        self.run_it('-f', 'delete-queued-image', UNKNOWN)
        self.assertEqual('No queued images.\n', self.run_it('list-queued'))

    def test_verbose_says_what_was_done(self) -> None:
        image = self.image(data=b'data')
        self.data(image)
        self.assertEqual([image], self.cached())
        fetching = mock.patch.object(caching.Caching, 'fetch_queued')
        self.enterContext(fetching)
        for words, expected in (
            (('queue-image', UNKNOWN), f'Queued image {UNKNOWN} for caching'),
            (('delete-queued-image', UNKNOWN), 'Deleted queued image'),
            (('delete-all-queued-images',), 'Deleted 0 queued images'),
            (('delete-all-cached-images',), 'Deleted 1 cached images'),
            (('delete-cached-image', UNKNOWN), 'Deleted cached image'),
        ):
            with self.subTest(words):
                said = self.run_it('-f', '-v', *words)
                self.assertIn(expected, said)
                self.assertRegex(said, r'Completed in \d+\.\d+ sec\.')
                self.assertEqual('', self.run_it('-f', *words))

    def test_questions(self) -> None:
        for said in ('', '\n', 'n\n', 'what\n'):
            found = self.run_it('delete-all-cached-images', said=said)
            self.assertIn('Delete all cached images? [y/N]', found)
        self.assertEqual([], self.served.requests)
        self.run_it('delete-all-cached-images', said='y\n')
        self.assertEqual(
            [('DELETE', '/v2/cached_images')], self.served.requests
        )

    def test_wrong_arguments(self) -> None:
        for words in (
            ('nothing',),
            ('help', 'nothing'),
            ('queue-image',),
            ('queue-image', 'no-uuid'),
            ('queue-image', UNKNOWN, UNKNOWN),
            ('list-cached', UNKNOWN),
        ):
            with self.subTest(words):
                self.assertIn('ERROR: ', self.run_it('-f', *words, code=1))
        self.assertEqual([], self.served.requests)
        self.run_it('--unknown', code=2)
        self.assertIn('IMAGE_ID', self.run_it('help', 'queue-image'))
        self.assertIn('list-queued', self.run_it('help'))

    def test_users_are_refused(self) -> None:
        self.served.caller = 'alice'
        self.assertIn('403', self.run_it('list-cached', code=1))
        with self.assertRaises(exceptions.Forbidden):
            self.run_it('-d', 'list-cached')

    def test_service_without_the_filter(self) -> None:
        served = loopback.Served(self.make_plain())
        self.addCleanup(served.close)
        said = run(('-H', f'http://{served.url}', 'list-cached'), 1)
        self.assertIn('cachemanage', said)

    def make_plain(self) -> base.Service:
        service = base.Service(base.temporary_directory(self))
        self.addCleanup(service.close)
        return service

    def test_service_that_is_down(self) -> None:
        said = run(('-H', '127.0.0.1', '-p', '1', 'list-cached'), 1)
        self.assertIn('127.0.0.1', said)


class TestLogin(unittest.TestCase):
    def login(self, *argv: str, **environment: str) -> Any:
        with mock.patch.dict(os.environ, environment, clear=True):
            options = cache_manage.parser().parse_args(argv)
        return cache_manage._login(options, 'http://here')

    def test_nobody_logs_in_without_a_url(self) -> None:
        self.assertIsNone(self.login())

    def test_token(self) -> None:
        for found in (
            self.login('-A', 'secret'),
            self.login('--os_auth_token', 'secret'),
            self.login(OS_AUTH_TOKEN='secret'),
        ):
            headers = found.get_headers(mock.Mock())
            self.assertEqual({'X-Auth-Token': 'secret'}, headers)

    def test_user(self) -> None:
        url = 'http://keystone/v3'
        user = {'OS_USERNAME': 'alice', 'OS_PASSWORD': 'secret'}
        found = self.login('-N', url, '--os-tenant-name', 'p1', **user)
        self.assertEqual((url, 'p1'), (found.auth_url, found._project_name))
        self.assertEqual('default', found._user_domain_id)
        found = self.login(OS_AUTH_URL=url, OS_TENANT_ID='p2', **user)
        self.assertEqual('p2', found._project_id)

    def test_what_is_missing_is_named(self) -> None:
        with self.assertRaisesRegex(cache_manage.Failure, 'OS_AUTH_URL'):
            self.login('-S', 'keystone')
        with self.assertRaisesRegex(cache_manage.Failure, 'OS_PASSWORD'):
            self.login('-N', 'http://keystone', '-I', 'alice')


class TestJobs(test_cache.CacheTestCase):
    def job(self, work: Any) -> None:
        """Run a job after its configuration was read."""
        with (
            mock.patch.object(
                cache_jobs.registry_access,
                'client',
                lambda _conf: self.service.registry,
            ),
            mock.patch.object(
                cache_jobs.storage,
                'from_conf',
                lambda _conf: self.service.stores,
            ),
        ):
            work(self.service.conf)

    def queue(self, image: str) -> pathlib.Path:
        path = self.cache_directory / 'queue' / image
        path.touch()
        return path

    def test_prefetcher_fetches_what_is_queued(self) -> None:
        image = self.image(data=b'data')
        marks = [self.queue(image), self.queue(UNKNOWN)]
        self.job(cache_jobs._prefetch)
        self.assertEqual(b'data', (self.cache_directory / image).read_bytes())
        self.assertEqual([], [mark for mark in marks if mark.exists()])

    def test_prefetcher_goes_on_after_a_failure(self) -> None:
        image, broken = (self.image(data=b'data') for _ in range(2))
        del self.store.data[broken]
        self.queue(broken)
        self.queue(image)
        with self.assertLogs('glance.cmd.cache_jobs', 'WARNING') as logs:
            self.job(cache_jobs._prefetch)
        self.assertIn('1 images', logs.output[0])
        self.assertEqual([image], self.cached())

    def test_pruner_keeps_the_limit(self) -> None:
        ids = []
        for _ in range(3):
            image = self.image(data=b'x' * MIB)
            self.data(image)
            self.wait_for_fills()
            ids.append(image)
        self.service.conf.set_override('image_cache_max_size', 2 * MIB)
        self.job(cache_jobs._prune)
        self.assertEqual(ids[1:], self.cached())

    def test_cleaner_removes_wrong_and_stalled_data(self) -> None:
        (self.cache_directory / 'incomplete').mkdir()
        for name in ('invalid/x', 'incomplete/old', 'incomplete/new'):
            (self.cache_directory / name).touch()
        os.utime(self.cache_directory / 'incomplete/old', (0, 0))
        self.job(cache_jobs._clean)
        left = [path.name for path in self.cache_directory.glob('in*/*')]
        self.assertEqual(['new'], left)


class TestPrograms(unittest.TestCase):
    """Configuration and exit codes of the three programs."""

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(base.temporary_directory(self))
        self.conf = cfg.ConfigOpts()

    def run_it(self, job: Any, text: str) -> tuple[int, str]:
        path = self.directory / 'glance-cache.conf'
        path.write_text(f'[DEFAULT]\n{text}\n')
        said = io.StringIO()
        argv = ['program', '--config-file', str(path)]
        with (
            mock.patch.object(cache_jobs.cfg, 'CONF', self.conf),
            mock.patch.object(log, 'setup'),
            mock.patch.object(sys, 'argv', argv),
            contextlib.redirect_stderr(said),
        ):
            return job(), said.getvalue()

    def test_directory_must_be_set(self) -> None:
        for job in (cache_jobs.prefetch, cache_jobs.prune, cache_jobs.clean):
            self.conf = cfg.ConfigOpts()
            code, said = self.run_it(job, '')
            self.assertEqual(1, code)
            self.assertIn('image_cache_dir', said)

    def test_directory_must_be_usable(self) -> None:
        (self.directory / 'file').touch()
        code, said = self.run_it(
            cache_jobs.prune, f'image_cache_dir = {self.directory}/file'
        )
        self.assertEqual(1, code)
        self.assertIn('image_cache_dir', said)

    def test_one_pass(self) -> None:
        wrong = self.directory / 'cache/invalid/x'
        wrong.parent.mkdir(parents=True)
        wrong.touch()
        code, said = self.run_it(
            cache_jobs.clean, f'image_cache_dir = {self.directory}/cache'
        )
        self.assertEqual(0, code, said)
        self.assertFalse(wrong.exists())

    def test_both_files_are_read(self) -> None:
        seen: list[str] = []
        with mock.patch.object(
            cfg,
            'find_config_files',
            lambda _project, prog: seen.append(prog) or [f'/etc/{prog}.conf'],
        ):
            found = cache_jobs._found(cache_jobs.config.find_files)
        self.assertEqual(['glance-api', 'glance-cache'], seen)
        self.assertEqual(
            ['/etc/glance-api.conf', '/etc/glance-cache.conf'],
            [path for path in found if path.startswith('/etc/')],
        )


def run(argv: tuple[str, ...], code: int, said: str = '') -> str:
    out = io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        mock.patch.object(sys, 'stdin', io.StringIO(said)),
    ):
        try:
            found = cache_manage.main(argv)
        except SystemExit as end:
            found = int(end.code or 0)
    if found != code:
        raise AssertionError(f'{argv}: {found}: {out.getvalue()}')
    return out.getvalue()
