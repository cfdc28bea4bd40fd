"""The checks of a new location, and their order."""

import hashlib
from unittest import mock

from glance.common import errors
from glance.tasks import location_import
from tests import base
from tests.functional.location_import import importing


class TestChecks(importing.ImportTestCase):
    def test_1_malformed(self) -> None:
        # covers 14.1-1
        image_id = self.image()
        url = self.web.url('/a')
        path = f'/v2/images/{image_id}/locations'
        long = {**importing.CLAIM, 'os_hash_value': 'a' * 129}
        for body in (
            b'',
            b'{',
            [],
            [{'url': url}],
            b'"x"',
            b'7',
            {},
            {'url': None},
            {'url': 7},
            {'url': 'http://a/' + 'x' * 3000},
            {'url': url + '\0'},
            {'url': url, 'validation_data': None},
            {'url': url, 'validation_data': []},
            {'url': url, 'validation_data': 'x'},
            {'url': url, 'validation_data': {'os_hash_algo': 'sha256'}},
            {
                'url': url,
                'validation_data': {'os_hash_value': importing.SHA256},
            },
            {
                'url': url,
                'validation_data': {
                    **importing.CLAIM,
                    'checksum': importing.MD5,
                },
            },
            {
                'url': url,
                'validation_data': {**importing.CLAIM, 'os_hash_algo': 7},
            },
            {
                'url': url,
                'validation_data': {**importing.CLAIM, 'os_hash_algo': []},
            },
            {
                'url': url,
                'validation_data': {**importing.CLAIM, 'os_hash_value': 7},
            },
            {
                'url': url,
                'validation_data': {
                    **importing.CLAIM,
                    'os_hash_algo': 'sha384',
                },
            },
            {'url': url, 'validation_data': long},
        ):
            with self.subTest(str(body)[:60]):
                self.assert_status(400, self.call('POST', path, body))
        self.assert_image(image_id, status='queued')

    def test_other_members_are_ignored(self) -> None:
        # covers 14.1-1
        response = self.post(self.image(), metadata=7, checksum='x')
        self.assert_status(202, response)

    def test_2_of_others(self) -> None:
        # covers 14.1-2
        self.assert_status(404, self.post(self.image(), caller='bob'))
        self.assert_status(404, self.post('none'))
        self.assert_status(404, self.post(self.image(), caller='nova'))

    def test_3_status_comes_before_permission(self) -> None:
        # covers 14.1-3
        image_id = self.image(data=b'x', caller='admin', visibility='public')
        self.assert_status(409, self.post(image_id))
        saving = self.image()
        source = base.Source(
            b'x', lambda: self.assert_status(409, self.post(saving))
        )
        self.assert_status(204, self.put(saving, source))

    def test_4_permission(self) -> None:
        # covers 14.1-4
        public = self.image(caller='admin', visibility='public')
        self.assert_status(403, self.post(public))
        self.assert_status(403, self.post(self.image(), caller='rita'))
        self.assert_status(202, self.post(public, caller='nova'))

    def test_5_only_services_name_what_is_no_web_server(self) -> None:
        """OSSA-2014-041, OSSA-2015-002: no caller may use a file URL."""
        # covers 14.1-5
        image_id = self.image(visibility='public', caller='admin')
        for url in ('rbd://a/b/c/d', 'file:///etc/passwd', 'x', ''):
            for caller, status in (('admin', 403), ('nova', 400)):
                with self.subTest(f'{url} {caller}'):
                    response = self.post(image_id, url, caller=caller)
                    self.assert_status(status, response)
                    self.assertNotIn('passwd', response.text)

    def test_5_a_service_token_beside_the_users(self) -> None:
        # covers 14.1-5
        response = self.call(
            'POST',
            f'/v2/images/{self.image()}/locations',
            {'url': 'rbd://a/b/c/d'},
            headers={'X-Service-Roles': 'service'},
        )
        self.assert_status(400, response)  # allowed, but there is no rbd store

    def test_6_no_such_hash(self) -> None:
        # covers 14.1-6
        image_id = self.image()
        for value in (
            importing.SHA256[1:],
            importing.SHA256 + '0',
            'z' * 64,
            '',
        ):
            claim = {**importing.CLAIM, 'os_hash_value': value}
            self.assert_status(400, self.post(image_id, claim=claim))
        self.assert_image(image_id, status='queued')

    def test_all_hashes(self) -> None:
        for name in ('sha1', 'sha256', 'sha512', 'md5'):
            found = hashlib.new(
                name, importing.DATA, usedforsecurity=False
            ).hexdigest()
            claim = {'os_hash_algo': name, 'os_hash_value': found}
            image_id = self.image()
            self.assert_status(202, self.post(image_id, claim=claim))
            self.assert_image(image_id, status='active', **claim)

    def test_wrong_methods(self) -> None:
        # covers 2.6-5
        path = f'/v2/images/{self.image()}/locations'
        for method in ('PUT', 'DELETE', 'PATCH'):
            response = self.call(method, path)
            self.assert_status(405, response)
            self.assertEqual('GET, HEAD, POST', response.headers['Allow'])

    def test_cve_2026_71197_places_that_are_refused(self) -> None:
        image_id = self.image()
        for url in (
            'http://169.254.169.254/latest',
            'http://localhost/',
            'http://0x7f000001/',
            f'http://127.0.0.1:{self.web.port + 1}/a',
            f'http://user@127.0.0.1:{self.web.port}/a',
        ):
            response = self.post(image_id, url)
            self.assert_status(400, response)
            self.assertNotIn(url, response.text)
        self.assert_image(image_id, status='queued')

    def test_what_fails_later_has_one_text(self) -> None:
        """See rule 10 of the rules for outbound requests."""
        # covers 14.1-12
        self.web.answers['/angry'] = lambda handler: handler.reply(500, b'')
        self.web.data['/empty'] = b''
        self.web.redirect('/away', 'http://169.254.169.254/')
        for path in ('/missing', '/angry', '/empty', '/away'):
            image_id = self.image()
            self.assert_status(202, self.post(image_id, self.web.url(path)))
            self.assert_failed(image_id, 'The location cannot be used.')

    def test_missing_formats(self) -> None:
        # covers 14.1-12
        image_id = self.image(disk_format=None)
        self.assert_status(202, self.post(image_id))
        self.assert_failed(
            image_id, 'Set disk_format before adding a location.'
        )

    def test_a_bug_is_not_told(self) -> None:
        image_id = self.image()
        with mock.patch.object(
            location_import.locations,
            'require_formats',
            side_effect=RuntimeError('secret'),
        ):
            self.assert_status(202, self.post(image_id))
        self.assert_failed(image_id, errors.Error.text)
