"""Names of headers that the server hands on."""

from typing import Any
import unittest

from glance.common.server import http


class TestNames(unittest.TestCase):
    def name(self, name: str) -> str | None:
        protocol: Any = http.Connection
        found: str | None = protocol.formalize_key_naming(None, name)
        return found

    def test_clients_of_v1_send_underscores(self) -> None:
        self.assertEqual(
            'X_IMAGE_META_DISK_FORMAT', self.name('x-image-meta-disk_format')
        )
        self.assertEqual(
            'X_IMAGE_META_PROPERTY_A_B', self.name('X-Image-Meta-Property-a_b')
        )

    def test_no_header_passes_for_one_of_identity(self) -> None:
        for name in ('x_roles', 'X-Project_Id', 'x_image_meta_name'):
            self.assertIsNone(self.name(name))
        self.assertEqual('X_ROLES', self.name('X-Roles'))
