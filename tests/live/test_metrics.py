"""Metrics of daemons with several workers under load."""

from concurrent import futures
import json
import os
import signal
import unittest
import urllib.parse
import urllib.request

from prometheus_client import parser

from tests.live import daemons
from tests.live import processes

WORKERS = 4
CLIENTS = 8
ROUNDS = 6
DATA = b'x' * 100_000
OCTETS = 'application/octet-stream'
SECONDS = 240

PROMETHEUS = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: api
    static_configs: [{{targets: ['127.0.0.1:{api}']}}]
  - job_name: registry
    static_configs: [{{targets: ['127.0.0.1:{registry}']}}]
"""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class MetricsTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.ports = processes.free_port(), processes.free_port()
        cls.glance = daemons.Glance(
            api={
                'metrics': {'port': cls.ports[0]},
                'healthcheck': {'detailed': True},
            },
            registry={
                'metrics': {
                    'port': cls.ports[1],
                    'images_interval_seconds': 1,
                },
                'healthcheck': {'detailed': True},
            },
            workers=WORKERS,
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def samples(self, port: int) -> Samples:
        with urllib.request.urlopen(
            f'http://127.0.0.1:{port}/metrics', timeout=SECONDS
        ) as answer:
            self.assertIn('text/plain', answer.headers['Content-Type'])
            text = answer.read().decode()
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        }

    def value(self, port: int, name: str, **labels: str) -> float:
        key = name, frozenset(labels.items())
        return self.samples(port).get(key, 0.0)

    def wait_for(
        self, expected: float, port: int, name: str, **labels: str
    ) -> None:
        """Every worker writes within a second or so; nothing counts twice."""
        processes.wait_until(
            lambda: self.value(port, name, **labels) >= expected,
            SECONDS,
            f'{name} {labels}',
        )
        self.assertEqual(expected, self.value(port, name, **labels))

    def load(self) -> None:
        """An upload and two downloads."""
        image_id = self.glance.create()
        path = f'/v2/images/{image_id}/file'
        status, _, _ = self.glance.request('PUT', path, DATA, None, OCTETS)
        self.assertEqual(204, status)
        for _ in range(2):
            _, _, data = self.glance.request('GET', path)
            self.assertEqual(DATA, data)


class TestMetrics(MetricsTestCase):
    def test_totals_are_what_the_clients_did(self) -> None:
        with futures.ThreadPoolExecutor(CLIENTS) as pool:
            for done in [
                pool.submit(self.load) for _ in range(CLIENTS * ROUNDS)
            ]:
                done.result()
        api, registry = self.ports
        images = CLIENTS * ROUNDS
        requests = 'glance_request_duration_seconds_count'
        one = '/v2/images/{image_id}/file'
        for count, method, route, code in (
            (images, 'POST', '/v2/images', '201'),
            (images, 'PUT', one, '204'),
            (2 * images, 'GET', one, '200'),
        ):
            self.wait_for(
                count, api, requests, method=method, route=route, code=code
            )
        written, read = (
            f'glance_store_{what}_bytes_total' for what in ('written', 'read')
        )
        self.wait_for(images * len(DATA), api, written, store='file')
        self.wait_for(2 * images * len(DATA), api, read, store='file')
        self.wait_for(
            images,
            registry,
            requests,
            method='POST',
            route='/v1/images',
            code='201',
        )
        labels = {'status': 'active', 'visibility': 'shared'}
        self.wait_for(images, registry, 'openstack_glance_images', **labels)
        # A worker that dies takes nothing away, and the next one counts on.
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)
        self.wait_for(images * len(DATA), api, written, store='file')
        self.glance.wait_until_healthy()
        self.load()
        self.wait_for((images + 1) * len(DATA), api, written, store='file')

    def test_health_names_the_peers(self) -> None:
        for url, peers in (
            (self.glance.api_url, ('registry http://', 'store file')),
            (self.glance.registry_url, ('database',)),
        ):
            request = urllib.request.Request(
                f'{url}/healthcheck', headers={'Accept': 'application/json'}
            )
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                told = json.load(answer)['reasons'][-1]['reason']
            for peer in peers:
                self.assertRegex(told, f'{peer}.*: works, since 20')

    def workers(self) -> list[int]:
        """Two of the workers of glance-api."""
        pid = self.glance.api.pid
        with open(f'/proc/{pid}/task/{pid}/children') as children:
            return [int(each) for each in children.read().split()][:2]


class TestPrometheus(MetricsTestCase):
    def test_prometheus_has_the_same_totals(self) -> None:
        program = processes.find('prometheus', 'prometheus')
        directory = processes.private_directory()
        configuration = directory / 'prometheus.yml'
        configuration.write_text(
            PROMETHEUS.format(api=self.ports[0], registry=self.ports[1])
        )
        port = processes.free_port()
        prometheus = processes.Process(
            [
                program,
                f'--config.file={configuration}',
                f'--storage.tsdb.path={directory}/data',
                f'--web.listen-address=127.0.0.1:{port}',
            ],
            directory / 'log',
        )
        self.addCleanup(prometheus.stop)
        prometheus.start()
        address = f'http://127.0.0.1:{port}'
        processes.wait_until(
            lambda: processes.answers(f'{address}/-/ready'),
            SECONDS,
            'Prometheus',
            prometheus,
        )
        requests = 'glance_request_duration_seconds_count'
        uploads = f'sum({requests}{{method="PUT",code="204",job="api"}})'
        creations = (
            f'sum({requests}{{method="POST",code="201",job="registry"}})'
        )
        read = 'sum(glance_store_read_bytes_total)'
        with futures.ThreadPoolExecutor(CLIENTS) as pool:
            for done in [pool.submit(self.load) for _ in range(CLIENTS)]:
                done.result()
        for query, expected in (
            (uploads, CLIENTS),
            (creations, CLIENTS),
            (read, 2 * CLIENTS * len(DATA)),
        ):
            processes.wait_until(
                lambda query=query, expected=expected: (
                    asked(address, query) == expected
                ),
                SECONDS,
                f'{query} is {expected}',
                prometheus,
            )


def asked(address: str, query: str) -> float:
    """What Prometheus answers to a query; 0: nothing yet."""
    url = f'{address}/api/v1/query?{urllib.parse.urlencode({"query": query})}'
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=SECONDS) as answer:
        found = json.load(answer)['data']['result']
    return float(found[0]['value'][1]) if found else 0.0


class TestPorts(unittest.TestCase):
    def test_port_that_is_taken_ends_the_start(self) -> None:
        glance = daemons.Glance()
        self.addCleanup(glance.stop)
        port = glance.api_url.rpartition(':')[2]
        glance.configure('glance-api', {'port': port}, 'metrics')
        glance.api.start()
        self.assertEqual(1, glance.api.wait(SECONDS))
        self.assertIn('[metrics] host', glance.api.tail())

    def test_without_a_port_nothing_is_collected(self) -> None:
        glance = daemons.Glance(workers=1)
        self.addCleanup(glance.stop)
        glance.start()
        with open(f'/proc/{glance.api.pid}/maps') as maps:
            self.assertNotIn('histogram_', maps.read())
