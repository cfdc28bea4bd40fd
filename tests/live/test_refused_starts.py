"""What glance-api says, and leaves behind, when it refuses to start."""

import pathlib
import socket
import subprocess
import unittest

from tests.live import daemons
from tests.live import processes


class TestRefusedStarts(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = processes.private_directory()
        self.images = self.directory / 'var/lib/images'

    def start(self, sections: daemons.Sections) -> tuple[int, str]:
        config = self.directory / 'glance-api.conf'
        config.write_text(
            daemons.render(
                {
                    'DEFAULT': {
                        'bind_host': '127.0.0.1',
                        'bind_port': processes.free_port(),
                    },
                    'glance_store': {'filesystem_store_datadir': self.images},
                },
                sections,
            )
        )
        done = subprocess.run(
            [daemons.program('glance-api'), '--config-file', config],
            capture_output=True,
            text=True,
            timeout=daemons.START_SECONDS,
            check=False,
        )
        return done.returncode, done.stderr

    def assert_refused(self, sections: daemons.Sections, *words: str) -> None:
        code, said = self.start(sections)
        self.assertEqual(1, code, said)
        errors = [
            line for line in said.splitlines() if line.startswith('ERROR: ')
        ]
        self.assertEqual(1, len(errors), said)
        for word in words:
            self.assertIn(word, errors[0])
        self.assertNotIn('Traceback', said)
        self.assertFalse(pathlib.Path(self.directory, 'var').exists())

    def test_a_refused_start_makes_no_store(self) -> None:
        self.assert_refused({'DEFAULT': {'bind_host': '0.0.0.0'}}, 'loopback')
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assert_refused({'DEFAULT': {'bind_port': port}}, 'bind_port')

    def test_stores_without_a_default_are_refused_with_one_line(self) -> None:
        self.assert_refused(
            {'DEFAULT': {'enabled_backends': 'fast:file, slow:file'}},
            '[glance_store] default_backend must be one of the ids',
        )

    def test_a_log_in_a_missing_directory_is_refused(self) -> None:
        self.assert_refused(
            {'DEFAULT': {'log_file': self.directory / 'log/api.log'}},
            'log_file in [DEFAULT]',
            'Create the directory',
        )
