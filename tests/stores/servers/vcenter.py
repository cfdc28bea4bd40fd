"""The vCenter simulator of govmomi: a datacenter DC0, a datastore LocalDS_0.

It is built once, into .cache. The library wants the port 443, so it gets an
address of its own of the loopback network. ``address`` is a directory, with
``address`` (the IP address), ``cert.pem`` and the files of the datastore.
"""

import hashlib
import os
import pathlib
import random
import subprocess

from tests.live import processes

HERE = pathlib.Path(__file__).parent
CACHE = HERE.parents[2] / '.cache'
START_SECONDS = 300
_GO = {'GO111MODULE': 'off', 'GOPATH': '/usr/share/gocode'}


class Vcenter:
    variable = 'TEST_VCENTER'

    def __init__(self) -> None:
        simulator = _build()
        directory = processes.private_directory()
        self.address = str(directory)
        host = f'127.{random.randint(1, 250)}.{random.randint(1, 250)}.2'
        key, certificate = directory / 'key.pem', directory / 'cert.pem'
        processes.run(
            [
                *('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes'),
                *('-keyout', key, '-out', certificate, '-days', '30'),
                *('-subj', f'/CN={host}'),
                *('-addext', f'subjectAltName=IP:{host}'),
            ],
            60,
        )
        self._process = processes.Process(
            [
                simulator,
                *('-l', f'{host}:443', '-cert', certificate, '-key', key),
                *('-wsdl', HERE / 'vimService.wsdl'),
            ],
            directory / 'log',
            # It keeps the files of the datastore there.
            env={**os.environ, 'TMPDIR': str(directory)},
        )
        self._process.start()
        processes.wait_until(
            lambda: processes.accepts((host, 443)),
            60,
            'vcsim',
            self._process,
        )
        (directory / 'address').write_text(host)

    def stop(self) -> None:
        self._process.stop()


def _build() -> pathlib.Path:
    go = processes.find('go', 'golang-go golang-github-vmware-govmomi-dev')
    source = HERE / 'vcsim.go'
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    built = CACHE / f'vcsim-{digest}'
    if not built.exists():
        CACHE.mkdir(exist_ok=True)
        subprocess.run(
            [go, 'build', '-o', f'{built}.new', str(source)],
            check=True,
            timeout=START_SECONDS,
            env={**os.environ, **_GO, 'GOCACHE': str(CACHE / 'go')},
        )
        pathlib.Path(f'{built}.new').rename(built)
    return built
