"""What monitoring/ and its page say of the metrics."""

import json
import pathlib
import re
import shutil
import subprocess
import unittest

import yaml

from glance.common.server import metrics

ROOT = pathlib.Path(__file__).parents[2]
HERE = ROOT / 'monitoring'
PAGE = (ROOT / 'doc/operations/monitoring.md').read_text()
IMAGES = {'openstack_glance_images', 'openstack_glance_image_bytes'}
CACHE = {
    'glance_cache_bytes',
    'glance_cache_images',
    'glance_cache_limit_bytes',
}
KNOWN = IMAGES | CACHE | {event.metric for event in metrics.EVENTS.values()}


def metrics_in(text: str) -> set[str]:
    found = re.findall(r'\b(?:openstack_)?glance_[a-z_]+\b', text)
    return {re.sub('_(bucket|count|sum)$', '', name) for name in found}


def labels_in(text: str) -> set[tuple[str, str]]:
    """Metric and label, of every selector."""
    return {
        (re.sub('_(bucket|count|sum)$', '', name), label)
        for name, selector in re.findall(
            r'\b(glance_[a-z_]+)\{(.*?)\}\[', text
        )
        for label in re.findall(r'(\w+)[!=]=?~?"', selector)
    }


class TestMonitoring(unittest.TestCase):
    def test_dashboard_shows_every_metric(self) -> None:
        dashboard = json.loads((HERE / 'grafana-dashboard.json').read_text())
        shown: set[str] = set()
        for panel in dashboard['panels']:
            self.assertTrue(panel['targets'], panel['title'])
            for target in panel['targets']:
                shown |= metrics_in(target['expr'])
        self.assertEqual(KNOWN, shown)

    def test_alerts_use_metrics_and_labels_that_exist(self) -> None:
        (group,) = yaml.safe_load((HERE / 'alerts.yml').read_text())['groups']
        labels = {e.metric: {*e.labels} for e in metrics.EVENTS.values()}
        for rule in group['rules']:
            with self.subTest(rule['alert']):
                self.assertLessEqual(metrics_in(rule['expr']), KNOWN)
                for metric, label in labels_in(rule['expr']):
                    self.assertIn(label, labels[metric])
                self.assertIn(f'`{rule["alert"]}`', PAGE)

    def test_page_tells_metrics_and_their_labels(self) -> None:
        for event in metrics.EVENTS.values():
            labels = ', '.join(f'`{label}`' for label in event.labels)
            self.assertIn(
                f'| `{event.metric}` | {labels} |'.replace('|  |', '| |'), PAGE
            )
        self.assertLessEqual(
            metrics_in(PAGE) - {'glance_failed_reason'}, KNOWN
        )

    def test_promtool_accepts_alerts_and_configuration(self) -> None:
        promtool = shutil.which('promtool')
        if promtool is None:
            self.skipTest('promtool (Debian: prometheus) is not installed')
        subprocess.run(
            [promtool, 'check', 'config', HERE / 'prometheus.yml'], check=True
        )
