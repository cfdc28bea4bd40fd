import io
import logging
import os
import pathlib
import tempfile
import unittest
from unittest import mock

from oslo_config import cfg

from glance.common import config
from glance.common import errors


class TestConfig(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.directory = pathlib.Path(kept.name)
        self.addCleanup(os.umask, os.umask(0o022))
        handlers = logging.getLogger().handlers[:]
        self.addCleanup(
            lambda: logging.getLogger().handlers.__setitem__(
                slice(None), handlers
            )
        )
        self.addCleanup(logging.captureWarnings, False)
        self.conf = self.fresh()

    def fresh(self) -> cfg.ConfigOpts:
        conf = cfg.ConfigOpts()
        config.register(conf, 9292)
        return conf

    def write(self, name: str, *lines: str) -> str:
        path = self.directory / name
        path.write_text('\n'.join(('[DEFAULT]', *lines)))
        return str(path)

    def load(self, *lines: str) -> cfg.ConfigOpts:
        path = self.write('glance-api.conf', *lines)
        conf = self.fresh()
        config.load(conf, ['--config-file', path], 'glance-api', '1.2.3')
        return conf

    def test_defaults_are_those_operators_know(self) -> None:
        conf = self.load()
        self.assertEqual('0.0.0.0', conf.bind_host)
        self.assertEqual(9292, conf.bind_port)
        self.assertIsNone(conf.workers)
        self.assertEqual(4096, conf.backlog)
        self.assertEqual(600, conf.tcp_keepidle)
        self.assertEqual(16384, conf.max_header_line)
        self.assertTrue(conf.http_keepalive)
        self.assertEqual(900, conf.client_socket_timeout)
        self.assertIsNone(conf.paste_deploy.flavor)

    def test_every_help_says_something(self) -> None:
        options = config.server_opts(1) + config.paste_deploy_opts()
        self.assertEqual([], [o.name for o in options if not o.help])

    def test_value_is_checked_before_anyone_reads_it(self) -> None:
        for line in ('workers = -1', 'bind_port = 70000', 'backlog = many'):
            with (
                self.subTest(line=line),
                self.assertRaises(ValueError) as caught,
            ):
                self.load(line)
            self.assertIn(line.split()[0], str(caught.exception))
            self.assertEqual(5, config.exit_code(caught.exception))

    def test_files_of_the_daemon_and_of_the_project(self) -> None:
        self.write('glance.conf', 'backlog = 1', 'workers = 1')
        self.write('glance-registry.conf', 'backlog = 2')
        home = self.directory / 'home'
        (home / '.glance').mkdir(parents=True)
        for name in ('glance.conf', 'glance-registry.conf'):
            (self.directory / name).rename(home / '.glance' / name)
        with mock.patch.dict(os.environ, {'HOME': str(home)}):
            config.load(self.conf, [], 'glance-registry', '1')
        self.assertEqual(2, self.conf.backlog)
        self.assertEqual(1, self.conf.workers)

    def test_files_of_a_distribution_come_first(self) -> None:
        self.write('glance-dist.conf', 'backlog = 1', 'workers = 1')
        self.write('glance-api-dist.conf', 'backlog = 2')
        with mock.patch.object(config, 'DIST_DIRECTORY', str(self.directory)):
            config.load(self.conf, [], 'glance-api', '1')
        self.assertEqual(2, self.conf.backlog)
        self.assertEqual(1, self.conf.workers)

    def test_others_may_not_read_what_is_written(self) -> None:
        self.load()
        self.assertEqual(0o027, os.umask(0o022))

    def test_threads_are_looked_for_where_a_format_names_them(self) -> None:
        self.addCleanup(setattr, logging, 'logThreads', True)
        self.load()
        self.assertFalse(logging.logThreads)
        self.load('logging_debug_format_suffix = %(threadName)s')
        self.assertTrue(logging.logThreads)

    def test_installed_file_is_read_where_the_usual_places_have_none(
        self,
    ) -> None:
        self.write('glance-api.conf', 'backlog = 3')
        home = self.directory / 'home'
        home.mkdir()
        with (
            mock.patch.object(
                config, 'INSTALLED_DIRECTORY', str(self.directory)
            ),
            mock.patch.object(cfg, 'find_config_files', return_value=[]),
        ):
            config.load(self.conf, [], 'glance-api', '1')
        self.assertEqual(3, self.conf.backlog)

    def test_log_that_cannot_be_written_names_the_option(self) -> None:
        for line, name in (
            ('log_file = /nowhere/at/all/api.log', 'log_file'),
            ('log_dir = /nowhere/at/all', 'log_dir'),
            ('log_config_append = /nowhere/at/all', 'log_config_append'),
        ):
            with (
                self.subTest(line),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.load(line)
            said = str(caught.exception)
            self.assertTrue(said.startswith(f'{name} in [DEFAULT]: '), said)
            self.assertIn('/nowhere/at/all', said)
            self.assertNotIn('Errno', said)

    def test_comment_behind_a_value_is_named(self) -> None:
        with self.assertRaises(ValueError) as caught:
            self.load('backlog = 10 # ten')
        with mock.patch('sys.stderr') as stderr:
            config.run_main(mock.Mock(side_effect=caught.exception))
        line = stderr.write.call_args.args[0]
        self.assertIn('backlog', line)
        self.assertIn('10 # ten', line)
        self.assertIn('Put comments on lines of their own.', line)

    def test_help_says_what_it_is_and_where_it_searches(self) -> None:
        with (
            mock.patch('sys.stdout', io.StringIO()) as out,
            self.assertRaises(SystemExit),
        ):
            config.load(
                self.conf,
                ['--help'],
                'glance-api',
                '1',
                description='What this program does.',
            )
        said = ' '.join(out.getvalue().split())
        self.assertIn('What this program does.', said)
        for place in ('~/.glance', '/etc/glance', '/usr/share/glance/'):
            self.assertIn(place, said)

    def test_version(self) -> None:
        with (
            mock.patch('sys.stdout') as out,
            self.assertRaises(SystemExit) as caught,
        ):
            config.load(self.conf, ['--version'], 'glance-api', '1.2.3')
        self.assertEqual(0, caught.exception.code)
        self.assertIn('1.2.3', str(out.mock_calls))


class TestRunMain(unittest.TestCase):
    def run_main(self, error: Exception) -> tuple[int, str]:
        with mock.patch('sys.stderr') as stderr:
            code = config.run_main(mock.Mock(side_effect=error))
        return code, stderr.write.call_args.args[0]

    def test_exit_codes(self) -> None:
        cases = [
            (1, errors.ConfigurationError('bind_port: taken')),
            (1, RuntimeError('no')),
            (1, OSError('no')),
            (1, cfg.ConfigFilesNotFoundError(['/nowhere'])),
        ]
        for code, error in cases:
            with self.subTest(error=error):
                found, line = self.run_main(error)
                self.assertEqual(code, found)
                self.assertTrue(line.startswith('ERROR: '), line)
                self.assertEqual(1, line.count('\n'))

    def test_place_of_a_wrong_value_is_readable(self) -> None:
        place = (
            "LocationInfo(location=<Locations.user: (4, True)>, detail='x')"
        )
        _, line = self.run_main(ValueError(f'option a from {place} is bad'))
        self.assertEqual('ERROR: option a from x is bad\n', line)

    def test_anything_else_is_logged_with_its_traceback(self) -> None:
        with self.assertLogs(config.LOG, logging.CRITICAL) as logs:
            code, line = self.run_main(KeyError('why'))
        self.assertEqual(99, code)
        self.assertIn('Traceback', logs.output[0])
        self.assertEqual("ERROR: 'why'\n", line)

    def test_success(self) -> None:
        self.assertEqual(0, config.run_main(lambda: 0))
