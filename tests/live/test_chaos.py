"""tools/chaos: a short run; the long one is for releases."""

import pathlib
import subprocess
import sys
import unittest

from tests.live import servers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KINDS = ('lost', 'wrong', 'stuck', 'orphaned', 'hung')
# 20 kills take a minute; a fault that hangs takes some more.
SECONDS = 900


class Chaos(unittest.TestCase):
    def test_twenty_kills_lose_nothing(self) -> None:
        servers.mariadb()
        done = subprocess.run(
            [
                *(sys.executable, '-m', 'tools.chaos_load'),
                *('--kills', '20', '--seed', '1'),
                *('--database', 'mariadb', '--workers', '2'),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = done.stdout + done.stderr
        self.assertEqual(0, done.returncode, said)
        self.assertIn('kill 20/20', said)
        table = {
            words[0]: words[1]
            for line in said.splitlines()
            if len(words := line.split()) > 1
        }
        self.assertEqual(
            dict.fromkeys(KINDS, '0'), {kind: table[kind] for kind in KINDS}
        )
