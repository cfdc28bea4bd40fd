"""Images in two stores, and a program that verifies their data."""

import hashlib
import os
import pathlib
from typing import Any

from glance.common import pacing
from glance.images import integrity
from glance.images import transfers
from glance_registry.db import integrity as queries
from tests.functional import test_stores

DATA = test_stores.DATA


class VerifyingTestCase(test_stores.SeveralStoresTestCase):
    def verifier(
        self, pace: pacing.Pace | None = None, hash_name: str = 'sha512'
    ) -> integrity.Verifier:
        registry = self.service.registry
        return integrity.Verifier(
            registry,
            self.service.stores,
            running=transfers.Transfers(registry, node='n'),
            node='n',
            pace=pace or pacing.Pace(),
            hash_name=hash_name,
        )

    def verify(self, **rest: Any) -> dict[str, integrity.Result]:
        """Run one pass; return its results, by image."""
        found: dict[str, integrity.Result] = {}

        def tell(result: integrity.Result) -> None:
            self.assertNotIn(result.image_id, found)
            found[result.image_id] = result

        self.verifier(**rest).run(None, tell)
        return found

    def verified(self, image_id: str, **rest: Any) -> tuple[str, str, str]:
        """Verify; return the state, detail and status of one image."""
        result = self.verify(**rest)[image_id]
        told = self.show(image_id, 'admin')[queries.STATE]
        self.assertTrue(told.startswith(f'{result.state} 2'), told)
        if result.detail:
            self.assertTrue(told.endswith(f'Z: {result.detail}'), told)
        return result.state, result.detail, result.status

    def file(self, store: str, name: str) -> pathlib.Path:
        return pathlib.Path(self.directory, store, name)

    def damage(self, store: str, image_id: str) -> None:
        """Change one bit of a copy of the data."""
        with self.file(store, image_id).open('r+b') as file:
            file.seek(70000)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))

    def change_row(self, image_id: str, **values: Any) -> None:
        """Change the row of an image directly in the database."""
        update = queries.IMAGES.update().where(queries.IMAGES.c.id == image_id)
        self.service.database.write(
            lambda connection: connection.execute(update.values(**values))
        )


def sha(name: str, data: bytes = DATA) -> str:
    return hashlib.new(name, data).hexdigest()
