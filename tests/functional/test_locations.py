"""Locations in PATCH and in documents (images-v2 sections 4.1, 7.4.5)."""

import hashlib
from typing import Any

from glance.common import context
from glance.common import errors
from tests import base
from tests import refusing
from tests import webserver

DATA = b'data on a web server'
SHA512 = hashlib.sha512(DATA).hexdigest()
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
NO_FORMATS = {'disk_format': None, 'container_format': None}

ADMIN = context.RequestContext(is_admin=True, overwrite=False)


class LocationsTestCase(base.ServiceTestCase):
    """A pair of daemons that may ask one web server."""

    options: dict[str, Any] = {}

    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.api_options = {
            'show_multiple_locations': True,
            'show_image_direct_url': True,
            'import_filtering_opts.allowed_hosts': ['127.0.0.1'],
            'import_filtering_opts.allowed_ports': [str(self.web.port)],
            **self.options,
        }
        super().setUp()

    def place(self, name: str = 'a', data: bytes = DATA) -> dict[str, Any]:
        """A location whose data is there."""
        self.web.data[f'/{name}'] = data
        return {'url': self.web.url(f'/{name}'), 'metadata': {}}

    def add(
        self,
        image_id: str,
        value: Any,
        place: str = '-',
        caller: str = 'alice',
    ) -> Any:
        operation = {'op': 'add', 'path': f'/locations/{place}'}
        return self.patch(
            image_id, {**operation, 'value': value}, caller=caller
        )

    def replace(self, image_id: str, value: Any) -> Any:
        operation = {'op': 'replace', 'path': '/locations', 'value': value}
        return self.patch(image_id, operation)

    def remove(self, image_id: str, place: str, caller: str = 'admin') -> Any:
        operation = {'op': 'remove', 'path': f'/locations/{place}'}
        return self.patch(image_id, operation, caller=caller)

    def with_places(self, *names: str) -> str:
        """An active image with these locations."""
        image_id = self.image()
        for name in names:
            self.assert_status(200, self.add(image_id, self.place(name)))
        return image_id

    def urls(self, image_id: str) -> list[str]:
        """The names of its locations, in order."""
        places = self.show(image_id)['locations']
        return [place['url'].rpartition('/')[2] for place in places]


class TestShown(LocationsTestCase):
    def test_trap_37_locations_are_there_when_there_are_none(self) -> None:
        # covers 4.1-21
        document = self.show(self.image())
        self.assertEqual([], document['locations'])
        self.assertNotIn('direct_url', document)

    def test_what_a_location_shows(self) -> None:
        # covers 4.1-20..21
        place = {**self.place(), 'metadata': {'a': ['b', {'c': None}]}}
        image_id = self.image()
        self.assert_status(200, self.add(image_id, place))
        document = self.show(image_id)
        self.assertEqual([place], document['locations'])
        self.assertEqual(place['url'], document['direct_url'])
        listed = self.call('GET', '/v2/images').json['images']
        self.assertEqual([place], listed[0]['locations'])


class TestOff(LocationsTestCase):
    """OSSN-0065: nothing of it while the options are off."""

    options = {
        'show_multiple_locations': False,
        'show_image_direct_url': False,
    }

    def test_ossn_0065_nothing_is_shown_or_changed(self) -> None:
        # covers 7.4.5-1
        image_id = self.image(data=b'x')
        document = self.show(image_id, 'admin')
        self.assertNotIn('locations', document)
        self.assertNotIn('direct_url', document)
        for response in (
            self.add(image_id, self.place(), caller='admin'),
            self.replace(image_id, [self.place()]),
            self.remove(image_id, '0'),
        ):
            self.assert_status(403, response)


class TestAdd(LocationsTestCase):
    def test_trap_38_a_queued_image_becomes_active_without_hashes(
        self,
    ) -> None:
        # covers 7.4.5-11
        image_id = self.image()
        response = self.add(image_id, self.place())
        self.assert_status(200, response)
        for document in (response.json, self.show(image_id)):
            self.assertEqual('active', document['status'])
            self.assertEqual(len(DATA), document['size'])
            for name in ('checksum', 'os_hash_algo', 'os_hash_value'):
                self.assertIsNone(document[name])
        self.assertEqual(DATA, self.data(image_id))

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
        # The same again is no contradiction.
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
        """Not for an administrator either (CVE-2015-1195)."""
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
        for url in (
            self.web.url('/missing'),
            self.web.url('/empty'),
            self.web.url('/angry'),
            f'http://127.0.0.1:{webserver.closed_port()}/x',
            'http://127.0.0.2/x',
        ):
            response = self.add(image_id, {'url': url, 'metadata': {}})
            self.assert_status(400, response)
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


