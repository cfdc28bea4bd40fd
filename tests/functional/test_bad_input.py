"""Bad input: each has its status, none is a 500, and nothing is left.

The requests are made from raw bytes where a client library would refuse to
send them.
"""

import io
import json
from typing import Any, NamedTuple
import urllib.parse

import hypothesis
from hypothesis import strategies
import webob

from tests import base

IMAGE_ID = '7a000000-0000-4000-8000-000000000001'
ONE = f'/v2/images/{IMAGE_ID}'
PATCH = 'application/openstack-images-v2.1-json-patch'
DISC = '\U0001f4bf'  # four bytes in UTF-8


class Bad(NamedTuple):
    what: str
    method: str
    target: str
    body: bytes | None
    status: int
    content_type: str = 'application/json'


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def nested(depth: int) -> bytes:
    return b'[' * depth + b']' * depth


def _create(what: str, body: bytes | dict[str, Any], status: int = 400) -> Bad:
    raw = body if isinstance(body, bytes) else dumped(body)
    return Bad(f'create: {what}', 'POST', '/v2/images', raw, status)


def _patch(what: str, operations: Any, status: int = 400) -> Bad:
    raw = operations if isinstance(operations, bytes) else dumped(operations)
    return Bad(f'patch: {what}', 'PATCH', ONE, raw, status, PATCH)


def _add(name: str, value: Any) -> list[dict[str, Any]]:
    return [{'op': 'add', 'path': f'/{name}', 'value': value}]


def _list(query: str, status: int = 400) -> Bad:
    return Bad(f'list: {query}', 'GET', f'/v2/images?{query}', None, status)


CREATES = [
    _create('nothing', b''),
    _create('no JSON', b'name=x'),
    _create('half JSON', b'{"name": "x"'),
    _create('JSON and more', b'{} {}'),
    _create('JSON of another character set', '{"name": "é"}'.encode('utf-16')),
    _create('bytes that are no UTF-8', b'{"name": "\xff\xfe"}'),
    _create('a lone surrogate', b'{"name": "\\ud800"}'),
    _create('NaN', b'{"min_ram": NaN}'),
    _create('null', b'null'),
    _create('a string', b'"image"'),
    _create('a number', b'7'),
    _create('an array', b'[]'),
    _create('an array of images', b'[{"name": "x"}]'),
    _create('a flood of brackets', nested(100_000)),
    _create('a deep value', b'{"name": ' + nested(1000) + b'}'),
    _create('a deep property', b'{"color": ' + nested(900) + b'}'),
    _create('10 MB', b'{"name": "' + b'x' * 10_000_000 + b'"}', 413),
    _create('a name of 3 MB', b'{"name": "' + b'x' * 3_000_000 + b'"}'),
    _create('a huge integer', b'{"min_ram": ' + b'9' * 4000 + b'}'),
    _create('a huge float', b'{"min_ram": 1e300}'),
    _create('a float beyond all', b'{"min_ram": 1e999}'),
    _create('an integer that is none', {'min_ram': 1.5}),
    _create('a boolean for a number', {'min_disk': False}),
    _create('a string for a number', {'min_disk': '1'}),
    _create('a number for a name', {'name': 1}),
    _create('an object for a name', {'name': {}}),
    _create('a number for a boolean', {'protected': 1}),
    _create('null for a boolean', {'os_hidden': None}),
    _create('null for a visibility', {'visibility': None}),
    _create('null for tags', {'tags': None}),
    _create('null for an id', {'id': None}),
    _create('an object for tags', {'tags': {'a': 'b'}}),
    _create('null in tags', {'tags': [None]}),
    _create('a long name', {'name': 'x' * 256}),
    _create('a long owner', {'owner': 'x' * 256}),
    _create('a long tag', {'tags': ['x' * 256]}),
    _create('a long property name', {'x' * 256: 'x'}),
    _create('a long property value', {'color': 'x' * 65_536}),
    _create('wide characters that add up', {'color': 'é' * 40_000}),
    _create('a wide character in the name', {'name': DISC}),
    _create('a wide character in a property', {'color': DISC}),
    _create('a wide character in a property name', {DISC: 'x'}),
    _create('a wide character in a tag', {'tags': [DISC]}),
    _create('NUL in the name', {'name': 'a\0b'}),
    _create('NUL in a property', {'color': '\0'}),
    _create('NUL in a property name', {'\0': 'x'}),
    _create('NUL in a tag', {'tags': ['\0']}),
    _create('a path for an id', {'id': '../../etc/passwd'}),
    _create('an id of wrong length', {'id': IMAGE_ID + '0'}),
    _create('an id in braces', {'id': '{' + IMAGE_ID + '}'}),
    _create('an array for a property', {'color': ['red']}),
    _create('an object for a property', {'color': {'red': 1}}),
]

