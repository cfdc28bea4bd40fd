"""What a forked child has of its own."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

from tests.live.server import daemon

PROGRAM = pathlib.Path(__file__).with_name('forking.py')


class TestForks(unittest.TestCase):
    def test_child_shares_nothing_that_it_could_break(self) -> None:
        ran = subprocess.run(
            [sys.executable, str(PROGRAM), '--config-file', '/dev/null'],
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
            env={**os.environ, 'PYTHONPATH': str(daemon.ROOT)},
        )
        parent = json.loads(ran.stdout)
        child = parent['child']
        # A child that ends while it holds the locks of the log: the main
        # process can still write.
        self.assertEqual([False], child['held'])
        self.assertEqual([False], parent['held'])
        # A signal to the child does not wake the main process.
        self.assertEqual(-1, child['wakeup'])
        self.assertNotEqual(-1, parent['wakeup'])
        self.assertTrue(child['term'])
        self.assertFalse(parent['term'])
        # Event loop and native threads are new, and work.
        self.assertFalse(child['hub'])
        self.assertTrue(parent['hub'])
        self.assertTrue(child['native'])
        self.assertTrue(parent['native'])
        # Nobody can tell one worker's random values from another's.
        for generator in ('random', 'openssl'):
            self.assertNotEqual(parent[generator], child[generator])
