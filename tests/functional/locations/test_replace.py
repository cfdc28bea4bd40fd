"""PATCH that replaces all locations."""

from tests.functional.locations import places


class TestReplace(places.LocationsTestCase):
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
        """Otherwise the data of an image could be replaced (OSSN-0065)."""
        # covers 7.4.5-7
        image_id = self.with_places('a', 'b')
        for names in ('a', 'ac', 'abc', 'c'):
            places = [self.place(name) for name in names]
            self.assert_status(400, self.replace(image_id, places))
        self.assertEqual(['a', 'b'], self.urls(image_id))
