"""A real Ceph on loopback: one monitor, one manager, one OSD in memory.

``address`` is the path of its ceph.conf, beside which the keyrings are: of
``admin``, and of ``glance``, who may do in all pools what the documentation
of the rbd store asks for.
"""

from collections.abc import Callable, Iterator
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import uuid

from tests.live import processes

START_SECONDS = 240
MEMORY_BYTES = 6 << 30
POOLS = ('images', 'volumes', 'served', 'interop')
_CAPS = {
    'mon': 'profile rbd',
    'osd': ', '.join(f'profile rbd pool={pool}' for pool in POOLS),
    'mgr': 'profile rbd pool=images',
}
#: While the only OSD stands still (:func:`still`), its placement groups must
#: not become "laggy", which is 0.8 of the heartbeat grace later: only an
#: answer of another OSD ends that, so that requests would wait for ever.
_CONF = """\
[global]
osd heartbeat grace = 600
osd op thread suicide timeout = 600
fsid = {fsid}
mon host = {monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv4 = true
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {directory}/ceph.client.$id.keyring
run dir = {directory}/run
admin socket = {directory}/run/$name.$pid.asok
log file = {directory}/log/$name.log
pid file = {directory}/run/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon allow pool delete = true
[mon]
mon data = {directory}/mon
mon initial members = a
keyring = {directory}/mon.keyring
auth allow insecure global id reclaim = false
mon data avail warn = 2
mon data avail crit = 1
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = {directory}/osd
keyring = {directory}/osd/keyring
osd objectstore = memstore
memstore device bytes = {memory}
osd max object name len = 256
osd max object namespace len = 64
osd scrub load threshold = 1000
osd class load list = *
osd class default list = *
[mgr]
mgr data = {directory}/mgr
keyring = {directory}/mgr/keyring
mgr initial modules =
[client]
rbd default features = 61
rgw gc obj min wait = 1
rgw gc processor period = 2
rgw gc processor max time = 2
"""


class Ceph:
    variable = 'TEST_CEPH_CONF'

    def __init__(self) -> None:
        self._programs = {
            name: processes.find(name, f'ceph-{name[5:]}')
            for name in ('ceph-mon', 'ceph-mgr', 'ceph-osd')
        }
        processes.find('ceph', 'ceph-common')
        processes.find('ceph-authtool', 'ceph-common')
        self.directory = processes.private_directory()
        self.address = str(self.directory / 'ceph.conf')
        self._started: list[processes.Process] = []
        for name in ('mon', 'mgr', 'osd', 'run', 'log'):
            (self.directory / name).mkdir()
        self._start_monitor()
        self._start('ceph-mgr', 'x', self._manager_key)
        self._start('ceph-osd', '0', self._osd_files)
        for pool in POOLS:
            self._ceph('osd', 'pool', 'create', pool, '8')
            self._tool('rbd', '--id', 'admin', 'pool', 'init', pool)
        add_user(self.address, 'glance', _CAPS)

    def _start_monitor(self) -> None:
        fsid = str(uuid.uuid4())
        ports = processes.free_port(), processes.free_port()
        monitor = f'[v2:127.0.0.1:{ports[0]},v1:127.0.0.1:{ports[1]}]'
        pathlib.Path(self.address).write_text(
            _CONF.format(
                fsid=fsid,
                monitor=monitor,
                directory=self.directory,
                memory=MEMORY_BYTES,
            )
        )
        admin = self.directory / 'ceph.client.admin.keyring'
        keys = self.directory / 'mon.keyring'
        allow = [
            word
            for daemon in ('mon', 'osd', 'mgr', 'mds')
            for word in ('--cap', daemon, 'allow *')
        ]
        new = ('ceph-authtool', '--create-keyring')
        processes.run(
            [*new, admin, '--gen-key', '-n', 'client.admin', *allow], 30
        )
        processes.run([*new, keys, '--gen-key', '-n', 'mon.', *allow[:3]], 30)
        processes.run(['ceph-authtool', keys, '--import-keyring', admin], 30)
        monmap = self.directory / 'monmap'
        named = ('--fsid', fsid, '--addv', 'a', monitor)
        processes.run(['monmaptool', '--create', *named, monmap], 30)
        self._make_files(
            'ceph-mon', 'a', '--monmap', monmap, '--keyring', keys
        )
        self._start('ceph-mon', 'a', lambda: None)
        processes.wait_until(
            self._responds, START_SECONDS, 'ceph-mon', self._started[0]
        )

    def _responds(self) -> bool:
        command = [
            'ceph',
            '-c',
            self.address,
            '--connect-timeout',
            '5',
            'fsid',
        ]
        return not subprocess.run(command, capture_output=True).returncode

    def _manager_key(self) -> None:
        self._ceph(
            *('auth', 'get-or-create', 'mgr.x'),
            *('mon', 'allow profile mgr', 'osd', 'allow *', 'mds', 'allow *'),
            *('-o', str(self.directory / 'mgr/keyring')),
        )

    def _osd_files(self) -> None:
        osd_id = str(uuid.uuid4())
        key = _run(['ceph-authtool', '--gen-print-key']).strip()
        secret = json.dumps({'cephx_secret': key})
        self._ceph('osd', 'new', osd_id, '-i', '-', given=secret)
        keys = self.directory / 'osd/keyring'
        _run(
            [
                *('ceph-authtool', '--create-keyring', str(keys)),
                *('--name', 'osd.0', '--add-key', key),
            ]
        )
        self._make_files('ceph-osd', '0', '--osd-uuid', osd_id)

    def _make_files(self, name: str, daemon_id: str, *more: object) -> None:
        processes.run(
            [
                self._programs[name],
                *('-c', self.address, '-i', daemon_id, '--mkfs', *more),
            ],
            START_SECONDS,
        )

    def _start(
        self, name: str, daemon_id: str, prepare: Callable[[], None]
    ) -> None:
        prepare()
        process = processes.Process(
            [
                self._programs[name],
                *('-c', self.address, '-i', daemon_id, '-f'),
            ],
            self.directory / f'log/{name}.out',
        )
        process.start()
        self._started.append(process)

    def _tool(self, program: str, *words: str) -> str:
        return run(self.address, program, *words)

    def _ceph(self, *words: str, given: str = '') -> str:
        limit = ('--connect-timeout', '30')
        return run(self.address, 'ceph', *limit, *words, given=given)

    def stop(self) -> None:
        for process in reversed(self._started):
            # Nothing of it is kept: no need to wait for its good end.
            process.kill()


def run(conf: str, program: str, *words: str, given: str = '') -> str:
    """What a tool of Ceph says to an administrator."""
    return _run([program, '-c', conf, *words], given)


def add_user(conf: str, name: str, caps: dict[str, str]) -> None:
    """Make a user, whose keyring lies beside the configuration."""
    words = [word for pair in caps.items() for word in pair]
    path = pathlib.Path(conf).parent / f'ceph.client.{name}.keyring'
    user = f'client.{name}'
    run(conf, 'ceph', 'auth', 'get-or-create', user, *words, '-o', str(path))


@contextlib.contextmanager
def still(conf: str) -> Iterator[None]:
    """Let the OSD stand still, as one does whose host is gone."""
    pid = int((pathlib.Path(conf).parent / 'run/osd.0.pid').read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _run(command: list[str], given: str = '') -> str:
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    if done.returncode:
        raise AssertionError(f'{command}: {done.stderr}')
    return done.stdout
