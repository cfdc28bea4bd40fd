"""Metrics of several processes, as Prometheus reads them."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

from prometheus_client import parser

from glance.common import counters
from glance.common import errors
from glance.common import gauges
from glance.common.server import metrics

ROOT = pathlib.Path(__file__).parents[4]

#: Three processes count, and the last one tells of all. It runs in a Python
#: of its own, because the library reads its mode from the environment once.
PROGRAM = """
import os
import prometheus_client
from glance.common import counters, gauges
from glance.common.server import metrics

recorder = metrics.Recorder()
for _ in range(2):
    pid = os.fork()
    if not pid:
        break
    os.waitpid(pid, 0)
counters.connect(recorder.take)
app = metrics.Requests(lambda environ, start: start('204 No Content', []))
app({'REQUEST_METHOD': 'GET', 'glance.route': '/v2/images'}, print)
counters.note('store_written', 'file', amount=7)
counters.note('lapse')
recorder.flush()
if not pid:
    os._exit(0)
gauges.register(
    'a', lambda: [gauges.Gauge('g', 'A "gauge".', ['x'], [(['1\\n"'], 3)])]
)
registry = prometheus_client.CollectorRegistry()
registry.register(metrics.Collector(recorder))
print(prometheus_client.generate_latest(registry).decode(), end='')
"""


def told() -> dict[tuple[str, tuple[str, ...]], float]:
    """Samples by name and values of labels in the order of their names."""
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', PROGRAM],
            env={
                **os.environ,
                'PYTHONPATH': str(ROOT),
                'PROMETHEUS_MULTIPROC_DIR': directory,
            },
            capture_output=True,
            text=True,
            check=True,
        )
    text = done.stdout[done.stdout.index('# HELP') :]
    return {
        (sample.name, tuple(v for _, v in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestProcesses(unittest.TestCase):
    def test_any_process_tells_the_sum_of_all(self) -> None:
        found = told()
        name = 'glance_request_duration_seconds'
        labels = ('204', 'GET', '/v2/images')
        self.assertEqual(3, found[f'{name}_count', labels])
        infinite = ('204', '+Inf', 'GET', '/v2/images')
        self.assertEqual(3, found[f'{name}_bucket', infinite])
        self.assertEqual(
            21, found['glance_store_written_bytes_total', ('file',)]
        )
        self.assertEqual(3, found['glance_lease_lapses_total', ()])
        self.assertEqual(3, found['g', ('1\n"',)])


class TestEvents(unittest.TestCase):
    def test_names_are_as_prometheus_wants_them(self) -> None:
        for event in metrics.EVENTS.values():
            self.assertTrue(event.metric.startswith('glance_'))
            self.assertEqual(
                not event.buckets, event.metric.endswith('_total')
            )
            self.assertEqual(sorted(event.buckets), [*event.buckets])

    def test_queue_is_bounded(self) -> None:
        recorder = metrics.Recorder()
        for _ in range(metrics.MAX_EVENTS + 10):
            recorder.take('lapse', (), 1.0)
        self.assertEqual(metrics.MAX_EVENTS, len(recorder._waiting))

    def test_application_that_fails_counts_as_500(self) -> None:
        events = []
        counters.connect(lambda *event: events.append(event))
        self.addCleanup(counters.connect, None)

        def fails(_environ: object, _start: object) -> list[bytes]:
            raise KeyError

        with self.assertRaises(KeyError):
            metrics.Requests(fails)({'REQUEST_METHOD': 'GET'}, print)
        self.assertEqual(('GET', metrics.NO_ROUTE, '500'), events[0][1])


class TestGauges(unittest.TestCase):
    def test_source_that_fails_leaves_the_others(self) -> None:
        def fails() -> list[gauges.Gauge]:
            raise errors.DatabaseUnavailable

        known = gauges.Gauge('g', 'help', (), [((), 1.0)])
        self.enterContext(
            mock.patch.object(
                gauges, '_sources', {'a': fails, 'b': lambda: [known]}
            )
        )
        with self.assertLogs(gauges.LOG, 'WARNING'):
            self.assertEqual([known], gauges.present())
