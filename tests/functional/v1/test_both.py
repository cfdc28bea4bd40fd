"""API v1 and v2 on one image: neither damages what it cannot show."""

from typing import Any

import hypothesis
from hypothesis import strategies

from tests.functional.locations import places

EXAMPLES = 20
V1_NAMES = strategies.sampled_from(('plain', 'hw_bus', 'new'))
#: v1 cannot use the second and the third name in this form.
V2_NAMES = strategies.sampled_from(('plain', 'HW-Bus', 'ü'))
TEXTS = strategies.sampled_from(('', 'x', 'a b', 'ü', '%41', '1'))
V2_TEXTS = TEXTS | strategies.sampled_from(('a\r\nb: c', ' blank ', '\t'))
NAMES = strategies.sampled_from(('x', 'longer name', 'ü'))
#: A property that is null in v2 too, not an empty text.
NULLABLE = 'kernel_id'
MAX_LOCATIONS = 3
VISIBILITIES = ('public', 'private', 'shared', 'community')
STEPS = strategies.one_of(
    strategies.tuples(
        strategies.just('v1'),
        strategies.fixed_dictionaries(
            {},
            optional={
                'name': NAMES,
                'is_public': strategies.booleans(),
                'protected': strategies.booleans(),
                'min_ram': strategies.integers(0, 2**31 - 1),
            },
        ),
        strategies.dictionaries(V1_NAMES, TEXTS, max_size=2),
        strategies.booleans(),
    ),
    strategies.tuples(
        strategies.just('v2'),
        strategies.fixed_dictionaries(
            {},
            optional={
                'name': NAMES,
                'visibility': strategies.sampled_from(VISIBILITIES),
                'tags': strategies.lists(NAMES, max_size=2, unique=True),
                'min_disk': strategies.integers(0, 2**31 - 1),
                'os_hidden': strategies.booleans(),
            },
        ),
        strategies.dictionaries(V2_NAMES, V2_TEXTS, max_size=2),
        strategies.booleans(),
    ),
    strategies.just(('v1', {}, {NULLABLE: ''}, False)),
    strategies.just(('v2', {}, {NULLABLE: None}, False)),
    strategies.just(('add location',)),
    strategies.just(('remove location',)),
    strategies.just(('echo',)),
)


class Model:
    """The state that the image must have."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {
            'name': 'first',
            'visibility': 'shared',
            'tags': [],
            'min_ram': 0,
            'min_disk': 0,
            'protected': False,
            'os_hidden': False,
        }
        self.properties: dict[str, str | None] = {}
        #: URLs of the data, and how many there have been
        self.locations: list[str] = []
        self.placed = 0

    def refuses(self, given: dict[str, str]) -> bool:
        """Return whether v1 cannot find out which property is meant."""
        both = {'HW-Bus', 'hw_bus'} <= self.properties.keys()
        values = [
            self.properties[it] or '' for it in ('HW-Bus', 'hw_bus') if both
        ]
        return both and 'hw_bus' in given and given['hw_bus'] not in values

    def v1(
        self, fields: dict[str, Any], given: dict[str, str], purges: bool
    ) -> None:
        fields = dict(fields)
        is_public = self.values['visibility'] == 'public'
        if fields.pop('is_public', is_public) != is_public:
            self.values['visibility'] = 'shared' if is_public else 'public'
        self.values |= fields
        known = {fold(name): name for name in self.properties}
        for name, value in given.items():
            if {'HW-Bus', 'hw_bus'} <= self.properties.keys() and (
                name == 'hw_bus'
            ):
                continue  # it has one of both values already
            name = known.get(name, name)
            if value:
                self.properties[name] = value
            elif (
                self.properties.get(name, 'none') not in (None, '')
                or name == NULLABLE
            ):
                self.properties[name] = None
        if purges:
            self.properties = {
                name: value
                for name, value in self.properties.items()
                if value is None or fold(name) in given
            }

    def v2(
        self,
        fields: dict[str, Any],
        given: dict[str, str | None],
        removes: bool,
    ) -> None:
        self.values |= fields
        self.properties |= given
        if removes and not given:
            self.properties.pop('plain', None)


def fold(name: str) -> str:
    return name.lower().replace('-', '_')


def native(text: str) -> str:
    """Encode a text as UTF-8 in the form of WSGI's headers."""
    return text.encode().decode('latin-1')


