"""Leases of uploads, and ETag / If-Match, with two daemons."""

from collections.abc import Iterator
import time
from typing import Any
from unittest import mock

from glance.common import context
from glance.common import errors
from glance.common import threads
from glance.images import transfers
from tests import base
from tests.contract import racers

MEDIA_TYPE = 'application/openstack-images-v2.1-json-patch'


class TransfersTestCase(base.ServiceTestCase):
    def claim(self, image_id: str, transfer: str = 't1') -> Any:
        return self.service.registry.claim_upload(
            self.alice(),
            image_id,
            {'transfer_id': transfer, 'node': 'node1', 'size': 5},
        )

    def alice(self) -> context.RequestContext:
        return context.RequestContext(
            project_id='p1', roles=['member', 'reader'], overwrite=False
        )

    def lapse(self, transfer: str = 't1') -> None:
        racers.lapse(self.service.database, transfer)

    def sweep(self) -> list[str]:
        return racers.sweep(self.service.database)

    def stored(self, transfer: str) -> Any:
        return {
            'transfer_id': transfer,
            'size': 5,
            'virtual_size': None,
            'checksum': '0' * 32,
            'os_hash_algo': 'sha512',
            'os_hash_value': '1' * 128,
            'location': {'url': f'file:///{transfer}', 'metadata': {}},
        }

    def test_running_upload_is_not_swept(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        self.assertEqual([], self.sweep())
        self.assertEqual('saving', self.show(image_id)['status'])

    def test_lapsed_upload_is_queued_again_with_a_reason(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        self.lapse()
        self.assertEqual([image_id], self.sweep())
        image = self.show(image_id)
        self.assertEqual('queued', image['status'])
        self.assertIn('node1', image['os_glance_failed_reason'])
        self.upload(image_id, b'again')
        image = self.show(image_id)
        self.assertEqual('active', image['status'])
        self.assertNotIn('os_glance_failed_reason', image)

    def test_renewed_upload_is_not_swept(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        self.lapse()
        ending = self.service.registry.renew_transfers(
            self.alice(), {'transfers': {'t1': 3, 'gone': 4}}
        )
        self.assertEqual({'lost': ['gone'], 'deleted': []}, ending)
        self.assertEqual([], self.sweep())

    def test_zombie_cannot_finish_after_its_lease(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        self.lapse()
        self.sweep()
        self.claim(image_id, 't2')
        with self.assertRaises(errors.Conflict):
            self.service.registry.finish_upload(
                self.alice(), image_id, self.stored('t1')
            )
        self.assertEqual('saving', self.show(image_id)['status'])

    def test_repeated_claim_is_the_same_claim(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        claimed = self.claim(image_id)
        self.assertEqual('saving', claimed['image']['status'])
        with self.assertRaises(errors.Conflict):
            self.claim(image_id, 't2')

    def test_repeated_finish_is_the_same_finish(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        for _ in range(2):
            image = self.service.registry.finish_upload(
                self.alice(), image_id, self.stored('t1')
            )
            self.assertEqual('active', image['status'])
            self.assertEqual(1, len(image['locations']))

    def test_abandon_after_finish_keeps_the_data(self) -> None:
        image_id = self.image()
        self.claim(image_id)
        self.service.registry.finish_upload(
            self.alice(), image_id, self.stored('t1')
        )
        ended = self.service.registry.abandon_upload(
            self.alice(), image_id, {'transfer_id': 't1'}
        )
        self.assertEqual({'data_is_unused': False, 'status': 'active'}, ended)
        self.assertEqual('active', self.show(image_id)['status'])

    def test_lost_answer_to_finish_keeps_the_image(self) -> None:
        image_id = self.image()
        finish = self.service.registry.finish_upload

        def lose_the_answer(*args: Any) -> None:
            finish(*args)
            raise errors.RegistryUnavailable

        with mock.patch.object(
            self.service.registry, 'finish_upload', lose_the_answer
        ):
            response = self.call(
                'PUT', f'/v2/images/{image_id}/file', b'12345'
            )
        self.assert_status(503, response)
        self.assertEqual('active', self.show(image_id)['status'])
        self.assertEqual([image_id], self.files())

    def test_lapsed_claim_is_not_confirmed(self) -> None:
        transfer = transfers.Transfer()
        transfer.held_until = time.monotonic() + 60
        transfer.confirm()
        self.assertTrue(transfer.may_be_stored)
        lapsed = transfers.Transfer()
        lapsed.held_until = time.monotonic() - 1
        with (
            mock.patch.object(transfers, 'CONFIRM_SECONDS', 0.1),
            self.assertRaises(errors.RegistryUnavailable),
        ):
            lapsed.confirm()
        self.assertFalse(lapsed.may_be_stored)

    def test_lapsed_claim_waits_for_the_next_renewal(self) -> None:
        """The registry did not respond for longer than a lease."""
        transfer = transfers.Transfer()
        transfer.held_until = time.monotonic() - 1

        def renewed(_seconds: float) -> None:
            transfer.held_until = time.monotonic() + 60

        with mock.patch.object(threads, 'pause', side_effect=renewed) as pause:
            transfer.confirm()
        self.assertEqual(1, pause.call_count)
        self.assertTrue(transfer.may_be_stored)

    def test_lapsed_claim_that_is_lost_is_not_confirmed(self) -> None:
        transfer = transfers.Transfer()
        transfer.held_until = time.monotonic() - 1

        def lost(_seconds: float) -> None:
            transfer.is_lost = True

        with (
            mock.patch.object(threads, 'pause', lost),
            self.assertRaises(errors.Conflict),
        ):
            transfer.confirm()
        self.assertFalse(transfer.may_be_stored)

    def test_beat_renews_what_runs_and_learns_what_is_lost(self) -> None:
        image_id = self.image()
        held, lost = transfers.Transfer(), transfers.Transfer()
        self.claim(image_id, held.id)
        running = transfers.Transfers(self.service.registry, node='test')
        held.bytes_done = 3
        for transfer in (held, lost):
            running.hold(transfer, 1, time.monotonic() - 100)
        self.addCleanup(running.drop, held)
        self.addCleanup(running.drop, lost)
        deadline = time.monotonic() + 10
        while not lost.is_lost and time.monotonic() < deadline:
            time.sleep(0.01)
        with self.assertRaises(errors.Conflict):
            lost.check()
        held.confirm()

    def test_data_of_a_killed_upload_is_replaced(self) -> None:
        image_id = self.image()
        (self.service.images / image_id).write_bytes(b'of a killed worker')
        self.upload(image_id, b'whole')
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assertEqual(b'whole', response.body)

    def test_data_of_another_holder_is_not_replaced(self) -> None:
        image_id = self.image()
        (self.service.images / image_id).write_bytes(b'of another')

        def lost() -> None:
            raise errors.Conflict

        def data() -> Iterator[bytes]:
            yield b'of a zombie'

        with self.assertRaises(errors.Conflict):
            self.service.store.write(image_id, data(), lost)
        kept = (self.service.images / image_id).read_bytes()
        self.assertEqual(b'of another', kept)

    def test_delete_removes_data_of_a_killed_upload(self) -> None:
        image_id = self.image()
        (self.service.images / image_id).write_bytes(b'of a killed worker')
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
        self.assertEqual([], self.files())


class AnswersTestCase(base.ServiceTestCase):
    """Responses to changes are built without reading the image again."""

    def test_created_image_is_what_is_shown(self) -> None:
        for values in (
            {},
            {'name': 'x', 'min_ram': 5, 'protected': True, 'os_hidden': True},
            {'a': 'b', 'kernel_id': None, 'tags': ['t', 'u', 't']},
        ):
            response = self.call('POST', '/v2/images', values)
            self.assert_status(201, response)
            shown = self.show(response.json['id'])
            self.assertEqual(
                {**shown, 'tags': sorted(shown['tags'])},
                {**response.json, 'tags': sorted(response.json['tags'])},
            )

    def test_whole_numbers_come_back_as_integers(self) -> None:
        for sent, kept in (
            ('1.0', '1'),
            ('2e3', '2000'),
            ('-0.0', '0'),
            ('2147483647.0', '2147483647'),
            ('0', '0'),
        ):
            for name in ('min_ram', 'min_disk'):
                with self.subTest(f'{name} {sent}'):
                    created = self.call(
                        'POST',
                        '/v2/images',
                        f'{{"{name}": {sent}}}'.encode(),
                    )
                    self.assertIn(f'"{name}":{kept},', created.text)
                    image_id = self.image()
                    change = (
                        f'[{{"op":"add","path":"/{name}","value":{sent}}}]'
                    )
                    changed = self.call(
                        'PATCH',
                        f'/v2/images/{image_id}',
                        change.encode(),
                        headers={'Content-Type': MEDIA_TYPE},
                    )
                    self.assertIn(f'"{name}":{kept},', changed.text)
                    shown = self.call('GET', f'/v2/images/{image_id}')
                    self.assertIn(f'"{name}":{kept},', shown.text)

    def test_changed_image_is_what_is_shown(self) -> None:
        image_id = self.image(a='1', b='2', tags=['t'])
        response = self.patch(
            image_id,
            {'op': 'replace', 'path': '/a', 'value': '3'},
            {'op': 'remove', 'path': '/b'},
            {'op': 'add', 'path': '/c', 'value': '4'},
            {'op': 'replace', 'path': '/name', 'value': 'n'},
            {'op': 'replace', 'path': '/visibility', 'value': 'private'},
            {'op': 'replace', 'path': '/min_disk', 'value': 7},
            {'op': 'replace', 'path': '/tags', 'value': ['u']},
        )
        self.assert_status(200, response)
        self.assertEqual(self.show(image_id), response.json)


class ConditionsTestCase(base.ServiceTestCase):
    def etag(self, image_id: str) -> str:
        etag: str = self.call('GET', f'/v2/images/{image_id}').headers['ETag']
        return etag

    def test_known_version_is_304(self) -> None:
        image_id = self.image()
        etag = self.etag(image_id)
        for known in (etag, f'"x", {etag}', f'"x",W/{etag}', '*'):
            response = self.call(
                'GET',
                f'/v2/images/{image_id}',
                headers={'If-None-Match': known},
            )
            self.assert_status(304, response)
            self.assertEqual(b'', response.body)

    def test_every_change_makes_a_new_version(self) -> None:
        image_id = self.image(data=b'x')
        path = f'/v2/images/{image_id}'
        seen = {self.etag(image_id)}
        for change in (
            lambda: self.patch(
                image_id, {'op': 'add', 'path': '/a', 'value': 'b'}
            ),
            lambda: self.call('PUT', f'{path}/tags/t'),
            lambda: self.call('DELETE', f'{path}/tags/t'),
            lambda: self.call('POST', f'{path}/actions/deactivate'),
            lambda: self.call('POST', f'{path}/actions/reactivate'),
        ):
            self.assertLess(change().status_int, 300)
            self.assertNotIn(self.etag(image_id), seen)
            seen.add(self.etag(image_id))

    def test_changes_of_another_version_are_412(self) -> None:
        image_id = self.image(data=b'x')
        old = self.etag(image_id)
        self.patch(image_id, {'op': 'add', 'path': '/a', 'value': 'b'})
        media_type = 'application/openstack-images-v2.1-json-patch'
        before = self.show(image_id)
        for method, path, body in (
            ('PATCH', '', [{'op': 'remove', 'path': '/a'}]),
            ('DELETE', '', None),
            ('POST', '/actions/deactivate', None),
            ('POST', '/actions/reactivate', None),
        ):
            response = self.call(
                method,
                f'/v2/images/{image_id}{path}',
                body,
                headers={'If-Match': old, 'Content-Type': media_type},
            )
            self.assert_status(412, response)
        self.assertEqual(before, self.show(image_id))

    def test_changes_of_a_version_that_must_not_be_are_412(self) -> None:
        image_id = self.image()
        before = self.show(image_id)
        for known in (self.etag(image_id), '*'):
            response = self.call(
                'DELETE',
                f'/v2/images/{image_id}',
                headers={'If-None-Match': known},
            )
            self.assert_status(412, response)
        self.assertEqual(before, self.show(image_id))

    def test_weak_tag_is_no_match_for_a_change(self) -> None:
        image_id = self.image()
        response = self.call(
            'DELETE',
            f'/v2/images/{image_id}',
            headers={'If-Match': f'W/{self.etag(image_id)}'},
        )
        self.assert_status(412, response)

    def test_changes_of_this_version_pass(self) -> None:
        image_id = self.image()
        response = self.call(
            'PATCH',
            f'/v2/images/{image_id}',
            [{'op': 'add', 'path': '/a', 'value': 'b'}],
            headers={
                'If-Match': self.etag(image_id),
                'Content-Type': (
                    'application/openstack-images-v2.1-json-patch'
                ),
            },
        )
        self.assert_status(200, response)
        self.assertEqual(self.etag(image_id), response.headers['ETag'])
        response = self.call(
            'DELETE',
            f'/v2/images/{image_id}',
            headers={'If-Match': self.etag(image_id)},
        )
        self.assert_status(204, response)
