"""The shipped definition files, as users of the API see them."""

from glance_registry.db import maintenance
from glance_registry.db.definitions import files
from glance_registry.db.definitions import loading
from tests import base
from tests.unit.registry.db.definitions import test_shipped


class DefinitionFilesTest(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        url = f'sqlite:///{self.directory}/glance.sqlite'
        self.documents = [
            files.read(path) for path in files.find(str(test_shipped.SHIPPED))
        ]
        with maintenance.engine(url).begin() as connection:
            for document in self.documents:
                loading.load(connection, document, loading.Mode.SKIP)

    def test_everybody_sees_them_whole(self) -> None:
        path = '/v2/metadefs/namespaces'
        listed = self.call('GET', f'{path}?limit=100', caller='rita')
        self.assert_status(200, listed)
        names = {each['namespace'] for each in listed.json['namespaces']}
        self.assertEqual({each['namespace'] for each in self.documents}, names)
        for document in self.documents:
            shown = self.call(
                'GET', f'{path}/{document["namespace"]}', caller='rita'
            )
            self.assert_status(200, shown)
            for name in ('display_name', 'description', 'visibility'):
                self.assertEqual(document[name], shown.json[name])
            self.assertEqual(
                set(document.get('properties', ())),
                set(shown.json.get('properties', ())),
            )
            self.assertEqual(
                {each['name'] for each in document.get('objects', ())},
                {each['name'] for each in shown.json.get('objects', ())},
            )

    def test_their_resource_types(self) -> None:
        path = '/v2/metadefs/resource_types'
        found = self.call('GET', path, caller='rita').json['resource_types']
        self.assertEqual(6, len(found))
