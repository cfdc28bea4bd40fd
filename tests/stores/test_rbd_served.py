"""Ceph behind both daemons, behind the library, and as the pages say."""

import json
import pathlib
import random
from typing import Any
import unittest

from tests import base
from tests.live import processes
from tests.live import readme
from tests.live import servers
from tests.live import test_tutorials
from tests.stores import interop
from tests.stores import service
from tests.stores import test_rbd
from tests.stores.servers import ceph


class TestRBDServed(
    test_rbd.Ceph, service.Service, service.Moved, unittest.TestCase
):
    pool = 'served'

    def test_a_clone_of_the_direct_url_keeps_the_image(self) -> None:
        size = 20 * test_rbd.MIB
        status, image_id, digest = self.upload(size, True)
        self.assertEqual(204, status)
        url = self.glance.image(image_id)['direct_url']
        fsid, pool, name, snapshot = url.removeprefix('rbd://').split('/')
        self.assertEqual(fsid, self.tool('ceph', 'fsid').strip())
        self.assertEqual(image_id, name)
        parent = f'{pool}/{name}@{snapshot}'
        self.tool('rbd', 'clone', parent, 'volumes/of-nova')
        for _ in range(2):
            status, *_ = self.glance.request(
                'DELETE', f'/v2/images/{image_id}'
            )
            self.assertEqual(409, status)
        self.assertEqual('active', self.glance.image(image_id)['status'])
        self.assertEqual((200, size, digest), self.download(image_id))
        self.tool('rbd', 'rm', '--no-progress', 'volumes/of-nova')
        self.delete(image_id)
        self.require_nothing_held()

    def test_the_cluster_is_told_to_administrators(self) -> None:
        _, _, body = self.glance.request('GET', '/v2/info/stores/detail')
        (found,) = json.loads(body)['stores']
        self.assertEqual(
            {
                'chunk_size': 8 * test_rbd.MIB,
                'pool': 'served',
                'thin_provisioning': False,
                'fsid': self.tool('ceph', 'fsid').strip(),
            },
            found['properties'],
        )

    def test_a_cluster_that_dies_in_an_upload_leaves_nothing(self) -> None:
        directory = base.temporary_directory(self)
        glance = self.daemons(
            {
                **self.settings(),
                'rbd_store_ceph_conf': self.impatient(directory),
            }
        )
        glance.configure(
            'glance-api', {'DEFAULT': {'leftover_interval_seconds': 5}}
        )
        self.addCleanup(glance.stop)
        glance.start()
        with ceph.still(self.conf()):
            status, image_id, _ = self.upload(
                service.SMALL_BYTES, True, glance
            )
            self.assertIn(status, (0, 503))
            processes.wait_until(
                lambda: glance.image(image_id)['status'] == 'queued',
                service.LEFTOVER_SECONDS,
                'the image is not queued again',
            )
        self.require_it_serves(glance)

    def test_a_cluster_that_is_away_at_start_is_used_later(self) -> None:
        directory = base.temporary_directory(self)
        path = pathlib.Path(directory, 'ceph.conf')
        path.write_text('[global]\nmon host = 127.0.0.1:1\n')
        glance = self.daemons(
            {
                **self.settings(),
                'rbd_store_ceph_conf': path,
                'rados_connect_timeout': 1,
            }
        )
        self.addCleanup(glance.stop)
        glance.start()
        self.assertIn(self.upload(1000, True, glance)[0], (0, 503))
        _, _, body = glance.request('GET', '/v2/info/stores/detail')
        self.assertIn(b'unavailable', body)
        path.write_text(pathlib.Path(self.conf()).read_text())
        processes.wait_until(
            lambda: self.upload(1000, True, glance)[0] == 204,
            60,
            'the store is not tried again',
        )
        _, _, body = glance.request('GET', '/v2/images')
        for image in json.loads(body)['images']:
            glance.request('DELETE', f'/v2/images/{image["id"]}')
        self.require_nothing_held()


class TestInterop(test_rbd.Ceph, interop.Interop, unittest.TestCase):
    pool = 'interop'

    def library_settings(self) -> dict[str, Any]:
        return {**self.settings(), 'rbd_store_chunk_size': 1}

    def other_settings(self) -> dict[str, Any]:
        return {**self.settings(), 'rbd_store_pool': 'images'}


class TestInstallation(test_tutorials.Tutorial):
    """doc/install.md, from an empty MariaDB to an image in Ceph."""

    pool = 'installed'

    @classmethod
    def names(cls, home: pathlib.Path) -> dict[str, str]:
        conf = servers.of_store('ceph')
        return {
            **super().names(home),
            # Other tests have a user and a pool with these names.
            'client.glance': 'client.installed',
            'store_user = glance': 'store_user = installed',
            '--id glance': '--id installed',
            **{
                f'{before} images': f'{before} {cls.pool}'
                for before in ('create', 'init', 'pool =', 'rbd', 'ls')
            },
            'pool=images': f'pool={cls.pool}',
            '/etc/ceph': str(pathlib.Path(conf).parent),
        }

    def test_pages_commands_in_order(self) -> None:
        self.follow_the_readme()
        conf = servers.of_store('ceph')
        self.person.variables['CEPH_CONF'] = conf
        ceph_commands, settings = readme.blocks(
            'Ceph', test_rbd.PAGES / 'stores.md'
        )[:2]
        self.person.run(ceph_commands)
        self.addCleanup(
            ceph.run,
            *(conf, 'ceph', 'osd', 'pool', 'rm', self.pool, self.pool),
            '--yes-i-really-really-mean-it',
        )
        written = (self.etc / 'glance-api.conf').read_text()
        self.configure('glance-api', f'{written}\n{settings}')
        self.api.stop()
        self.start('glance-api')
        (self.home / 'disk.img').write_bytes(random.randbytes(100_000))
        (use,) = [
            block
            for block in readme.blocks(
                'Images in Ceph', test_rbd.PAGES / '../install.md'
            )
            if block.startswith('openstack')
        ]
        listed = self.person.run(use).splitlines()[-1]
        self.person.run(
            'openstack image save --file saved.img first && '
            'cmp saved.img disk.img && openstack image show -c id -f value '
            f'first | grep -x {listed}'
        )
