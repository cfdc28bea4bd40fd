"""A process of upstream Glance on the store of a test, as a black box.

``GLANCE_TEST_UPSTREAM`` names the virtual environment of a release that
uWSGI serves: ``pip install glance==33.0.0 uwsgi``, and what its drivers need
(boto3, python-swiftclient, Debian's rados and rbd). Nobody logs in.
"""

from collections.abc import Mapping
import json
import os
import pathlib
import shutil
from typing import Any
import unittest

from tests.live import daemons
from tests.live import processes

VARIABLE = 'GLANCE_TEST_UPSTREAM'
START_SECONDS = 240
STORE = 'big'
#: Threads of a service with a cache.
READERS = 64
#: What a test does, allowed to anybody.
_POLICIES = (
    *('get_images', 'get_image', 'add_image', 'modify_image'),
    *('delete_image', 'upload_image', 'download_image', 'publicize_image'),
    *('get_image_location', 'fetch_image_location'),
)
_UWSGI = """\
[uwsgi]
http-socket = 127.0.0.1:{port}
chdir = {directory}
module = glance.wsgi.api:application
processes = 1
threads = {threads}
master = true
need-app = true
lazy-apps = true
enable-threads = true
buffer-size = 65535
socket-timeout = 600
chunked-input-timeout = 600
chunked-input-limit = 4194304
http-auto-chunked = true
http-chunked-input = true
http-raw-body = true
add-header = Connection: close
die-on-term = true
logto = {log}
log-master = false
"""


def environment() -> pathlib.Path:
    """The virtual environment of upstream.

    :raises unittest.SkipTest: none is named
    """
    named = os.environ.get(VARIABLE)
    if not named:
        raise unittest.SkipTest(f'{VARIABLE} names no upstream Glance')
    return pathlib.Path(named)


class Upstream(daemons.Client):
    """One worker, with SQLite; :meth:`stop` removes everything.

    :param kind: the type of its store
    :param settings: the options of the store by their names
    :param cache: options of its image cache, if it shall have one
    """

    def __init__(
        self,
        programs: pathlib.Path,
        kind: str,
        settings: Mapping[str, Any],
        cache: Mapping[str, Any] | None = None,
    ) -> None:
        self._programs = programs / 'bin'
        self._shipped = programs / 'etc/glance'
        self.directory = processes.private_directory()
        self._etc = self.directory / 'etc'
        self._etc.mkdir()
        port = processes.free_port()
        self.api_url = f'http://127.0.0.1:{port}'
        self.database = self.directory / 'glance.sqlite'
        self._configure(kind, settings, cache)
        ini = self._etc / 'uwsgi.ini'
        log = self.directory / 'uwsgi.log'
        ini.write_text(
            _UWSGI.format(
                port=port,
                log=log,
                directory=self.directory,
                threads=1 if cache is None else READERS,
            )
        )
        self.process = processes.Process(
            [self._programs / 'uwsgi', '--ini', ini],
            self.directory / 'uwsgi.out',
            env={
                # Not the package glance of this checkout.
                **{k: v for k, v in os.environ.items() if k != 'PYTHONPATH'},
                'OS_GLANCE_CONFIG_DIR': str(self._etc),
            },
        )

    def _configure(
        self,
        kind: str,
        settings: Mapping[str, Any],
        cache: Mapping[str, Any] | None,
    ) -> None:
        reserved = {
            f'os_glance_{name}_store': {
                'filesystem_store_datadir': self.directory / name
            }
            for name in ('staging', 'tasks')
        }
        for section in reserved.values():
            section['filesystem_store_datadir'].mkdir()
        paste = self._shipped / 'glance-api-paste.ini'
        policy = self._etc / 'policy.yaml'
        policy.write_text(json.dumps(dict.fromkeys(_POLICIES, '')))
        text = daemons.render(
            {
                'DEFAULT': {
                    'enabled_backends': f'{STORE}:{kind}',
                    'show_multiple_locations': True,
                    'log_file': self.directory / 'api.log',
                    **(cache or {}),
                },
                'glance_store': {'default_backend': STORE},
                STORE: settings,
                **reserved,
                'database': {'connection': f'sqlite:///{self.database}'},
                # Without a flavor nobody logs in.
                'paste_deploy': {
                    'config_file': paste,
                    **({} if cache is None else {'flavor': 'caching'}),
                },
                'oslo_policy': {'policy_file': policy},
                'oslo_concurrency': {'lock_path': self.directory},
            }
        )
        (self._etc / 'glance-api.conf').write_text(text)

    def start(self) -> None:
        if not self.database.exists():
            self._make_tables()
        self.process.start()
        processes.wait_until(
            lambda: processes.answers(f'{self.api_url}/v2/images'),
            START_SECONDS,
            'upstream Glance',
            self.process,
        )

    def _make_tables(self) -> None:
        processes.run(
            [
                *('env', '-u', 'PYTHONPATH', self._programs / 'glance-manage'),
                *('--config-file', self._etc / 'glance-api.conf', 'db_sync'),
            ],
            START_SECONDS,
        )

    def stop(self) -> None:
        self.process.stop()
        processes.keep_log(self.process)
        shutil.rmtree(self.directory, ignore_errors=True)
