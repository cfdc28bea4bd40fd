"""Round trips and SQL statements of each call on the catalogue."""

from typing import Any

from tests.functional import test_costs
from tests.functional.metadefs import catalogue

ALL = catalogue.NAMESPACES
ONE = f'{ALL}/n'


class TestCosts(test_costs.CostsTestCase, catalogue.CatalogueTestCase):
    """Reads call the registry once, writes twice."""

    def cost(self, method: str, path: str, body: Any = None) -> Any:
        return self.count(method, path, body, caller='admin')

    def test_every_call_costs_exactly_this(self) -> None:
        tag = [{'name': 't'}]
        full = {
            'namespace': 'n',
            'tags': tag,
            'resource_type_associations': [{'name': 'T'}],
        }
        for trips, statements, method, path, body in (
            (1, 11, 'POST', ALL, full),
            (1, 2, 'GET', ALL, None),
            (1, 1, 'GET', ONE, None),
            (2, 5, 'PUT', ONE, {'namespace': 'n'}),
            (1, 2, 'GET', f'{ONE}/tags', None),
            (1, 1, 'GET', f'{ONE}/objects', None),
            (1, 1, 'GET', f'{ONE}/tags/t', None),
            (1, 1, 'GET', f'{ONE}/resource_types', None),
            (1, 1, 'GET', '/v2/metadefs/resource_types', None),
            (2, 4, 'POST', f'{ONE}/objects', {'name': 'o'}),
            (2, 5, 'PUT', f'{ONE}/objects/o', {'name': 'p'}),
            (2, 4, 'DELETE', f'{ONE}/objects/p', None),
            (2, 5, 'POST', f'{ONE}/tags', {'tags': tag}),
            (2, 4, 'DELETE', f'{ONE}/tags', None),
            (0, 0, 'GET', '/v2/schemas/metadefs/tag', None),
            (2, 8, 'DELETE', ONE, None),
        ):
            with self.subTest(f'{method} {path}'):
                self.assertEqual(
                    (trips, statements), self.cost(method, path, body)
                )

    def test_a_page_takes_two_whatever_its_size(self) -> None:
        for number in range(10):
            self.full(f'n{number}')
        for limit in (1, 5, 10):
            self.assertEqual((1, 2), self.cost('GET', f'{ALL}?limit={limit}'))
        self.assertEqual((1, 3), self.cost('GET', f'{ALL}?marker=n5'))
        self.assertEqual(
            (1, 2),
            self.cost('GET', f'{ALL}?visibility=public&resource_types=a,b'),
        )

    def test_a_namespace_takes_one_whatever_is_in_it(self) -> None:
        names = [f'p{number}' for number in range(50)]
        self.namespace(
            properties=dict.fromkeys(names, catalogue.PROPERTY),
            objects=[{'name': name} for name in names],
            resource_type_associations=[{'name': name} for name in names],
        )
        for rest in (
            *('', '?resource_type=p1', '/properties', '/properties/p7'),
            *('/objects', '/objects/p7', '/resource_types'),
        ):
            self.assertEqual((1, 1), self.cost('GET', f'{ONE}{rest}'))

    def test_a_create_does_not_grow_with_its_contents(self) -> None:
        costs = set()
        for size in (1, 100):
            names = [f'{size} {number}' for number in range(size)]
            body = {
                'namespace': f'n{size}',
                'tags': [{'name': name} for name in names],
                'objects': [{'name': name} for name in names],
                'properties': dict.fromkeys(names, catalogue.PROPERTY),
            }
            costs.add(self.cost('POST', ALL, body))
        self.assertEqual(1, len(costs))
