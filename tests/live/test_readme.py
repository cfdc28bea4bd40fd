"""README.md does what it says, command by command."""

import unittest

from tests import disks
from tests.live import processes
from tests.live import readme
from tests.live import served
from tests.live import shell


class TestFiveMinutes(unittest.TestCase):
    def test_commands_work_when_pasted_in_order(self) -> None:
        start, *rest = readme.blocks('Five minutes')
        typed, welcome = readme.session(start)
        self.assertEqual(['tools/serve'], typed)
        directory = processes.private_directory()
        service = served.Service(directory / 'data')
        self.addCleanup(service.stop)
        service.start()
        names = {
            'http://127.0.0.1:9292': service.api_url,
            '/home/you/glance/.data': str(service.data),
        }
        person = shell.Shell(directory, names)
        self.assertIn(person.replace(welcome.strip()), service.said())
        (directory / 'debian-12.iso').write_bytes(disks.iso())
        commands = [
            command for block in rest for command in readme.session(block)[0]
        ]
        self.assertGreater(len(commands), 8)
        said = person.run('\n'.join(commands))
        for printed in ('| debian-12 | active |', 'some-project | pending'):
            self.assertIn(printed, said)
        self.assertEqual(
            (directory / 'debian-12.iso').read_bytes(),
            (directory / 'copy.iso').read_bytes(),
        )
