"""Base of tests of races that the database decides, on every engine.

Each race is repeated. In any order of the requests, their responses and the
contents of the tables must be as if one request had followed the other.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
import json
import tempfile
from typing import Any
import uuid

import sqlalchemy as sa

from glance_registry.db import models
from tests import base
from tests import databases
from tests.contract import racers

#: Number of times that each race runs in threads, and again in processes.
ROUNDS = 8
RACERS = 3
QUOTA = 3
OPTIONS = {
    'image_tag_quota': QUOTA,
    'image_property_quota': QUOTA,
    'image_member_quota': QUOTA,
}
ANY = {'row_version': None}
PATCH = 'application/openstack-images-v2.1-json-patch'
BYTES = 'application/octet-stream'


def stored(transfer_id: str) -> dict[str, Any]:
    return {
        'transfer_id': transfer_id,
        'size': 5,
        'virtual_size': None,
        'checksum': '0' * 32,
        'os_hash_algo': 'sha512',
        'os_hash_value': '1' * 128,
        'location': {'url': f'file:///{transfer_id}', 'metadata': {}},
    }


class Races:
    """The base of the races on every engine."""

    kind: str

    @classmethod
    def setUpClass(cls) -> None:
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        url = cls.enterClassContext(databases.TemporaryDatabase(cls.kind))
        cls.service = base.Service(directory, OPTIONS, url)
        cls.addClassCleanup(cls.service.close)
        processes = racers.Processes(RACERS, directory, url, OPTIONS)
        cls.addClassCleanup(processes.close)
        cls.tracks = (racers.Threads(cls.service), processes)
        cls.alice = racers.caller('alice')

    def rounds(self) -> Iterator[racers.Track]:
        for _ in range(ROUNDS):
            yield from self.tracks

    # The objects of the races.

    def image(self, image_id: str | None = None, **values: Any) -> str:
        image_id = image_id or str(uuid.uuid4())
        self.service.registry.create_image(
            self.alice, self.new(image_id, **values)
        )
        return image_id

    def new(self, image_id: str, **values: Any) -> Any:
        usual = {
            'owner': 'p1',
            'visibility': 'shared',
            'disk_format': 'raw',
            'container_format': 'bare',
        }
        return {
            'id': image_id,
            'values': {**usual, **values},
            'properties': {'own': 'value'},
            'tags': ['one', 'two'],
        }

    def claim(self, transfer_id: str) -> Any:
        return {'transfer_id': transfer_id, 'node': 'here', 'size': None}

    def claimed(self) -> tuple[str, str]:
        """Begin an upload; return the ids of the image and the transfer."""
        image_id, transfer_id = self.image(), str(uuid.uuid4())
        self.service.registry.claim_upload(
            self.alice, image_id, self.claim(transfer_id)
        )
        return image_id, transfer_id

    def lapsed(self) -> tuple[str, str]:
        found = self.claimed()
        racers.lapse(self.service.database, found[1])
        return found

    def patch(self, image_id: str, *operations: Any) -> racers.Call:
        body = json.dumps(operations).encode()
        return ('http', 'PATCH', f'/v2/images/{image_id}', body, PATCH)

    # Checks of the results.

    def rows(self, table: sa.Table, image_id: str) -> Sequence[sa.Row[Any]]:
        statement = sa.select(table).where(table.c.image_id == image_id)
        return self.service.database.read(
            lambda connection: connection.execute(statement).all()
        )

    def live(self, table: sa.Table, image_id: str) -> Sequence[sa.Row[Any]]:
        return [row for row in self.rows(table, image_id) if not row.deleted]

    def show(self, image_id: str) -> Any:
        return self.service.registry.get_image(self.alice, image_id)

    def assert_codes(
        self, outcomes: Sequence[racers.Outcome], *codes: str
    ) -> None:
        found = Counter(code for code, _ in outcomes)
        self.assertEqual(Counter(codes), found, outcomes)

    def assert_consistent(self, image_id: str) -> Any:
        """Check that the status of an image matches its rows.

        It is saving with one transfer, active with one location, or has
        another status and neither.
        """
        image = self.show(image_id)
        transfers = self.rows(models.image_transfers, image_id)
        locations = self.live(models.image_locations, image_id)
        self.assertEqual(image['status'] == 'saving', len(transfers) == 1)
        self.assertEqual(image['status'] == 'active', len(locations) == 1)
        self.assertIn(len(transfers) + len(locations), (0, 1))
        return image
