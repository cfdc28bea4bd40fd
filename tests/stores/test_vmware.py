"""Images in a datastore of VMware, through the driver of glance_store."""

import os
import pathlib
from typing import Any
import unittest
from unittest import mock

from tests.live import servers
from tests.stores import service


class TestVMwareServed(service.Service, unittest.TestCase):
    kind = 'vmware'

    @classmethod
    def setUpClass(cls) -> None:
        # They would win over vmware_ca_file.
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE')
        }
        variables = mock.patch.dict(os.environ, kept, clear=True)
        variables.start()
        cls.addClassCleanup(variables.stop)
        super().setUpClass()

    @classmethod
    def settings(cls) -> dict[str, Any]:
        found = pathlib.Path(servers.of_store('vcenter'))
        return {
            'vmware_server_host': (found / 'address').read_text(),
            'vmware_server_username': 'user',
            'vmware_server_password': 'pass',
            'vmware_datastores': 'DC0:LocalDS_0',
            'vmware_ca_file': found / 'cert.pem',
            'vmware_task_poll_interval': 1,
        }

    @classmethod
    def held(cls) -> list[str]:
        found = pathlib.Path(servers.of_store('vcenter'))
        return [
            path.name
            for path in found.glob('**/openstack_glance/*')
            if path.is_file()
        ]
