"""A Galera cluster of three nodes on loopback, private and in memory."""

import contextlib
import pathlib

import sqlalchemy as sa
from sqlalchemy import pool

from tests.live import processes

NODES = 3
START_SECONDS = 120
PROVIDER = pathlib.Path('/usr/lib/galera/libgalera_smm.so')


class Node:
    """One mariadbd; it joins whoever of its peers is there."""

    def __init__(self, port: int, peers: list[int]) -> None:
        self.directory = processes.private_directory('mysql', True)
        self._install()
        self.address = (
            'mysql+pymysql://root@localhost/?unix_socket='
            f'{self.directory}/socket&charset=utf8mb4'
        )
        others = ','.join(f'127.0.0.1:{peer}' for peer in peers)
        self._command = [
            processes.find('mariadbd', 'mariadb-server'),
            '--no-defaults',
            f'--datadir={self.directory}/data',
            f'--tmpdir={self.directory}/tmp',
            f'--socket={self.directory}/socket',
            f'--pid-file={self.directory}/pid',
            '--bind-address=127.0.0.1',
            f'--port={processes.free_port()}',
            '--binlog-format=ROW',
            '--innodb-autoinc-lock-mode=2',
            '--innodb-flush-log-at-trx-commit=2',
            '--wsrep-on=ON',
            f'--wsrep-provider={PROVIDER}',
            '--wsrep-cluster-name=glance-test',
            f'--wsrep-cluster-address=gcomm://{others}',
            '--wsrep-node-address=127.0.0.1',
            '--wsrep-sst-method=rsync',
            f'--wsrep-sst-receive-address=127.0.0.1:{processes.free_port()}',
            '--wsrep-provider-options='
            f'gmcast.listen_addr=tcp://127.0.0.1:{port};'
            f'ist.recv_addr=127.0.0.1:{processes.free_port()};'
            'gcache.size=64M',
        ]
        self.process = self._as_process()

    def _install(self) -> None:
        (self.directory / 'tmp').mkdir(mode=0o777)
        (self.directory / 'tmp').chmod(0o777)
        processes.run(
            [
                processes.find('mariadb-install-db', 'mariadb-server'),
                '--no-defaults',
                f'--datadir={self.directory}/data',
                f'--tmpdir={self.directory}/tmp',
                '--auth-root-authentication-method=normal',
                '--skip-test-db',
            ],
            START_SECONDS,
            user='mysql',
        )

    def _as_process(self, *more: str) -> processes.Process:
        return processes.Process(
            [*self._command, *more], self.directory / 'log', user='mysql'
        )

    def start(self, *, first: bool = False) -> None:
        self.process = self._as_process(
            *(['--wsrep-new-cluster'] if first else [])
        )
        self.process.start()
        processes.wait_until(
            lambda: self.status('wsrep_ready') == 'ON',
            START_SECONDS,
            'the node is in the cluster',
            self.process,
        )

    def status(self, name: str) -> str:
        """One variable of its status; '' when it does not answer."""
        with contextlib.suppress(sa.exc.DBAPIError):
            rows = self.query(f"SHOW STATUS LIKE '{name}'")
            return str(rows[0][1]) if rows else ''
        return ''

    def query(self, statement: str, database: str = '') -> list[sa.Row]:
        url = sa.make_url(self.address).set(database=database)
        engine = sa.create_engine(
            url, poolclass=pool.NullPool, isolation_level='AUTOCOMMIT'
        )
        with engine.connect() as connection:
            result = connection.exec_driver_sql(statement)
            return list(result) if result.returns_rows else []


class Cluster:
    def __init__(self) -> None:
        ports = [processes.free_port() for _ in range(NODES)]
        self.nodes = [
            Node(port, [peer for peer in ports if peer != port])
            for port in ports
        ]

    def start(self) -> None:
        self.nodes[0].start(first=True)
        for node in self.nodes[1:]:
            node.start()

    def stop(self) -> None:
        for node in self.nodes:
            if node.process.is_alive():
                node.process.kill()
