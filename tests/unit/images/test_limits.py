"""Unified limits before anybody is asked."""

from typing import Any
import unittest
from unittest import mock

from glance.common import context
from glance.common import errors
from glance.images import limit_service
from glance.images import limits


class LimitsTestCase(unittest.TestCase):
    def test_an_anonymous_caller_has_no_project_to_ask_for(self) -> None:
        nobody = context.RequestContext(read_only=True, overwrite=False)
        unused: Any = None
        with mock.patch.object(limit_service, 'LimitService') as service:
            made = limits.UnifiedLimits(unused)
            with self.assertRaises(errors.Forbidden):
                made.require_size(nobody, 1)
        service.return_value.require.assert_not_called()

    def test_no_limits_answer_every_question(self) -> None:
        questions = {
            name for name in vars(limits.UnifiedLimits) if name[0] != '_'
        }
        self.assertLessEqual(questions, vars(limits.NoLimits).keys())
