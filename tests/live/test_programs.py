"""The programs of the package, started by their console scripts."""

from importlib import metadata
import pathlib
import shutil
import subprocess
import unittest

from tests.live import daemons
from tests.live import processes
from tools import man

SECONDS = 120.0


def run(name: str, *arguments: object) -> tuple[int, str]:
    """Exit code and output of a console script."""
    done = subprocess.run(
        [daemons.program(name), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


class ProgramsTest(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = processes.private_directory()

    def assert_code(self, code: int, name: str, *arguments: object) -> str:
        found, said = run(name, *arguments)
        self.assertEqual(code, found, said)
        self.assertNotIn('Traceback', said)
        return said

    def test_each_has_a_help_with_an_example(self) -> None:
        for name in man.commands():
            with self.subTest(name):
                said = self.assert_code(0, name, '--help')
                self.assertRegex(said, r'(?i)\bexamples?: *\n* +\S')
                self.assertRegex(said, rf'\b{name} .')
                said = self.assert_code(0, name, '--version')
                self.assertIn(metadata.version('glance-split'), said)

    def test_man_pages(self) -> None:
        for name in ('glance-status', 'glance-control', 'glance-rootwrap'):
            text = man.page(name)
            path = self.directory / f'{name}.1'
            path.write_text(text)
            for title in ('NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS'):
                self.assertIn(f'.SH {title}\n', text)
            self.assertIn(f'{name} \\- ', text)
            groff = shutil.which('groff')
            if groff:
                done = subprocess.run(
                    [groff, '-man', '-ww', '-z', path],
                    capture_output=True,
                    text=True,
                    timeout=SECONDS,
                    check=True,
                )
                self.assertEqual('', done.stderr)

    def test_control_starts_reloads_and_stops_a_real_daemon(self) -> None:
        port = processes.free_port()
        conf = self._registry_conf(port)
        self.assert_code(0, 'glance-manage', '--config-file', conf, 'db_sync')
        control = ('--pid-file', self.directory / 'x.pid', 'registry')
        self.assert_code(3, 'glance-control', *control, 'status')
        self.assert_code(0, 'glance-control', *control, 'start', conf)
        self.addCleanup(run, 'glance-control', *control, 'stop')
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', port)),
            SECONDS,
            'the registry accepts connections',
        )
        self.assert_code(0, 'glance-control', *control, 'status')
        self.assert_code(0, 'glance-control', *control, 'reload')
        self.assert_code(0, 'glance-control', *control, 'shutdown')
        self.assertFalse(processes.accepts(('127.0.0.1', port)))
        self.assert_code(3, 'glance-control', *control, 'status')

    def test_control_tells_of_a_start_that_fails(self) -> None:
        conf = self._registry_conf(processes.free_port())
        conf.write_text(conf.read_text() + 'workers = many\n')
        found, said = run(
            'glance-control',
            *('--await-child', SECONDS, '--pid-file', self.directory / 'y'),
            *('registry', 'start', conf),
        )
        self.assertEqual(5, found, said)

    def _registry_conf(self, port: int) -> pathlib.Path:
        conf: pathlib.Path = self.directory / 'glance-registry.conf'
        conf.write_text(
            f'[database]\nconnection = sqlite:///{self.directory}/x.sqlite\n'
            f'[DEFAULT]\nbind_host = 127.0.0.1\nbind_port = {port}\n'
        )
        return conf

    def test_upgrade_check_and_config_check(self) -> None:
        conf = self.directory / 'glance-api.conf'
        conf.write_text('[DEFAULT]\nowner_is_tenant = False\n')
        said = self.assert_code(
            2, 'glance-status', '--config-file', conf, 'upgrade', 'check'
        )
        self.assertIn('Result: Failure', said)
        said = self.assert_code(
            1,
            *('glance-manage', '--config-file', '/dev/null'),
            *('config', 'check', conf),
        )
        self.assertIn('[DEFAULT] owner_is_tenant', said)

    def test_rootwrap_runs_only_what_a_filter_allows(self) -> None:
        (self.directory / 'filters').mkdir()
        (self.directory / 'filters/x.filters').write_text(
            '[Filters]\necho: RegExpFilter, echo, root, echo, [a-z]+\n'
        )
        conf = self.directory / 'rootwrap.conf'
        conf.write_text(
            f'[DEFAULT]\nfilters_path = {self.directory}/filters\n'
            'exec_dirs = /bin,/usr/bin\n'
        )
        said = self.assert_code(99, 'glance-rootwrap', conf, 'echo', '1')
        self.assertIn('Unauthorized command', said)
        self.assert_code(97, 'glance-rootwrap', self.directory / 'none', 'id')
