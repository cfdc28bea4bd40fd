"""openstack-image-manager from PyPI, which knows only imports."""

import hashlib
import unittest

from tests import webserver
from tests.live import clients
from tests.live import cloud
from tests.live import inputs
from tests.live.imports import test_stores

DEFINITION = """\
---
images:
  - name: {name}
    enable: true
    format: raw
    login: ubuntu
    min_disk: 1
    min_ram: 64
    status: active
    visibility: private
    multi: false
    meta:
      architecture: x86_64
      hw_disk_bus: virtio
      hw_rng_model: virtio
      hypervisor_type: qemu
      os_distro: ubuntu
      os_purpose: minimal
      os_version: '24.04'
      replace_frequency: never
      uuid_validity: none
      provided_until: none
    tags: []
    versions:
      - version: '1'
        url: {url}
        checksum: 'sha256:{sha256}'
        build_date: 2026-01-01
"""


class ImageManager(cloud.Cloud, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if not clients.MANAGER_PROGRAM.exists():
            raise unittest.SkipTest('.venv/bin/nox -s image_manager')
        cls.web = webserver.WebServer(test_stores.Cleanups(cls))
        cls.sections = {
            'import_filtering_opts': {
                'allowed_hosts': '127.0.0.1',
                'allowed_ports': cls.web.port,
            }
        }
        super().setUpClass()

    def test_it_adds_an_image_once(self) -> None:
        data = inputs.raw(1 << 20).path.read_bytes()
        self.web.data['/ubuntu.raw'] = data
        name, definition = self._name(), self._file()
        definition = definition.with_suffix('.yml')
        self.addCleanup(definition.unlink)
        definition.write_text(
            DEFINITION.format(
                name=name,
                url=self.web.url('/ubuntu.raw'),
                sha256=hashlib.sha256(data).hexdigest(),
            )
        )
        person = self.people['alice']
        person.run(clients.MANAGER, '--images', definition)
        (image,) = self.sdk['alice'].image.get('/images').json()['images']
        self.assertEqual(
            ('active', len(data), 'virtio'),
            (image['status'], image['size'], image['hw_disk_bus']),
        )
        person.run(clients.MANAGER, '--images', definition)
        (again,) = self.sdk['alice'].image.get('/images').json()['images']
        self.assertEqual(image, again)
        downloads = [path for _, path, _ in self.web.requests]
        self.assertEqual(['/ubuntu.raw'], sorted(set(downloads)))
