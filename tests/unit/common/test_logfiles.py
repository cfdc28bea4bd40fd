"""Log files that commands of root make belong to the service."""

import os
import pathlib
import unittest

from oslo_config import cfg
from oslo_log import log

from glance.common import logfiles
from tests import base

NOBODY = 65534


@unittest.skipIf(os.getuid(), 'only root gives files away')
class TestLogFiles(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(base.temporary_directory(self))
        os.chown(self.directory, NOBODY, NOBODY)

    def prepare(self, **options: str) -> None:
        conf = cfg.ConfigOpts()
        log.register_options(conf)
        conf([], project='glance')
        for name, value in options.items():
            conf.set_override(name, value)
        logfiles.prepare(conf)

    def test_new_file_belongs_to_the_owner_of_the_directory(self) -> None:
        path = self.directory / 'api.log'
        self.prepare(log_file=str(path))
        self.assertEqual(NOBODY, path.stat().st_uid)
        self.assertEqual(0, path.stat().st_mode & 0o007)

    def test_name_in_the_directory_of_logs(self) -> None:
        self.prepare(log_dir=str(self.directory), log_file='a.log')
        self.prepare(log_dir=str(self.directory))
        for path in self.directory.iterdir():
            self.assertEqual(NOBODY, path.stat().st_uid, path)
        self.assertEqual(2, len([*self.directory.iterdir()]))

    def test_file_that_is_there_and_directory_that_is_not(self) -> None:
        path = self.directory / 'api.log'
        path.write_text('kept')
        self.prepare(log_file=str(path))
        self.assertEqual('kept', path.read_text())
        self.assertEqual(0, path.stat().st_uid)
        self.prepare(log_file=str(self.directory / 'none/api.log'))
        self.prepare()
