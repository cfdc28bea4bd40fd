"""A server that speaks the wire protocol of MongoDB, with SQLite behind it.

``address`` is its URI. TEST_MONGODB_URI names another one, for instance a
real MongoDB.
"""

import os

from tests.live import keystone
from tests.live import processes

START_SECONDS = 240


class Mongodb:
    variable = 'TEST_MONGODB_URI'

    def __init__(self) -> None:
        programs = keystone.ROOT / '.nox/mongodb/bin'
        program = processes.find(
            'nx-27017', '.venv/bin/nox -s mongodb', str(programs)
        )
        directory = processes.private_directory()
        port = processes.free_port()
        self._process = processes.Process(
            [
                program,
                *('--data-dir', directory / 'data', '-j', 'OFF'),
                *('--host', '127.0.0.1', '-p', port),
                *('--log-file', directory / 'nx.log'),
                *('--pid-file', directory / 'nx.pid'),
            ],
            directory / 'log',
            env={**os.environ, 'TMPDIR': str(directory)},
        )
        self._process.start()
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', port)),
            START_SECONDS,
            'nx-27017',
            self._process,
        )
        self.address = f'mongodb://127.0.0.1:{port}/'

    def stop(self) -> None:
        self._process.stop()