PATCHES = [
    _patch('nothing', b''),
    _patch('no JSON', b'name=x'),
    _patch('null', b'null'),
    _patch('an object', {}),
    _patch('numbers', [1]),
    _patch('arrays', [[]]),
    _patch('empty objects', [{}]),
    _patch('a flood of brackets', nested(100_000)),
    _patch(
        'a deep value',
        b'[{"op":"add","path":"/name","value":' + nested(900) + b'}]',
    ),
    _patch('10 MB', b'[' + b' ' * 10_000_000 + b']', 413),
    _patch('too many operations', _add('color', 'x') * 1001, 413),
    _patch('an op of another type', [{'op': {}, 'path': '/a', 'value': 'x'}]),
    _patch('no op', [{'path': '/a', 'value': 'x'}]),
    _patch('no path', [{'op': 'add', 'value': 'x'}]),
    _patch('a path of null', [{'op': 'add', 'path': None, 'value': 'x'}]),
    _patch('a path of objects', [{'op': 'add', 'path': {}, 'value': 'x'}]),
    _patch('an empty path', [{'op': 'add', 'path': '', 'value': 'x'}]),
    _patch('a long name', _add('x' * 256, 'x')),
    _patch('a long name of the image', _add('name', 'x' * 256)),
    _patch('a long value', _add('color', 'x' * 65_536)),
    _patch('a number', _add('color', 1)),
    _patch('a huge integer', _add('min_ram', 10**18)),
    _patch('a negative integer', _add('min_disk', -1)),
    _patch('a wide character', _add('name', DISC)),
    _patch('a wide character in a tag', _add('tags', [DISC])),
    _patch('a wide name', _add(DISC, 'x')),
    _patch('NUL', _add('color', '\0')),
    _patch('NUL in a name', _add('a\0', 'x')),
    _patch('a long tag', _add('tags', ['x' * 256])),
    _patch('objects for tags', _add('tags', [{}])),
    _patch('an unknown format', _add('disk_format', 'zip')),
    _patch('null for visibility', _add('visibility', None)),
    _patch('no UTF-8', b'[{"op":"add","path":"/name","value":"\xff"}]'),
    _patch('removal of what never was', [{'op': 'remove', 'path': '/a'}], 409),
    _patch('removal of NUL', [{'op': 'remove', 'path': '/\0'}], 409),
    _patch(
        'removal of a wide name', [{'op': 'remove', 'path': '/' + DISC}], 409
    ),
    Bad('patch: plain JSON', 'PATCH', ONE, b'[]', 415),
    Bad('patch: no type', 'PATCH', ONE, b'[]', 415, ''),
    Bad('patch: a broken type', 'PATCH', ONE, b'[]', 415, ';;/'),
]

