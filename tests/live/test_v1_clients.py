"""glance --os-image-api-version 1, of today and of 2017, and its library."""

import json
import pathlib
import subprocess
import sys
import types
from typing import Any
import unittest
import uuid

from tests import webserver
from tests.live import clients
from tests.live import cloud
from tests.live import connections
from tests.live import inputs
from tests.live import processes
from tests.live import readme
from tests.live import shell
from tests.live import v1_calls
from tests.live import warm

SECONDS = 60
PAGE = pathlib.Path(__file__).parents[2] / 'doc/operations/v1.md'
DATA = b'data on a web server' * 1000
#: Prints each command of a client with its options.
COMMANDS = """
import json
from glanceclient.v1 import shell

print(json.dumps({
    name[3:].replace('_', '-'): [
        words[-1]
        for words, _ in getattr(call, 'arguments', ())
        if words[-1].startswith('-')
    ]
    for name, call in vars(shell).items()
    if name.startswith('do_')
}))
"""


class Commands(cloud.Cloud):
    """Every command, through Keystone, as alice of p1; bob is in p2."""

    program: str
    interpreter: pathlib.Path
    #: What the tests of this class have used: commands, options of commands.
    used: set[tuple[str, ...]]
    ran: set[str]

    @classmethod
    def setUpClass(cls) -> None:
        if not cls.interpreter.exists():
            raise unittest.SkipTest('.venv/bin/nox -s old_client')
        cleanups: Any = types.SimpleNamespace(addCleanup=cls.addClassCleanup)
        cls.web = webserver.WebServer(cleanups)
        cls.web.data['/a'] = DATA
        cls.options = {
            'import_filtering_opts.allowed_hosts': '127.0.0.1',
            'import_filtering_opts.allowed_ports': cls.web.port,
        }
        super().setUpClass()
        cls.alice, cls.bob = cls.people['alice'], cls.people['bob']
        cls.used, cls.ran = set(), set()

    @classmethod
    def tearDownClass(cls) -> None:
        """Fail if no test used one of the client's commands or options."""
        super().tearDownClass()
        names = unittest.defaultTestLoader.getTestCaseNames(cls)
        if cls.ran < set(names):
            return  # only some of the tests were asked for
        said = subprocess.run(
            [cls.interpreter, '-c', COMMANDS],
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        known = json.loads(said.stdout)
        every = {(command, it) for command in known for it in known[command]}
        every |= {(command,) for command in known}
        if not known or every - cls.used:
            raise AssertionError(f'no test uses {sorted(every - cls.used)}')

    def setUp(self) -> None:
        super().setUp()
        self.ran.add(self._testMethodName)

    def say(
        self,
        *words: object,
        who: clients.Person | None = None,
        terminal: bool = False,
    ) -> str:
        command, *rest = map(str, words)
        self.used.add((command,))
        self.used.update((command, it) for it in rest if it.startswith('--'))
        return (who or self.alice).run(
            self.program,
            *('--os-image-api-version', 1, *words),
            terminal=terminal,
        )

    def rows(
        self, *words: object, who: clients.Person | None = None
    ) -> list[dict[str, str]]:
        return clients.table(self.say(*words, who=who))

    def create(self, *words: object) -> dict[str, str]:
        """A new image; with a terminal, or it would get data from stdin."""
        said = self.say(
            *('image-create', '--name', self._name(), '--disk-format', 'raw'),
            *('--container-format', 'bare', *words),
            terminal=True,
        )
        return {it['Property']: it['Value'] for it in clients.table(said)}

    def show(self, image: str, *words: object) -> dict[str, str]:
        rows = self.rows('image-show', *words, image)
        return {row['Property']: row['Value'] for row in rows}

    def test_data_goes_in_and_out(self) -> None:
        image, image_id = inputs.raw(8 << 20), str(uuid.uuid4())
        created = self.create(
            *('--file', image.path, '--property', 'os=debian 12 / 100%'),
            *('--min-ram', 5, '--min-disk', 1, '--is-protected', 'True'),
            *('--checksum', image.md5, '--size', image.size),
            *('--store', 'file', '--id', image_id, '--is-public', 'False'),
            *('--owner', self.other_project, '--human-readable'),
            '--progress',
        )
        self.assertEqual(image_id, created['id'])
        self.assertEqual('8MB', created['size'])
        self.assertNotEqual(self.other_project, created['owner'])
        self.assertEqual('active', created['status'])
        self.assertEqual(image.md5, created['checksum'])
        shown = self.show(created['name'], '--max-column-width', 200)
        for name, value in (
            ("Property 'os'", 'debian 12 / 100%'),
            ('is_public', 'False'),
            ('protected', 'True'),
            ('min_ram', '5'),
            ('size', str(image.size)),
        ):
            self.assertEqual(value, shown[name])
        saved = self._file()
        self.say('image-download', '--progress', '--file', saved, image_id)
        self.assertEqual(image.sha256, inputs.sha256(saved))
        self.say('image-delete', image_id)  # it is protected
        shown = self.show(image_id, '--human-readable')
        self.assertEqual('False', shown['deleted'])
        self.assertEqual('8MB', shown['size'])
        self.say(
            *('image-update', image_id, '--is-protected', 'False'),
            terminal=True,
        )
        self.say('image-delete', image_id)
        with self.assertRaises(clients.Failed):
            self.show(image_id)

    def test_an_update(self) -> None:
        image = inputs.raw(1 << 20)
        image_id = self.create('--property', 'a=b', '--property', 'c=d')['id']
        self.say(
            *('image-update', image_id, '--name', 'other', '--min-ram', 7),
            *('--min-disk', 3, '--property', 'e=f', '--size', image.size),
            *('--disk-format', 'iso', '--container-format', 'ovf'),
            *('--checksum', image.md5, '--owner', self.other_project),
            *('--is-public', 'False', '--human-readable'),
            terminal=True,
        )
        shown = self.show(image_id)
        for name, value in (
            ('name', 'other'),
            ('min_ram', '7'),
            ('min_disk', '3'),
            ('disk_format', 'iso'),
            ('container_format', 'ovf'),
            ('checksum', image.md5),
            ('size', str(image.size)),
            ('is_public', 'False'),
            ("Property 'a'", 'b'),
            ("Property 'e'", 'f'),
        ):
            self.assertEqual(value, shown[name])
        self.assertNotEqual(self.other_project, shown['owner'])
        self.say(
            *('image-update', image_id, '--purge-props'),
            *('--property', 'g=h', '--disk-format', 'raw'),
            terminal=True,
        )
        shown = self.show(image_id)
        self.assertNotIn("Property 'a'", shown)
        self.assertEqual('h', shown["Property 'g'"])
        self.say('image-update', image_id, '--progress', '--file', image.path)
        self.assertEqual('active', self.show(image_id)['status'])

    def test_data_from_a_url(self) -> None:
        url = self.web.url('/a')
        placed = self.create('--location', url)
        self.assertEqual('active', placed['status'])
        copied = self.create('--copy-from', url)['id']
        empty, queued = (self.create()['id'] for _ in range(2))
        self.say('image-update', empty, '--location', url, terminal=True)
        self.assertEqual('active', self.show(empty)['status'])
        self.say('image-update', queued, '--copy-from', url, terminal=True)
        for image_id in (copied, queued):
            processes.wait_until(
                lambda image_id=image_id: (
                    self.show(image_id)['status'] == 'active'
                ),
                SECONDS,
                f'{image_id} is active',
            )
            saved = self._file()
            self.say('image-download', '--file', saved, image_id)
            self.assertEqual(DATA, saved.read_bytes())
        with self.assertRaises(clients.Failed) as caught:
            self.create('--copy-from', 'file:///etc/passwd')
        self.assertIn('400', str(caught.exception))

    def test_lists(self) -> None:
        mark = self._name().rsplit(' ', 1)[1]
        made = [
            self.create('--property', f'mark={mark}', '--size', size)
            for size in (30, 10, 20)
        ]
        ids = [image['id'] for image in made]
        mine = ('--property-filter', f'mark={mark}')
        for words, expected in (
            ((), ids),
            (('--page-size', 1), ids),
            (('--name', made[1]['name']), ids[1:2]),
            (('--status', 'active'), []),
            (('--disk-format', 'raw', '--container-format', 'bare'), ids),
            (('--disk-format', 'iso'), []),
            (('--size-min', 15, '--size-max', 25), ids[2:]),
            (('--owner', made[0]['owner']), ids),
            (('--changes-since', '2001-01-01T00:00:00Z'), ids),
            (('--human-readable',), ids),
        ):
            with self.subTest(words):
                rows = self.rows('image-list', *mine, *words)
                found = sorted(row['ID'] for row in rows)
                self.assertEqual(sorted(expected), found)
        ordered = self.rows(
            *('image-list', *mine, '--sort-key', 'size', '--sort-dir', 'desc')
        )
        sizes = [row['Size'] for row in ordered]
        self.assertEqual(['30', '20', '10'], sizes)
        admin = self.people['admin']
        everything = self.rows('image-list', '--all-tenants', who=admin)
        self.assertLessEqual(set(ids), {row['ID'] for row in everything})
        public = self.rows('image-list', '--is-public', 'True', who=admin)
        self.assertFalse(set(ids) & {row['ID'] for row in public})

    def test_members(self) -> None:
        image_id, project = self.create()['id'], self.other_project
        self.say('member-create', '--can-share', image_id, project)
        (row,) = self.rows('member-list', '--image-id', image_id)
        self.assertEqual(project, row['Member ID'])
        self.assertEqual('True', row['Can Share'])
        shared = self.rows(
            *('member-list', '--tenant-id', project), who=self.bob
        )
        self.assertIn(image_id, [row['Image ID'] for row in shared])
        listed = self.rows('image-list', who=self.bob)
        self.assertIn(image_id, [row['ID'] for row in listed])
        self.say('image-delete', image_id, who=self.bob)  # it is alice's
        self.assertEqual('False', self.show(image_id)['deleted'])
        self.say('member-delete', image_id, project)
        self.assertEqual([], self.rows('member-list', '--image-id', image_id))

    def test_help(self) -> None:
        self.assertIn('image-create', self.say('help'))
        self.assertIn('image-create', self.say('bash-completion'))

    def test_the_library(self) -> None:
        done = subprocess.run(
            [
                *(self.interpreter, v1_calls.__file__, self.glance.api_url),
                *(self.sdk['alice'].auth_token, self.web.url('/a')),
                self.other_project,
            ],
            capture_output=True,
            text=True,
            timeout=SECONDS * 5,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr)


class Today(Commands, unittest.TestCase):
    program = 'glance'
    interpreter = pathlib.Path(sys.executable)

    def test_the_tour_with_curl(self) -> None:
        blocks = readme.blocks('A tour with curl', PAGE)
        typed = [line for it in blocks for line in readme.session(it)[0]]
        self.assertGreater(len(typed), 8)
        home = processes.private_directory()
        (home / 'debian.raw').write_bytes(DATA)
        names = {
            'http://127.0.0.1:9292': self.glance.api_url,
            'http://web.example/debian.raw': self.web.url('/a'),
        }
        person = shell.Shell(home, names)
        person.variables |= {
            'TOKEN': self.sdk['alice'].auth_token,
            'PROJECT': self.other_project,
        }
        said = person.run('\n'.join(typed))
        self.assertIn('x-image-meta-property-os_distro: debian', said)
        self.assertIn('"can_share":true', said)
        self.assertEqual(DATA, (home / 'copy.raw').read_bytes())

    def test_hostile_headers_on_a_socket(self) -> None:
        def meta(name: str, *values: str) -> tuple[str, ...]:
            return tuple(f'x-image-meta-{name}: {it}' for it in values)

        web = self.web.url('/a')
        for headers, status in (
            # A header twice is one with a comma.
            (meta('min_ram', '1', '2'), 400),
            (meta('size', '1', '1'), 400),
            (meta('id', str(uuid.uuid4()), str(uuid.uuid4())), 400),
            (meta('disk_format', 'raw', 'raw'), 400),
            (meta('location', 'file:///etc/passwd', web), 400),
            (meta('location', web, 'file:///etc/passwd'), 400),
            ((f'x-glance-api-copy-from: {web}',) * 2, 404),
            (('Content-Length: 0',), 400),  # also a second one
            # Bytes that no header may have, and some that the image may not.
            (meta('property-a', 'x\r\n y'), 400),
            (meta('property-a', 'x\ry'), 400),
            (meta('property-a', 'x\ny: z'), 400),
            (meta('property-a', 'x\0y'), 400),
            (meta('property-\xfc', 'x'), 400),
            (meta('property-a', '\N{MUSICAL SYMBOL G CLEF}'), 400),
            (meta('property-a', 'x' * 65536), 400),
            (meta('property-os_glance_failed_reason', 'x'), 403),
            (meta('location', 'file:///etc/passwd'), 400),
        ):
            with self.subTest(str(headers)[:80]):
                self.assertEqual(status, self.posted(*headers).status())
        made = self.posted(
            *meta('is_public', 'False', 'True'),
            *meta('owner', self.other_project, self.other_project),
            *meta('name', 'a', 'b'),
            *meta('property-a', 'x', 'y'),
        ).read_all()
        image = json.loads(made.partition(b'\r\n\r\n')[2])['image']
        self.assertEqual('a,b', image['name'])
        self.assertEqual({'a': 'x,y'}, image['properties'])
        self.assertIs(False, image['is_public'])
        self.assertNotIn(self.other_project, image['owner'])

    def posted(self, *headers: str) -> connections.Slow:
        """The response to a new image of alice with these header lines."""
        return connections.Slow(
            *(self.glance.api_url, 'POST', '/v1/images'),
            f'X-Auth-Token: {self.sdk["alice"].auth_token}',
            *('Content-Length: 0', *headers),
        )


class Of2017(Commands, unittest.TestCase):
    program = 'old-glance'
    interpreter = warm.OLD
