"""Cold images of an object store: a crowd, and a single reader.

The store is Swift, or the S3 of Swift or of Ceph, which tests/stores starts.
nginx stands in front of it and logs what it sent. It needs nginx-light.
"""

import contextlib
import pathlib

from benchmark import cached
from benchmark import client
from benchmark import data
from benchmark import databases
from benchmark import making
from benchmark import nginx
from benchmark import pair
from benchmark import places
from benchmark import stores

_FRONT = """\
  map $request_method $is_read {{ default 0; GET 1; }}
  upstream store {{ server {store}; keepalive 16; }}
  server {{
    listen {host}:{port};
    access_log {home}/sent.log sent if=$is_read;
    client_max_body_size 0;
    location / {{
      proxy_pass http://store;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
"""


class Front(nginx.Nginx):
    """nginx between the image service and the store.

    :param store: HOST:PORT
    :raises pair.Failed: there is no nginx, or it does not start
    """

    def __init__(
        self, home: pathlib.Path, store: str, stack: contextlib.ExitStack
    ) -> None:
        port = databases.free_port()
        self.address = f'{pair.HOST}:{port}'
        servers = _FRONT.format(
            home=home, host=pair.HOST, port=port, store=store
        )
        super().__init__(home, servers, port, stack)


#: Item -> its server.
STORES = {f'cold-{name}': name for name in ('swift', 's3', 's3api')}


class Ours:
    """A pair with a cache in front of an object store.

    See :class:`benchmark.cached.Cold`. One image is read again and again; it
    is removed from the cache before each round.
    """

    def __init__(
        self, name: str, home: pathlib.Path, size: int, maker: making.Maker
    ) -> None:
        place = places.PLACES[STORES[name]]()
        front = Front(home, place.address, maker.stack)
        self.size = size
        self.directory = home / 'cache'
        self.sent_bytes = front.sent_bytes
        made = maker.make(
            home,
            [
                *cached.settings(self.directory, size),
                *making.store(place.kind, place.settings(front.address)),
            ],
        )
        self.target = maker.target(made)
        self._image_id = data.put_image(self.target, size)
        maker.stack.callback(data.drop_image, self.target, self._image_id)

    def cold_image(self) -> str:
        self.drop(self._image_id)
        return self._image_id

    def wait(self, image_id: str) -> None:
        cached.wait_complete(self.directory, image_id)

    def drop(self, image_id: str) -> None:
        head = self.target.head().replace('member,reader', 'admin')
        connection = client.Connection(self.target.address, '', head)
        connection.call('DELETE', f'/v2/cache/{image_id}')
        connection.close()


class Upstream:
    """Upstream Glance with its cache; a new image for each round.

    :param environment: see tests/stores/upstream.py
    """

    def __init__(
        self,
        name: str,
        home: pathlib.Path,
        size: int,
        maker: making.Maker,
        environment: pathlib.Path,
    ) -> None:
        place = places.PLACES[STORES[name]]()
        home.mkdir(parents=True)
        front = Front(home, place.address, maker.stack)
        self.size = size
        self.sent_bytes = front.sent_bytes
        self.target = stores.upstream_target(
            environment,
            place,
            maker,
            front.address,
            {
                'image_cache_dir': home / 'cache',
                'image_cache_max_size': 1000 * size,
            },
        )

    def cold_image(self) -> str:
        return data.put_image(self.target, self.size)

    def wait(self, image_id: str) -> None:
        """Do not wait: it does not always keep what was read."""

    def drop(self, image_id: str) -> None:
        """Keep it: at times upstream answers 500 to its deletion."""
