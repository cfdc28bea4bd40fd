"""Every fault of a connection between the daemons."""

import concurrent.futures
from typing import Any
import uuid

import sqlalchemy as sa

from glance_registry.db import models
from tests.live import daemons
from tests.live import processes
from tests.live.wire_faults import service
from tests.live.wire_faults import wire

#: A request is sent a second time.
TWO = 2 * service.TIMEOUT_SECONDS


class BrokenWire(service.Service):
    @classmethod
    def setUpClass(cls) -> None:
        glance = daemons.Glance(
            api={
                'DEFAULT': {'registry_client_timeout': service.TIMEOUT_SECONDS}
            },
            registry={'DEFAULT': {'transfer_lease_seconds': 9}},
            workers=1,
        )
        cls.wire = wire.Wire(int(glance.registry_url.rpartition(':')[2]))
        cls.addClassCleanup(cls.wire.close)
        glance.configure('glance-api', {'registry_port': cls.wire.port})
        cls.serve(glance)

    def setUp(self) -> None:
        self.addCleanup(self.wire.mend)

    def test_every_call_at_every_fault(self) -> None:
        """The first trip fails; the answers are bounded and clean."""
        image_id = self.glance.create()
        path = f'/v2/images/{image_id}'
        change = [{'op': 'add', 'path': '/a', 'value': 'b'}]
        calls = (
            ('GET', '/v2/images'),
            ('GET', path),
            ('POST', '/v2/images', {}),
            ('PATCH', path, change, service.PATCH),
            ('PUT', f'{path}/tags/a'),
            ('DELETE', f'{path}/tags/a'),
            ('GET', f'{path}/members'),
            ('POST', f'{path}/members', {'member': 'm'}),
            ('PUT', f'{path}/file', b'data', service.BYTES),
            ('GET', f'{path}/file'),
            ('POST', f'{path}/actions/deactivate'),
            ('DELETE', path),
        )
        for fault in wire.FAULTS:
            self.wire.break_at(fault, times=1000)
            with concurrent.futures.ThreadPoolExecutor() as executor:
                asked = {
                    executor.submit(self.call, *call): call for call in calls
                }
                for answer, call in asked.items():
                    self.assertEqual(
                        503,
                        answer.result(service.SETTLE_SECONDS),
                        (fault, call),
                    )
            self.wire.mend()
        self.assertEqual(200, self.call('GET', path))

    def test_created_once(self) -> None:
        for fault in wire.LOST:
            name = str(uuid.uuid4())
            self.wire.break_at(fault, 'POST /v1/images ')
            status = self.call('POST', '/v2/images', {'name': name})
            self.assertEqual(503, status)
            # The daemon asks for other things of its own at any time.
            sent = [
                line
                for line in self.wire.requests
                if line.startswith('POST /v1/images ')
            ]
            self.assertEqual(1, len(sent))
            self.wire.mend()
            self.assert_comes(1, models.images, name=name)

    def test_created_after_a_request_that_never_came(self) -> None:
        name = str(uuid.uuid4())
        self.wire.break_at('refused', 'POST /v1/images ')
        status = self.call('POST', '/v2/images', {'name': name})
        expected = 1 if status == 201 else 0
        self.assertEqual(expected, self.rows(models.images, name=name))

    def assert_comes(self, count: int, table: sa.Table, **values: Any) -> None:
        """The registry may still be at it after the time-out of glance-api."""
        processes.wait_until(
            lambda: self.rows(table, **values) == count,
            service.SETTLE_SECONDS,
            f'{count} rows of {values}',
        )

    def test_member_and_tag_once(self) -> None:
        for fault in wire.LOST:
            image_id = self.glance.create()
            path = f'/v2/images/{image_id}'
            self.wire.break_at(fault, 'POST .*/members ')
            self.call('POST', f'{path}/members', {'member': 'm'}, seconds=TWO)
            self.wire.break_at(fault, 'PUT .*/tags/')
            self.call('PUT', f'{path}/tags/a', seconds=TWO)
            self.wire.mend()
            for table in (models.image_members, models.image_tags):
                self.assert_comes(1, table, image_id=image_id)

    def test_patched_once(self) -> None:
        for fault in wire.LOST:
            image_id = self.glance.create()
            path = f'/v2/images/{image_id}'
            change = [{'op': 'add', 'path': '/a', 'value': 'b'}]
            self.wire.break_at(fault, 'PATCH ')
            self.call('PATCH', path, change, service.PATCH, seconds=TWO)
            self.wire.mend()
            self.assert_comes(1, models.images, id=image_id, row_version=2)

    def test_answer_to_an_upload_is_lost(self) -> None:
        """Active with its bytes, or queued without: never between."""
        for operation in ('claim-upload', 'finish-upload'):
            for fault in wire.FAULTS:
                image_id = self.glance.create()
                self.wire.break_at(fault, operation)
                status = self.upload(image_id, b'data', trips=3)
                self.wire.mend()
                self.assert_settled(image_id, (operation, fault, status))

    def assert_settled(self, image_id: str, note: Any) -> None:
        processes.wait_until(
            lambda: self.glance.image(image_id)['status'] != 'saving',
            service.SETTLE_SECONDS,
            f'the upload ends {note}',
        )
        image = self.glance.image(image_id)
        locations = self.rows(
            models.image_locations, image_id=image_id, deleted=False
        )
        status, _, body = self.glance.request(
            'GET', f'/v2/images/{image_id}/file'
        )
        if image['status'] == 'active':
            self.assertEqual((200, b'data', 1), (status, body, locations))
        else:
            self.assertEqual(('queued', 0), (image['status'], locations))
            self.assertEqual(204, self.upload(image_id, b'data'))

    def test_deleted_once(self) -> None:
        for fault in wire.LOST:
            image_id = self.glance.create()
            self.upload(image_id, b'data')
            self.wire.break_at(fault, 'DELETE ')
            path = f'/v2/images/{image_id}'
            self.call('DELETE', path, seconds=2 * service.TIMEOUT_SECONDS)
            self.wire.mend()
            self.assertEqual(404, self.glance.request('GET', path)[0])