LISTS = [
    _list('limit=-1'),
    _list('limit=1.5'),
    _list('limit=%20'),
    _list('limit=' + '9' * 5000),
    _list('limit=%D9%A3'),  # a digit of another script
    _list('limit=1_0'),
    _list('limit=%00'),
    _list('marker=nothing'),
    _list('marker=..%2F..'),
    _list('marker=%00'),
    _list('marker=%F0%9F%92%BF'),
    _list('marker=' + 'x' * 5000),
    _list('marker=' + IMAGE_ID.replace('7a', '7b')),
    _list('sort_key=password'),
    _list('sort_key=id%3Bdrop'),
    _list('sort_key=%00'),
    _list('sort_dir=sideways'),
    _list('sort=name:sideways'),
    _list('sort=:'),
    _list('sort=,'),
    _list('sort=name:asc,name:desc'),
    _list('visibility=everyone'),
    _list('member_status=none'),
    _list('os_hidden=perhaps'),
    _list('protected=TRUE'),
    _list('size_min=big'),
    _list('size_max='),
    _list('size=1e3'),
    _list('min_ram_min=%00'),
    _list('created_at=noon'),
    _list('created_at=gt:'),
    _list('created_at=like:2020-01-01'),
    _list('created_at=gt:0000-00-00T00:00:00Z'),
    _list('created_at=gt:9999-12-31T23:59:59-14:00'),
    _list('created_at=gt:0001-01-01T00:00:00%2B14:00'),
    _list('name=like:x%25'),
    _list('name=in:%22'),
    _list('id=neq:x'),
    _list('name=a&name=b'),
    _list('changes-since=x'),
    _list('color=%00'),
    _list('%00=x'),
    _list('color=' + 'x' * 70_000),
    _list('&'.join(['tag=x'] * 100)),
    _list('name=in:' + 'a,' * 5000),
    _list('name=%FF'),
    _list('%FF=x'),
    _list('tag=%C3%28'),
    _list('color=%F0%9F%92%BF', 200),
    _list('name=%F0%9F%92%BF', 200),
    _list('tag=%F0%9F%92%BF', 200),
    _list('size_min=9999999999999999999', 200),
    _list('size=-1', 200),
    _list('min_ram=9999999999999999999', 200),
    _list('id=in:', 200),
    _list('name=in:' + ','.join(map(str, range(900))), 200),
    _list('=', 200),
    _list('&&&', 200),
    _list('%', 200),
    _list('%zz=%', 200),
    _list("name='%20OR%201=1%20--", 200),
]

#: What stands where an id is expected; all are 404 or, no UTF-8, 400.
ODD_IDS = {
    '..': 404,
    '.': 404,
    '%2e%2e': 404,
    '..%2F..%2Fetc%2Fpasswd': 404,
    '%2Fetc%2Fpasswd': 404,
    '%00': 404,
    IMAGE_ID + '%00': 404,
    IMAGE_ID + '%0A': 404,
    IMAGE_ID + '%20': 404,
    '%20' + IMAGE_ID: 404,
    IMAGE_ID + '.json': 404,
    IMAGE_ID + ';x=y': 404,
    IMAGE_ID.upper(): 404,
    'x' * 10_000: 404,
    'file:%2F%2F%2Fetc%2Fpasswd': 404,
    "'%20OR%20''='": 404,
    '%25s%25n': 404,
    '%F0%9F%92%BF': 404,
    '%E2%80%AE': 404,
    '%FF': 400,
    '%C0%AE%C0%AE': 400,
    '%ED%A0%80': 400,
}
ID_CALLS = (
    ('GET', '', None, ''),
    ('DELETE', '', None, ''),
    ('PATCH', '', b'[]', PATCH),
    ('GET', '/file', None, ''),
    ('PUT', '/file', b'data', 'application/octet-stream'),
    ('PUT', '/tags/x', None, ''),
    ('DELETE', '/tags/x', None, ''),
    ('GET', '/members', None, ''),
    ('POST', '/members', b'{"member": "p9"}', 'application/json'),
    ('GET', '/members/p2', None, ''),
    ('PUT', '/members/p2', b'{"status": "accepted"}', 'application/json'),
    ('DELETE', '/members/p2', None, ''),
    ('POST', '/actions/deactivate', None, ''),
    ('POST', '/actions/reactivate', None, ''),
)

