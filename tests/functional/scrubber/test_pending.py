"""glance-scrubber: kept data is removed later, or the image is restored."""

import datetime
import json
from typing import Any
from unittest import mock

from glance import registry_client
from glance.api import storage
from glance.common import counters
from glance.common import errors
from glance.images import access
from glance.images import leftovers
from glance.images import scrubbing
from glance_registry.db import clock
from glance_registry.db import models
from tests import base

DATA = b'data that is kept'
#: A time that differs from the time of all other changes.
LATER = datetime.datetime(2036, 1, 1)


class TestScrubber(base.ServiceTestCase):
    api_options = {'delayed_delete': True}

    def scrubber(self, node: str = 'here', **rest: Any) -> scrubbing.Scrubber:
        service = self.service
        self.store = storage.around(service.conf, service.store)
        settings = {'keep_seconds': 0, 'pool_size': 2, **rest}
        return scrubbing.Scrubber(
            service.registry,
            self.store,
            leftovers.Leftovers(service.registry, self.store, node),
            node=node,
            **settings,
        )

    def deleted(self, **values: Any) -> str:
        image_id = self.image(data=DATA, **values)
        self.assert_status(204, self.call('DELETE', f'/v2/images/{image_id}'))
        return image_id

    def status(self, image_id: str) -> str:
        statement = models.images.select().where(
            models.images.c.id == image_id
        )
        row = self.service.database.read(
            lambda connection: connection.execute(statement).one()
        )
        return str(row.status)

    def make_due(self) -> None:
        update = models.image_leftovers.update()
        self.service.database.write(
            lambda connection: connection.execute(
                update.values(due_at=clock.after(0))
            )
        )

    def test_an_older_registry_cannot_count_failures(self) -> None:
        self.deleted()
        wire = self.service.wire
        send = wire.send
        unknown = errors.NotFound
        body = json.dumps(
            {'error': {'code': unknown.code, 'message': unknown.text}}
        )

        def older(method: str, path: str, *rest: Any) -> Any:
            if path.endswith('/failed'):
                return registry_client.Answer(404, body.encode())
            return send(method, path, *rest)

        with mock.patch.object(wire, 'send', older):
            self.assertEqual((1, 0), self.scrubber().run())

    def test_pass_removes_the_data(self) -> None:
        ids = sorted(self.deleted() for _ in range(3))
        self.assertEqual(ids, self.files())
        removals: list[tuple[str, ...]] = []
        self.addCleanup(counters.connect, None)
        counters.connect(
            lambda name, labels, _amount: (
                removals.append(labels) if name == 'removal' else None
            )
        )
        self.assertEqual((3, 0), self.scrubber().run())
        self.assertEqual([('deleted', 'done')] * 3, removals)
        self.assertEqual([], self.files())
        self.assertEqual({'deleted'}, {self.status(each) for each in ids})
        self.assertEqual((0, 0), self.scrubber().run())

    def test_deactivated_image_can_be_deleted_too(self) -> None:
        image_id = self.image(data=DATA)
        path = f'/v2/images/{image_id}'
        self.call('POST', f'{path}/actions/deactivate', caller='admin')
        self.assert_status(204, self.call('DELETE', path, caller='admin'))
        self.assertEqual((1, 0), self.scrubber().run())

    def test_scrub_time_keeps_the_data(self) -> None:
        image_id = self.deleted()
        self.assertEqual((0, 0), self.scrubber(keep_seconds=3600).run())
        self.assertEqual([image_id], self.files())

    def test_what_could_not_be_removed_is_tried_again(self) -> None:
        kept, gone = sorted(self.deleted() for _ in range(2))
        scrubber = self.scrubber()
        real = self.store.delete

        def delete(url: str, image_id: str, *rest: Any) -> None:
            if image_id == kept:
                raise errors.StoreUnavailable
            real(url, image_id, *rest)

        with mock.patch.object(self.store, 'delete', delete):
            self.assertEqual((1, 1), scrubber.run())
        self.assertEqual([kept], self.files())
        self.assertEqual('pending_delete', self.status(kept))
        # The leftover is not taken again before its pause has ended.
        self.assertEqual((0, 1), scrubber.run())
        self.make_due()
        self.assertEqual((0, 0), scrubber.run())
        self.assertEqual([], self.files())
        self.assertEqual('deleted', self.status(kept))

    def test_a_registry_that_fails_is_told_again(self) -> None:
        ids = [self.deleted() for _ in range(2)]
        scrubber, registry = self.scrubber(), self.service.registry
        real, tries = registry.finish_leftovers, [1, 2]

        def finish(*args: Any) -> None:
            if tries:
                tries.pop()
                raise errors.RegistryUnavailable
            real(*args)

        with (
            mock.patch.object(registry, 'finish_leftovers', finish),
            mock.patch.object(scrubbing, 'FINISH_PAUSE_SECONDS', 0),
        ):
            self.assertEqual((2, 0), scrubber.run())
        self.assertEqual({'deleted'}, {self.status(each) for each in ids})

    def test_two_scrubbers_get_different_images(self) -> None:
        ids = {self.deleted() for _ in range(4)}
        first, second = self.scrubber('one'), self.scrubber('two')
        taken = [each['image_id'] for each in first._take()]
        self.assertEqual([], second._take())
        self.assertEqual(ids, set(taken))

    def test_work_of_a_dead_scrubber_is_taken_over(self) -> None:
        image_id = self.deleted()
        self.scrubber('dead')._take()
        self.make_due()
        self.scrubber('alive').run()
        self.assertEqual([], self.files())
        self.assertEqual('deleted', self.status(image_id))

    def test_restored_image_is_as_before(self) -> None:
        image_id = self.image(data=DATA, tags=['a', 'b'], os_distro='debian')
        path = f'/v2/images/{image_id}'
        self.call('POST', f'{path}/members', {'member': 'p2'})
        before = self.call('GET', path).json
        self.call('DELETE', path)
        self.assert_status(404, self.call('GET', path))
        with mock.patch.object(access, 'of') as made:
            self.scrubber().restore(image_id)
        made.return_value.refresh.assert_called_once_with(image_id)
        after = self.call('GET', path).json
        changed = {'updated_at'}
        self.assertEqual(
            {name: before[name] for name in before.keys() - changed},
            {name: after[name] for name in after.keys() - changed},
        )
        self.assertEqual(DATA, self.call('GET', f'{path}/file').body)
        members = self.call('GET', f'{path}/members').json['members']
        self.assertEqual(['p2'], [each['member_id'] for each in members])
        self.assertEqual((0, 0), self.scrubber().run())

    def test_a_deactivated_image_is_restored_as_deactivated(self) -> None:
        image_id = self.image(data=DATA, os_distro='debian')
        path = f'/v2/images/{image_id}'
        self.call('POST', f'{path}/actions/deactivate', caller='admin')
        before = self.show(image_id, 'admin')
        for _ in range(2):
            self.assert_status(204, self.call('DELETE', path, caller='admin'))
            self.scrubber().restore(image_id)
            after = self.show(image_id, 'admin')
            self.assertEqual(
                {**before, 'updated_at': after['updated_at']}, after
            )
        self.call('POST', f'{path}/actions/reactivate', caller='admin')
        self.call('DELETE', path)
        self.scrubber().restore(image_id)
        self.assertEqual('active', self.show(image_id)['status'])

    def test_what_was_deleted_before_the_image_stays_deleted(self) -> None:
        image_id = self.image(data=DATA, tags=['a', 'b'])
        path = f'/v2/images/{image_id}'
        self.call('DELETE', f'{path}/tags/a')
        with mock.patch('glance_registry.db.engine.now', return_value=LATER):
            self.call('DELETE', path)
        self.scrubber().restore(image_id)
        self.assertEqual(['b'], self.call('GET', path).json['tags'])

    def test_only_pending_images_can_be_restored(self) -> None:
        active, scrubbed = self.image(data=DATA), self.deleted()
        scrubber = self.scrubber()
        scrubber.run()
        taken = self.deleted()
        self.scrubber('other')._take()
        for image_id, said in (
            (active, 'has the status active'),
            (scrubbed, 'has the status deleted'),
            (taken, 'is being removed already'),
        ):
            with self.assertRaisesRegex(errors.Conflict, said):
                scrubber.restore(image_id)
        with self.assertRaises(errors.NotFound):
            scrubber.restore('no-such-image')


class TestScrubberMysql(TestScrubber):
    kind = 'mysql'


class TestScrubberPostgresql(TestScrubber):
    kind = 'postgresql'
