"""Locations in documents, and documents that must not show them."""

from tests.functional.locations import places


class TestShown(places.LocationsTestCase):
    def test_locations_are_there_when_there_are_none(self) -> None:
        # covers 4.1-21, 25-37
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


class TestOff(places.LocationsTestCase):
    """OSSN-0065: no locations while the options are off."""

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


class TestSecrets(places.LocationsTestCase):
    """URLs of locations, which may contain passwords."""

    def test_ossa_2013_002_ossa_2014_004_cve_2024_1141_none_is_told(
        self,
    ) -> None:
        secret = 'a-secret-in-a-url'
        path = f'/a?key={secret}'
        self.web.data[path] = places.DATA
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
