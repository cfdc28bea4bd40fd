"""Start the clients by fork, with their modules loaded.

A client spends most of its second with imports. A process that has imported
the clients of an environment is started once; for each run it forks a process
that becomes the client: with its own arguments, environment, directory and
descriptors.
"""

import atexit
from collections.abc import Mapping, Sequence
import functools
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from typing import BinaryIO, NamedTuple

from tests.live.warm import client as asking

HERE = pathlib.Path(__file__).parent
#: A Python that has the client of 2017.
OLD = HERE.parents[2] / '.nox/old_client/bin/python'


class Environment(NamedTuple):
    """Clients of one Python.

    :ivar clients: what tests call them -> their names in the environment
    :ivar modules: what most of their commands need
    """

    python: pathlib.Path
    clients: Mapping[str, str]
    modules: Sequence[str]


ENVIRONMENTS = (
    Environment(
        pathlib.Path(sys.executable),
        {'openstack': 'openstack', 'glance': 'glance'},
        (
            'openstackclient.shell',
            'openstackclient.image.v2.image',
            'openstackclient.identity.v3.project',
            'openstack.image.v2._proxy',
            'keystoneauth1.loading',
            'keystoneauth1.identity.v3',
            'cmd2',
            'glanceclient.shell',
            'glanceclient.v1.shell',
            'glanceclient.v2.shell',
        ),
    ),
    Environment(
        OLD,
        {'old-glance': 'glance'},
        ('glanceclient.shell', 'keystoneauth1.identity.v3'),
    ),
)
CLIENTS = {name: each for each in ENVIRONMENTS for name in each.clients}


def run(
    client: str,
    words: Sequence[str],
    *,
    cwd: pathlib.Path,
    env: Mapping[str, str],
    stdin: int,
    seconds: float,
) -> subprocess.CompletedProcess[bytes]:
    """Run a client as ``subprocess.run`` does.

    :param stdin: a descriptor, or ``subprocess.DEVNULL``
    :raises TimeoutError: it did not end within so many seconds
    """
    request = {
        'client': CLIENTS[client].clients[client],
        'words': list(words),
        'cwd': str(cwd),
        'env': dict(env),
    }
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        open(os.devnull, 'rb') as null,
    ):
        given = null.fileno() if stdin == subprocess.DEVNULL else stdin
        code = asking.ask(
            f'{_server(CLIENTS[client].python)}/socket',
            request,
            (given, stdout.fileno(), stderr.fileno()),
            seconds,
        )
        return subprocess.CompletedProcess(
            [client, *words], code, _written(stdout), _written(stderr)
        )


def programs() -> str:
    """Return a directory for PATH: the clients of our own environment."""
    return str(_server(ENVIRONMENTS[0].python))


def _written(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


@functools.cache
def _server(python: pathlib.Path) -> pathlib.Path:
    """Start a process that forks; return the directory of its socket."""
    home = tempfile.TemporaryDirectory(prefix='glance-clients-')
    directory = pathlib.Path(home.name)
    (environment,) = (each for each in ENVIRONMENTS if each.python == python)
    for name, script in environment.clients.items():
        program = directory / name
        words = (sys.executable, '-IS', f'{HERE}/client.py')
        program.write_text(
            f'#!/bin/sh\nexec {shlex.join(words)}'
            f' {directory}/socket {script} "$@"\n'
        )
        program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f'{directory}/socket')
        listener.listen(64)
        descriptor = listener.fileno()
        process = subprocess.Popen(
            [
                *(python, f'{HERE}/server.py', str(descriptor)),
                *environment.modules,
            ],
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            env={
                'HOME': home.name,
                'LC_ALL': 'C.UTF-8',
                'PATH': os.environ['PATH'],
            },
            start_new_session=True,
        )

    def end() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        home.cleanup()

    atexit.register(end)
    return directory
