"""Both daemons under another WSGI server, configured as doc/ says."""

from collections.abc import Mapping
import os
import pathlib
import re
import shutil
from typing import Any

from tests.live import daemons
from tests.live import processes

KINDS = ('gunicorn', 'uwsgi')
DOCUMENT = (
    pathlib.Path(__file__)
    .parents[3]
    .joinpath('doc/operations/wsgi-servers.md')
)
APPLICATIONS = {
    'glance-api': 'glance.wsgi:application',
    'glance-registry': 'glance_registry.wsgi:application',
}
START_SECONDS = 60
#: Enough for the largest crowd of a test, each of whom may hold two.
THREADS = 16


class Host:
    """One daemon under one server, in a directory with its configuration."""

    def __init__(
        self, kind: str, name: str, directory: pathlib.Path, port: int
    ) -> None:
        self.address = ('127.0.0.1', port)
        words: list[object] = [
            *command(kind, name, directory, port, workers=1, threads=THREADS)
        ]
        self.process = processes.Process(
            words,
            directory / f'{name}.log',
            env={**os.environ, 'OS_GLANCE_CONFIG_DIR': str(directory)},
        )

    def start(self) -> None:
        self.process.start()

    def wait(self) -> None:
        host, port = self.address
        processes.wait_until(
            lambda: processes.answers(f'http://{host}:{port}/healthcheck'),
            START_SECONDS,
            self.process.name,
            self.process,
        )

    def stop(self) -> None:
        """End it at once: nothing of it is needed any more."""
        if self.process.is_alive():
            self.process.kill()
        processes.keep_log(self.process)


def command(
    kind: str,
    name: str,
    directory: pathlib.Path,
    port: int,
    **settings: object,
) -> list[str]:
    """Write the configuration of the server; give its command line.

    :param name: of the daemon
    :param directory: where the configuration of the daemon is
    :param settings: other values of what the document sets
    """
    config = directory / f'{name}-{kind}.conf'
    bind = f'127.0.0.1:{port}'
    words: list[object] = [daemons.program(kind)]
    if kind == 'gunicorn':
        config.write_text(_set(_block('python'), settings))
        words += ['--config', config, '--bind', bind, APPLICATIONS[name]]
    else:
        settings['processes'] = settings.pop('workers')
        settings |= {'http-socket': bind, 'module': APPLICATIONS[name]}
        config.write_text(_set(_block('ini'), settings))
        words += ['--ini', config]
    return [str(word) for word in words]


def _block(language: str) -> str:
    """The configuration that the document tells to paste."""
    found = re.search(
        rf'^```{language}\n(.*?)^```$',
        DOCUMENT.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, f'{DOCUMENT} has no {language}'
    return found[1]


def _set(text: str, values: Mapping[str, object]) -> str:
    """The text with other values of settings that it has."""
    for name, value in values.items():
        text, count = re.subn(
            rf'(?m)^{re.escape(name)} = .*$', f'{name} = {value}', text
        )
        assert count == 1, name
    return text


def write_configuration(
    directory: pathlib.Path,
    name: str,
    options: Mapping[str, Any],
) -> None:
    """:param options: values by ``group.name``, or name for ``DEFAULT``"""
    sections: dict[str, dict[str, object]] = {}
    for key, value in options.items():
        group, _, option = key.rpartition('.')
        if isinstance(value, (list, tuple)):
            value = ','.join(map(str, value))
        sections.setdefault(group or 'DEFAULT', {})[option] = value
    (directory / f'{name}.conf').write_text(daemons.render(sections))


def remove(directory: pathlib.Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
