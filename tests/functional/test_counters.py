"""Metrics that the daemons count for each request."""

import collections
from typing import Any

from glance.common import counters
from glance.common.server import metrics
from tests import base

Events = list[tuple[str, tuple[str, ...], float]]


class TestCounters(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: Events = []
        counters.connect(lambda *event: self.events.append(event))
        self.addCleanup(counters.connect, None)
        self.service.app = metrics.Requests(self.service.app)

    def noted(self, name: str) -> list[tuple[tuple[str, ...], float]]:
        found = [event[1:] for event in self.events if event[0] == name]
        for labels, amount in found:
            self.assertEqual(len(metrics.EVENTS[name].labels), len(labels))
            self.assertGreaterEqual(amount, 0)
        return found

    def labels(self, name: str) -> list[Any]:
        return [labels for labels, _ in self.noted(name)]

    def test_requests_by_route_method_and_code(self) -> None:
        image_id = self.image()
        self.events.clear()
        self.call('GET', f'/v2/images/{image_id}')
        self.call('GET', '/v2/images/unknown')
        self.call('PUT', f'/v2/images/{image_id}/tags/a')
        self.call('GET', '/v2/nothing')
        self.call('BREW', '/v2/images')
        self.assertEqual(
            [
                ('GET', '/v2/images/{image_id}', '200'),
                ('GET', '/v2/images/{image_id}', '404'),
                ('PUT', '/v2/images/{image_id}/tags/{tag}', '204'),
                ('GET', metrics.NO_ROUTE, '404'),
                ('other', '/v2/images', '405'),
            ],
            self.labels('request'),
        )
        self.assertEqual(
            {('not_found',), ('method_not_allowed',)},
            set(self.labels('error')),
        )
        self.assertIn(('get_image', '200'), self.labels('wire'))
        self.assertIn(('get_image', '404'), self.labels('wire'))

    def test_a_show_costs_two_events(self) -> None:
        image_id = self.image()
        self.call('GET', f'/v2/images/{image_id}')
        self.events.clear()
        self.call('GET', f'/v2/images/{image_id}')
        self.assertEqual(
            {'request': 1, 'wire': 1},
            collections.Counter(event[0] for event in self.events),
        )

    def test_bytes_and_transfers(self) -> None:
        image_id = self.image(data=b'12345')
        self.assertEqual([(('file',), 5.0)], self.noted('store_written'))
        self.assertEqual([('upload', 'done')], self.labels('transfer'))
        self.events.clear()
        path = f'/v2/images/{image_id}/file'
        self.assertEqual(b'12345', self.call('GET', path).body)
        part = self.call('GET', path, headers={'Range': 'bytes=1-2'})
        self.assertEqual(b'23', part.body)
        self.call('HEAD', path)
        read = [size for _, size in self.noted('store_read')]
        self.assertEqual([5.0, 2.0, 0.0], read)
        self.assertEqual([('download', 'done')] * 2, self.labels('transfer'))

    def test_upload_that_fails(self) -> None:
        image_id = self.image(disk_format='qcow2')
        self.events.clear()
        response = self.call('PUT', f'/v2/images/{image_id}/file', b'no')
        self.assertEqual(415, response.status_int)
        self.assertEqual([('upload', 'failed')], self.labels('transfer'))
        self.assertEqual([], self.noted('store_written'))

    def test_refused_by_a_quota(self) -> None:
        values = {f'p{number}': 'x' for number in range(200)}
        response = self.call('POST', '/v2/images', values)
        self.assertEqual(413, response.status_int)
        self.assertIn(('limit_exceeded',), self.labels('error'))
