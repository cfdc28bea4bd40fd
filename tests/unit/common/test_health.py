"""What is told of the peers of a daemon, and since when."""

import datetime
import unittest
from unittest import mock

from glance.common import health


class TestConditions(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = datetime.datetime(2026, 1, 2, 3, 4, 5)
        clock = self.enterContext(mock.patch.object(health, 'datetime'))
        clock.datetime.now.side_effect = lambda _zone: self.now
        for name in ('_noted', '_sources', '_checks'):
            self.enterContext(mock.patch.object(health, name, {}))

    def later(self) -> None:
        self.now += datetime.timedelta(minutes=1)

    def test_since_is_when_it_began_to_work_or_to_fail(self) -> None:
        condition = health.Condition('database')
        self.assertEqual('database: not used yet', str(condition))
        condition.note(None)
        self.later()
        condition.note(None)
        self.assertEqual(
            'database: works, since 2026-01-02T03:04:05Z', str(condition)
        )
        condition.note('it is away')
        self.later()
        condition.note('it is read-only')
        self.assertEqual(
            'database: it is read-only, since 2026-01-02T03:05:05Z',
            str(condition),
        )

    def test_details_name_every_peer(self) -> None:
        health.register('registry', lambda: ['registry http://r: works'])
        health.note('store http', 'it is away')
        health.check('bus', lambda: None)
        self.assertEqual(
            [
                'registry http://r: works',
                'bus: works, since 2026-01-02T03:04:05Z',
                'store http: it is away, since 2026-01-02T03:04:05Z',
            ],
            health.details(),
        )

    def test_checks_run_only_for_details(self) -> None:
        find_trouble = mock.Mock(return_value='full')
        health.check('store file', find_trouble)
        find_trouble.assert_not_called()
        self.assertIn('full', health.details()[0])
        find_trouble.return_value = None
        self.assertIn('works', health.details()[0])
