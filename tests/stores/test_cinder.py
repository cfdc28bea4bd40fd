"""Images as volumes of Cinder, through the driver of glance_store."""

import pathlib
import sys
from typing import Any
import unittest

from tests.live import keystone
from tests.live import processes
from tests.live import servers
from tests.stores import service
from tests.stores.servers import cinder

#: sudo looks for programs there, and the driver runs this one with sudo.
_ROOTWRAP = pathlib.Path('/usr/local/bin/glance-rootwrap')
_ROOTWRAP_CONF = """\
[DEFAULT]
filters_path = {venv}/etc/glance/rootwrap.d
exec_dirs = {venv}/bin,/sbin,/usr/sbin,/bin,/usr/bin,/usr/local/bin
"""


class TestCinderServed(service.Service, unittest.TestCase):
    kind = 'cinder'

    @classmethod
    def setUpClass(cls) -> None:
        cls.region = servers.of_store('cinder')
        processes.find('sudo', 'sudo')
        if not _ROOTWRAP.exists():
            _ROOTWRAP.symlink_to(f'{sys.prefix}/bin/glance-rootwrap')
            cls.addClassCleanup(_ROOTWRAP.unlink)
        super().setUpClass()

    @classmethod
    def settings(cls) -> dict[str, Any]:
        rootwrap = cls.directory / 'rootwrap.conf'
        rootwrap.write_text(_ROOTWRAP_CONF.format(venv=sys.prefix))
        return {
            'cinder_store_auth_address': servers.keystone(),
            'cinder_store_user_name': 'glance',
            'cinder_store_password': keystone.password('glance'),
            'cinder_store_project_name': 'service',
            'cinder_catalog_info': 'volumev3:cinder:publicURL',
            'cinder_os_region_name': cls.region,
            'cinder_volume_type': 'ceph',
            'rootwrap_config': rootwrap,
        }

    @classmethod
    def held(cls) -> list[str]:
        volumes = cinder.connect(cls.region).block_storage
        return [volume.name for volume in volumes.volumes()]

    @classmethod
    def secrets(cls) -> list[str]:
        return [keystone.password('glance')]
