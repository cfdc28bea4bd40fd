"""SQLite in trouble, seen through both daemons."""

import concurrent.futures
import pathlib
import sqlite3
import time
import unittest

from tests.live import processes
from tests.live import test_database_faults


class Sqlite(test_database_faults.Faults, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.serve(None)

    def test_writer_of_another_program_blocks_only_writers(self) -> None:
        image_id = self.glance.create()
        file = pathlib.Path(self.glance.directory, 'glance.sqlite')
        connection = sqlite3.connect(file, isolation_level=None)
        self.addCleanup(connection.close)
        with concurrent.futures.ThreadPoolExecutor() as executor:
            connection.execute('BEGIN IMMEDIATE')
            waiting = executor.submit(self.create, 'waited')
            time.sleep(0.5)
            self.other_requests_pass()
            status, seconds = self.timed('GET', f'/v2/images/{image_id}')
            self.assertEqual(200, status)
            self.assertLess(seconds, processes.allowed(5))
            self.assertFalse(waiting.done())
            connection.execute('ROLLBACK')
            self.assertEqual(
                201, waiting.result(test_database_faults.SETTLE_SECONDS)
            )

    def test_database_that_is_gone(self) -> None:
        image_id = self.glance.create()
        file = pathlib.Path(self.glance.directory, 'glance.sqlite')
        connection = sqlite3.connect(file, isolation_level=None)
        self.addCleanup(connection.close)
        connection.execute('ALTER TABLE images RENAME TO away')
        try:
            # An administrator has to mend this: 503 would say "try again".
            self.assertEqual(500, self.timed('GET', '/v2/images')[0])
            status, headers, _ = self.glance.request(
                'POST', '/v2/images', {'name': 'lost'}
            )
            self.assertEqual(500, status)
            self.assertNotIn('retry-after', headers)
        finally:
            connection.execute('ALTER TABLE away RENAME TO images')
        status, _ = self.timed('GET', f'/v2/images/{image_id}')
        self.assertEqual(200, status)
