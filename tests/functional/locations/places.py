"""A pair of daemons, and a web server that has data."""

from typing import Any

from tests import base
from tests import webserver

DATA = b'data on a web server'


class LocationsTestCase(base.ServiceTestCase):
    """A pair of daemons that may access one web server."""

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
        """Return a location whose data exists on the web server."""
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
        """Create an active image with these locations; return its id."""
        image_id = self.image()
        for name in names:
            self.assert_status(200, self.add(image_id, self.place(name)))
        return image_id

    def urls(self, image_id: str) -> list[str]:
        """Return the names of the image's locations, in order."""
        places = self.show(image_id)['locations']
        return [place['url'].rpartition('/')[2] for place in places]
