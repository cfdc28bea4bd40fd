"""A database that cannot store a text, or cannot run a statement."""

import contextlib
import io
from typing import Any
import unittest
from unittest import mock
import urllib.parse

import sqlalchemy as sa

from glance_registry.cmd import manage
from glance_registry.db import maintenance
from glance_registry.db import migration
from glance_registry.db import servers
from glance_registry.db import texts
from tests import base
from tests import databases


class MysqlTextsTestCase(base.ServiceTestCase):
    kind = 'mysql'

    def setUp(self) -> None:
        # The URL asks for a non-strict mode and another character set.
        loose = {'init_command': "SET sql_mode = ''", 'charset': 'latin1'}
        temporary = databases.TemporaryDatabase

        @contextlib.contextmanager
        def database(kind: str) -> Any:
            with temporary(kind) as url:
                parsed = sa.make_url(url).update_query_dict(loose)
                self.url = parsed.render_as_string(hide_password=False)
                yield self.url

        with mock.patch.object(databases, 'TemporaryDatabase', database):
            super().setUp()

    def alter(self, statement: str) -> None:
        self.service.database.write(
            lambda connection: connection.exec_driver_sql(statement)
        )

    def test_text_is_stored_whole_or_refused(self) -> None:
        image_id = self.image(name='日本')
        self.assertEqual('日本', self.show(image_id)['name'])
        plain = {'op': 'replace', 'path': '/name', 'value': 'plain'}
        self.assert_status(200, self.patch(image_id, plain))
        self.alter(
            'ALTER TABLE images MODIFY name varchar(20) CHARACTER SET latin1'
        )
        for name in ('日本', 'x' * 21):
            created = self.call('POST', '/v2/images', {'name': name})
            self.assert_status(400, created)
        wide = urllib.parse.quote('日本')
        self.assertEqual([], self.listed(f'?name={wide}'))
        self.assertEqual([], self.listed(f'?name=in:{wide},x'))

    def test_columns_of_another_character_set_are_told(self) -> None:
        opened = maintenance.engine(self.url)
        self.assertEqual([], texts.faults(opened))
        self.alter(
            'ALTER TABLE image_properties MODIFY name varchar(255) '
            'CHARACTER SET latin1 NOT NULL'
        )
        (fault,) = texts.faults(opened)
        self.assertIn('image_properties.name', fault)
        self.assertIn('latin1', fault)
        with (
            mock.patch.object(
                migration, 'check', return_value=migration.NextStep.NONE
            ),
            contextlib.redirect_stderr(io.StringIO()) as told,
        ):
            self.assertEqual(1, manage._check(opened))
        self.assertIn(fault, told.getvalue())
        self.alter(fault.partition('Run: ')[2])
        self.assertEqual([], texts.faults(opened))

    def test_the_operators_command_is_strict_too(self) -> None:
        with maintenance.engine(self.url).connect() as connection:
            mode = connection.exec_driver_sql('SELECT @@sql_mode').scalar()
        self.assertIn('STRICT_ALL_TABLES', str(mode))


class PostgresqlTextsTestCase(unittest.TestCase):
    def test_an_encoding_that_cannot_hold_every_text_is_told(self) -> None:
        url = self.enterContext(databases.TemporaryDatabase('postgresql'))
        self.assertEqual([], texts.faults(maintenance.engine(url)))
        result = mock.Mock(scalar_one=mock.Mock(return_value='LATIN1'))
        with mock.patch.object(sa.Connection, 'execute', return_value=result):
            (fault,) = texts.faults(maintenance.engine(url))
        self.assertIn('LATIN1', fault)


class FaultsTestCase(base.ServiceTestCase):
    """Errors that need a repair are not reported as temporary."""

    def test_a_missing_table_is_500_without_retry(self) -> None:
        self.service.database.write(
            lambda connection: connection.exec_driver_sql(
                'DROP TABLE image_tags'
            )
        )
        for method, path in (('POST', ''), ('GET', '?tag=x')):
            body = {'tags': ['x']} if method == 'POST' else None
            response = self.call(method, f'/v2/images{path}', body)
            self.assert_status(500, response)
            self.assertNotIn('Retry-After', response.headers)
            self.assertIn('database refused', response.text)
            self.assertNotIn('image_tags', response.text)


class MysqlFaults(FaultsTestCase):
    kind = 'mysql'


class PostgresqlFaults(FaultsTestCase):
    kind = 'postgresql'


class PassingTestCase(unittest.TestCase):
    def test_known_codes(self) -> None:
        class Error(Exception):
            pgcode: Any

        for number, passes in (
            (1040, True),
            (1290, True),
            (1114, True),
            (1267, False),
            (1146, False),
            (1142, False),
        ):
            found = servers.is_passing(Exception(number, 'text'))
            self.assertEqual(passes, found, number)
        for state, passes in (
            ('53100', True),
            ('25006', True),
            (None, True),
            ('42P01', False),
            ('42501', False),
        ):
            error = Error('text')
            error.pgcode = state
            self.assertEqual(passes, servers.is_passing(error), state)
