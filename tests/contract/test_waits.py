"""Requests that wait for the database, and retries after its errors."""

import contextlib
import time
from typing import Any
from unittest import mock

from oslo_db import exception as db_exception
import sqlalchemy as sa

from glance.common import errors
from glance_registry.db import engine
from glance_registry.db import locks
from glance_registry.db import servers
from tests import base
from tests.contract import racers

LOCK_SECONDS = 1
ANY: Any = {'row_version': None}


class LocksTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        waits = {
            kind: statement.replace(
                str(servers.LOCK_SECONDS), str(LOCK_SECONDS)
            )
            for kind, statement in servers._SETTINGS.items()
        }
        for module, name, value in (
            (servers, '_SETTINGS', waits),
            (servers, 'LOCK_SECONDS', LOCK_SECONDS),
            (engine, 'RETRY_SECONDS', 0),
        ):
            self.enterContext(mock.patch.object(module, name, value))
        super().setUp()

    @contextlib.contextmanager
    def locked(self, image_id: str) -> Any:
        """Hold the lock of an image in another connection."""
        url = self.service.database._writes.url
        other = engine.Database(
            url.render_as_string(hide_password=False), self.registry_options()
        )
        with other._writes.begin() as connection:
            locks.image(connection, image_id)
            yield
        other.dispose()

    def registry_options(self) -> Any:
        return mock.Mock(
            max_pool_size=5,
            max_overflow=50,
            pool_timeout=None,
            connection_recycle_time=3600,
            sqlite_synchronous=True,
        )

    def test_a_lock_that_is_never_given_back(self) -> None:
        image_id = self.image()
        alice = racers.caller('alice')
        with self.locked(image_id):
            since = time.monotonic()
            with self.assertRaises(errors.DatabaseUnavailable):
                self.service.registry.delete_image(alice, image_id, ANY)
            self.assertLess(time.monotonic() - since, 15 * LOCK_SECONDS)
        self.service.registry.delete_image(alice, image_id, ANY)


class MysqlLocksTestCase(LocksTestCase):
    kind = 'mysql'


class PostgresqlLocksTestCase(LocksTestCase):
    kind = 'postgresql'


class RetriesTestCase(base.ServiceTestCase):
    """Retries of a write after each kind of failure."""

    def setUp(self) -> None:
        super().setUp()
        sleep = mock.patch.object(time, 'sleep')
        self.pauses = self.enterContext(sleep)

    def tries(self, *failures: Exception) -> int:
        """Return the number of tries until a write succeeds."""
        left = list(failures)
        tries = 0

        def operation(_connection: sa.Connection) -> None:
            nonlocal tries
            tries += 1
            if left:
                raise left.pop(0)

        self.service.database.write(operation)
        return tries

    def test_deadlocks_are_repeated(self) -> None:
        deadlock = db_exception.DBDeadlock()
        most = engine.DEADLOCK_TRIES - 1
        self.assertEqual(most + 1, self.tries(*[deadlock] * most))
        with self.assertRaises(errors.DatabaseUnavailable):
            self.tries(*[deadlock] * (most + 1))

    def test_lost_connections_are_repeated(self) -> None:
        lost = db_exception.DBConnectionError()
        most = len(engine.LOST_PAUSES)
        self.assertEqual(most + 1, self.tries(*[lost] * most))
        with self.assertRaises(errors.DatabaseUnavailable):
            self.tries(*[lost] * (most + 1))

    def test_nothing_is_repeated_too_late(self) -> None:
        for failure in (
            db_exception.DBDeadlock(),
            db_exception.DBConnectionError(),
        ):
            with (
                mock.patch.object(engine, 'RETRY_SECONDS', -1),
                self.assertRaises(errors.DatabaseUnavailable),
            ):
                self.tries(failure)
            self.pauses.assert_not_called()

    def test_a_lost_commit_is_not_repeated(self) -> None:
        """The transaction may have been committed."""
        operation = mock.Mock()
        lost = db_exception.DBConnectionError()
        with (
            mock.patch.object(
                sa.RootTransaction, 'commit', side_effect=lost
            ) as commit,
            self.assertRaises(errors.DatabaseUnavailable),
        ):
            self.service.database.write(operation)
        self.assertEqual(1, commit.call_count)
        self.assertEqual(1, operation.call_count)

    def test_other_failures_are_503_if_they_pass(self) -> None:
        full = Exception(1114, 'The table is full')
        missing = Exception(1146, 'The table is missing')
        for failure, expected in (
            (sa.exc.TimeoutError(), errors.DatabaseUnavailable),
            (
                sa.exc.OperationalError('', {}, full),
                errors.DatabaseUnavailable,
            ),
            (db_exception.DBError(full), errors.DatabaseUnavailable),
            (db_exception.DBError(missing), errors.DatabaseFault),
            (
                sa.exc.ProgrammingError('', {}, missing),
                errors.DatabaseFault,
            ),
        ):
            with self.assertRaises(expected):
                self.tries(failure)
