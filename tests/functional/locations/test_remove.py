"""PATCH that removes a location and its data."""

from typing import Any

from glance.common import errors
from tests import refusing
from tests.functional.locations import places


class TestRemove(places.LocationsTestCase):
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

    def test_ossa_2016_006_the_last_one_stays(self) -> None:
        # covers 7.4.5-13, 25-40
        image_id = self.with_places('a')
        for place in ('0', '-', '5'):
            self.assert_status(403, self.remove(image_id, place))

    def test_it_is_an_administrators(self) -> None:
        # covers 7.4.5-2
        image_id = self.with_places('a', 'b')
        self.assert_status(403, self.remove(image_id, '0', 'alice'))


class TestRemovedData(places.LocationsTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def with_two(self) -> str:
        """Create an image with uploaded data and a location on the web."""
        image_id = self.image(data=places.DATA)
        self.assert_status(200, self.add(image_id, self.place('b')))
        return image_id

    def test_the_data_goes_with_the_location(self) -> None:
        # covers 7.4.5-12, 25-40
        image_id = self.with_two()
        self.assert_status(200, self.remove(image_id, '0'))
        self.assertEqual([], self.files())
        self.assertEqual(places.DATA, self.data(image_id))

    def test_data_in_use_stays_with_its_location(self) -> None:
        # covers 25-42
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
        image_id = self.image(data=places.DATA)
        place = self.show(image_id)['locations'][0]
        twin = {**place, 'metadata': {'a': 'b'}}
        self.assert_status(200, self.replace(image_id, [place, twin]))
        self.assert_status(200, self.remove(image_id, '1'))
        self.assertEqual([image_id], self.files())
        self.assertEqual(places.DATA, self.data(image_id))
