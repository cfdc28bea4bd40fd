"""Limits on the number of locations and on the size of their data."""

from tests.functional.locations import places


class TestQuota(places.LocationsTestCase):
    options = {'image_location_quota': 2, 'image_size_cap': 50}

    def test_image_location_quota(self) -> None:
        # covers 7.4.5-8, 18-6
        image_id = self.with_places('a', 'b')
        self.assert_status(413, self.add(image_id, self.place('c')))
        many = [self.place(name) for name in 'abc']
        self.assert_status(413, self.replace(self.image(), many))

    def test_ossa_2014_028_the_size_cap_holds(self) -> None:
        large = self.place('large', b'x' * 51)
        self.assert_status(413, self.add(self.image(), large))


class TestStorageQuota(places.LocationsTestCase):
    """Size times locations."""

    options = {'user_storage_quota': f'{3 * len(places.DATA)}'}

    def test_every_location_takes_room(self) -> None:
        # covers 18-7
        image_id = self.with_places('a', 'b')
        response = self.add(self.image(), self.place('c', places.DATA + b'.'))
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
