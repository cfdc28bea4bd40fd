"""Odd ids, tags, members, bodies where none belong."""

from tests.functional.bad_input import inputs

#: What stands where an id is expected; all are 404 or, no UTF-8, 400.
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
OTHERS = [
    inputs.Bad(
        'a long tag', 'PUT', f'{inputs.ONE}/tags/' + 'x' * 256, None, 400
    ),
    inputs.Bad('NUL as a tag', 'PUT', f'{inputs.ONE}/tags/%00', None, 400),
    inputs.Bad(
        'no UTF-8 as a tag', 'PUT', f'{inputs.ONE}/tags/%FF', None, 400
    ),
    inputs.Bad(
        'a wide tag', 'PUT', f'{inputs.ONE}/tags/%F0%9F%92%BF', None, 400
    ),
    inputs.Bad(
        'a wide tag gone',
        'DELETE',
        f'{inputs.ONE}/tags/%F0%9F%92%BF',
        None,
        400,
    ),
    inputs.Bad(
        'NUL as a tag gone', 'DELETE', f'{inputs.ONE}/tags/%00', None, 400
    ),
    inputs.Bad('dots as a tag', 'DELETE', f'{inputs.ONE}/tags/..', None, 404),
    inputs.Bad(
        'a slash in a tag', 'PUT', f'{inputs.ONE}/tags/..%2Fx', None, 404
    ),
    inputs.Bad(
        'a long tag gone',
        'DELETE',
        f'{inputs.ONE}/tags/' + 'x' * 5000,
        None,
        404,
    ),
    inputs.Bad(
        'a long member',
        'POST',
        f'{inputs.ONE}/members',
        inputs.dumped({'member': 'x' * 256}),
        400,
    ),
    inputs.Bad(
        'NUL as a member',
        'POST',
        f'{inputs.ONE}/members',
        inputs.dumped({'member': '\0'}),
        400,
    ),
    inputs.Bad(
        'no JSON for a member',
        'POST',
        f'{inputs.ONE}/members',
        b'member=x',
        400,
    ),
    inputs.Bad(
        'deep JSON for a member',
        'POST',
        f'{inputs.ONE}/members',
        b'{"member":' + inputs.nested(900) + b'}',
        400,
    ),
    inputs.Bad(
        'a string for a member', 'POST', f'{inputs.ONE}/members', b'"p9"', 400
    ),
    inputs.Bad(
        'a member of NUL', 'GET', f'{inputs.ONE}/members/%00', None, 404
    ),
    inputs.Bad(
        'a wide member', 'GET', f'{inputs.ONE}/members/%F0%9F%92%BF', None, 404
    ),
    inputs.Bad(
        'a long member shown',
        'GET',
        f'{inputs.ONE}/members/' + 'x' * 5000,
        None,
        404,
    ),
    inputs.Bad(
        'a member of NUL gone',
        'DELETE',
        f'{inputs.ONE}/members/%00',
        None,
        404,
    ),
    inputs.Bad('a schema of dots', 'GET', '/v2/schemas/..', None, 404),
    inputs.Bad('a schema of NUL', 'GET', '/v2/schemas/%00', None, 404),
    inputs.Bad('a path of bytes', 'GET', '/v2/%FF', None, 400),
    inputs.Bad('a version of bytes', 'GET', '/%FF', None, 300),
    inputs.Bad('a method of its own', 'BREW', '/v2/pot', None, 501),
    inputs.Bad('data as JSON', 'PUT', f'{inputs.ONE}/file', b'{}', 415),
    inputs.Bad(
        'data as a form',
        'PUT',
        f'{inputs.ONE}/file',
        b'a=b',
        415,
        'application/x-www-form-urlencoded',
    ),
    inputs.Bad(
        'data of no type', 'PUT', f'{inputs.ONE}/file', b'a=b', 415, ''
    ),
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
