"""Metrics of the registration of locations."""

from glance.common import counters
from tests.functional.location_import import importing


class TestCounters(importing.ImportTestCase):
    def test_kind_and_outcome(self) -> None:
        events: list[tuple[str, ...]] = []
        self.addCleanup(counters.connect, None)
        counters.connect(
            lambda name, labels, _amount: events.append((name, *labels))
        )
        self.post(self.image())
        self.post(self.image(), claim=importing.WRONG)
        self.assertEqual(
            [('location', 'done'), ('hash', 'done'), ('location', 'failed')],
            [event[1:] for event in events if event[0] == 'transfer'],
        )
        self.assertEqual(
            [('location_import', 'success'), ('location_import', 'failure')],
            [event[1:] for event in events if event[0] == 'task'],
        )
