"""Concurrent changes of one image: its document, tags, members."""

import unittest
import uuid

from glance_registry.db import models
from tests.contract import racers
from tests.contract.races import racing


class Changes(racing.Races):
    def test_same_id_created(self) -> None:
        for track in self.rounds():
            new = self.new(str(uuid.uuid4()))
            outcomes = track.race(
                [('create_image', 'alice', new)] * racing.RACERS
            )
            self.assert_codes(outcomes, 'ok', 'duplicate', 'duplicate')
            self.assertEqual(2, len(self.rows(models.image_tags, new['id'])))

    def test_deletes_of_one_image(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [('delete_image', 'alice', image_id, racing.ANY)]
                * racing.RACERS
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')

    def test_patches_of_one_image(self) -> None:
        """All changes are stored: a patch that conflicts is computed again."""
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    self.patch(
                        image_id, {'op': 'add', 'path': '/a', 'value': '1'}
                    ),
                    self.patch(
                        image_id, {'op': 'add', 'path': '/b', 'value': '2'}
                    ),
                    self.patch(
                        image_id,
                        {'op': 'add', 'path': '/tags', 'value': ['three']},
                    ),
                ]
            )
            self.assert_codes(outcomes, '200', '200', '200')
            image = self.show(image_id)
            self.assertEqual(
                {'own': 'value', 'a': '1', 'b': '2'}, image['properties']
            )
            self.assertEqual(['three'], image['tags'])
            self.assertEqual(4, image['row_version'])

    def test_same_property_set(self) -> None:
        """The property has only one row."""
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    self.patch(
                        image_id, {'op': 'add', 'path': '/a', 'value': value}
                    )
                    for value in ('1', '2', '3')
                ]
            )
            self.assert_codes(outcomes, '200', '200', '200')
            rows = self.rows(models.image_properties, image_id)
            self.assertEqual(2, len(rows))

    def test_update_on_condition(self) -> None:
        """Of several changes of the same version only one succeeds."""
        for track in self.rounds():
            image_id = self.image()
            changes = [
                {
                    'row_version': 1,
                    'values': {'name': name},
                    'properties': {name: name},
                }
                for name in ('a', 'b', 'c')
            ]
            outcomes = track.race(
                [
                    ('update_image', 'alice', image_id, change)
                    for change in changes
                ]
            )
            self.assert_codes(outcomes, 'ok', 'busy', 'busy')
            image = self.show(image_id)
            self.assertEqual({'own', image['name']}, set(image['properties']))

    def test_patch_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            (patched, _), (deleted, _) = track.race(
                [
                    self.patch(
                        image_id, {'op': 'add', 'path': '/a', 'value': '1'}
                    ),
                    ('http', 'DELETE', f'/v2/images/{image_id}', None, ''),
                ]
            )
            self.assertIn(patched, ('200', '404'))
            self.assertEqual('204', deleted)
            self.assertFalse(self.live(models.image_properties, image_id))

    def test_property_quota(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    self.patch(
                        image_id,
                        {'op': 'add', 'path': f'/{name}', 'value': '1'},
                    )
                    for name in ('a', 'b', 'c')
                ]
            )
            self.assert_codes(outcomes, '200', '200', '413')
            rows = self.live(models.image_properties, image_id)
            self.assertEqual(racing.QUOTA, len(rows))


class Tags(racing.Races):
    def test_quota(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [
                    ('add_tag', 'alice', image_id, tag, racing.QUOTA)
                    for tag in ('a', 'b', 'c')
                ]
            )
            self.assert_codes(
                outcomes, 'ok', 'limit_exceeded', 'limit_exceeded'
            )
            self.assertEqual(
                racing.QUOTA, len(self.live(models.image_tags, image_id))
            )

    def test_same_tag_added(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [('add_tag', 'alice', image_id, 'same', racing.QUOTA)]
                * racing.RACERS
            )
            self.assert_codes(outcomes, 'ok', 'ok', 'ok')
            self.assertEqual(
                racing.QUOTA, len(self.live(models.image_tags, image_id))
            )

    def test_same_tag_deleted(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            outcomes = track.race(
                [('delete_tag', 'alice', image_id, 'one')] * racing.RACERS
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')

    def test_added_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            (added, _), (deleted, _) = track.race(
                [
                    ('add_tag', 'alice', image_id, 'a', racing.QUOTA),
                    ('delete_image', 'alice', image_id, racing.ANY),
                ]
            )
            self.assertIn(added, ('ok', 'not_found'))
            self.assertEqual('ok', deleted)
            self.assertFalse(self.live(models.image_tags, image_id))


class Members(racing.Races):
    def add(self, image_id: str, member: str) -> racers.Call:
        new = {'member': member, 'quota': racing.QUOTA}
        return ('create_member', 'alice', image_id, new)

    def test_quota(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            for member in ('x', 'y'):
                self.service.registry.create_member(
                    self.alice, image_id, {'member': member, 'quota': -1}
                )
            outcomes = track.race(
                [self.add(image_id, member) for member in ('p2', 'p3', 'p4')]
            )
            self.assert_codes(
                outcomes, 'ok', 'limit_exceeded', 'limit_exceeded'
            )
            self.assertEqual(
                racing.QUOTA, len(self.live(models.image_members, image_id))
            )

    def test_same_member_added(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            for rows in (1, 1):  # repeated with a former member
                outcomes = track.race(
                    [self.add(image_id, 'p2')] * racing.RACERS
                )
                self.assert_codes(outcomes, 'ok', 'duplicate', 'duplicate')
                self.assertEqual(
                    rows, len(self.rows(models.image_members, image_id))
                )
                self.service.registry.delete_member(self.alice, image_id, 'p2')

    def test_same_member_deleted(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            self.service.registry.create_member(
                self.alice, image_id, {'member': 'p2', 'quota': -1}
            )
            outcomes = track.race(
                [('delete_member', 'alice', image_id, 'p2')] * racing.RACERS
            )
            self.assert_codes(outcomes, 'ok', 'not_found', 'not_found')

    def test_accepted_against_deleted(self) -> None:
        """A member that is deleted can no longer accept the image."""
        for track in self.rounds():
            image_id = self.image()
            self.service.registry.create_member(
                self.alice, image_id, {'member': 'p2', 'quota': -1}
            )
            (accepted, _), (deleted, _) = track.race(
                [
                    ('update_member', 'bob', image_id, 'p2', 'accepted'),
                    ('delete_member', 'alice', image_id, 'p2'),
                ]
            )
            self.assertIn(accepted, ('ok', 'not_found'))
            self.assertEqual('ok', deleted)
            self.assertFalse(self.live(models.image_members, image_id))

    def test_added_against_delete(self) -> None:
        for track in self.rounds():
            image_id = self.image()
            (added, _), (deleted, _) = track.race(
                [
                    self.add(image_id, 'p2'),
                    ('delete_image', 'alice', image_id, racing.ANY),
                ]
            )
            self.assertIn(added, ('ok', 'not_found'))
            self.assertEqual('ok', deleted)
            self.assertFalse(self.live(models.image_members, image_id))


class SqliteImages(Changes, Tags, Members, unittest.TestCase):
    kind = 'sqlite'


class MysqlImages(SqliteImages):
    kind = 'mysql'


class PostgresqlImages(SqliteImages):
    kind = 'postgresql'
