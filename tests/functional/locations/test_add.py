"""PATCH that adds a location."""

import hashlib
from typing import Any

from tests import webserver
from tests.functional.locations import places

SHA512 = hashlib.sha512(places.DATA).hexdigest()
MD5 = hashlib.md5(places.DATA, usedforsecurity=False).hexdigest()
NO_FORMATS = {'disk_format': None, 'container_format': None}


class TestAdd(places.LocationsTestCase):
    def test_a_queued_image_becomes_active_without_hashes(
        self,
    ) -> None:
        # covers 7.4.5-11, 25-38
        image_id = self.image()
        response = self.add(image_id, self.place())
        self.assert_status(200, response)
        for document in (response.json, self.show(image_id)):
            self.assertEqual('active', document['status'])
            self.assertEqual(len(places.DATA), document['size'])
            for name in ('checksum', 'os_hash_algo', 'os_hash_value'):
                self.assertIsNone(document[name])
        self.assertEqual(places.DATA, self.data(image_id))

    def test_validation_data_sets_the_hashes_and_is_echoed_once(self) -> None:
        # covers 7.4.5-11
        claim = {
            'checksum': MD5,
            'os_hash_algo': 'sha512',
            'os_hash_value': SHA512,
        }
        image_id = self.image()
        place = self.place()
        response = self.add(image_id, {**place, 'validation_data': claim})
        self.assert_status(200, response)
        echoed = response.json['locations']
        self.assertEqual([{**place, 'validation_data': claim}], echoed)
        document = self.show(image_id)
        self.assertEqual([place], document['locations'])
        for name, value in claim.items():
            self.assertEqual(value, document[name])
        # Adding a location with the same hashes is allowed.
        more = {**self.place('b'), 'validation_data': claim}
        self.assert_status(200, self.add(image_id, more))

    def test_where_it_goes(self) -> None:
        # covers 7.4.5-4
        image_id = self.with_places('b')
        for name, place, order in (
            ('c', '-', 'bc'),
            ('a', '0', 'abc'),
            ('e', '77', 'abce'),
            ('d', '3', 'abcde'),
        ):
            response = self.add(image_id, self.place(name), place)
            self.assert_status(200, response)
            self.assertEqual(list(order), self.urls(image_id))
        self.assertEqual(self.web.url('/a'), self.show(image_id)['direct_url'])

    def test_malformed(self) -> None:
        # covers 7.4.5-5
        image_id = self.image()
        place = self.place()
        deep: Any = []
        for _ in range(40):
            deep = [deep]
        claim = {'os_hash_algo': 'sha512', 'os_hash_value': SHA512}
        for value in (
            None,
            'x',
            [place],
            {},
            {'url': place['url']},
            {'metadata': {}},
            {**place, 'url': 7},
            {**place, 'metadata': 'x'},
            {**place, 'metadata': []},
            {**place, 'url': place['url'] + 'x' * 255},
            {**place, 'url': place['url'] + '\0'},
            {**place, 'metadata': {'a': deep}},
            {**place, 'metadata': {'a': 'x' * 20_000}},
            {**place, 'validation_data': None},
            {**place, 'validation_data': {}},
            {**place, 'validation_data': {'os_hash_algo': 'sha512'}},
            {**place, 'validation_data': {**claim, 'more': 'x'}},
            {**place, 'validation_data': {**claim, 'checksum': 'x'}},
            {**place, 'validation_data': {**claim, 'os_hash_value': 7}},
            {
                **place,
                'validation_data': {**claim, 'os_hash_value': 'a' * 129},
            },
        ):
            with self.subTest(str(value)[:80]):
                self.assert_status(400, self.add(image_id, value))
        for path in ('', '/', '/x', '/-1', '/0/1', '/1.5', '/00000000001'):
            operation = {'op': 'add', 'path': f'/locations{path}'}
            with self.subTest(path):
                self.assert_status(
                    400, self.patch(image_id, {**operation, 'value': place})
                )
        for operation in (
            {'op': 'add', 'path': '/locations/-'},
            {'op': 'move', 'path': '/locations/-', 'value': place},
            {'op': 'replace', 'path': '/locations', 'value': place},
            {'op': 'replace', 'path': '/locations/0', 'value': place},
        ):
            with self.subTest(str(operation)):
                self.assert_status(400, self.patch(image_id, operation))
        self.assertEqual('queued', self.show(image_id)['status'])

    def test_unknown_members_are_tolerated_and_dropped(self) -> None:
        # covers 7.4.5-5
        place = self.place()
        response = self.add(self.image(), {**place, 'status': 'deleted'})
        self.assert_status(200, response)
        self.assertEqual([place], response.json['locations'])

    def test_ossa_2014_041_ossa_2015_002_no_scheme_of_this_host(self) -> None:
        """Administrators cannot use them either (CVE-2015-1195)."""
        # covers 7.4.5-6
        image_id = self.image()
        for url in (
            'file:///etc/passwd',
            'FILE:///etc/passwd',
            'filesystem:///etc/passwd',
            f'file://{self.service.images}/{image_id}',
            'swift+config://ref/c/o',
            'rbd://a/b/c/d',
            'nothing://x',
            'x',
            '',
        ):
            for caller in ('alice', 'admin'):
                with self.subTest(f'{url} {caller}'):
                    value = {'url': url, 'metadata': {}}
                    response = self.add(image_id, value, caller=caller)
                    self.assert_status(400, response)
                    self.assertNotIn('passwd', response.text)

    def test_no_data_of_that_kind(self) -> None:
        """Rule 10 of the outbound rules: one text (OSSA-2013-002)."""
        # covers 7.4.5-6
        image_id = self.image()
        self.web.data['/empty'] = b''
        self.web.answers['/angry'] = lambda handler: handler.reply(500, b'')
        texts = set()
        for url, reason in (
            (self.web.url('/missing'), 'not found in the store'),
            (self.web.url('/empty'), 'no data'),
            (self.web.url('/angry'), '500'),
            (f'http://127.0.0.1:{webserver.closed_port()}/x', 'allowed_ports'),
            (f'http://127.0.0.2:{self.web.port}/x', 'allowed_hosts'),
        ):
            with self.assertLogs('glance', 'INFO') as logged:
                response = self.add(image_id, {'url': url, 'metadata': {}})
            self.assert_status(400, response)
            self.assertIn(reason, str(logged.output))
            self.assertNotIn(url, response.text)
            texts.add(response.text)
        self.assertEqual(1, len(texts), texts)

    def test_twins(self) -> None:
        # covers 7.4.5-7
        image_id = self.with_places('a')
        place = self.place()
        self.assert_status(400, self.add(image_id, place))
        other = {**place, 'metadata': {'a': 'b'}}
        self.assert_status(200, self.add(image_id, other))
        self.assert_status(400, self.replace(self.image(), [place, place]))

    def test_formats_are_needed(self) -> None:
        # covers 7.4.5-9
        image_id = self.image(**NO_FORMATS)
        self.assert_status(400, self.add(image_id, self.place()))
        self.assertEqual('queued', self.show(image_id)['status'])
        response = self.patch(
            image_id,
            {'op': 'add', 'path': '/disk_format', 'value': 'raw'},
            {'op': 'add', 'path': '/container_format', 'value': 'bare'},
            {'op': 'add', 'path': '/locations/-', 'value': self.place()},
            {'op': 'add', 'path': '/color', 'value': 'red'},
        )
        self.assert_status(200, response)
        self.assertEqual('red', self.show(image_id)['color'])

    def test_a_later_operation_undoes_all(self) -> None:
        image_id = self.image()
        response = self.patch(
            image_id,
            {'op': 'add', 'path': '/locations/-', 'value': self.place()},
            {'op': 'remove', 'path': '/no-such-property'},
        )
        self.assert_status(409, response)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.assertEqual([], self.urls(image_id))

    def test_claims_that_cannot_be(self) -> None:
        # covers 7.4.5-10
        good = {'os_hash_algo': 'sha512', 'os_hash_value': SHA512}
        for claim in (
            {**good, 'os_hash_algo': 'sha256'},
            {**good, 'os_hash_value': 'x' * 128},
            {**good, 'os_hash_value': SHA512[1:]},
            {**good, 'checksum': 'z' * 32},
        ):
            value = {**self.place(), 'validation_data': claim}
            with self.subTest(str(claim)):
                self.assert_status(409, self.add(self.image(), value))

    def test_claims_that_contradict(self) -> None:
        # covers 7.4.5-10
        good = {'os_hash_algo': 'sha512', 'os_hash_value': SHA512}
        bad = {**good, 'os_hash_value': 'a' * 128}
        first = {**self.place('a'), 'validation_data': good}
        second = {**self.place('b'), 'validation_data': bad}
        self.assert_status(409, self.replace(self.image(), [first, second]))
        image_id = self.image()
        self.assert_status(200, self.add(image_id, first))
        self.assert_status(409, self.add(image_id, second))
        late = {**first, 'url': self.place('c')['url']}
        late['validation_data'] = {**good, 'checksum': MD5}
        self.assert_status(409, self.add(image_id, late))

    def test_cve_2022_4134_data_of_another_length_is_refused(self) -> None:
        image_id = self.with_places('a')
        other = self.place('other', b'something else')
        self.assert_status(409, self.add(image_id, other))
        self.assertEqual(['a'], self.urls(image_id))

    def test_who_may(self) -> None:
        # covers 7.4.5-2
        image_id = self.image(visibility='public', caller='admin')
        place = self.place()
        self.assert_status(403, self.add(image_id, place))
        image_id = self.image()
        self.assert_status(403, self.add(image_id, place, caller='rita'))
        self.assert_status(404, self.add(image_id, place, caller='bob'))

    def test_status(self) -> None:
        # covers 7.4.5-3
        image_id = self.with_places('a')
        self.call('POST', f'/v2/images/{image_id}/actions/deactivate')
        for response in (
            self.add(image_id, self.place('b')),
            self.replace(image_id, [self.place()]),
            self.remove(image_id, '0'),
            self.remove(self.image(), '0'),
        ):
            self.assert_status(409, response)

    def test_an_old_version_is_refused(self) -> None:
        image_id = self.with_places('a')
        response = self.call(
            'PATCH',
            f'/v2/images/{image_id}',
            [{'op': 'add', 'path': '/locations/-', 'value': self.place('b')}],
            headers={
                'Content-Type': 'application/openstack-images-v2.1-json-patch',
                'If-Match': '"1"',
            },
        )
        self.assert_status(412, response)

    def test_version_2_0(self) -> None:
        image_id = self.image()
        kind = 'application/openstack-images-v2.0-json-patch'
        for body, order in (
            ({'add': '/locations/-', 'value': self.place('a')}, 'a'),
            ({'add': '/locations/0', 'value': self.place('b')}, 'ba'),
            ({'remove': '/locations/0'}, 'a'),
        ):
            response = self.call(
                'PATCH',
                f'/v2/images/{image_id}',
                [body],
                caller='admin',
                headers={'Content-Type': kind},
            )
            self.assert_status(200, response)
            self.assertEqual(list(order), self.urls(image_id))