OTHERS = [
    Bad('a long tag', 'PUT', f'{ONE}/tags/' + 'x' * 256, None, 400),
    Bad('NUL as a tag', 'PUT', f'{ONE}/tags/%00', None, 400),
    Bad('no UTF-8 as a tag', 'PUT', f'{ONE}/tags/%FF', None, 400),
    Bad('a wide tag', 'PUT', f'{ONE}/tags/%F0%9F%92%BF', None, 400),
    Bad('a wide tag gone', 'DELETE', f'{ONE}/tags/%F0%9F%92%BF', None, 400),
    Bad('NUL as a tag gone', 'DELETE', f'{ONE}/tags/%00', None, 400),
    Bad('dots as a tag', 'DELETE', f'{ONE}/tags/..', None, 404),
    Bad('a slash in a tag', 'PUT', f'{ONE}/tags/..%2Fx', None, 404),
    Bad('a long tag gone', 'DELETE', f'{ONE}/tags/' + 'x' * 5000, None, 404),
    Bad(
        'a long member',
        'POST',
        f'{ONE}/members',
        dumped({'member': 'x' * 256}),
        400,
    ),
    Bad(
        'NUL as a member',
        'POST',
        f'{ONE}/members',
        dumped({'member': '\0'}),
        400,
    ),
    Bad('no JSON for a member', 'POST', f'{ONE}/members', b'member=x', 400),
    Bad(
        'deep JSON for a member',
        'POST',
        f'{ONE}/members',
        b'{"member":' + nested(900) + b'}',
        400,
    ),
    Bad('a string for a member', 'POST', f'{ONE}/members', b'"p9"', 400),
    Bad('a member of NUL', 'GET', f'{ONE}/members/%00', None, 404),
    Bad('a wide member', 'GET', f'{ONE}/members/%F0%9F%92%BF', None, 404),
    Bad(
        'a long member shown', 'GET', f'{ONE}/members/' + 'x' * 5000, None, 404
    ),
    Bad('a member of NUL gone', 'DELETE', f'{ONE}/members/%00', None, 404),
    Bad('a schema of dots', 'GET', '/v2/schemas/..', None, 404),
    Bad('a schema of NUL', 'GET', '/v2/schemas/%00', None, 404),
    Bad('a path of bytes', 'GET', '/v2/%FF', None, 400),
    Bad('a version of bytes', 'GET', '/%FF', None, 300),
    Bad('a method of its own', 'BREW', '/v2/pot', None, 501),
    Bad('data as JSON', 'PUT', f'{ONE}/file', b'{}', 415),
    Bad(
        'data as a form',
        'PUT',
        f'{ONE}/file',
        b'a=b',
        415,
        'application/x-www-form-urlencoded',
    ),
    Bad('data of no type', 'PUT', f'{ONE}/file', b'a=b', 415, ''),
]


class BadInputTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.image(id=IMAGE_ID, name='one')
        self.before = self.show(IMAGE_ID)

    def raw(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        content_type: str = '',
        **environ: Any,
    ) -> webob.Response:
        """A request whose target is decoded as a server decodes it."""
        path, _, query = target.partition('?')
        request = webob.Request.blank('/', headers=base.identity('alice'))
        request.environ.update(
            {
                'REQUEST_METHOD': method,
                'PATH_INFO': urllib.parse.unquote_to_bytes(path).decode(
                    'latin-1'
                ),
                'QUERY_STRING': query,
                'CONTENT_TYPE': content_type,
                'HTTP_ACCEPT': 'application/json',
                **environ,
            }
        )
        if body is not None:
            request.environ['wsgi.input'] = io.BytesIO(body)
            request.environ['CONTENT_LENGTH'] = str(len(body))
        return request.get_response(self.service.app)

    def check(self, bad: Bad) -> webob.Response:
        response = self.raw(bad.method, bad.target, bad.body, bad.content_type)
        self.assertEqual(bad.status, response.status_int, response.text[:500])
        # The whole of a bad value is not sent back.
        self.assertLess(len(response.body), 16_384)
        return response

    def check_all(self, table: list[Bad]) -> None:
        for bad in table:
            with self.subTest(bad.what[:60]):
                self.check(bad)
        self.assertEqual(self.before, self.show(IMAGE_ID))


