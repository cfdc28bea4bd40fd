"""Both daemons with a store whose server dies, is down, or refuses."""

import json
from typing import Any

from tests.live import processes
from tests.stores import gate
from tests.stores import service


class Server:
    """Mixed in as well where there is a server that can die."""

    def connect(self: Any) -> gate.Gate:
        """A gate to the server."""
        raise NotImplementedError

    def settings_through(self: Any, way: gate.Gate) -> dict[str, Any]:
        """The options of a store whose server is behind a gate."""
        raise NotImplementedError

    def wrong_settings(self: Any) -> dict[str, Any]:
        """The options of a store with a wrong password."""
        raise NotImplementedError

    def behind(self: Any, is_shut: bool) -> tuple[Any, gate.Gate]:
        """Running daemons with the store behind a gate."""
        way = self.connect()
        self.addCleanup(way.close)
        if is_shut:
            way.shut()
        found = self.daemons(self.settings_through(way))
        self.addCleanup(found.stop)
        found.start()
        return found, way

    def test_a_server_that_dies_in_an_upload_leaves_nothing(
        self: Any,
    ) -> None:
        glance, way = self.behind(False)
        way.shut_after(service.SMALL_BYTES // 2)
        status, image_id, _ = self.upload(service.SMALL_BYTES, True, glance)
        self.assertIn(status, (0, 503))
        self.assertTrue(way.has_shut.is_set())
        processes.wait_until(
            lambda: glance.image(image_id)['status'] == 'queued',
            60,
            'the image is not queued again',
        )
        way.open()
        self.require_it_serves(glance)

    def test_a_server_that_is_down_at_start_is_used_later(self: Any) -> None:
        glance, way = self.behind(True)
        status, _, _ = self.upload(1000, True, glance)
        self.assertIn(status, (0, 503))
        way.open()

        def is_used() -> bool:
            return bool(self.upload(1000, True, glance)[0] == 204)

        processes.wait_until(is_used, 60, 'the store is not tried again')
        _, _, body = glance.request('GET', '/v2/images')
        for image in json.loads(body)['images']:
            glance.request('DELETE', f'/v2/images/{image["id"]}')
        self.require_nothing_held()

    def test_wrong_credentials_are_told_and_the_daemon_lives(
        self: Any,
    ) -> None:
        glance = self.daemons(self.wrong_settings())
        self.addCleanup(glance.stop)
        glance.start()
        self.assertIn(self.upload(1000, True, glance)[0], (0, 503))
        log = glance.api.log.read_text()
        self.assertIn('The store big cannot be used', log)
        for secret in self.secrets():
            self.assertNotIn(secret, log)
        status, _, body = glance.request('GET', '/v2/info/stores/detail')
        self.assertEqual(200, status)
        self.assertIn(b'unavailable', body)
