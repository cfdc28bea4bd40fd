"""A test that waits for ever ends its process, and says where it was."""

import subprocess
import sys
import unittest

from tests import watchdog

CASE = """
import threading
import unittest
from tests import watchdog

watchdog.SECONDS = 0.2
watchdog.guard()


class Waiting(unittest.TestCase):
    def test_it(self):
        self.wait()

    def wait(self):
        threading.Event().wait()


unittest.main()
"""


class TestWatchdog(unittest.TestCase):
    def test_a_test_that_never_ends(self) -> None:
        done = subprocess.run(
            [sys.executable, '-c', CASE],
            capture_output=True,
            text=True,
            timeout=watchdog.SECONDS,
            check=False,
        )
        self.assertEqual(1, done.returncode)
        self.assertIn('Timeout', done.stderr)
        self.assertIn('in wait', done.stderr)
        self.assertIn('in test_it', done.stderr)
