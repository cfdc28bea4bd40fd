"""GET."""

from typing import Any

from tests.functional.location_import import importing


class TestFetch(importing.ImportTestCase):
    def fetch(self, image_id: str, caller: str, **headers: str) -> Any:
        return self.call(
            'GET',
            f'/v2/images/{image_id}/locations',
            caller=caller,
            headers=headers,
        )

    def test_who_may(self) -> None:
        # covers 14.2-2
        private = self.image(data=b'x')
        public = self.image(caller='admin', visibility='public')
        for image_id, caller, status in (
            (private, 'alice', 403),
            (private, 'rita', 403),
            (private, 'admin', 200),
            (private, 'nova', 404),
            (private, 'bob', 404),
            (public, 'nova', 200),
            (public, 'bob', 403),
            ('none', 'admin', 404),
        ):
            with self.subTest(f'{caller} {status}'):
                self.assert_status(status, self.fetch(image_id, caller))
        response = self.fetch(private, 'alice', X_Service_Roles='service')
        self.assert_status(403, response)

    def test_what(self) -> None:
        # covers 14.2-1
        empty = self.fetch(self.image(), 'admin')
        self.assertEqual([], empty.json)
        image_id = self.image()
        self.post(image_id)
        place = {'url': self.web.url('/a'), 'metadata': {}}
        self.assertEqual([place], self.fetch(image_id, 'admin').json)
