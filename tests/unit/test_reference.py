"""doc/reference/options.md is what the options themselves say."""

import re
import unittest

from oslo_config import cfg

from tools import reference
from tools import samples


class TestOptionsPage(unittest.TestCase):
    def test_page_is_up_to_date(self) -> None:
        self.assertEqual(
            reference.page(),
            reference.PAGE.read_text(),
            'run tools/reference and commit doc/reference/options.md',
        )

    def test_every_option_of_both_daemons_has_a_help(self) -> None:
        for namespace in reference.DAEMONS.values():
            for group, options in reference._groups(namespace):
                for option in options:
                    with self.subTest(group=group, option=option['name']):
                        self.assertTrue(option['help'])


class TestSamples(unittest.TestCase):
    def test_they_are_up_to_date(self) -> None:
        self.assertIn('glance-manage.conf', samples.names())
        for name in samples.names():
            self.assertEqual(
                samples.text(name),
                (samples.ETC / name).read_text(),
                f'run tools/reference and commit etc/{name}',
            )

    def test_nothing_is_set_and_every_line_is_an_option(self) -> None:
        for name in samples.names():
            path = samples.ETC / name
            sections: dict[str, dict[str, list[str]]] = {}
            cfg.ConfigParser(str(path), sections).parse()
            self.assertEqual([], [each for each in sections.values() if each])
            lines = path.read_text().splitlines()
            options = [line for line in lines if re.match('#[a-z]', line)]
            self.assertTrue(options, name)
            self.assertEqual(
                [], [line for line in lines if line[:1] not in ('#', '[', '')]
            )
