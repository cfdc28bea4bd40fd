"""What databases do to those who use them, done to a registry on purpose.

Deadlocks, connections that are killed, a server that is restarted, stopped,
read-only or out of connections: the client gets what it asked for, or 503
with Retry-After in bounded time. What was answered with 201 is there, once.
"""

import collections
import concurrent.futures
import contextlib
import json
import os
import signal
import threading
import time
from typing import Any
import unittest
import urllib.request
import uuid

import sqlalchemy as sa
from sqlalchemy import pool

from tests.live import daemons
from tests.live import processes
from tests.live import servers

#: Connections of the registry to one engine of its two.
POOL = 4
POOL_SECONDS = 2
API_SECONDS = 30
#: What an answer may take beyond a time-out, on a busy machine.
SLACK_SECONDS = 4
SETTLE_SECONDS = 120
#: After which PostgreSQL looks for a deadlock.
DEADLOCK_SECONDS = 3
#: For how long connections are killed, at least.
KILL_SECONDS = 3
WRITERS = 6
DATABASE = {
    'max_pool_size': POOL,
    'max_overflow': 0,
    'pool_timeout': POOL_SECONDS,
}


class Faults:
    """A registry with one worker on a server that the test may harm."""

    @classmethod
    def serve(cls, database_url: str | None) -> None:
        cls.glance = daemons.Glance(
            database_url,
            api={'DEFAULT': {'registry_client_timeout': API_SECONDS}},
            registry={'database': DATABASE},
            workers=1,
        )
        cls.addClassCleanup(cls.glance.stop)
        cls.glance.start()

    def create(self, name: str) -> int:
        status, headers, body = self.glance.request(
            'POST', '/v2/images', {'name': name, 'tags': ['a', 'b']}
        )
        if status != 201:
            self.assertEqual(503, status, body)
            self.assertGreater(int(headers['retry-after']), 0)
        return status

    def timed(self, *words: Any) -> tuple[int, float]:
        since = time.monotonic()
        status, _, _ = self.glance.request(*words)
        return status, time.monotonic() - since

    def wait_until_writable(self) -> None:
        processes.wait_until(
            lambda: self.create('again') == 201,
            SETTLE_SECONDS,
            'the registry writes again',
            self.glance.registry,
        )

    @contextlib.contextmanager
    def writers(self) -> Any:
        """Many create images while the block runs; then all is counted."""
        stop = threading.Event()
        names: dict[int, list[str]] = collections.defaultdict(list)

        def write() -> None:
            while not stop.is_set():
                name = str(uuid.uuid4())
                names[self.create(name)].append(name)

        with concurrent.futures.ThreadPoolExecutor(WRITERS) as executor:
            running = [executor.submit(write) for _ in range(WRITERS)]
            try:
                yield names
                self.wait_until_writable()
            finally:
                stop.set()
            for writer in running:
                writer.result(SETTLE_SECONDS)
        self.assert_all_there(names)

    def assert_all_there(self, names: dict[int, list[str]]) -> None:
        found: collections.Counter[str] = collections.Counter()
        path: str | None = '/v2/images?limit=1000'
        while path is not None:
            status, _, body = self.glance.request('GET', path)
            self.assertEqual(200, status)
            page = json.loads(body)
            found.update(image['name'] for image in page['images'])
            path = page.get('next')
        self.assertEqual(set(), set(names[201]) - set(found))
        wanted = {name for group in names.values() for name in group}
        twice = [name for name in wanted if found[name] > 1]
        self.assertEqual([], twice)

    def other_requests_pass(self) -> None:
        """Without the database a worker answers that it is alive."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        url = f'{self.glance.registry_url}/healthcheck'
        since = time.monotonic()
        with opener.open(url, timeout=60) as answer:
            self.assertEqual(200, answer.status)
        self.assertLess(time.monotonic() - since, processes.allowed(5))


class ServerFaults(Faults):
    """What the tests of MariaDB and of PostgreSQL have in common."""

    server: Any
    url: str
    #: Statements of an administrator.
    kill: str
    lock_table: str
    unlock_table: str
    #: Counts the transactions that wait for a lock.
    count_blocked: str

    def setUp(self) -> None:
        self.admin = sa.create_engine(
            self.url, poolclass=pool.NullPool, isolation_level='AUTOCOMMIT'
        )

    def harm(self, *statements: str) -> None:
        with self.admin.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def kill_connections(self) -> int:
        raise NotImplementedError

    def wait_until_blocked(self, least: int) -> None:
        """Wait until so many transactions wait for a lock."""

        def are_blocked() -> bool:
            with self.admin.connect() as connection:
                count = connection.exec_driver_sql(self.count_blocked)
                return int(count.scalar()) >= least

        processes.wait_until(
            are_blocked, SETTLE_SECONDS, f'{least} transactions wait'
        )

    def signal_server(self, number: int) -> None:
        process = self.server.process
        for pid in {process.pid, *process.workers()}:
            os.kill(pid, number)

    def start_server(self) -> None:
        self.server.process.start()
        processes.wait_until(
            lambda: servers.can_connect(self.server.address),
            SETTLE_SECONDS,
            'the database server',
            self.server.process,
        )

    def test_connections_killed_between_requests(self) -> None:
        image_id = self.glance.create()
        for method, path, body, status in (
            ('GET', f'/v2/images/{image_id}', None, 200),
            ('POST', '/v2/images', {'name': 'again'}, 201),
            ('PUT', f'/v2/images/{image_id}/tags/a', None, 204),
            ('DELETE', f'/v2/images/{image_id}', None, 204),
        ):
            self.assertGreater(self.kill_connections(), 0)
            self.assertEqual(status, self.timed(method, path, body)[0])

    def test_connections_killed_inside_operations(self) -> None:
        with self.writers() as names:
            killed = 0
            began = time.monotonic()
            while (seconds := time.monotonic() - began) < SETTLE_SECONDS:
                killed += self.kill_connections()
                is_enough = killed > 10 and len(names[201]) > 10
                if is_enough and seconds > KILL_SECONDS:
                    break
                time.sleep(0.05)
            self.assertGreater(killed, 10)
        self.assertGreater(len(names[201]), 10)

    def test_server_crashes_and_restarts(self) -> None:
        with self.writers() as names:
            processes.wait_until(
                lambda: len(names[201]) > 20, SETTLE_SECONDS, 'some writes'
            )
            self.server.process.kill()
            time.sleep(1)
            status, seconds = self.timed('GET', '/v2/images')
            self.assertEqual(503, status)
            self.assertLess(seconds, processes.allowed(API_SECONDS))
            self.start_server()

    def test_server_shuts_down_and_restarts(self) -> None:
        with self.writers() as names:
            processes.wait_until(
                lambda: len(names[201]) > 20, SETTLE_SECONDS, 'some writes'
            )
            self.server.process.stop()
            self.start_server()

    def test_server_that_says_nothing(self) -> None:
        image_id = self.glance.create()
        self.signal_server(signal.SIGSTOP)
        try:
            with concurrent.futures.ThreadPoolExecutor() as executor:
                asked = [
                    executor.submit(self.timed, 'GET', '/v2/images')
                    for _ in range(POOL + 2)
                ]
                for answer in asked:
                    status, seconds = answer.result(SETTLE_SECONDS)
                    self.assertEqual(503, status)
                    self.assertLess(
                        seconds, API_SECONDS + processes.allowed(SLACK_SECONDS)
                    )
            self.other_requests_pass()
        finally:
            self.signal_server(signal.SIGCONT)
        status, _ = self.timed('GET', f'/v2/images/{image_id}')
        self.assertEqual(200, status)

    def test_locked_table_blocks_only_who_needs_it(self) -> None:
        """A statement waits green: the worker is one process."""
        with (
            self.admin.connect() as connection,
            concurrent.futures.ThreadPoolExecutor() as executor,
        ):
            connection.exec_driver_sql(self.lock_table)
            waiting = executor.submit(self.timed, 'GET', '/v2/images')
            time.sleep(0.5)
            self.other_requests_pass()
            self.assertFalse(waiting.done())
            connection.exec_driver_sql(self.unlock_table)
            self.assertEqual(200, waiting.result(SETTLE_SECONDS)[0])

    def test_full_pool(self) -> None:
        image_id = self.glance.create()
        tag = f'/v2/images/{image_id}/tags'
        with (
            self.admin.connect() as connection,
            concurrent.futures.ThreadPoolExecutor() as executor,
        ):
            connection.exec_driver_sql('BEGIN')
            connection.exec_driver_sql(
                f"SELECT id FROM images WHERE id = '{image_id}' FOR UPDATE"
            )
            waiting = [
                executor.submit(self.timed, 'PUT', f'{tag}/{number}')
                for number in range(POOL)
            ]
            self.wait_until_blocked(POOL)
            status, seconds = self.timed('PUT', f'{tag}/more')
            self.assertEqual(503, status)
            self.assertLess(
                seconds, POOL_SECONDS + processes.allowed(SLACK_SECONDS)
            )
            status, _ = self.timed('GET', f'/v2/images/{image_id}')
            self.assertEqual(200, status)
            connection.exec_driver_sql('ROLLBACK')
            for answer in waiting:
                self.assertEqual(204, answer.result(SETTLE_SECONDS)[0])

    def _deadlock(self, *before: str) -> None:
        """Lock a child, then its image; the registry does it reversed."""
        image_id = self.glance.create(tags=['a'])
        with (
            self.admin.connect() as connection,
            concurrent.futures.ThreadPoolExecutor() as executor,
        ):
            for statement in (
                'BEGIN',
                *before,
                'UPDATE image_tags SET updated_at = NULL '
                f"WHERE image_id = '{image_id}'",
            ):
                connection.exec_driver_sql(statement)
            deleting = executor.submit(
                self.timed, 'DELETE', f'/v2/images/{image_id}'
            )
            self.wait_until_blocked(1)
            connection.exec_driver_sql(
                f"SELECT id FROM images WHERE id = '{image_id}' FOR UPDATE"
            )
            connection.exec_driver_sql('COMMIT')
            self.assertEqual(204, deleting.result(SETTLE_SECONDS)[0])


class Mariadb(ServerFaults, unittest.TestCase):
    lock_table = 'LOCK TABLES images WRITE'
    unlock_table = 'UNLOCK TABLES'
    count_blocked = (
        'SELECT variable_value FROM information_schema.global_status '
        "WHERE variable_name = 'innodb_row_lock_current_waits'"
    )

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = servers.MariaDB()
        cls.addClassCleanup(cls.server.stop)
        cls.url = servers.new_database(cls.server.address)
        admin = sa.create_engine(cls.url, isolation_level='AUTOCOMMIT')
        with admin.connect() as connection:
            # Root may write to a server that is read-only.
            name = sa.make_url(cls.url).database
            connection.exec_driver_sql('CREATE USER glance@localhost')
            connection.exec_driver_sql(
                f'GRANT ALL ON {name}.* TO glance@localhost'
            )
        admin.dispose()
        cls.serve(
            sa.make_url(cls.url)
            .set(username='glance')
            .render_as_string(hide_password=False)
        )

    def kill_connections(self) -> int:
        killed = 0
        with self.admin.connect() as connection:
            ids = connection.exec_driver_sql(
                'SELECT id FROM information_schema.processlist '
                "WHERE user = 'glance'"
            ).scalars()
            for number in list(ids):
                with contextlib.suppress(sa.exc.DBAPIError):  # it went
                    connection.exec_driver_sql(f'KILL CONNECTION {number}')
                    killed += 1
        return killed

    def test_read_only(self) -> None:
        image_id = self.glance.create()
        self.harm('SET GLOBAL read_only = 1')
        try:
            self.assertEqual(503, self.create('lost'))
            status, _ = self.timed('GET', f'/v2/images/{image_id}')
            self.assertEqual(200, status)
        finally:
            self.harm('SET GLOBAL read_only = 0')
        self.assertEqual(201, self.create('again'))

    def test_deadlock(self) -> None:
        # The victim is who changed less.
        self._deadlock(
            "INSERT INTO tasks SELECT concat('t', seq, uuid_short()), 'a', "
            "'b', 'c', NULL, now(), NULL, NULL, 0, NULL, NULL, NULL "
            'FROM seq_1_to_1000'
        )
        status = 'SHOW GLOBAL STATUS LIKE "Innodb_deadlocks"'
        with self.admin.connect() as connection:
            _, count = connection.exec_driver_sql(status).one()
        self.assertGreater(int(count), 0)


class Postgresql(ServerFaults, unittest.TestCase):
    lock_table = 'BEGIN; LOCK TABLE images IN ACCESS EXCLUSIVE MODE'
    unlock_table = 'ROLLBACK'
    count_blocked = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    )

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = servers.PostgreSQL()
        cls.addClassCleanup(cls.server.stop)
        cls.url = servers.new_database(cls.server.address)
        admin = sa.create_engine(cls.url, isolation_level='AUTOCOMMIT')
        with admin.connect() as connection:
            # Who waits looks once for a deadlock, which must be there by then.
            connection.exec_driver_sql(
                f"ALTER SYSTEM SET deadlock_timeout = '{DEADLOCK_SECONDS}s'"
            )
            connection.exec_driver_sql('SELECT pg_reload_conf()')
        admin.dispose()
        cls.serve(cls.url)

    def kill_connections(self) -> int:
        with self.admin.connect() as connection:
            return len(
                connection.exec_driver_sql(
                    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity '
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client "
                    "backend'"
                ).all()
            )

    def test_read_only(self) -> None:
        image_id = self.glance.create()
        set_it = 'ALTER SYSTEM SET default_transaction_read_only = '
        self.harm(f'{set_it} on', 'SELECT pg_reload_conf()')
        try:
            processes.wait_until(
                lambda: self.create('again') == 503,
                SETTLE_SECONDS,
                'the server is read-only',
            )
            status, _ = self.timed('GET', f'/v2/images/{image_id}')
            self.assertEqual(200, status)
        finally:
            self.harm(f'{set_it} off', 'SELECT pg_reload_conf()')
        self.wait_until_writable()

    def test_deadlock(self) -> None:
        # The victim is who looks first.
        self._deadlock("SET LOCAL deadlock_timeout = '20s'")
        statement = 'SELECT sum(deadlocks) FROM pg_stat_database'
        with self.admin.connect() as connection:
            count = connection.exec_driver_sql(statement).scalar()
        self.assertGreater(count, 0)
