"""The request bodies in doc/operations/import.md work as described."""

import hashlib
import pathlib
import re

from tests.functional.imports import importing
from tests.functional.imports import test_stores

PAGE = pathlib.Path(__file__).parents[3] / 'doc/operations/import.md'


class TestPage(test_stores.StoresTestCase):
    def bodies(self) -> list[str]:
        """Return the JSON bodies of the page, with a URL that exists."""
        text = PAGE.read_text()
        text = text.replace('http://images.example.org', self.web.url(''))
        sha256 = hashlib.sha256(importing.DATA).hexdigest()
        text = text.replace('"SHA256"', f'"{sha256}"')
        return re.findall(r'```json\n(.*?)```', text, re.DOTALL)

    def test_every_body(self) -> None:
        self.web.data['/debian.raw'] = importing.DATA
        bodies = [
            body for body in self.bodies() if 'glance-download' not in body
        ]
        self.assertEqual(4, len(bodies))
        for body in bodies:
            if 'copy-image' in body:
                image_id = self.image(data=importing.DATA)
            else:
                image_id = self.image()
            if 'glance-direct' in body:
                self.stage(image_id)
            response = self.call(
                'POST',
                f'/v2/images/{image_id}/import',
                body.encode(),
                caller='admin',
                headers={'Content-Type': 'application/json'},
            )
            with self.subTest(body):
                self.assert_status(202, response)
                image = self.show(image_id)
                self.assertEqual('active', image['status'], image)
                self.assertEqual('', image['os_glance_failed_import'])
