"""The calls that a dashboard's pages on metadata definitions make."""

from tests.functional.metadefs import catalogue


class TestDashboard(catalogue.CatalogueTestCase):
    """As Horizon makes them, through its own client library."""

    def test_pages(self) -> None:
        # covers 50.3-9
        for name in ('a', 'b', 'c'):
            self.full(f'OS::{name}', display_name=name.upper())
        page = self.ask(
            'GET',
            '?limit=2&sort_dir=asc&sort_key=namespace&visibility=public'
            '&resource_types=a',
        ).json
        self.assertEqual(
            ['OS::a', 'OS::b'],
            [each['namespace'] for each in page['namespaces']],
        )
        rest = self.call('GET', page['next'], caller='admin').json
        self.assertEqual(
            ['OS::c'], [each['namespace'] for each in rest['namespaces']]
        )
        # The page that edits the metadata of an image, for everybody.
        for caller in ('rita', 'admin'):
            found = self.ask(
                'GET', '?resource_types=a&limit=1000', caller=caller
            ).json
            self.assertEqual(3, len(found['namespaces']))
            one = self.ask('GET', '/OS::a?resource_type=a', caller=caller).json
            self.assertEqual(['hw_a'], list(one['properties']))
            self.assertEqual(['hw_b'], list(one['objects'][0]['properties']))

    def test_import_and_associations(self) -> None:
        # covers 50.3-9
        body = {
            'namespace': 'OS::Imported',
            'display_name': 'Imported',
            'description': 'Of a file',
            'visibility': 'public',
            'protected': False,
            'properties': {'p': catalogue.PROPERTY},
            'objects': [{'name': 'o', 'description': '', 'properties': {}}],
            'resource_type_associations': [],
        }
        self.assert_status(201, self.ask('POST', '', body))
        types = '/OS::Imported/resource_types'
        for name in ('OS::Glance::Image', 'OS::Nova::Flavor'):
            self.assert_status(201, self.ask('POST', types, {'name': name}))
        every = self.call('GET', '/v2/metadefs/resource_types').json
        self.assertEqual(2, len(every['resource_types']))
        self.ask('DELETE', f'{types}/OS::Nova::Flavor')
        found = self.ask('GET', types).json['resource_type_associations']
        self.assertEqual(
            ['OS::Glance::Image'], [each['name'] for each in found]
        )
        change = {
            'namespace': 'OS::Imported',
            'visibility': 'private',
            'protected': True,
        }
        self.assert_status(200, self.ask('PUT', '/OS::Imported', change))
        self.assert_status(403, self.ask('DELETE', '/OS::Imported'))
