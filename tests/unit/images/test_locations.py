"""Which locations a caller may give an image."""

from typing import Any, cast
import unittest
import uuid

from glance.common import errors
from glance.images import locations
from glance.images import quotas
from glance.store import stores

OTHER = str(uuid.uuid4())


class _Stores:
    """Any scheme, and data of one byte everywhere."""

    def check(self, url: str) -> None:
        pass

    def ordered(self, given: list[Any]) -> list[Any]:
        return given

    def labelled(self, location: Any) -> Any:
        return location

    def size(self, url: str) -> int:
        return 1


class LocationRulesTest(unittest.TestCase):
    def setUp(self) -> None:
        limits = locations.Limits(quotas.Quotas(-1, -1, -1), 100, 'sha512')
        self.rules = locations.LocationRules(
            cast(stores.Stores, _Stores()), limits
        )
        self.image: Any = {
            'id': str(uuid.uuid4()),
            'status': 'queued',
            'size': None,
            'locations': [],
            'disk_format': 'raw',
            'container_format': 'bare',
            'checksum': None,
            'os_hash_algo': None,
            'os_hash_value': None,
        }

    def add(self, url: str, *, is_service: bool = False) -> list[str]:
        given: Any = [{'url': url, 'metadata': {}}]
        change = locations.Change('add', None, given)
        made = self.rules.changed(self.image, [change], {}, is_service)
        return [location['url'] for location in made.locations]

    def test_data_of_another_image_is_refused(self) -> None:
        for url in (
            f'rbd://fsid/images/{OTHER}/snap',
            f'cinder://{OTHER}',
            f'rbd://fsid/{self.image["id"]}-x/{OTHER}/snap',
        ):
            with self.subTest(url), self.assertRaises(errors.Forbidden):
                self.add(url)

    def test_data_that_services_name_is_theirs_to_judge(self) -> None:
        url = f'cinder://{OTHER}'
        self.assertEqual([url], self.add(url, is_service=True))

    def test_data_under_the_id_of_the_image_is_accepted(self) -> None:
        url = f'rbd://fsid/images/{self.image["id"]}/snap'
        self.assertEqual([url], self.add(url))

    def test_a_web_server_is_readable_for_everybody(self) -> None:
        url = f'https://web.example/{OTHER}'
        self.assertEqual([url], self.add(url))