class TestBadInput(BadInputTestCase):
    def test_bad_images_are_refused_and_none_is_made(self) -> None:
        # covers 2.4-2, 7.1-3..4, 7.1-15
        self.check_all(CREATES)
        self.assertEqual(['one'], self.listed())

    def test_bad_patches_change_nothing(self) -> None:
        # covers 7.4.1-4, 7.4.2-1..2, 7.4.2-6..7, 7.4.3-2, 7.4.4-10
        self.check_all(PATCHES)

    def test_bad_lists_have_a_status(self) -> None:
        # covers 7.2.1-2, 7.2.3-13
        self.check_all(LISTS)

    def test_other_bad_requests_have_a_status(self) -> None:
        # covers 12-10, 12-14..15, 13-3
        self.check_all(OTHERS)

    def test_odd_ids_lead_nowhere(self) -> None:
        # covers 12-7, 13-6
        # covers 7.3-2
        for odd, status in ODD_IDS.items():
            for method, rest, body, kind in ID_CALLS:
                bad = Bad(
                    f'{method} {odd[:50]}{rest}',
                    method,
                    f'/v2/images/{odd}{rest}',
                    body,
                    status,
                    kind,
                )
                with self.subTest(bad.what):
                    self.check(bad)
        self.assertEqual(self.before, self.show(IMAGE_ID))

    def test_a_body_where_none_belongs_is_refused(self) -> None:
        # covers 2.4-1, 2.4-7
        for method, rest in (
            ('GET', ''),
            ('DELETE', ''),
            ('GET', '/file'),
            ('GET', '/members'),
            ('GET', '/members/p2'),
            ('DELETE', '/members/p2'),
            ('PUT', '/tags/x'),
            ('DELETE', '/tags/x'),
            ('POST', '/actions/deactivate'),
            ('POST', '/actions/reactivate'),
        ):
            with self.subTest(f'{method} {rest}'):
                self.check(Bad('', method, ONE + rest, b'{}', 400))
                chunked = self.raw(
                    method, ONE + rest, HTTP_TRANSFER_ENCODING='chunked'
                )
                self.assert_status(400, chunked)

    def test_an_error_tells_nothing_of_the_inside(self) -> None:
        """OSSA-2013-002: no path, no URL, no trace in an error."""
        # covers 2.6-10
        image_id = self.image(data=b'hello')
        self.service.images.joinpath(image_id).unlink()
        bodies = [self.check(bad).text for bad in CREATES[:20] + PATCHES[:10]]
        bodies.append(self.raw('GET', f'/v2/images/{image_id}/file').text)
        for text in bodies:
            self.assertNotIn(self.directory, text)
            self.assertNotIn('file://', text)
            self.assertNotIn('Traceback', text)

    def test_a_range_on_metadata_means_nothing(self) -> None:
        response = self.raw('GET', ONE, HTTP_RANGE='bytes=0-3')
        self.assert_status(200, response)
        self.assertEqual(IMAGE_ID, response.json['id'])

    def test_odd_headers_are_no_failure(self) -> None:
        for name, value in (
            ('HTTP_ACCEPT', 'a/b;q=x'),
            ('HTTP_ACCEPT', ';;;'),
            ('HTTP_ACCEPT', 'x' * 5000),
            ('HTTP_ACCEPT_LANGUAGE', '\xff'),
            ('HTTP_IF_NONE_MATCH', '"'),
            ('HTTP_IF_MATCH', '*'),
            ('HTTP_IF_MODIFIED_SINCE', 'yesterday'),
            ('HTTP_IF_RANGE', '"'),
            ('HTTP_RANGE', 'bytes=9-1'),
            ('HTTP_COOKIE', '\xff=;;'),
            ('HTTP_CONTENT_RANGE', 'x'),
            ('HTTP_X_FORWARDED_FOR', '\x00'),
        ):
            with self.subTest(f'{name}: {value[:20]}'):
                shown = self.raw('GET', ONE, **{name: value})
                self.assert_status(200, shown)
                missing = self.raw('GET', ONE + '0', **{name: value})
                self.assert_status(404, missing)

    def test_a_bad_request_id_is_refused(self) -> None:
        for odd in ('req-\x01', 'req-é', 'req-\n'):
            with self.subTest(odd):
                response = self.raw(
                    'GET', ONE, HTTP_X_OPENSTACK_REQUEST_ID=odd
                )
                self.assert_status(400, response)


class TestLimitsThatAreMet(BadInputTestCase):
    """The largest input that is accepted comes back whole."""

    def test_longest_texts(self) -> None:
        # covers 18-9
        longest = {
            'name': 'é' * 255,
            'tags': ['x' * 255],
            'x' * 255: 'y' * 65_535,
            'color': '\uffff' * 100,
        }
        image_id = self.image(**longest)
        shown = self.show(image_id)
        self.assertEqual(longest, {name: shown[name] for name in longest})

    def test_every_property_quota_used(self) -> None:
        properties = {f'p{number}': 'x' * 1000 for number in range(128)}
        tags = [f't{number}' for number in range(128)]
        shown = self.show(self.image(tags=tags, **properties))
        self.assertEqual(sorted(tags), sorted(shown['tags']))
        self.assertEqual(properties, {k: shown[k] for k in properties})


