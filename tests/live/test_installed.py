"""The console scripts of the installed package, not those of the checkout.

A wheel is built and installed into an environment of its own, which finds the
dependencies in the environment of the tests. So a module, a data file or an
entry point that the package lacks is missing here too.
"""

from concurrent import futures
import json
import os
import pathlib
import shutil
import site
import subprocess
import sys
import unittest
from unittest import mock
import venv

from tests.live import daemons
from tests.live import processes
from tests.live.wsgi_servers import hosts
from tools import man

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 300


def install(directory: pathlib.Path) -> pathlib.Path:
    """Build and install the package; return the directory of its programs."""
    source = directory / 'source'
    listed = subprocess.run(
        [
            'git',
            'ls-files',
            '-z',
            '--cached',
            '--others',
            '--exclude-standard',
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        timeout=SECONDS,
        check=True,
    ).stdout.decode()
    for name in listed.split('\0'):
        if name.startswith(('tests/', 'doc/')) or not (ROOT / name).is_file():
            continue
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    wheels, environment = directory / 'wheels', directory / 'environment'
    pip = [sys.executable, '-m', 'pip', '--quiet']
    options = ['--no-deps', '--no-index', '--disable-pip-version-check']
    _run(
        *(*pip, 'wheel', *options, '--no-build-isolation'),
        *('--wheel-dir', wheels, source),
    )
    (wheel,) = wheels.iterdir()
    venv.create(environment, with_pip=False)
    python = environment / 'bin/python'
    _run(*pip, '--python', python, 'install', *options, wheel)
    (packages,) = environment.glob('lib/python*/site-packages')
    # A .pth file of a directory that another .pth file names is not read, so
    # the checkout, which is installed there as editable, is not found.
    (packages / 'dependencies.pth').write_text(
        '\n'.join(site.getsitepackages())
    )
    return environment / 'bin'


def _run(*command: object) -> None:
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f'{command}: {done.stdout.decode()}')


class TestInstalled(unittest.TestCase):
    directory: pathlib.Path
    programs: pathlib.Path

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.directory = processes.private_directory()
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.programs = install(cls.directory)

    def run_it(self, name: str, *arguments: object) -> tuple[int, str]:
        """Exit code and output of an installed program."""
        done = subprocess.run(
            [self.programs / name, *map(str, arguments)],
            cwd=self.directory,
            env={**os.environ, 'PYTHONPATH': ''},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    def assert_code(self, code: int, name: str, *arguments: object) -> str:
        found, said = self.run_it(name, *arguments)
        self.assertEqual(code, found, f'{name} {arguments}: {said}')
        self.assertNotIn('Traceback', said)
        return said

    def test_the_package_is_found_and_not_the_checkout(self) -> None:
        said = self.assert_code(
            0, 'python', '-c', 'import glance as g; print(g.__file__)'
        )
        self.assertTrue(said.startswith(str(self.directory)), said)

    def test_each_program_has_a_help(self) -> None:
        names = man.commands()
        for name in names:
            self.assertTrue((self.programs / name).exists(), name)
        with futures.ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(lambda it: self.run_it(it, '-h'), names))
        for name, (code, said) in zip(names, codes, strict=True):
            self.assertEqual(0, code, said)
            self.assertIn(name, said)

    def test_programs_without_daemons(self) -> None:
        conf = self.directory / 'x.conf'
        cache = self.directory / 'cache'
        conf.write_text(f'[DEFAULT]\nimage_cache_dir = {cache}\n')
        for name in ('glance-cache-pruner', 'glance-cache-cleaner'):
            self.assert_code(0, name, '--config-file', conf)
        files = ('--config-file', conf)
        self.assert_code(0, 'glance-status', *files, 'upgrade', 'check')
        self.assert_code(0, 'glance-manage', *files, 'config', 'check', conf)
        pid = ('--pid-file', self.directory / 'none.pid')
        self.assert_code(3, 'glance-control', *pid, 'api', 'status')
        self.assert_code(97, 'glance-rootwrap', self.directory / 'no', 'id')

    def test_the_file_for_wsgi_servers(self) -> None:
        """As the classic service named it, for wsgi-file of uWSGI."""
        path = self.programs / 'glance-wsgi-api'
        self.assertIn('wsgi-file', self.assert_code(0, path.name, '--help'))
        self.assertIn('glance-api is', self.assert_code(2, path.name))
        directory, store = self.directory / 'wsgi', self.directory / 'store'
        directory.mkdir()
        hosts.write_configuration(
            directory,
            'glance-api',
            {
                'bind_host': '127.0.0.1',
                'glance_store.filesystem_store_datadir': store,
            },
        )
        text = (
            'import os, runpy, sys\n'
            f'os.environ["OS_GLANCE_CONFIG_DIR"] = {str(directory)!r}\n'
            f'loaded = runpy.run_path({str(path)!r}, run_name="uwsgi_file")\n'
            'assert callable(loaded["application"])\n'
            'print(sys.modules["glance"].__file__)\n'
        )
        said = self.assert_code(0, 'python', '-c', text)
        self.assertIn(str(self.directory), said)

    def test_programs_with_daemons(self) -> None:
        with mock.patch.object(
            daemons, 'program', lambda name: self.programs / name
        ):
            self.glance = daemons.Glance(
                api={
                    'DEFAULT': {'image_cache_dir': self.directory / 'c'},
                    'paste_deploy': {'flavor': 'cachemanagement'},
                },
                workers=1,
            )
            self.addCleanup(self.glance.stop)
            self.glance.start()
        image_id = self.glance.create()
        status, _, _ = self.glance.request(
            'PUT',
            f'/v2/images/{image_id}/file',
            b'data',
            content_type='application/octet-stream',
        )
        self.assertEqual(204, status)
        at = self.glance.directory
        said = self.assert_code(0, 'glance-replicator', 'size', self.at)
        self.assertIn('1 images, 4 bytes', said)
        port = self.at.rpartition(':')[2]
        address = ('-f', '-H', '127.0.0.1', '-p', port)
        self.assert_code(
            0, 'glance-cache-manage', *address, 'queue-image', image_id
        )
        api = ('--config-file', at / 'glance-api.conf')
        self.assert_code(0, 'glance-cache-prefetcher', *api)
        said = self.assert_code(
            0, 'glance-scrubber', *api, '--verify', '--json', '--quiet'
        )
        self.assertIn('"state": "verified"', said)
        registry = ('--config-file', at / 'glance-registry.conf')
        # The files of the definitions are data of the package.
        said = self.assert_code(
            *(0, 'glance-manage', *registry),
            *('db', 'load_metadefs', '--json', '--quiet'),
        )
        (line,) = [it for it in said.splitlines() if it.startswith('{')]
        self.assertGreater(len(json.loads(line)['namespaces']), 20)

    @property
    def at(self) -> str:
        return self.glance.api_url.removeprefix('http://')
