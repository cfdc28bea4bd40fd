"""doc/reference/options.md is what the options themselves say."""

import unittest

from tools import reference


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
