"""Deletion with data in use, delayed, and with lost responses."""

import threading
from typing import Any
from unittest import mock

from glance.common import context
from glance.common import errors
from glance_registry.db import models
from tests import base
from tests import refusing
from tests.functional.locations import places

IN_USE = errors.Conflict('The data is in use.')


class DeletionTestCase(base.ServiceTestCase):
    def delete(self, image_id: str, status: int = 204) -> Any:
        response = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(status, response)
        return response

    def rows(self, name: str, image_id: str) -> list[Any]:
        table = models.metadata.tables[name]
        column = table.c.id if name == 'images' else table.c.image_id
        query = table.select().where(column == image_id)
        return self.service.database.read(
            lambda connection: list(connection.execute(query))
        )

    def assert_gone(self, image_id: str, status: str) -> None:
        """Check that no caller sees the image, and its row has ``status``."""
        path = f'/v2/images/{image_id}'
        for method, rest, body in (
            ('GET', '', None),
            ('GET', '/file', None),
            ('DELETE', '', None),
            ('PUT', '/file', b'x'),
            ('POST', '/locations', {'url': 'http://a/'}),
            ('GET', '/locations', None),
            ('POST', '/actions/reactivate', None),
        ):
            for caller in ('alice', 'admin'):
                response = self.call(method, path + rest, body, caller=caller)
                self.assert_status(404, response)
        for caller in ('alice', 'admin'):
            self.assertEqual([], self.listed('?visibility=all', caller))
        again = self.call('POST', '/v2/images', {'id': image_id})
        self.assert_status(409, again)
        row = self.rows('images', image_id)[0]
        self.assertEqual((status, True), (row.status, row.deleted))
        self.assertIsNotNone(row.deleted_at)


