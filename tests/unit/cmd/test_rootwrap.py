"""The files of glance-rootwrap, as the library reads them."""

import configparser
import pathlib
import unittest

from oslo_rootwrap import wrapper

ETC = pathlib.Path(__file__).parents[3] / 'etc'


class RootwrapTest(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.filters = wrapper.load_filters([str(ETC / 'rootwrap.d')])

    def is_allowed(self, *command: str) -> bool:
        return any(each.match(list(command)) for each in self.filters)

    def test_the_configuration_is_read(self) -> None:
        parser = configparser.RawConfigParser()
        parser.read(ETC / 'rootwrap.conf')
        config = wrapper.RootwrapConfig(parser)
        for key in parser.defaults():
            self.assertTrue(hasattr(config, key), key)
        self.assertIn('/etc/glance/rootwrap.d', config.filters_path)
        self.assertIn('/usr/bin', config.exec_dirs)

    def test_every_filter_is_read(self) -> None:
        parser = configparser.RawConfigParser()
        for path in (ETC / 'rootwrap.d').iterdir():
            parser.read(path)
        names = {each.name for each in self.filters}
        self.assertEqual({*parser.options('Filters'), 'privsep-helper'}, names)

    def test_what_may_run(self) -> None:
        for command in (
            ('chown', '1000', '/dev/sdb'),
            ('chown', '0', '/dev/disk/by-path/ip-10.0.0.1-lun-1'),
            ('privsep-helper', '--privsep_sock_path', '/tmp/a/privsep.sock'),
        ):
            self.assertTrue(self.is_allowed(*command), command)

    def test_nothing_else_may_run(self) -> None:
        for command in (
            ('sh',),
            ('chown', '1000', '/etc/shadow'),
            ('chown', '1000', '/dev/../etc/shadow'),
            ('chown', '-R', '1000', '/dev/sdb'),
            ('chown', 'root', '/dev/sdb'),
        ):
            self.assertFalse(self.is_allowed(*command), command)
