"""tools/serve: the first thing a newcomer does."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import unittest
import urllib.request

from tests.live import clients
from tests.live import processes
from tests.live import served
from tests.live import shell

SECONDS = 120
SECOND_START_SECONDS = 5.0


class Serve(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = processes.private_directory()
        self.data = self.directory / 'data'
        self.database = self.data / 'glance.sqlite'

    def _service(self, **ports: int) -> served.Service:
        service = served.Service(self.data, **ports)
        self.addCleanup(service.stop)
        return service

    def _daemons(self, service: served.Service) -> dict[str, int]:
        found = {}
        for pid in processes.children(service.process.pid):
            words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
            for name in ('glance-api', 'glance-registry'):
                if f'/{name}\0'.encode() in words:
                    found[name] = pid
        return found

    def _assert_all_gone(self, service: served.Service) -> None:
        for port in (service.api_port, service.registry_port):
            processes.wait_until(
                lambda port=port: not processes.accepts(('127.0.0.1', port)),
                SECONDS,
                f'port {port} is free again',
            )

    def test_prints_what_to_paste_and_it_works(self) -> None:
        service = self._service()
        service.start()
        person = clients.Person(self.directory / 'home')
        pasted = [
            line.split()
            for line in service.said().splitlines()
            if service.api_url in line
        ]
        self.assertEqual(
            ['openstack', 'glance'], [words[0] for words in pasted]
        )
        self.assertIn('There is no login', service.said())
        for words in pasted:
            person.run(*words)

    def test_starts_again_quickly_and_finds_the_images(self) -> None:
        service = self._service()
        started = time.monotonic()
        service.start()
        # The first one makes the database: slower on any machine.
        first_seconds = time.monotonic() - started
        person = clients.without_login(
            self.directory / 'home', service.api_url
        )
        source = self.directory / 'source'
        source.write_bytes(os.urandom(1 << 20))
        made = person.glance_one(
            *('image-create', '--name', 'kept', '--disk-format', 'raw'),
            *('--container-format', 'bare', '--file', source),
        )
        service.process.stop()
        # What somebody deleted does not come back with the next start.
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            count = 'SELECT count(*) FROM metadef_namespaces'
            self.assertEqual((33,), database.execute(count).fetchone())
            database.execute('DELETE FROM metadef_namespaces')
            database.commit()
        started = time.monotonic()
        service.start()
        self.assertLess(
            time.monotonic() - started,
            max(first_seconds, processes.allowed(SECOND_START_SECONDS)),
        )
        self.assertEqual(
            [{'ID': made['id'], 'Name': 'kept'}], person.glance('image-list')
        )
        saved = self.directory / 'saved'
        person.run('glance', 'image-download', '--file', saved, made['id'])
        self.assertEqual(source.read_bytes(), saved.read_bytes())
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            self.assertEqual((0,), database.execute(count).fetchone())

    def test_says_where_metrics_and_documentation_are(self) -> None:
        service = self._service()
        service.start()
        addresses = re.findall(r'http://\S+/metrics', service.said())
        self.assertEqual(2, len(addresses), service.said())
        (page,) = re.findall(r'begins at (\S+\.md)\.', service.said())
        self.assertTrue(pathlib.Path(page).exists())
        for address in addresses:
            # A worker counts a request a moment after its response.
            processes.wait_until(
                lambda address=address: self._counts_requests(address),
                SECONDS,
                'requests are counted',
            )

    def _counts_requests(self, address: str) -> bool:
        with urllib.request.urlopen(address) as answer:
            return b'_request_duration_seconds' in answer.read()

    def test_two_at_once_have_metrics_on_different_ports(self) -> None:
        services = [
            served.Service(self.directory / name) for name in ('one', 'two')
        ]
        for service in services:
            self.addCleanup(service.stop)
            service.process.start()
        addresses: list[str] = []
        for service in services:
            service.wait_until_ready()
            addresses += re.findall(r'http://\S+/metrics', service.said())
        self.assertEqual(4, len(set(addresses)), addresses)

    def test_starts_a_keystone_whose_users_can_share(self) -> None:
        if not (served.ROOT / '.nox/keystone/bin/keystone-manage').exists():
            self.skipTest('no Keystone: .venv/bin/nox -s keystone')
        service = served.Service(
            self.data, None, None, '--with-keystone', '--keystone-port',
            str(processes.free_port()),
        )  # fmt: skip
        self.addCleanup(service.stop)
        # As random ones may be: a hyphen first.
        passwords = self.data / 'keystone/passwords.json'
        passwords.parent.mkdir(mode=0o700, parents=True)
        passwords.write_text(
            json.dumps(
                {
                    user: f'-{user}'
                    for user in ('admin', 'alice', 'bob', 'glance')
                }
            )
        )
        service.start()
        files = re.findall(r'^  \. (\S+)', service.said(), re.M)
        alice, bob, admin = (pathlib.Path(each) for each in files)
        self.assertEqual(0, alice.stat().st_mode & 0o077)
        person = shell.Shell(self.directory, {})
        said = person.run(
            f"""
            set -o pipefail
            . {alice}
            head -c 100000 /dev/zero >zeros
            id=$(openstack image create shared --file zeros -f value -c id)
            . {admin}
            openstack image list -f value -c Name
            p2=$(openstack project show p2 -f value -c id)
            . {alice}
            openstack image add project $id $p2
            . {bob}
            openstack image set --accept $id
            glance image-list
            export OS_CLIENT_CONFIG_FILE={self.data}/keystone/clouds.yaml
            unset ${{!OS_AUTH@}} ${{!OS_PASS@}} ${{!OS_USER@}} ${{!OS_PROJ@}}
            openstack --os-cloud bob image save $id --file copy
            cmp zeros copy
            """
        )
        self.assertIn('shared', said)

    def test_keeps_its_data_to_itself(self) -> None:
        service = self._service()
        service.start()
        self.assertEqual(0o700, self.data.stat().st_mode & 0o777)
        for path in self.data.rglob('*'):
            self.assertEqual(0, path.stat().st_mode & 0o007, path)

    def test_ctrl_c_ends_everything(self) -> None:
        service = self._service()
        service.start()
        os.killpg(service.process.pid, signal.SIGINT)
        self.assertEqual(0, service.process.wait(SECONDS), service.said())
        self._assert_all_gone(service)

    def test_a_killed_service_leaves_no_daemon(self) -> None:
        service = self._service()
        service.start()
        os.kill(service.process.pid, signal.SIGKILL)
        self._assert_all_gone(service)

    def test_a_daemon_that_dies_ends_the_other(self) -> None:
        for name in ('glance-api', 'glance-registry'):
            with self.subTest(name):
                service = self._service()
                service.start()
                os.kill(self._daemons(service)[name], signal.SIGKILL)
                self.assertEqual(1, service.process.wait(SECONDS))
                self.assertIn(f'{name} ended', service.said())
                self._assert_all_gone(service)

    def test_says_which_port_is_taken(self) -> None:
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            for option in ('api_port', 'registry_port'):
                said = self._service(**{option: port}).fail()
                self.assertIn(f'port {port} ', said)
                self.assertIn(f'--{option.replace("_", "-")} ', said)
                self.assertNotIn('Traceback', said)

    def test_runs_once_on_a_directory(self) -> None:
        service = self._service()
        service.start()
        second = served.Service(self.data)
        second.output = self.directory / 'second'
        second.process.log = second.output
        said = second.fail()
        self.assertIn('already runs', said)
        self.assertIn(str(self.data), said)
        with urllib.request.urlopen(f'{service.api_url}/healthcheck') as ok:
            self.assertEqual(200, ok.status)

    def test_says_when_the_checkout_belongs_to_somebody_else(self) -> None:
        if os.getuid() != 0:
            self.skipTest('only root can run it as another user')
        checkout = self.directory / 'checkout'
        shutil.copytree(served.ROOT / 'tools', checkout / 'tools')
        for name in ('setup.cfg', 'setup.py'):
            shutil.copy(served.ROOT / name, checkout)
        self.directory.chmod(0o755)
        for tool in ('serve', 'bench', 'seed', 'check', 'environment'):
            with self.subTest(tool):
                done = subprocess.run(
                    [checkout / 'tools' / tool],
                    user='nobody',
                    group='nogroup',
                    extra_groups=[],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(1, done.returncode)
                (line,) = done.stderr.splitlines()
                self.assertEqual(
                    f'error: nobody may not write to {checkout}, where the '
                    'virtual environment is made: copy the checkout',
                    line,
                )

    def test_says_when_the_directory_cannot_be_used(self) -> None:
        (self.directory / 'file').touch()
        service = served.Service(self.directory / 'file/data')
        service.output = service.process.log = self.directory / 'said'
        said = service.fail()
        self.assertIn('--data', said)
        self.assertNotIn('Traceback', said)
