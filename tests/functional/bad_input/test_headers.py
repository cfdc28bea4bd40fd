"""Unusual and invalid headers."""

from tests.functional.bad_input import inputs


class TestHeaders(inputs.BadInputTestCase):
    def test_a_range_on_metadata_means_nothing(self) -> None:
        response = self.raw('GET', inputs.ONE, HTTP_RANGE='bytes=0-3')
        self.assert_status(200, response)
        self.assertEqual(inputs.IMAGE_ID, response.json['id'])

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
                shown = self.raw('GET', inputs.ONE, **{name: value})
                self.assert_status(200, shown)
                missing = self.raw('GET', inputs.ONE + '0', **{name: value})
                self.assert_status(404, missing)

    def test_a_bad_request_id_is_refused(self) -> None:
        for odd in ('req-\x01', 'req-é', 'req-\n'):
            with self.subTest(odd):
                response = self.raw(
                    'GET', inputs.ONE, HTTP_X_OPENSTACK_REQUEST_ID=odd
                )
                self.assert_status(400, response)


class TestHeadersMysql(TestHeaders):
    kind = 'mysql'


class TestHeadersPostgresql(TestHeaders):
    kind = 'postgresql'
