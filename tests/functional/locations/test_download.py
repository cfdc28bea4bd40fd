"""Downloads from the first good location (images-v2 section 8.2)."""

from typing import Any

from glance.common import errors
from tests.functional.locations import places


class TestDownload(places.LocationsTestCase):
    """Section 8.2: from the first location that can give it."""

    def test_in_order(self) -> None:
        # covers 8.2-16
        image_id = self.with_places('a', 'b')
        self.web.requests.clear()
        self.assertEqual(places.DATA, self.data(image_id))
        self.assertEqual(['/a'], [path for _, path, _ in self.web.requests])
        for status in (404, 500):
            self.web.answers['/a'] = lambda handler, it=status: handler.reply(
                it, b''
            )
            self.assertEqual(places.DATA, self.data(image_id))
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
            self.assertEqual(places.DATA[5:9], response.body)

    def test_it_breaks_off(self) -> None:
        """No client takes a part for the whole."""
        image_id = self.with_places('a')

        def half(handler: Any) -> None:
            length = {'Content-Length': str(len(places.DATA))}
            handler.reply(200, places.DATA[:5], length)
            handler.close_connection = True

        self.web.answers['/a'] = half
        response = self.call('GET', f'/v2/images/{image_id}/file')
        with self.assertRaises(errors.StoreUnavailable):
            b''.join(response.app_iter)