class TestBoth(places.LocationsTestCase):
    def put(
        self,
        image_id: str,
        fields: dict[str, Any],
        given: dict[str, str],
        purges: bool,
        status: int = 200,
    ) -> None:
        headers = {f'x-image-meta-{name}': it for name, it in fields.items()}
        headers |= {
            f'x-image-meta-property-{name}': value
            for name, value in given.items()
        }
        headers['x-glance-registry-purge-props'] = purges
        response = self.call(
            'PUT',
            f'/v1/images/{image_id}',
            caller='admin',
            headers={name: native(str(it)) for name, it in headers.items()},
        )
        self.assert_status(status, response)

    def change(
        self,
        image_id: str,
        fields: dict[str, Any],
        given: dict[str, str],
        removes: bool,
    ) -> None:
        operations = [
            {'op': 'add', 'path': f'/{name}', 'value': value}
            for name, value in (fields | given).items()
        ]
        if removes and not given and 'plain' in self.shown(image_id):
            operations.append({'op': 'remove', 'path': '/plain'})
        response = self.patch(image_id, *operations, caller='admin')
        self.assert_status(200, response)

    def echo(self, image_id: str) -> None:
        """Send back all headers of the image, as some clients do."""
        path = f'/v1/images/{image_id}'
        shown = self.call('HEAD', path, caller='admin')
        headers = {
            name: value
            for name, value in shown.headers.items()
            if name.lower().startswith('x-image-meta-')
        }
        response = self.call('PUT', path, caller='admin', headers=headers)
        self.assert_status(200, response)

    def add_location(self, image_id: str, model: Model) -> None:
        if len(model.locations) < MAX_LOCATIONS:
            model.placed += 1
            place = self.place(f'location-{model.placed}')
            added = self.add(image_id, place, caller='admin')
            self.assert_status(200, added)
            model.locations.append(place['url'])

    def remove_location(self, image_id: str, model: Model) -> None:
        if len(model.locations) > 1:
            self.assert_status(200, self.remove(image_id, '0'))
            del model.locations[0]

    def shown(self, image_id: str) -> dict[str, Any]:
        return self.show(image_id, caller='admin')

    def check(self, image_id: str, model: Model) -> None:
        second = self.shown(image_id)
        for name, value in model.values.items():
            found = second[name]
            if name == 'tags':
                found, value = sorted(found), sorted(value)
            self.assertEqual(value, found, name)
        for name, value in model.properties.items():
            if name == NULLABLE:
                self.assertIsNone(second[name])
            self.assertEqual(value or '', second[name] or '', name)
        found = [location['url'] for location in second['locations']]
        self.assertEqual(model.locations, found)
        for name in ('plain', 'HW-Bus', 'hw_bus', 'new', 'ü', NULLABLE):
            if name not in model.properties:
                self.assertNotIn(name, second)
        query = '/v1/images/detail?is_public=none'
        if not second['os_hidden'] and second['visibility'] != 'community':
            listed = self.call('GET', query, caller='admin').json['images']
            (first,) = [it for it in listed if it['id'] == image_id]
            self.assertEqual(second['name'], first['name'])
            is_public = second['visibility'] == 'public'
            self.assertEqual(is_public, first['is_public'])
            self.assertEqual(
                {name: it or '' for name, it in model.properties.items()},
                {name: it or '' for name, it in first['properties'].items()},
            )

    def test_a_model_of_one_image(self) -> None:
        @hypothesis.settings(max_examples=EXAMPLES, deadline=None)
        @hypothesis.given(strategies.lists(STEPS, min_size=1, max_size=6))
        def run(steps: list[Any]) -> None:
            image_id = self.image(name='first', caller='admin')
            model = Model()
            self.add_location(image_id, model)
            self.add_location(image_id, model)
            for kind, *rest in steps:
                if kind == 'v1' and model.refuses(rest[1]):
                    self.put(image_id, *rest, status=409)
                elif kind == 'v1':
                    self.put(image_id, *rest)
                    model.v1(*rest)
                elif kind == 'v2':
                    self.change(image_id, *rest)
                    model.v2(*rest)
                elif kind == 'add location':
                    self.add_location(image_id, model)
                elif kind == 'remove location':
                    self.remove_location(image_id, model)
                else:
                    self.echo(image_id)
                self.check(image_id, model)
            data = self.call('GET', f'/v1/images/{image_id}', caller='admin')
            self.assertEqual(places.DATA, data.body)

        run()

    def test_every_field_of_v1_is_seen_by_v2(self) -> None:
        fields = {
            'id': '7a000000-0000-4000-8000-0000000000e1',
            'name': 'ü',
            'disk_format': 'qcow2',
            'container_format': 'ovf',
            'min_disk': 3,
            'min_ram': 4,
            'protected': True,
            'owner': 'p2',
            'size': 7,
            'checksum': '0' * 32,
            'virtual_size': 9,
        }
        headers = {
            f'x-image-meta-{name}': native(str(value))
            for name, value in fields.items()
        }
        headers |= {
            'x-image-meta-is_public': 'True',
            'x-image-meta-property-hw_bus': 'scsi',
            'x-image-meta-property-empty': '',
        }
        made = self.call('POST', '/v1/images', caller='admin', headers=headers)
        self.assert_status(201, made)
        second = self.shown(str(fields['id']))
        fields |= {
            'visibility': 'public',
            'status': 'queued',
            'hw_bus': 'scsi',
            'empty': '',
            'tags': [],
            'os_hidden': False,
            'locations': [],
        }
        self.assertEqual(fields, {name: second[name] for name in fields})

    def test_every_field_of_v2_is_seen_by_v1(self) -> None:
        fields: dict[str, Any] = {
            'name': 'ü',
            'disk_format': 'qcow2',
            'container_format': 'ovf',
            'min_disk': 3,
            'min_ram': 4,
            'protected': True,
        }
        image_id = self.image(
            **fields,
            tags=['x'],
            HW='v',
            visibility='private',
            data=b'12345678',
        )
        shown = self.shown(image_id)
        path = f'/v1/images/{image_id}'
        head = self.call('HEAD', path).headers
        fields |= {
            'id': image_id,
            'owner': 'p1',
            'status': 'active',
            'size': 8,
            'virtual_size': shown['virtual_size'],
            'checksum': '25d55ad283aa400af464c76d713c07ad',
        }
        for name, value in fields.items():
            found = head.get(f'x-image-meta-{name}', 'None')
            self.assertEqual(native(str(value)), found, name)
        self.assertEqual('v', head['x-image-meta-property-hw'])
        self.assertEqual('False', head['x-image-meta-is_public'])
        self.assertNotIn('tags', str(head))
        (listed,) = self.call('GET', '/v1/images/detail').json['images']
        self.assertEqual(fields, {name: listed[name] for name in fields})
        self.assertEqual(
            {'is_public': False, 'deleted': False, 'deleted_at': None},
            {it: listed[it] for it in ('is_public', 'deleted', 'deleted_at')},
        )
        self.assertEqual(
            [
                f'{shown[name].removesuffix("Z")}.000000'
                for name in ('created_at', 'updated_at')
            ],
            [listed['created_at'], listed['updated_at']],
        )

    def test_an_empty_property_is_null(self) -> None:
        image_id = self.image(caller='admin')
        given = {'plain': '', 'kernel_id': ''}
        self.put(image_id, {}, given, False)
        shown = self.shown(image_id)
        self.assertEqual(('', None), (shown['plain'], shown['kernel_id']))
        self.put(image_id, {}, {}, True)  # nulls stay
        self.assertEqual(shown['plain'], self.shown(image_id)['plain'])

    def test_is_public_false_leaves_what_is_not_public(self) -> None:
        for visibility in ('private', 'community', 'shared'):
            with self.subTest(visibility):
                image_id = self.image(visibility=visibility, caller='admin')
                self.put(image_id, {'is_public': False}, {}, False)
                self.assertEqual(
                    visibility, self.shown(image_id)['visibility']
                )

    def test_data_in_the_store_outlives_a_change_by_v1(self) -> None:
        image_id = self.image(data=b'hello', caller='admin')
        self.put(image_id, {'name': 'x'}, {}, True)
        self.assertEqual(b'hello', self.data(image_id, caller='admin'))

    def test_members_of_v2_are_members_of_v1(self) -> None:
        image_id = self.image()
        path = f'/v2/images/{image_id}/members'
        for member in ('p2', 'p3'):
            added = self.call('POST', path, {'member': member})
            self.assert_status(200, added)
        listed = self.call('GET', f'/v1/images/{image_id}/members').json
        self.assertEqual(
            [
                {'member_id': member, 'can_share': False}
                for member in ('p2', 'p3')
            ],
            listed['members'],
        )
        gone = self.call('DELETE', f'/v1/images/{image_id}/members/p2')
        self.assert_status(204, gone)
        left = self.call('GET', path).json['members']
        self.assertEqual(['p3'], [member['member_id'] for member in left])
