"""Concurrent changes of the catalogue of metadata definitions."""

from collections.abc import Sequence
import json
from typing import Any
import unittest
import uuid

from tests.contract import racers
from tests.contract.races import racing

NAMESPACES = '/v2/metadefs/namespaces'
JSON = 'application/json'
PROPERTY = {'title': 'P', 'type': 'string'}


class Metadefs(racing.Races):
    def ask(self, method: str, path: str, body: Any = None) -> racers.Call:
        data = None if body is None else json.dumps(body).encode()
        return ('http', method, f'{NAMESPACES}{path}', data, JSON, 'admin')

    def namespace(self) -> str:
        """Create a namespace; return its name."""
        name = uuid.uuid4().hex
        made = racers.Racer(self.service).perform(
            self.ask('POST', '', {'namespace': name})
        )
        self.assertEqual('201', made[0], made)
        return name

    def read(self, name: str) -> Any:
        code, text = racers.Racer(self.service).perform(
            self.ask('GET', f'/{name}')
        )
        self.assertEqual('200', code, text)
        return json.loads(text)

    def assert_one_won(
        self, outcomes: Sequence[racers.Outcome], won: str, lost: str
    ) -> None:
        self.assert_codes(outcomes, won, *[lost] * (len(outcomes) - 1))

    def test_same_namespace_created(self) -> None:
        """One namespace is complete, without contents of the others."""
        for track in self.rounds():
            name = uuid.uuid4().hex
            outcomes = track.race(
                [
                    self.ask(
                        *('POST', ''),
                        {
                            'namespace': name,
                            'tags': [{'name': f'{n}a'}, {'name': f'{n}b'}],
                            'resource_type_associations': [{'name': name}],
                        },
                    )
                    for n in range(racing.RACERS)
                ]
            )
            self.assert_one_won(outcomes, '201', '409')
            found = self.read(name)
            self.assertEqual(2, len(found['tags']))
            self.assertEqual(1, len({t['name'][0] for t in found['tags']}))
            self.assertEqual(1, len(found['resource_type_associations']))

    def test_same_definition_added(self) -> None:
        for track in self.rounds():
            name = self.namespace()
            for kind, path, body in (
                ('objects', '/objects', {'name': 'a'}),
                ('properties', '/properties', {'name': 'a', **PROPERTY}),
                ('tags', '/tags/a', None),
                ('resource_type_associations', '/resource_types', None),
            ):
                if kind == 'resource_type_associations':
                    body = {'name': uuid.uuid4().hex}  # a new type
                call = self.ask('POST', f'/{name}{path}', body)
                outcomes = track.race([call] * racing.RACERS)
                self.assert_one_won(outcomes, '201', '409')
                self.assertEqual(1, len(self.read(name)[kind]), kind)

    def test_namespaces_with_the_same_new_resource_type(self) -> None:
        """Each type is created once, and every namespace has it."""
        for track in self.rounds():
            names = [uuid.uuid4().hex for _ in range(racing.RACERS)]
            types = [{'name': f'T {names[0]}'}, {'name': f'U {names[0]}'}]
            outcomes = track.race(
                [
                    self.ask(
                        *('POST', ''),
                        {
                            'namespace': name,
                            # In alternating order, to provoke a deadlock.
                            'resource_type_associations': types[:: 1 - 2 * n],
                        },
                    )
                    for n, name in zip((0, 1, 0), names, strict=True)
                ]
            )
            self.assert_codes(outcomes, *['201'] * racing.RACERS)
            for name in names:
                found = self.read(name)['resource_type_associations']
                self.assertEqual(2, len(found))

    def test_same_tags_appended(self) -> None:
        for track in self.rounds():
            name = self.namespace()
            new = [{'name': 'a'}, {'name': 'b'}]
            call = self.ask('POST', f'/{name}/tags', {'tags': new})
            call = (*call, {'X-Openstack-Append': 'true'})
            outcomes = track.race([call] * racing.RACERS)
            self.assert_one_won(outcomes, '201', '409')
            self.assertEqual(2, len(self.read(name)['tags']))

    def test_tags_replaced(self) -> None:
        """The namespace has all tags of one request, and no others."""
        for track in self.rounds():
            name = self.namespace()
            outcomes = track.race(
                [
                    self.ask(
                        *('POST', f'/{name}/tags'),
                        {'tags': [{'name': f'{n}a'}, {'name': f'{n}b'}]},
                    )
                    for n in range(racing.RACERS)
                ]
            )
            self.assert_codes(outcomes, *['201'] * racing.RACERS)
            tags = self.read(name)['tags']
            self.assertEqual(2, len(tags))
            self.assertEqual(1, len({tag['name'][0] for tag in tags}))

    def test_renames_to_one_name(self) -> None:
        for track in self.rounds():
            new = uuid.uuid4().hex
            outcomes = track.race(
                [
                    self.ask('PUT', f'/{old}', {'namespace': new})
                    for old in [self.namespace() for _ in range(racing.RACERS)]
                ]
            )
            self.assert_one_won(outcomes, '200', '409')

    def test_deletion_while_definitions_are_added(self) -> None:
        """Definitions added before are deleted too, later ones get a 404."""
        for track in self.rounds():
            name = self.namespace()
            outcomes = track.race(
                [
                    self.ask('DELETE', f'/{name}'),
                    self.ask('POST', f'/{name}/objects', {'name': 'a'}),
                    self.ask(
                        'POST', f'/{name}/tags', {'tags': [{'name': 't'}]}
                    ),
                ]
            )
            codes = [code for code, _ in outcomes]
            self.assertEqual('204', codes[0], outcomes)
            self.assertLessEqual({*codes[1:]}, {'201', '404'}, outcomes)
            gone = racers.Racer(self.service).perform(
                self.ask('GET', f'/{name}')
            )
            self.assertEqual('404', gone[0])

    def test_protection_while_it_is_deleted(self) -> None:
        """Either the namespace is protected and exists, or it is deleted."""
        for track in self.rounds():
            name = self.namespace()
            outcomes = track.race(
                [
                    self.ask('DELETE', f'/{name}'),
                    self.ask(
                        *('PUT', f'/{name}'),
                        {'namespace': name, 'protected': True},
                    ),
                ]
            )
            codes = tuple(code for code, _ in outcomes)
            self.assertIn(codes, {('204', '404'), ('403', '200')}, outcomes)


class SqliteMetadefs(Metadefs, unittest.TestCase):
    kind = 'sqlite'


class MysqlMetadefs(Metadefs, unittest.TestCase):
    kind = 'mysql'


class PostgresqlMetadefs(Metadefs, unittest.TestCase):
    kind = 'postgresql'
