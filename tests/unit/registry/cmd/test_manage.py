"""glance-manage as operators and their tools call it."""

import contextlib
import functools
import io
import json
import logging
import os
from pathlib import Path
import tempfile
from typing import NamedTuple
import unittest
from unittest import mock

import sqlalchemy as sa

from glance.common import progress
from glance_registry.cmd import manage
from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import models
from tests import databases
from tests.unit.common import test_progress
from tests.unit.registry.db import catalogs

ACTIONS = (
    'version',
    'check',
    'sync',
    'expand',
    'migrate',
    'contract',
    'upgrade',
    'version_control',
    'purge',
    'purge_images_table',
    'load_metadefs',
    'unload_metadefs',
    'export_metadefs',
)


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def _keep_logging(test: unittest.TestCase) -> None:
    """The command sets up logging for a process of its own."""
    root = logging.getLogger()
    test.addCleanup(setattr, root, 'handlers', root.handlers[:])
    test.addCleanup(root.setLevel, root.level)


def _call(*argv: str) -> Outcome:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = manage.main(list(argv))
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


class UsageTest(unittest.TestCase):
    """What needs no database."""

    def setUp(self) -> None:
        super().setUp()
        _keep_logging(self)
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name, '.glance')
        self.home.mkdir()
        # Nothing that is installed here is read.
        patch = mock.patch.dict(os.environ, {'HOME': home.name})
        patch.start()
        self.addCleanup(patch.stop)

    def test_nothing_to_do_is_a_usage_error(self) -> None:
        for argv in ([], ['db']):
            outcome = _call(*argv)
            self.assertEqual(2, outcome.code, argv)
            self.assertIn('version', outcome.err)

    def test_unknown_action_is_a_usage_error(self) -> None:
        for argv in (['db', 'nope'], ['db_nope'], ['nope']):
            self.assertEqual(2, _call(*argv).code, argv)

    def test_help(self) -> None:
        for argv in (['--help'], ['db', '--help'], ['--version']):
            self.assertEqual(0, _call(*argv).code, argv)
        for action in ACTIONS:
            self.assertEqual(0, _call('db', action, '-h').code, action)
            self.assertEqual(0, _call(f'db_{action}', '-h').code, action)

    def test_no_database_is_named(self) -> None:
        empty = self.home / 'empty.conf'
        empty.write_text('')
        outcome = _call('--config-file', str(empty), 'db', 'sync')
        self.assertEqual(1, outcome.code)
        self.assertIn('ERROR: [database] connection', outcome.err)

    def test_absent_file_of_options(self) -> None:
        outcome = _call('--config-file', '/nonexistent', 'db', 'sync')
        self.assertEqual(1, outcome.code)
        self.assertIn('/nonexistent', outcome.err)

    def test_files_that_are_read_by_themselves(self) -> None:
        """glance-registry, then glance-api, then glance-manage."""
        for number, name in enumerate(('registry', 'api', 'manage')):
            path = self.home / f'{number}.sqlite'
            maintenance.engine(f'sqlite:///{path}', create=True)
            Path(self.home, f'glance-{name}.conf').write_text(
                f'[database]\nconnection = sqlite:///{path}\n'
            )
            self.assertEqual(0, _call('db', 'version_control').code)
            self.assertEqual('liberty\n', _call('db', 'version').out)

    def test_directories_that_are_read_by_themselves(self) -> None:
        directory = self.home / 'glance-manage.conf.d'
        directory.mkdir()
        path = self.home / 'x.sqlite'
        (directory / 'x.conf').write_text(
            f'[database]\nconnection = sqlite:///{path}\n'
        )
        self.assertEqual(0, _call('db', 'version_control').code)
        self.assertTrue(path.exists())

    def test_server_that_is_away(self) -> None:
        conf = self.home / 'away.conf'
        conf.write_text(
            '[database]\n'
            'connection = mysql://u:secret@localhost/x?unix_socket=/none\n'
        )
        outcome = _call('--config-file', str(conf), 'db', 'check')
        self.assertEqual(1, outcome.code)
        self.assertIn('ERROR: ', outcome.err)
        self.assertNotIn('secret', outcome.err)


