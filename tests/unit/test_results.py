"""tools/results.sh: a part that does not end says which test was running."""

import os
import pathlib
import subprocess
import tempfile
import time
import unittest

import subunit

ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 3
SCRIPT = """
. tools/results.sh
tests waiting sh -c 'cat "$0"; sleep 600' "$1"
sums_up=yes
sum_up
"""


class TestDeadline(unittest.TestCase):
    def test_what_was_running_is_named(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        stream = pathlib.Path(directory, 'stream')
        with stream.open('wb') as file:
            results = subunit.StreamResultToBytes(file)
            results.status(test_id='tests.a', test_status='inprogress')
            results.status(test_id='tests.a', test_status='success')
            results.status(test_id='tests.b', test_status='inprogress')
        found = pathlib.Path(directory, 'results')
        found.mkdir()
        done = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', SCRIPT, 'bash', stream],
            cwd=ROOT,
            env=os.environ
            | {
                'GLANCE_TEST_RESULTS': str(found),
                'GLANCE_TEST_DEADLINE': str(int(time.time()) + SECONDS),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn('waiting: failed: the run did not end', done.stdout)
        self.assertIn('FAILED tests.b', done.stdout)
        self.assertEqual(
            '1 passed, 2 failed, 0 skipped', done.stdout.splitlines()[-1]
        )