class TestQuota(LocationsTestCase):
    options = {'image_location_quota': 2, 'image_size_cap': 50}

    def test_image_location_quota(self) -> None:
        """images-v2 section 18."""
        # covers 7.4.5-8, 18-6
        image_id = self.with_places('a', 'b')
        self.assert_status(413, self.add(image_id, self.place('c')))
        many = [self.place(name) for name in 'abc']
        self.assert_status(413, self.replace(self.image(), many))

    def test_ossa_2014_028_the_size_cap_holds(self) -> None:
        large = self.place('large', b'x' * 51)
        self.assert_status(413, self.add(self.image(), large))


class TestStorageQuota(LocationsTestCase):
    """Size times locations (images-v2 section 18)."""

    options = {'user_storage_quota': f'{3 * len(DATA)}'}

    def test_every_location_takes_room(self) -> None:
        # covers 18-7
        image_id = self.with_places('a', 'b')
        response = self.add(self.image(), self.place('c', DATA + b'.'))
        self.assert_status(413, response)
        self.assertIn('quota', response.text)
        self.assert_status(200, self.add(image_id, self.place('c')))
        self.assert_status(413, self.add(image_id, self.place('d')))
        self.assertEqual(['a', 'b', 'c'], self.urls(image_id))

    def test_what_takes_none_is_free(self) -> None:
        image_id = self.with_places('a', 'b', 'c')
        places = self.show(image_id)['locations']
        self.assert_status(200, self.replace(image_id, places[::-1]))
        self.assert_status(200, self.remove(image_id, '0'))
        self.assert_status(200, self.add(image_id, self.place('d')))


class TestReplace(LocationsTestCase):
    def test_order_and_metadata_change(self) -> None:
        image_id = self.with_places('a', 'b', 'c')
        for order in ('cba', 'bca', 'abc', 'acb'):
            places = [self.place(name) for name in order]
            self.assert_status(200, self.replace(image_id, places))
            self.assertEqual(list(order), self.urls(image_id))
        places[1]['metadata'] = {'changed': 'x'}
        self.assert_status(200, self.replace(image_id, places))
        self.assertEqual(places, self.show(image_id)['locations'])

    def test_of_nothing(self) -> None:
        image_id = self.image()
        places = [self.place('a'), self.place('b')]
        self.assert_status(200, self.replace(image_id, places))
        document = self.show(image_id)
        self.assertEqual(places, document['locations'])
        self.assertEqual('active', document['status'])

    def test_ossa_2016_006_no_image_loses_all(self) -> None:
        image_id = self.with_places('a')
        self.assert_status(403, self.replace(image_id, []))
        self.assert_status(403, self.replace(self.image(), []))
        self.assertEqual('active', self.show(image_id)['status'])

    def test_other_urls_are_refused(self) -> None:
        """Or the data of an image would be swapped (OSSN-0065)."""
        # covers 7.4.5-7
        image_id = self.with_places('a', 'b')
        for names in ('a', 'ac', 'abc', 'c'):
            places = [self.place(name) for name in names]
            self.assert_status(400, self.replace(image_id, places))
        self.assertEqual(['a', 'b'], self.urls(image_id))


class TestRemove(LocationsTestCase):
    def test_by_position(self) -> None:
        # covers 7.4.5-4
        image_id = self.with_places('a', 'b', 'c', 'd')
        for place, order in (('1', 'acd'), ('-', 'ac'), ('0', 'c')):
            self.assert_status(200, self.remove(image_id, place))
            self.assertEqual(list(order), self.urls(image_id))

    def test_no_such_position(self) -> None:
        # covers 7.4.5-4
        image_id = self.with_places('a', 'b')
        for place in ('2', '99', 'x', '-1', ''):
            self.assert_status(400, self.remove(image_id, place))

    def test_trap_40_ossa_2016_006_the_last_one_stays(self) -> None:
        # covers 7.4.5-13
        image_id = self.with_places('a')
        for place in ('0', '-', '5'):
            self.assert_status(403, self.remove(image_id, place))

    def test_it_is_an_administrators(self) -> None:
        # covers 7.4.5-2
        image_id = self.with_places('a', 'b')
        self.assert_status(403, self.remove(image_id, '0', 'alice'))


