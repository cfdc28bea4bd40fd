"""No document of a client blocks the requests of others for long."""

import json
import subprocess
import sys
import unittest

#: Processor time that may pass without a turn for others. 25 ms are usual;
#: checked on the event loop, these documents take seconds.
LONGEST_MILLISECONDS = 100


class TestBystander(unittest.TestCase):
    def test_no_document_stops_the_event_loop(self) -> None:
        done = subprocess.run(
            [sys.executable, '-m', 'tests.functional.bystander'],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr[-2000:])
        found = json.loads(done.stdout)
        self.assertGreater(len(found), 100)
        for each in found:
            with self.subTest(each['what']):
                self.assertIn(each['status'], (400, 413))
                self.assertLess(each['milliseconds'], LONGEST_MILLISECONDS)
