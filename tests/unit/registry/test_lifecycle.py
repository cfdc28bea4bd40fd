import unittest

from glance.api.v2.schema import image as image_schema
from glance_registry import lifecycle


class TestLifecycle(unittest.TestCase):
    def steps(self) -> dict[str, lifecycle.Step]:
        return {
            name: value
            for name, value in vars(lifecycle).items()
            if isinstance(value, lifecycle.Step)
        } | lifecycle.IMPORTS

    def test_every_status_is_one_that_clients_know(self) -> None:
        for name, step in self.steps().items():
            for status in (*step.before, step.after):
                with self.subTest(f'{name} {status}'):
                    self.assertIn(status, image_schema.STATUSES)

    def test_only_failures_of_v1_lead_to_killed(self) -> None:
        # covers 25-13
        for name, step in self.steps().items():
            if name != 'KILL':
                self.assertNotEqual('killed', step.after)
        self.assertEqual({'copy-from'}, lifecycle.FAILED_IMPORTS.keys())

    def test_ossa_2016_006_nothing_leads_back_from_active(self) -> None:
        for name, step in self.steps().items():
            if 'active' in step.before:
                with self.subTest(name):
                    self.assertIn(step.after, ('active', 'deactivated'))

    def test_a_claim_has_one_way_out_of_each_kind(self) -> None:
        for claim, finish in (
            (lifecycle.CLAIM_UPLOAD, lifecycle.FINISH_UPLOAD),
            (lifecycle.CLAIM_LOCATION, lifecycle.FINISH_LOCATION),
            (lifecycle.CLAIM_STAGE, lifecycle.FINISH_STAGE),
            (lifecycle.IMPORTS['web-download'], lifecycle.FINISH_IMPORT),
            (lifecycle.IMPORTS['copy-from'], lifecycle.FINISH_IMPORT),
        ):
            self.assertIn(claim.after, finish.before)
            self.assertIn(claim.after, lifecycle.ABANDON.before)
            self.assertIn(lifecycle.ABANDON.after, claim.before)
