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
        self._assert_no_faults('20')

    def test_kills_during_imports_leave_nothing(self) -> None:
        self._assert_no_faults('12', '--imports')

    def _assert_no_faults(self, kills: str, *more: str) -> None:
        servers.mariadb()
        done = subprocess.run(
            [
                *(sys.executable, '-m', 'tools.chaos_load'),
                *('--kills', kills, '--seed', '1', *more),
                *('--database', 'mariadb', '--workers', '2'),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        said = done.stdout + done.stderr
        self.assertEqual(0, done.returncode, said)
        self.assertIn(f'kill {kills}/{kills}', said)
        table = {
            words[0]: words[1]
            for line in said.splitlines()
            if len(words := line.split()) > 1
        }
        self.assertEqual(
            dict.fromkeys(KINDS, '0'), {kind: table[kind] for kind in KINDS}
        )
