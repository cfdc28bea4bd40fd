"""The S3 of Ceph: radosgw on the cluster of ``ceph``."""

import json
import os
import pathlib
from typing import NamedTuple

from tests.live import processes
from tests.live import servers
from tests.stores.servers import ceph

START_SECONDS = 240
ACCESS, SECRET = 'GLANCEKEY', 'GLANCESECRET'


class Radosgw:
    """Its address is JSON; :func:`found` reads it."""

    variable = 'TEST_RADOSGW'

    def __init__(self) -> None:
        program = processes.find('radosgw', 'radosgw')
        conf = servers.of_store('ceph')
        user = f'rgw.{os.getpid()}'
        ceph.add_user(conf, user, {'mon': 'allow rwx', 'osd': 'allow rwx'})
        keys = pathlib.Path(conf).parent / f'ceph.client.{user}.keyring'
        who = ('-c', conf, '--name', f'client.{user}', '--keyring', str(keys))
        port = processes.free_port()
        self.process = processes.Process(
            [
                program,
                *who,
                '-f',
                *('--rgw-frontends', f'beast endpoint=127.0.0.1:{port}'),
                *('--rgw-thread-pool-size', 64),
            ],
            processes.private_directory() / 'log',
        )
        self.process.start()
        processes.wait_until(
            lambda: processes.answers(f'http://127.0.0.1:{port}/'),
            START_SECONDS,
            'radosgw',
            self.process,
        )
        processes.run(
            [
                processes.find('radosgw-admin', 'radosgw'),
                *who,
                *('user', 'create', '--uid=glance', '--display-name=glance'),
                *(f'--access-key={ACCESS}', f'--secret-key={SECRET}'),
            ],
            START_SECONDS,
        )
        self.address = json.dumps({'host': '127.0.0.1', 'port': port})

    def stop(self) -> None:
        self.process.kill()


class Found(NamedTuple):
    host: str
    port: int
    access: str = ACCESS
    secret: str = SECRET
    region: str = ''

    @property
    def url(self) -> str:
        return f'http://{self.host}:{self.port}'


def found() -> Found:
    """The running radosgw, started if it is not."""
    return Found(**json.loads(servers.of_store('radosgw')))
