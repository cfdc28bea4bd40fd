"""A node of a Galera cluster dies while images are created.

On demand, with ``tools/test --galera``: three nodes, a registry on each,
one glance-api that knows all three.
"""

import collections
import concurrent.futures
import unittest
import uuid

import sqlalchemy as sa

from glance_registry.db import models
from tests.cluster import galera
from tests.live import daemons
from tests.live import processes

IMAGES = 200
WRITERS = 4
SETTLE_SECONDS = 90
DATABASE = 'glance'


class Galera(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if not galera.PROVIDER.exists():
            raise unittest.SkipTest('no Galera: install galera-4')
        processes.find('rsync', 'rsync')
        cls.cluster = galera.Cluster()
        cls.addClassCleanup(cls.cluster.stop)
        cls.cluster.start()
        cls.cluster.nodes[0].query(
            f'CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4'
        )
        cls.services = [
            daemons.Glance(cls.url(node), workers=1)
            for node in cls.cluster.nodes
        ]
        first, *others = cls.services
        secret = first.registry_secret
        endpoints = ', '.join(each.registry_url for each in cls.services)
        first.configure('glance-api', {'registry_endpoints': endpoints})
        for each in others:
            each.configure('glance-registry', {'trusted_auth_secret': secret})
        first.start()
        cls.addClassCleanup(first.stop)
        for each in others:
            cls.addClassCleanup(each.stop)
            each.registry.start()
        cls.glance = first
        for each in cls.services:
            url = f'{each.registry_url}/healthcheck'
            processes.wait_until(
                lambda url=url: processes.answers(url),
                SETTLE_SECONDS,
                'a registry',
                each.registry,
            )

    @classmethod
    def url(cls, node: galera.Node) -> str:
        url = sa.make_url(node.address).set(database=DATABASE)
        return url.render_as_string(hide_password=False)

    def rows(self, node: galera.Node) -> collections.Counter[str]:
        found = node.query('SELECT name FROM images', DATABASE)
        return collections.Counter(name for (name,) in found)

    def test_node_dies_while_images_are_created(self) -> None:
        names: dict[int, list[str]] = collections.defaultdict(list)

        def create(number: int) -> None:
            if number == IMAGES // 3:
                self.cluster.nodes[0].process.kill()
            while True:
                name = str(uuid.uuid4())
                status, headers, body = self.glance.request(
                    'POST', '/v2/images', {'name': name}
                )
                names[status].append(name)
                if status == 201:
                    return
                self.assertEqual(503, status, body)
                self.assertGreater(int(headers['retry-after']), 0)

        with concurrent.futures.ThreadPoolExecutor(WRITERS) as executor:
            for done in executor.map(create, range(IMAGES)):
                self.assertIsNone(done)

        dead, *alive = self.cluster.nodes
        self.assertEqual(IMAGES, len(names[201]))
        for node in alive:
            self.assert_all_there(node, names[201])
        status, _, _ = self.glance.request('GET', '/v2/images')
        self.assertEqual(200, status)

        dead.start()
        processes.wait_until(
            lambda: dead.status('wsrep_cluster_size') == str(galera.NODES),
            SETTLE_SECONDS,
            'the node is back',
        )
        self.assert_all_there(dead, names[201])

    def assert_all_there(self, node: galera.Node, names: list[str]) -> None:
        rows = self.rows(node)
        self.assertEqual([], [name for name in names if rows[name] != 1])

    def test_changes_on_two_nodes_at_once(self) -> None:
        """The cluster finds out at the commit; the loser tries again."""
        _, one, two = self.services
        for each in (one, two):
            if not each.api.is_alive():
                each.configure(
                    'glance-api',
                    {'trusted_auth_secret': self.glance.registry_secret},
                )
                each.api.start()
                each.wait_until_healthy()
        for _ in range(20):
            image_id = one.create()
            processes.wait_until(
                lambda wanted=image_id: two.image(wanted) is not None,
                SETTLE_SECONDS,
                'the image is on the other node',
            )
            path = f'/v2/images/{image_id}/tags'
            with concurrent.futures.ThreadPoolExecutor(4) as executor:
                asked = [
                    executor.submit(each.request, 'PUT', f'{path}/{tag}')
                    for each in (one, two)
                    for tag in (f'a{each.api.pid}', f'b{each.api.pid}')
                ]
                statuses = {done.result()[0] for done in asked}
            self.assertEqual({204}, statuses)
            tags = models.image_tags.name
            (row,) = self.cluster.nodes[1].query(
                f"SELECT count(*) FROM {tags} WHERE image_id = '{image_id}'",
                DATABASE,
            )
            self.assertEqual(4, row[0])
