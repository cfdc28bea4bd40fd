"""A request is traced through both daemons to the SQL statements."""

import unittest

from osprofiler import profiler
from osprofiler import web
import sqlalchemy as sa

from tests import databases
from tests.live import daemons
from tests.live import processes

KEY = 'a secret of this site'
BASE_ID = '7a000000-0000-4000-8000-000000000001'
SECONDS = 120


class Tracing(unittest.TestCase):
    def test_one_request(self) -> None:
        place = self.enterContext(databases.TemporaryDatabase('mysql'))
        profile = {
            'enabled': True,
            'hmac_keys': KEY,
            # The library does not commit.
            'connection_string': f'{place}&autocommit=true',
            'trace_sqlalchemy': True,
        }
        glance = daemons.Glance(
            self.enterContext(databases.TemporaryDatabase('mysql')),
            api={'profiler': profile},
            registry={'profiler': profile},
            workers=1,
        )
        self.addCleanup(glance.stop)
        glance.start()
        profiler.init(KEY, base_id=BASE_ID)
        self.addCleanup(profiler.clean)
        signed = web.get_trace_id_headers()
        engine = sa.create_engine(place)
        self.addCleanup(engine.dispose)
        expected = {
            ('api', 'wsgi-stop'),
            ('registry', 'wsgi-stop'),
            ('registry', 'db-stop'),
        }

        def traced() -> set[tuple[str, str]]:
            # A worker answers before it has connected to the place.
            status, _, _ = glance.request('GET', '/v2/images', headers=signed)
            self.assertEqual(200, status)
            statement = sa.text('SELECT service, name, base_id FROM data')
            with engine.connect() as connection:
                rows = connection.execute(statement).all()
            self.assertLessEqual({row.base_id for row in rows}, {BASE_ID})
            return {(row.service, row.name) for row in rows}

        # Until then the place has no table either.
        processes.wait_until(
            lambda: sa.inspect(engine).has_table('data'), SECONDS, 'a table'
        )
        processes.wait_until(
            lambda: expected <= traced(), SECONDS, 'the whole trace'
        )
        for process in (glance.api, glance.registry):
            self.assertNotIn(place, process.tail())