class ActionsTestCase(unittest.TestCase):
    """A database of one kind of engine, and a file that names it."""

    kind = 'sqlite'

    def setUp(self) -> None:
        super().setUp()
        _keep_logging(self)
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.url = stack.enter_context(databases.TemporaryDatabase(self.kind))
        home = stack.enter_context(tempfile.TemporaryDirectory())
        self.conf = Path(home, 'manage.conf')
        self.conf.write_text(f'[database]\nconnection = {self.url}\n')

    def call(self, *argv: str) -> Outcome:
        return _call('--config-file', str(self.conf), *argv)

    def assert_codes(self, *calls: tuple[int, str]) -> None:
        """The exit codes of calls, one after the other, as a table."""
        for code, line in calls:
            outcome = self.call(*line.split())
            self.assertEqual(code, outcome.code, (line, outcome))

    def engine(self) -> sa.Engine:
        return maintenance.engine(self.url, create=True)


class ActionsTest(ActionsTestCase):
    """What each action answers, on one kind of engine."""

    def old(self, age: str) -> sa.Engine:
        engine = self.engine()
        catalogs.make(engine, age)
        catalogs.fill(engine)
        return engine

    def test_new_database(self) -> None:
        outcome = self.call('db', 'version')
        self.assertEqual(0, outcome.code)
        self.assertIn('db sync', outcome.out)
        self.assert_codes(
            (3, 'db check'),
            (1, 'db migrate'),
            (1, 'db contract'),
            (0, 'db expand'),
            (0, 'db expand'),
            (5, 'db check'),
            (0, 'db migrate'),
            (0, 'db contract'),
            (0, 'db check'),
            (0, 'db contract'),
            (0, 'db migrate'),
            (0, 'db expand'),
            (0, 'db sync'),
        )
        self.assertEqual('split_contract04\n', self.call('db_version').out)

    def test_old_database(self) -> None:
        self.old('mitaka02')
        self.assert_codes(
            (3, 'db_check'),
            (1, 'db_migrate'),
            (0, 'db_expand'),
            (4, 'db_check'),
            (1, 'db_contract'),
            (0, 'db_migrate'),
            (5, 'db_check'),
            (0, 'db_contract'),
            (0, 'db_check'),
        )

    def test_lines_of_the_phases(self) -> None:
        self.old('mitaka02')
        outcome = self.call('db', 'expand')
        self.assertIn('Expanded to split_expand04', outcome.out)
        count = len(catalogs.IMAGES)
        # two locations of each image hold the old key
        wanted = f'Migrated {3 * count} rows.\n'
        self.assertEqual(wanted, self.call('db', 'migrate').out)
        self.assertIn('No rows', self.call('db', 'migrate').out)
        outcome = self.call('db', 'contract')
        self.assertIn('Contracted to split_contract04', outcome.out)
        self.assertIn('up to date', self.call('db', 'contract').out)

    def test_sync_tells_what_it_does(self) -> None:
        outcome = self.call('db', 'sync')
        self.assertEqual(0, outcome.code)
        lines = outcome.out.splitlines()
        self.assertEqual('The database is in sync.', lines[-1])
        self.assertEqual(4, len(lines))
        self.assertIn('Running upgrade  -> liberty', outcome.err)
        self.assertIn('Running upgrade 2024_1_contract01 ->', outcome.err)
        again = self.call('db', 'sync')
        self.assertEqual(0, again.code)
        self.assertIn('already up to date', again.out)

    def test_sync_ignores_a_version(self) -> None:
        self.assert_codes((0, 'db sync --version liberty'))
        self.assert_codes((0, 'db_sync liberty mitaka01'), (0, 'db check'))

    def test_old_ids_are_read(self) -> None:
        for age in ('pike01', 'ocata01'):
            engine = self.engine()
            if not migration.version(engine):
                catalogs.make(engine, 'pike_contract01')
            with engine.begin() as connection:
                connection.exec_driver_sql(
                    f"UPDATE alembic_version SET version_num = '{age}'"
                )
            expected = age.replace('01', '_contract01\n')
            self.assertEqual(expected, self.call('db', 'version').out)

    def test_old_numbers(self) -> None:
        catalogs.make_numbered(self.engine(), 41, 'liberty')
        for action in ('version', 'check', 'sync', 'expand'):
            outcome = self.call('db', action)
            self.assertEqual(1, outcome.code, action)
            self.assertIn('ERROR: ', outcome.err)

    def test_upgrade(self) -> None:
        self.assert_codes((1, 'db upgrade nowhere'))
        outcome = self.call('db', 'upgrade', 'queens_expand01')
        self.assertEqual(0, outcome.code)
        self.assertIn('queens_expand01', outcome.out)
        self.assert_codes((0, 'db_upgrade --version queens_contract01'))
        self.assertEqual('queens_contract01\n', self.call('db_version').out)
        outcome = self.call('db', 'upgrade')
        self.assertEqual(0, outcome.code)
        self.assertIn('split_contract04', outcome.out)

    def test_version_control(self) -> None:
        self.assert_codes((1, 'db version_control nowhere'))
        outcome = self.call('db', 'version_control')
        self.assertEqual(0, outcome.code)
        self.assertIn('liberty', outcome.out)
        self.assertEqual('liberty\n', self.call('db', 'version').out)
        self.assert_codes(
            (1, 'db version_control mitaka01'),
            (0, 'db version_control mitaka01 --force'),
            (0, 'db_version_control --force --version mitaka02'),
        )
        self.assertEqual('mitaka02\n', self.call('db', 'version').out)

    def test_progress_of_long_work(self) -> None:
        """A bar on a terminal, which --quiet hides; JSON is the result."""
        self.old('mitaka02')
        self.assertEqual('', self.call('db', 'sync', '--quiet').out)
        for flags, is_shown in (
            ([], True),
            (['--json'], True),
            (['--quiet'], False),
            (['--quiet', '--json'], False),
        ):
            screen = test_progress.Terminal()
            made = functools.partial(progress.Progress, stream=screen)
            with mock.patch.object(progress, 'Progress', made):
                outcome = self.call('db', 'migrate', *flags)
            self.assertEqual(0, outcome.code, outcome)
            self.assertEqual(is_shown, 'rows' in screen.getvalue(), flags)
        self.assertEqual('{"rows": 0}\n', outcome.out)

    def test_purge(self) -> None:
        self.old('2024_1_contract01')
        self.assert_codes((0, 'db sync'))
        for name in ('db purge', 'db_purge'):
            for action in (name, f'{name}_images_table'):
                self.assert_codes(
                    (1, f'{action} --age_in_days -1'),
                    (1, f'{action} -1'),
                    (1, f'{action} 40000'),
                    (1, f'{action} many'),
                    (1, f'{action} 30 few'),
                    (1, f'{action} 30 -2'),
                    (1, f'{action} 30 2147483648'),
                    (1, f'{action} --max_rows 1.5'),
                )
        self.assert_codes(
            (1, 'db purge_images_table'),
            (0, 'db purge 30 1'),
        )
        purged = self.call('db', 'purge', '--max_rows', '-1', '--json')
        document = json.loads(purged.out)
        self.assertGreater(document['rows'], 0)
        self.assertEqual(document['rows'], sum(document['tables'].values()))
        for flags, told in (
            ([], '0 rows were purged.\n'),
            (['--quiet'], ''),
            (['--json'], '{"rows": 0, "tables": {}}\n'),
        ):
            self.assertEqual(told, self.call('db_purge', *flags).out)
        self.assert_codes((0, 'db_purge_images_table 180 -1'))
        with self.engine().connect() as connection:
            rows = connection.execute(sa.select(models.images)).all()
        # The scrubber has not removed its data yet.
        self.assertEqual(
            ['pending_delete'], [row.status for row in rows if row.deleted]
        )
        self.assertIn('restored', [row.checksum for row in rows])


class MysqlActionsTest(ActionsTest):
    kind = 'mysql'


class PostgresqlActionsTest(ActionsTest):
    kind = 'postgresql'
