"""Downloads from the first location that works."""

from typing import Any

from glance.common import errors
from glance.store import readahead
from tests.functional.locations import places


class TestDownload(places.LocationsTestCase):
    """Downloads from the first location that works."""

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

    def break_off(self, sent: bytes, announced: int) -> None:
        def half(handler: Any) -> None:
            handler.reply(200, sent, {'Content-Length': str(announced)})
            handler.close_connection = True

        self.web.answers['/a'] = half

    def test_it_breaks_off_at_once(self) -> None:
        """The response has not begun, so its status can be an error."""
        image_id = self.with_places('a')
        self.break_off(places.DATA[:5], len(places.DATA))
        with self.assertLogs('glance', 'INFO') as logged:
            response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(503, response)
        self.assertIn('Retry-After', response.headers)
        self.assertIn(
            'closed the connection before the end', str(logged.output)
        )
        self.assertNotIn('Traceback', str(logged.output))

    def test_it_breaks_off_at_once_and_another_has_it(self) -> None:
        image_id = self.with_places('a', 'b')
        self.break_off(places.DATA[:5], len(places.DATA))
        self.assertEqual(places.DATA, self.data(image_id))

    def test_it_breaks_off_later(self) -> None:
        """A truncated response is never mistaken for a complete one."""
        data = b'x' * (readahead.PIECE_BYTES + 10)
        image_id = self.image()
        self.add(image_id, self.place('a', data))
        self.break_off(data[:-5], len(data))
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assert_status(200, response)
        with self.assertRaises(errors.StoreUnavailable):
            b''.join(response.app_iter)

    def test_a_server_without_ranges_gives_parts_all_the_same(self) -> None:
        data = bytes(range(256)) * 1000

        def whole(handler: Any) -> None:
            if handler.command == 'HEAD':
                handler.reply(405, b'')
            else:
                handler.reply(200, data, {'Accept-Ranges': 'none'})

        self.web.answers['/a'] = whole
        image_id = self.image()
        self.assert_status(200, self.add(image_id, self.place('a')))
        path = f'/v2/images/{image_id}/file'
        for asked, part in (
            ('bytes=1000-1999', data[1000:2000]),
            ('bytes=-10', data[-10:]),
            (f'bytes={len(data) - 1}-', data[-1:]),
        ):
            response = self.call('GET', path, headers={'Range': asked})
            self.assert_status(206, response)
            self.assertEqual(part, response.body)
        self.assertEqual(data, self.data(image_id))
        self.break_off(data[:1000], len(data))
        for headers in ({}, {'Range': 'bytes=1000-1999'}):
            response = self.call('GET', path, headers=headers)
            self.assert_status(503, response)

    def test_a_size_that_the_data_lacks_is_not_taken(self) -> None:
        """The server supports ranges, so the missing end is detected."""

        def lying(handler: Any) -> None:
            if handler.command == 'HEAD':
                handler.reply(200, b'x' * 200)
            else:
                handler.reply(416, b'', {'Content-Range': 'bytes */100'})

        place = self.place()
        self.web.answers['/a'] = lying
        image_id = self.image()
        self.assert_status(400, self.add(image_id, place))
        self.assertEqual('queued', self.show(image_id)['status'])
