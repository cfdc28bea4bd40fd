"""Options of glance-api whose values are checked at start."""

import pathlib
import unittest

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.common import config
from tests import base


class TestOptions(unittest.TestCase):
    def read(self, text: str) -> cfg.ConfigOpts:
        """The configuration of a file, every value checked."""
        path = pathlib.Path(base.temporary_directory(self), 'glance-api.conf')
        path.write_text(text)
        conf = cfg.ConfigOpts()
        api_conf.register(conf)
        conf(args=['--config-file', str(path)], project='glance')
        config.check(conf)
        return conf

    def test_hashing_algorithm_has_a_hex_digest(self) -> None:
        for name in ('sha512', 'sha256', 'sha3_512', 'blake2b', 'md5'):
            conf = self.read(f'[DEFAULT]\nhashing_algorithm = {name}\n')
            self.assertEqual(name, conf.hashing_algorithm)
        for name in ('sha9000', 'shake_128', ''):
            with self.assertRaisesRegex(ValueError, 'hashing_algorithm'):
                self.read(f'[DEFAULT]\nhashing_algorithm = {name}\n')

    def test_image_format(self) -> None:
        options = self.read('').image_format
        self.assertTrue(options.require_image_format_match)
        self.assertEqual([], options.gpt_safety_checks_nonfatal)
        self.assertEqual(
            ['streamOptimized', 'monolithicSparse'], options.vmdk_allowed_types
        )
        options = self.read(
            '[image_format]\nvmdk_allowed_types =\ndisk_formats = raw, luks\n'
        ).image_format
        self.assertEqual([], options.vmdk_allowed_types)
        self.assertEqual(['raw', 'luks'], options.disk_formats)

    def test_lists_of_formats_where_they_used_to_be(self) -> None:
        options = self.read('[DEFAULT]\ndisk_formats = raw\n').image_format
        self.assertEqual(['raw'], options.disk_formats)