class TestInUse(DeletionTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def test_an_image_in_use_stays_whole(self) -> None:
        # covers 7.5-7, 25-42
        for status in ('active', 'deactivated'):
            for trouble, answer in (
                (IN_USE, 409),
                (errors.StoreUnavailable(), 503),
                (RuntimeError('a bug with a/path'), 500),
            ):
                with self.subTest(f'{status} {trouble!r}'):
                    self.check(status, trouble, answer)

    def check(self, status: str, trouble: Exception, answer: int) -> None:
        image_id = self.image(data=b'data', tags=['t'], color='red')
        members = f'/v2/images/{image_id}/members'
        self.call('POST', members, {'member': 'p2'})
        if status == 'deactivated':
            self.call('POST', f'/v2/images/{image_id}/actions/deactivate')
        before = self.show(image_id)
        self.assertEqual(status, before['status'])
        self.service.store.trouble = trouble
        response = self.delete(image_id, answer)
        self.assertNotIn('path', response.text)
        self.assertEqual(before, self.show(image_id))
        self.assertEqual(before, self.show(image_id, 'bob'))
        self.assertEqual(b'data', self.data(image_id, 'admin'))
        self.assertEqual(1, len(self.call('GET', members).json['members']))
        self.service.store.trouble = None
        self.delete(image_id)
        self.assertEqual([], self.files())
        self.assert_gone(image_id, 'deleted')

    def test_gone_as_ever_when_nobody_refuses(self) -> None:
        image_id = self.image(data=b'data', tags=['t'], color='red')
        self.delete(image_id)
        self.assertEqual([], self.files())
        self.assert_gone(image_id, 'deleted')
        for name in ('image_tags', 'image_properties', 'image_locations'):
            rows = self.rows(name, image_id)
            self.assertEqual([True], [row.deleted for row in rows])
        self.assertEqual(['deleted'], [row.status for row in rows])

    def test_nobody_sees_it_while_its_data_goes(self) -> None:
        image_id = self.image(data=b'data')
        seen: list[int] = []
        inner = self.service.store._store
        delete = inner.delete

        def looking(url: str) -> None:
            for method in ('GET', 'DELETE'):
                response = self.call(method, f'/v2/images/{image_id}')
                seen.append(response.status_int)
            delete(url)

        inner.delete = looking
        self.delete(image_id)
        self.assertEqual([404, 404], seen)
        self.assert_gone(image_id, 'deleted')

    def test_a_protected_image_is_not_even_tried(self) -> None:
        image_id = self.image(data=b'data', protected=True)
        self.service.store.trouble = AssertionError()
        self.delete(image_id, 403)
        self.assertEqual('active', self.show(image_id)['status'])

    def test_what_cannot_be_settled_is_the_scrubbers(self) -> None:
        """The registry fails after the data was deleted."""
        image_id = self.image(data=b'data')
        with mock.patch.object(
            self.service.registry,
            'finish_deletion',
            side_effect=errors.RegistryUnavailable,
        ):
            self.delete(image_id)
        self.assert_gone(image_id, 'pending_delete')
        rows = self.rows('image_locations', image_id)
        self.assertEqual(['pending_delete'], [row.status for row in rows])

    def test_two_at_once(self) -> None:
        image_id = self.image(data=b'data')
        codes: list[int] = []
        barrier = threading.Barrier(4)

        def race() -> None:
            barrier.wait(30)
            response = self.call('DELETE', f'/v2/images/{image_id}')
            codes.append(response.status_int)

        threads = [threading.Thread(target=race) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([204, 404, 404, 404], sorted(codes))
        self.assert_gone(image_id, 'deleted')


class TestSeveralPlaces(places.LocationsTestCase, DeletionTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def test_who_may_refuse_is_asked_first(self) -> None:
        """If a store refuses a deletion, no other copy is deleted."""
        image_id = self.image(data=places.DATA)
        self.add(image_id, self.place('b'), '0')
        before = self.show(image_id)
        self.assertEqual(['b', image_id], self.urls(image_id))
        self.service.store.trouble = IN_USE
        self.delete(image_id, 409)
        self.assertEqual(before, self.show(image_id))

    def test_one_of_two_is_in_use(self) -> None:
        image_id = self.image(data=b'data')
        other = self.image(data=b'data')
        place = self.show(other)['locations'][0]
        mine = self.show(image_id)['locations'][0]
        registry = self.service.registry
        admin = context.RequestContext(is_admin=True, overwrite=False)
        image = registry.get_image(admin, image_id)
        registry.update_image(
            admin,
            image_id,
            {
                'row_version': image['row_version'],
                'values': {},
                'properties': {},
                'locations': [place, mine],
            },
        )
        inner, tried = self.service.store._store, []
        delete = inner.delete

        def first_only(url: str) -> None:
            tried.append(url)
            if len(tried) == 2:
                raise IN_USE
            delete(url)

        inner.delete = first_only
        self.delete(image_id, 409)
        self.assertEqual([place['url'], mine['url']], tried)
        self.assertEqual([mine], self.show(image_id)['locations'])
        self.assertEqual(b'data', self.data(image_id))


class TestDelayed(DeletionTestCase):
    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    api_options = {'delayed_delete': True}

    def test_data_stays_for_the_scrubber(self) -> None:
        """This includes a deactivated image, which upstream refuses."""
        # covers 7.5-8, 5-16
        for status in ('active', 'deactivated'):
            image_id = self.image(data=b'data', tags=['t'], color='red')
            if status == 'deactivated':
                path = f'/v2/images/{image_id}/actions/deactivate'
                self.call('POST', path)
            self.service.store.trouble = AssertionError()
            self.delete(image_id)
            self.assertIn(image_id, self.files())
            self.assert_gone(image_id, 'pending_delete')
            for name in ('image_tags', 'image_properties'):
                rows = self.rows(name, image_id)
                # A property has the status, which a restoration needs.
                keeps = (status, name) == ('deactivated', 'image_properties')
                self.assertEqual(
                    [True] * (1 + keeps), [row.deleted for row in rows]
                )
            row = self.rows('image_locations', image_id)[0]
            self.assertEqual(
                ('pending_delete', True), (row.status, row.deleted)
            )

    def test_without_data_there_is_nothing_to_keep(self) -> None:
        image_id = self.image()
        self.delete(image_id)
        self.assert_gone(image_id, 'deleted')


class TestLostAnswers(DeletionTestCase):
    """The registry deletes the image, but its response is lost."""

    def lose(self, *lost: bool) -> list[str]:
        """Lose the responses to the next deletions of records."""
        wire, left, seen = self.service.wire, list(lost), []
        send = wire.send

        def losing(method: str, path: str, *rest: Any) -> Any:
            answer = send(method, path, *rest)
            if method == 'DELETE' and left:
                seen.append(path)
                if left.pop(0):
                    raise errors.RegistryUnavailable
            return answer

        wire.send = losing
        return seen

    def test_the_data_goes_all_the_same(self) -> None:
        image_id = self.image(data=b'data')
        seen = self.lose(True, False)
        self.delete(image_id)
        self.assertEqual(2, len(seen))
        self.assertEqual([], self.files())
        self.assert_gone(image_id, 'deleted')

    def test_a_request_that_was_lost_is_made_again(self) -> None:
        image_id = self.image(data=b'data')
        wire = self.service.wire
        send, tries = wire.send, []

        def losing(method: str, path: str, *rest: Any) -> Any:
            if method == 'DELETE':
                tries.append(path)
                if len(tries) == 1:
                    raise errors.RegistryUnavailable
            return send(method, path, *rest)

        wire.send = losing
        self.delete(image_id)
        self.assertEqual([], self.files())

    def test_a_registry_that_stays_away(self) -> None:
        image_id = self.image(data=b'data')
        self.lose(True, True)
        self.delete(image_id, 503)


class TestLostAnswersHeld(TestLostAnswers):
    """The same tests with a store that can refuse a deletion."""

    @staticmethod
    def wrap_store(store: Any) -> Any:
        return refusing.RefusingStore(store)

    def test_and_its_data_is_in_use(self) -> None:
        image_id = self.image(data=b'data')
        self.lose(True, False)
        self.service.store.trouble = IN_USE
        before = self.show(image_id)
        self.delete(image_id, 409)
        self.assertEqual(before, self.show(image_id))
        self.assertEqual(b'data', self.data(image_id))
