"""Callers of the registry, and the base of the tests of its operations."""

from collections.abc import Callable
from typing import Any
import uuid

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from tests import base

DATA = {
    'size': 5,
    'virtual_size': None,
    'checksum': 'c' * 32,
    'os_hash_algo': 'sha512',
    'os_hash_value': 'f' * 128,
    'location': {'url': 'file:///somewhere/x', 'metadata': {'a': 'b'}},
}


def caller(project: str, **rest: Any) -> context.RequestContext:
    return context.RequestContext(
        project_id=project,
        roles=['member', 'reader'],
        overwrite=False,
        **rest,
    )


ALICE = caller('p1')
BOB = caller('p2')
ADMIN = caller('p-admin', is_admin=True)


class RegistryTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.client: registry_client.RegistryClient = self.service.registry

    def create(
        self,
        caller: context.RequestContext = ALICE,
        properties: dict[str, str] | None = None,
        tags: list[str] | None = None,
        **values: Any,
    ) -> contract.Image:
        values.setdefault('owner', caller.project_id)
        values.setdefault('visibility', 'shared')
        return self.client.create_image(
            caller,
            {
                'id': str(uuid.uuid4()),
                'values': values,
                'properties': properties or {},
                'tags': tags or [],
            },
        )

    def claim(
        self, image_id: str, transfer: str, caller: Any = ALICE
    ) -> contract.Claimed:
        return self.client.claim_upload(
            caller,
            image_id,
            {'transfer_id': transfer, 'node': 'n', 'size': 5},
        )

    def stored(self, transfer: str) -> contract.Stored:
        return {'transfer_id': transfer, **DATA}  # type: ignore

    def claim_location(self, image_id: str, transfer: str) -> contract.Claimed:
        return self.client.claim_location(
            ALICE, image_id, {'transfer_id': transfer, 'node': 'n', 'size': 0}
        )

    def registered(self, transfer: str, then: str | None = None) -> Any:
        hashes = dict.fromkeys(('checksum', 'os_hash_algo', 'os_hash_value'))
        claim = {'transfer_id': then, 'node': 'n', 'size': None}
        return {
            **self.stored(transfer),
            **hashes,
            'then_hash': claim if then else None,
        }

    def with_locations(self, *names: str) -> contract.Image:
        image_id = self.create()['id']
        return self.change_locations(
            self.client.get_image(ALICE, image_id),
            [{'url': name, 'metadata': {'of': name}} for name in names],
        )

    def change_locations(
        self,
        image: contract.Image,
        wanted: list[contract.Location],
        pending: list[int] | None = None,
    ) -> contract.Image:
        self.client.update_image(
            ALICE,
            image['id'],
            {
                'row_version': image['row_version'],
                'values': {},
                'properties': {},
                'locations': wanted,
                'pending': pending or [],
            },
        )
        return self.client.get_image(ALICE, image['id'])

    def expect(
        self, error: type[errors.Error], call: Callable[..., Any], *args: Any
    ) -> None:
        """Check that the client raises exactly this class of error."""
        with self.assertRaises(errors.Error) as caught:
            call(*args)
        self.assertIs(error, type(caught.exception), caught.exception)