class TestDownload(LocationsTestCase):
    """Section 8.2: from the first location that can give it."""

    def test_in_order(self) -> None:
        # covers 8.2-16
        image_id = self.with_places('a', 'b')
        self.web.requests.clear()
        self.assertEqual(DATA, self.data(image_id))
        self.assertEqual(['/a'], [path for _, path, _ in self.web.requests])
        for status in (404, 500):
            self.web.answers['/a'] = lambda handler, it=status: handler.reply(
                it, b''
            )
            self.assertEqual(DATA, self.data(image_id))
        self.web.answers['/b'] = lambda handler: handler.reply(503, b'')
        path = f'/v2/images/{image_id}/file'
        self.assert_status(503, self.call('GET', path))

    def test_a_part(self) -> None:
        image_id = self.with_places('a')
        for knows_ranges in (True, False):
            self.web.knows_ranges = knows_ranges
            response = self.call(
                'GET',
                f'/v2/images/{image_id}/file',
                headers={'Range': 'bytes=5-8'},
            )
            self.assert_status(206, response)
            self.assertEqual(DATA[5:9], response.body)

    def test_it_breaks_off(self) -> None:
        """No client takes a part for the whole."""
        image_id = self.with_places('a')

        def half(handler: Any) -> None:
            length = {'Content-Length': str(len(DATA))}
            handler.reply(200, DATA[:5], length)
            handler.close_connection = True

        self.web.answers['/a'] = half
        response = self.call('GET', f'/v2/images/{image_id}/file')
        with self.assertRaises(errors.StoreUnavailable):
            b''.join(response.app_iter)


class TestSecrets(LocationsTestCase):
    """A URL may hold a password."""

    def test_ossa_2013_002_ossa_2014_004_cve_2024_1141_none_is_told(
        self,
    ) -> None:
        secret = 'a-secret-in-a-url'
        path = f'/a?key={secret}'
        self.web.data[path] = DATA
        answers = []
        with self.assertLogs(level='DEBUG') as logged:
            image_id = self.image()
            value = {'url': self.web.url(path), 'metadata': {}}
            self.assert_status(200, self.add(image_id, value))
            for trouble in (404, 500):
                self.web.answers[path] = lambda handler, it=trouble: (
                    handler.reply(it, b'')
                )
                answers.append(self.call('GET', f'/v2/images/{image_id}/file'))
                answers.append(self.add(self.image(), value))
            self.web.redirect(path, f'http://169.254.169.254/?{secret}')
            answers.append(self.add(self.image(), value))
            answers.append(self.add(image_id, value))
            other = {**value, 'url': f'rbd://{secret}'}
            answers.append(self.add(image_id, other))
            other = {**value, 'url': f'file:///{secret}'}
            answers.append(self.add(image_id, other))
            answers.append(self.call('DELETE', f'/v2/images/{image_id}'))
        self.assertNotIn(secret, '\n'.join(logged.output))
        for answer in answers:
            self.assertNotIn(secret, f'{answer.headers} {answer.text}')

    def test_ossa_2013_007_no_header_tells_where_data_is(self) -> None:
        """CVE-2013-1840."""
        image_id = self.with_places('a')
        for path in ('', '/file'):
            response = self.call('GET', f'/v2/images/{image_id}{path}')
            self.assert_status(200, response)
            self.assertNotIn('/a', str(response.headers))
            self.assertNotIn('Location', response.headers)
            response.body  # noqa: B018 read to the end


class TestRemovedData(LocationsTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def with_two(self) -> str:
        """An active image with uploaded data, and more at an address."""
        image_id = self.image(data=DATA)
        self.assert_status(200, self.add(image_id, self.place('b')))
        return image_id

    def test_trap_40_the_data_goes_with_the_location(self) -> None:
        # covers 7.4.5-12
        image_id = self.with_two()
        self.assert_status(200, self.remove(image_id, '0'))
        self.assertEqual([], self.files())
        self.assertEqual(DATA, self.data(image_id))

    def test_trap_42_data_in_use_stays_with_its_location(self) -> None:
        for trouble, status in (
            (errors.Conflict('The data is in use.'), 409),
            (errors.StoreUnavailable(), 503),
        ):
            image_id = self.with_two()
            self.service.store.trouble = trouble
            self.assert_status(status, self.remove(image_id, '0'))
            self.assertEqual([image_id, 'b'], self.urls(image_id))
            self.service.store.trouble = None
            self.assert_status(200, self.remove(image_id, '0'))
            self.assertEqual(['b'], self.urls(image_id))
            self.assertEqual([], self.files())

    def test_data_that_another_location_has_stays(self) -> None:
        image_id = self.image(data=DATA)
        place = self.show(image_id)['locations'][0]
        twin = {**place, 'metadata': {'a': 'b'}}
        self.assert_status(200, self.replace(image_id, [place, twin]))
        self.assert_status(200, self.remove(image_id, '1'))
        self.assertEqual([image_id], self.files())
        self.assertEqual(DATA, self.data(image_id))
