"""Both daemons start with the paste files of releases 11 to 33."""

from collections.abc import Iterator
import shutil
import tempfile
import unittest
import urllib.parse

from glance.common import context
from tests.live import daemons
from tests.live import paste_layouts
from tests.live import processes

#: The flavor of the registry that belongs to one of glance-api.
PAIRS = {None: None, 'keystone': 'keystone', 'trusted-auth': 'trusted-auth'}
#: The daemons do not ask this Keystone until a token comes.
LOGIN = {
    'www_authenticate_uri': 'http://127.0.0.1:1',
    'auth_url': 'http://127.0.0.1:1',
    'auth_type': 'password',
    'username': 'glance',
    'password': 'secret',
    'project_name': 'service',
    'user_domain_id': 'default',
    'project_domain_id': 'default',
}


class TestPasteLayouts(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        made = daemons.Glance()
        cls.addClassCleanup(made.stop)
        made.sync()
        cls.database = made.directory / 'glance.sqlite'

    def start(
        self, layout: paste_layouts.Layout, flavor: str | None
    ) -> daemons.Glance:
        """Both daemons with files of this layout beside their own."""
        base = flavor.partition('+')[0] if flavor else None
        login = {'keystone_authtoken': LOGIN} if base == 'keystone' else {}
        glance = daemons.Glance(
            api={
                'DEFAULT': {
                    'send_identity_headers': base != 'keystone',
                    'image_cache_dir': tempfile.mkdtemp(
                        dir=self.database.parent
                    ),
                },
                'paste_deploy': {'flavor': flavor or ''},
                **login,
            },
            registry={
                'paste_deploy': {'flavor': PAIRS[base] or ''},
                **login,
            },
            workers=1,
        )
        self.addCleanup(glance.stop)
        (glance.directory / 'glance-api-paste.ini').write_text(layout.api())
        if layout.releases in ('11-12', '13-20'):
            paste_file = glance.directory / 'glance-registry-paste.ini'
            paste_file.write_text(layout.registry())
        shutil.copy(self.database, glance.directory)
        glance.registry.start()
        glance.api.start()
        for process, url in (
            (glance.registry, glance.registry_url),
            (glance.api, glance.api_url),
        ):
            processes.wait_until(
                lambda url=url: processes.accepts(
                    ('127.0.0.1', urllib.parse.urlsplit(url).port)
                ),
                daemons.START_SECONDS,
                f'{process.name} {layout.releases} {flavor}',
                process,
            )
        return glance

    def combinations(
        self,
    ) -> Iterator[tuple[paste_layouts.Layout, str | None]]:
        """Each layout with each kind of login, the cache filters once."""
        for layout in paste_layouts.LAYOUTS:
            yield layout, None
            yield layout, 'keystone+cachemanagement'
            if layout.has_trusted_auth:
                yield layout, 'trusted-auth'

    def test_both_daemons_start_and_answer(self) -> None:
        for layout, flavor in self.combinations():
            with self.subTest(f'{layout.releases} {flavor}'):
                glance = self.start(layout, flavor)
                self.check(glance, layout, flavor)
                glance.stop()

    def check(
        self,
        glance: daemons.Glance,
        layout: paste_layouts.Layout,
        flavor: str | None,
    ) -> None:
        status, _, _ = glance.request('GET', '/')
        self.assertEqual(300, status)
        status, _, body = glance.request('GET', '/healthcheck')
        expected = 300 if layout.releases == '11-12' else 200
        self.assertEqual(expected, status, body)
        status, headers, body = glance.request('GET', '/v2/images')
        if flavor is None:
            self.assertEqual(200, status, body)
            return
        self.assertEqual(401, status, body)
        if flavor.startswith('keystone'):
            self.assertIn('www-authenticate', headers)
            return
        status, _, body = glance.request(
            'GET',
            '/v2/images',
            headers={
                'X-Identity-Status': 'Confirmed',
                'X-User-Id': 'alice',
                'X-Project-Id': 'p1',
                'X-Roles': 'member,reader',
                context.SHARED_SECRET: glance.registry_secret,
            },
        )
        self.assertEqual(200, status, body)
