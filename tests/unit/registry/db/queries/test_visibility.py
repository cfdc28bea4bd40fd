"""Who sees what, by id and in lists, on every engine.

All is held against a model of a few lines of Python.
"""

from collections.abc import Callable
import itertools
from typing import Any
from unittest import mock

import sqlalchemy as sa

from glance.common import context
from glance.common import errors
from glance_registry.db import images
from glance_registry.db import models
from tests.unit.registry.db.queries import readers


class TestVisibility(readers.QueriesTestCase):
    """Every kind of image, for every kind of caller, by id and in lists."""

    rows = [
        {
            **readers.image_row(0, owner=owner, visibility=visibility),
            'for_p1': member,
        }
        for owner, visibility, member in itertools.product(
            ('p1', 'p2', None),
            ('public', 'private', 'shared', 'community'),
            (None, 'pending', 'accepted', 'rejected', 'removed'),
        )
    ]
    callers = (
        readers.caller('p1', False),
        readers.caller('p2', False),
        readers.caller('p9', False),
        readers.caller(None, False),
        readers.caller('p1', True),
        readers.caller(None, True),
    )

    @classmethod
    def fill(cls, connection: sa.Connection) -> None:
        for number, row in enumerate(cls.rows):
            row['id'] = readers.image_id(number)
            values = {k: v for k, v in row.items() if k != 'for_p1'}
            connection.execute(models.images.insert(), values)
            status = row['for_p1']
            if status is not None:
                connection.execute(
                    models.image_members.insert(),
                    {
                        'image_id': row['id'],
                        'member': 'p1',
                        'status': (
                            'accepted' if status == 'removed' else status
                        ),
                        'deleted': status == 'removed',
                        'created_at': readers.EARLY,
                        'updated_at': readers.EARLY,
                    },
                )

    def is_member(
        self, caller: context.RequestContext, row: readers.Row
    ) -> bool:
        return (
            caller.project_id == 'p1'
            and row['visibility'] == 'shared'
            and row['for_p1'] in ('pending', 'accepted', 'rejected')
        )

    def is_mine(
        self, caller: context.RequestContext, row: readers.Row
    ) -> bool:
        return caller.project_id is not None and (
            row['owner'] == caller.project_id
        )

    def sees(self, caller: context.RequestContext, row: readers.Row) -> bool:
        """By id."""
        return (
            caller.is_admin
            or row['owner'] is None
            or row['visibility'] in ('public', 'community')
            or self.is_mine(caller, row)
            or self.is_member(caller, row)
        )

    def lists(
        self,
        caller: context.RequestContext,
        row: readers.Row,
        visibility: str | None,
        member_status: str,
    ) -> bool:
        """Whether a list contains the image."""
        mine, kind = self.is_mine(caller, row), row['visibility']
        if caller.is_admin:
            if visibility is None:
                return mine or kind != 'community'
            return visibility in ('all', kind)
        shared = self.is_member(caller, row) and (
            member_status in ('all', row['for_p1'])
        )
        shown = mine or kind == 'public' or shared
        if visibility is None:
            return shown
        if visibility == 'all':
            return shown or kind == 'community'
        return kind == visibility and (shown or kind == 'community')

    def expect(self, wanted: Callable[[readers.Row], bool]) -> list[str]:
        return sorted(row['id'] for row in self.rows if wanted(row))

    def test_by_id(self) -> None:
        for caller in self.callers:
            for row in self.rows:
                with self.subTest(f'{caller.project_id} {row}'):
                    self.assertEqual(
                        self.sees(caller, row), self.found(caller, row)
                    )

    def test_what_comes_into_sight_is_not_given_unlocked(self) -> None:
        """It becomes public when the lock has found nothing to hold."""
        hidden = next(
            row['id']
            for row in self.rows
            if row['owner'] == 'p2' and row['visibility'] == 'private'
        )

        def get(connection: sa.Connection) -> None:
            def execute(*statement: Any) -> Any:
                result = connection.execute(*statement)
                connection.execute(
                    models.images.update()
                    .where(models.images.c.id == hidden)
                    .values(visibility='public')
                )
                return result

            late: Any = mock.Mock(execute=execute)
            images.get(late, self.callers[0], hidden, lock=True)

        with self.assertRaises(errors.NotFound):
            self.database.write(get)

    def found(self, caller: context.RequestContext, row: readers.Row) -> bool:
        try:
            image = self.database.read(images.get, caller, row['id'])
        except errors.NotFound:
            return False
        as_member = self.is_member(caller, row) and row['owner'] != 'p1'
        if row['visibility'] == 'shared':
            self.assertEqual('p1' if as_member else None, image['member'])
        return True

    def test_in_lists(self) -> None:
        visibilities = (
            *(None, 'all', 'none'),
            *('public', 'private', 'shared', 'community'),
        )
        statuses = ('accepted', 'pending', 'rejected', 'all')
        for caller, visibility, status in itertools.product(
            self.callers, visibilities, statuses
        ):
            with self.subTest(
                f'{caller.project_id} {caller.is_admin} {visibility} {status}'
            ):
                expected = self.expect(
                    lambda row, a=caller, v=visibility, s=status: self.lists(
                        a, row, v, s
                    )
                )
                found = self.ids(
                    caller, visibility=visibility, member_status=status
                )
                self.assertEqual(expected, found)


class TestVisibilityMysql(TestVisibility):
    kind = 'mysql'


class TestVisibilityPostgresql(TestVisibility):
    kind = 'postgresql'
