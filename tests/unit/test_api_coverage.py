"""Every statement of the API has a test, and the page says which."""

import unittest

from tests.coverage import api


class TestApiCoverage(unittest.TestCase):
    def test_every_statement_has_a_test(self) -> None:
        self.assertEqual([], api.problems())

    def test_the_page_is_as_it_would_be_written(self) -> None:
        self.assertTrue(
            api.PAGE.read_text() == api.page(),
            'doc/api-coverage.md is out of date: run tools/coverage-of-api',
        )

    def test_all_traps_are_listed(self) -> None:
        traps = api.sections()['25'].statements
        self.assertEqual([f'25-{n}' for n in range(1, 54)], list(traps))
