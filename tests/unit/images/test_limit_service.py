"""The client of Keystone's limits, with threads that meet."""

from typing import Any
import unittest
from unittest import mock

from oslo_limit import limit

from glance.images import limit_service


class Raced(limit_service.LimitService):
    """Another request drops the enforcer as soon as it was looked at."""

    _kept: Any = None

    @property
    def _enforcer(self) -> Any:
        found, self._kept = self._kept, None
        return found

    @_enforcer.setter
    def _enforcer(self, value: Any) -> None:
        self._kept = value


class TestEnforcer(unittest.TestCase):
    def test_enforcer_that_another_request_drops_is_used_to_the_end(
        self,
    ) -> None:
        with mock.patch.object(limit, 'Enforcer') as enforcer:
            enforcer().calculate_usage.return_value = {
                'images': mock.Mock(usage=1, limit=2)
            }
            service = Raced(mock.Mock())
            service._enforcer = enforcer()
            self.assertEqual(
                {'images': {'usage': 1, 'limit': 2}},
                service.usage('p1', ['images']),
            )
