"""Two commands at once."""

import threading
from typing import Any
from unittest import mock

from glance_registry.db import maintenance
from glance_registry.db import migration
from tests.unit.registry.db.migrations import engines


class Locks:
    def test_second_command_gives_up_at_last(self: Any) -> None:
        other = maintenance.engine(self.url)
        with (
            maintenance.lock(self.engine),
            mock.patch.object(maintenance, 'LOCK_TIMEOUT_SECONDS', 0),
            self.assertRaises(maintenance.Locked),
        ):
            migration.sync(other, engines.silent)
        migration.sync(other, engines.silent)
        self.assertEqual(engines.HEAD, migration.version(self.engine))

    def test_second_command_finds_the_work_done(self: Any) -> None:
        lines: list[str] = []

        def work() -> None:
            migration.sync(maintenance.engine(self.url), lines.append)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(2, lines.count('The database is already up to date.'))
        self.assertEqual([], self.differences())


class SqliteLocksTest(Locks, engines.Engine):
    kind = 'sqlite'


class MysqlLocksTest(Locks, engines.Engine):
    kind = 'mysql'


class PostgresqlLocksTest(Locks, engines.Engine):
    kind = 'postgresql'
