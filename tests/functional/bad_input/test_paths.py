"""Unusual ids, tags and members, and bodies in requests that have none."""

from tests.functional.bad_input import inputs

#: Values instead of an id; the status is 404, or 400 if not UTF-8.
ODD_IDS = {
    '..': 404,
    '.': 404,
    '%2e%2e': 404,
    '..%2F..%2Fetc%2Fpasswd': 404,
    '%2Fetc%2Fpasswd': 404,
    '%00': 404,
    inputs.IMAGE_ID + '%00': 404,
    inputs.IMAGE_ID + '%0A': 404,
    inputs.IMAGE_ID + '%20': 404,
    '%20' + inputs.IMAGE_ID: 404,
    inputs.IMAGE_ID + '.json': 404,
    inputs.IMAGE_ID + ';x=y': 404,
    inputs.IMAGE_ID.upper(): 404,
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
    ('PATCH', '', b'[]', inputs.PATCH),
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


def _tag(what: str, method: str, tag: str, status: int = 400) -> inputs.Bad:
    return inputs.Bad(what, method, f'{inputs.ONE}/tags/{tag}', None, status)


def _member(what: str, method: str, member: str) -> inputs.Bad:
    target = f'{inputs.ONE}/members/{member}'
    return inputs.Bad(what, method, target, None, 404)


def _share(what: str, body: bytes) -> inputs.Bad:
    return inputs.Bad(what, 'POST', f'{inputs.ONE}/members', body, 400)


def _data(what: str, body: bytes, kind: str) -> inputs.Bad:
    return inputs.Bad(what, 'PUT', f'{inputs.ONE}/file', body, 415, kind)


OTHERS = [
    _tag('a long tag', 'PUT', 'x' * 256),
    _tag('NUL as a tag', 'PUT', '%00'),
    _tag('no UTF-8 as a tag', 'PUT', '%FF'),
    _tag('a wide tag', 'PUT', '%F0%9F%92%BF'),
    _tag('a wide tag gone', 'DELETE', '%F0%9F%92%BF'),
    _tag('NUL as a tag gone', 'DELETE', '%00'),
    _tag('dots as a tag', 'DELETE', '..', 404),
    _tag('dots in a tag', 'PUT', '..%2Fx'),
    _tag('dots and slashes in a tag', 'PUT', 'x%2F..%2F..%2Fy'),
    _tag('a line feed at the end of a tag', 'PUT', 'x%0A', 404),
    _tag('a slash at the end of a tag', 'PUT', 'x%2F', 404),
    _tag('a long tag gone', 'DELETE', 'x' * 5000, 404),
    _share('a long member', inputs.dumped({'member': 'x' * 256})),
    _share('dots as a member', inputs.dumped({'member': '..'})),
    _share('a member with a line feed', inputs.dumped({'member': 'a\n'})),
    _share('no member', inputs.dumped({'member': ''})),
    _share('NUL as a member', inputs.dumped({'member': '\0'})),
    _share('no JSON for a member', b'member=x'),
    _share(
        'deep JSON for a member', b'{"member":' + inputs.nested(900) + b'}'
    ),
    _share('a string for a member', b'"p9"'),
    _member('a member of NUL', 'GET', '%00'),
    _member('a wide member', 'GET', '%F0%9F%92%BF'),
    _member('a long member shown', 'GET', 'x' * 5000),
    _member('a member of NUL gone', 'DELETE', '%00'),
    inputs.Bad('a schema of dots', 'GET', '/v2/schemas/..', None, 404),
    inputs.Bad('a schema of NUL', 'GET', '/v2/schemas/%00', None, 404),
    inputs.Bad('a path of bytes', 'GET', '/v2/%FF', None, 400),
    inputs.Bad('a version of bytes', 'GET', '/%FF', None, 300),
    inputs.Bad('a method of its own', 'BREW', '/v2/pot', None, 501),
    _data('data as JSON', b'{}', 'application/json'),
    _data('data as a form', b'a=b', 'application/x-www-form-urlencoded'),
    _data('data of no type', b'a=b', ''),
]


class TestPaths(inputs.BadInputTestCase):
    def test_odd_ids_lead_nowhere(self) -> None:
        # covers 12-7, 13-6
        # covers 7.3-2
        for odd, status in ODD_IDS.items():
            for method, rest, body, kind in ID_CALLS:
                bad = inputs.Bad(
                    f'{method} {odd[:50]}{rest}',
                    method,
                    f'/v2/images/{odd}{rest}',
                    body,
                    status,
                    kind,
                )
                with self.subTest(bad.what):
                    self.check(bad)
        self.assertEqual(self.before, self.show(inputs.IMAGE_ID))

    def test_other_bad_requests_have_a_status(self) -> None:
        # covers 12-10, 12-14..15, 13-3
        self.check_all(OTHERS)

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
                self.check(
                    inputs.Bad('', method, inputs.ONE + rest, b'{}', 400)
                )
                chunked = self.raw(
                    method, inputs.ONE + rest, HTTP_TRANSFER_ENCODING='chunked'
                )
                self.assert_status(400, chunked)


class TestPathsMysql(TestPaths):
    kind = 'mysql'


class TestPathsPostgresql(TestPaths):
    kind = 'postgresql'
