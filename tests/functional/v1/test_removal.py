"""API v1 is one small package, which a single line of code includes."""

import pathlib
import re
from unittest import mock

import webob

from glance.api import older
from tests import base

ROOT = pathlib.Path(older.__file__).parents[2]
MAX_LINES = 900


class TestRemoval(base.ServiceTestCase):
    def test_the_package_stays_small(self) -> None:
        files = (ROOT / 'glance/api/v1').rglob('*.py')
        lines = sum(len(path.read_text().splitlines()) for path in files)
        self.assertLess(lines, MAX_LINES)

    def test_one_module_imports_it(self) -> None:
        found = [
            path.relative_to(ROOT).as_posix()
            for folder in ('glance', 'glance_registry')
            for path in (ROOT / folder).rglob('*.py')
            if re.search(r'from glance\.api(\.| import )v1', path.read_text())
            and 'glance/api/v1' not in path.as_posix()
        ]
        self.assertEqual(['glance/api/older.py'], found)

    def test_without_its_line_the_service_has_only_v2(self) -> None:
        with mock.patch.object(older, 'VERSIONS', ()):
            self.service.app = self.service._pipeline()
        self.assertEqual(300, self.call('GET', '/v1/images').status_int)
        versions = self.call('GET', '/versions').json['versions']
        self.assertNotIn('v1.1', [each['id'] for each in versions])
        self.assert_status(200, self.call('GET', '/v2/images'))

    def test_it_is_off_by_an_option(self) -> None:
        self.service.conf.set_override('enable_v1_api', False)
        self.service.app = self.service._pipeline()
        for path in ('/v1/images', '/v1.1/images', '/v1'):
            response: webob.Response = self.call('GET', path)
            self.assertEqual(300, response.status_int)
