"""An upload that takes longer than the token lives."""

import json
import time
import unittest
from unittest import mock

from tests.live import connections
from tests.live import daemons
from tests.live import keystone
from tests.live.wire_faults import service


class ExpiringTokens(unittest.TestCase):
    #: Two daemons log in and check two tokens before the first response,
    #: which takes seconds on a busy machine.
    LIFE_SECONDS = 45

    def test_upload_outlives_its_token(self) -> None:
        # covers 8.1-19
        short = keystone.CONFIGURATION.replace(
            '[token]', f'[token]\nexpiration = {self.LIFE_SECONDS}'
        )
        with mock.patch.object(keystone, 'CONFIGURATION', short):
            server = keystone.Keystone()
        self.addCleanup(server.stop)
        glance = daemons.with_keystone('keystone', address=server.address)
        self.addCleanup(glance.stop)
        glance.start()
        cloud = keystone.connect(server.address, 'alice')
        token = str(cloud.auth_token)
        since = time.monotonic()
        status, _, body = glance.request(
            'POST',
            '/v2/images',
            {'disk_format': 'raw', 'container_format': 'bare'},
            token,
        )
        self.assertEqual(201, status, body)
        image_id = json.loads(body)['id']
        slow = connections.Slow(
            glance.api_url,
            'PUT',
            f'/v2/images/{image_id}/file',
            f'Content-Type: {service.BYTES}',
            f'Content-Length: {2 * service.MIB}',
            f'X-Auth-Token: {token}',
        )
        self.addCleanup(slow.hang_up)
        slow.send(service.MIB)
        left = self.LIFE_SECONDS + 2 - (time.monotonic() - since)
        time.sleep(max(0, left))
        path = f'/v2/images/{image_id}'
        self.assertEqual(401, glance.request('GET', path, None, token)[0])
        slow.send(service.MIB)
        self.assertEqual(204, slow.status())
        fresh = str(keystone.connect(server.address, 'alice').auth_token)
        _, _, body = glance.request('GET', path, None, fresh)
        self.assertEqual('active', json.loads(body)['status'])