TEXT = strategies.text(max_size=20)
ANYTHING = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=10,
)
MEMBERS = strategies.sampled_from(
    ('name', 'tags', 'min_ram', 'visibility', 'protected', 'disk_format')
    + ('container_format', 'owner', 'color', 'kernel_id', 'os_hidden')
)
WORDS = strategies.sampled_from(
    ('raw', 'bare', 'public', 'private', 'community', 'shared', 'p1', '')
)
VALUES = WORDS | ANYTHING | strategies.lists(TEXT, max_size=3)
OPERATIONS = strategies.lists(
    strategies.fixed_dictionaries(
        {
            'op': strategies.sampled_from(('add', 'replace', 'remove')),
            'path': MEMBERS.map('/{}'.format) | TEXT,
            'value': VALUES,
        }
    )
    | ANYTHING,
    max_size=4,
)
PARAMETERS = strategies.lists(
    strategies.tuples(
        strategies.sampled_from(
            ('limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'name')
            + ('tag', 'visibility', 'member_status', 'os_hidden', 'size')
            + ('protected', 'created_at', 'id', 'status', 'size_min', 'color')
        )
        | TEXT,
        strategies.sampled_from(
            ('1', 'name', 'asc', 'in:a,b', 'gt:2020-01-01', 'all', 'true')
        )
        | TEXT,
    ),
    max_size=4,
)
BOUNDED = hypothesis.settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


class TestAnyInput(BadInputTestCase):
    """Whatever comes: an answer that blames the client, or a good image."""

    def check_answer(self, response: webob.Response) -> None:
        self.assertLess(response.status_int, 500, response.text[:500])

    def check_image(self, image: dict[str, Any]) -> None:
        self.assertEqual('queued', image['status'])
        self.assertIsNone(image['size'])
        self.assertIn(image['visibility'], ('private', 'shared', 'community'))
        self.assertEqual('p1', image['owner'])
        self.assertIsInstance(image['min_ram'], int)
        self.assertIsInstance(image['protected'], bool)
        self.assertEqual(len(set(image['tags'])), len(image['tags']))
        self.assertEqual(f'/v2/images/{image["id"]}', image['self'])

    @BOUNDED
    @hypothesis.given(
        strategies.dictionaries(MEMBERS | TEXT, VALUES) | ANYTHING
    )
    def test_create(self, document: Any) -> None:
        response = self.raw('POST', '/v2/images', dumped(document))
        self.check_answer(response)
        if response.status_int == 201:
            image = response.json
            self.check_image(image)
            self.assertEqual(image, self.show(image['id']))
            for name, value in document.items():
                if name != 'tags':
                    self.assertEqual(value, image[name])

    @BOUNDED
    @hypothesis.given(OPERATIONS | ANYTHING)
    def test_patch(self, operations: Any) -> None:
        before = self.show(IMAGE_ID)
        response = self.raw('PATCH', ONE, dumped(operations), PATCH)
        self.check_answer(response)
        after = self.show(IMAGE_ID)
        self.check_image(after)
        expected = response.json if response.status_int == 200 else before
        self.assertEqual(expected, after)

    @BOUNDED
    @hypothesis.given(PARAMETERS)
    def test_list(self, parameters: list[tuple[str, str]]) -> None:
        query = urllib.parse.urlencode(parameters, errors='replace')
        response = self.raw('GET', f'/v2/images?{query}')
        self.check_answer(response)
        if response.status_int == 200:
            self.assertLessEqual(len(response.json['images']), 1)

    @BOUNDED
    @hypothesis.given(strategies.binary(max_size=40))
    def test_paths(self, tail: bytes) -> None:
        quoted = urllib.parse.quote(tail)
        for prefix in ('/', '/v2/', '/v2/images/', f'{ONE}/', f'{ONE}/tags/'):
            self.check_answer(self.raw('GET', prefix + quoted))


class TestBadInputMysql(TestBadInput):
    kind = 'mysql'


class TestBadInputPostgresql(TestBadInput):
    kind = 'postgresql'


class TestLimitsMysql(TestLimitsThatAreMet):
    kind = 'mysql'


class TestLimitsPostgresql(TestLimitsThatAreMet):
    kind = 'postgresql'


class TestAnyInputMysql(TestAnyInput):
    kind = 'mysql'


class TestAnyInputPostgresql(TestAnyInput):
    kind = 'postgresql'
