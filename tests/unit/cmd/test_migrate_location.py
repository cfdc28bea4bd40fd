"""``glance-manage db migrate_location``: what glance-manage passes on."""

import contextlib
import io
import sys
import unittest
from unittest import mock

from oslo_config import cfg

from glance.cmd import migrate_location
from glance_registry.cmd import manage
from glance_registry.cmd import moving
from tests import base


class TestMigrateLocation(unittest.TestCase):
    def started(self, *line: str) -> list[str]:
        """Run glance-manage; return the command line that it starts."""
        with mock.patch.object(moving.os, 'execv') as started:
            started.side_effect = InterruptedError
            self.assertEqual(1, manage.main(list(line)))
        (path, command), _ = started.call_args
        self.assertEqual(sys.executable, path)
        return list(command[1:])

    def test_each_flag_is_passed_on(self) -> None:
        file = base.temporary_directory(self) + '/glance-api.conf'
        with open(file, 'w', encoding='utf-8') as opened:
            opened.write('[DEFAULT]\n')
        for name in (('db', 'migrate_location'), ('db_migrate_location',)):
            command = self.started(
                *('--config-file', file, *name, '--from', 'a', '--to', 'b'),
                *('--delete', '--rate', '5', '--dry-run', 'id-1', 'id-2'),
                *('--quiet', '--json'),
            )
            module = ['-m', migrate_location.__name__]
            flags = [f'--config-file={file}', '--from=a', '--to=b']
            self.assertEqual(
                [
                    *module,
                    *flags,
                    *('--rate=5', '--delete', '--dry-run', '--quiet'),
                    *('--json', 'id-1', 'id-2'),
                ],
                command,
            )

    def test_files_that_are_not_named_are_those_of_the_api(self) -> None:
        command = self.started('db', 'migrate_location', '--from=a', '--to=b')
        self.assertEqual(['--from=a', '--to=b'], command[2:])

    def test_the_program_understands_what_it_gets(self) -> None:
        conf = cfg.ConfigOpts()
        conf.register_cli_opts(migrate_location.FLAGS)
        conf(
            [
                *('--from=a', '--to=b', '--rate=5', '--delete', '--dry-run'),
                *('--quiet', '--json', 'x'),
            ],
            default_config_files=[],
        )
        self.assertEqual(
            ('a', 'b', 5.0, True, True, ['x']),
            (
                *(conf.old_store, conf.new_store, conf.rate),
                *(conf.delete, conf.dry_run, conf.image_ids),
            ),
        )

    def test_wrong_flags_are_refused(self) -> None:
        for line in (('--from=a',), ('--to=a',)):
            with (
                contextlib.redirect_stderr(io.StringIO()),
                self.assertRaises(SystemExit),
            ):
                manage.main(['db', 'migrate_location', *line])
