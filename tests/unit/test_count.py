"""The summary of a test run: the counts, and what failed."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import subunit

from tools import count


class TestSummary(unittest.TestCase):
    def summary(self, *statuses: str) -> tuple[bool, str]:
        directory = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory())
        )
        with (directory / 'live.subunit').open('wb') as stream:
            results = subunit.StreamResultToBytes(stream)
            for number, status in enumerate(statuses):
                self.report(results, f'tests.live.test_{number}', status)
        (directory / 'live.seconds').write_text('7\n')
        (directory / 'live.stderr').write_text(
            'x\nFatal Python error: Aborted\n\n' + '  in close\n' * 40
        )
        with contextlib.redirect_stdout(io.StringIO()) as output:
            right = count.sum_up(directory)
        return right, output.getvalue()

    def report(
        self, results: subunit.StreamResultToBytes, name: str, status: str
    ) -> None:
        results.status(test_id=name, test_status='inprogress')
        if status == 'fail':
            results.status(
                test_id=name,
                file_name='traceback',
                file_bytes=b'first line\n' * 40 + b'last line\n',
                mime_type='text/plain; charset=utf8',
                eof=True,
            )
        if status != 'inprogress':
            results.status(test_id=name, test_status=status)

    def test_all_passed(self) -> None:
        right, text = self.summary('success', 'skip')
        self.assertTrue(right)
        self.assertEqual('1 passed, 0 failed, 1 skipped', last_line(text))
        self.assertIn('live: 1 passed, 0 failed, 1 skipped in 7 s\n', text)

    def test_failure_is_named_with_the_end_of_its_traceback(self) -> None:
        right, text = self.summary('success', 'fail')
        self.assertFalse(right)
        self.assertIn('FAILED tests.live.test_1\n', text)
        self.assertIn('    last line\n', text)
        self.assertEqual(11, text.count('first line'))
        self.assertEqual('1 passed, 1 failed, 0 skipped', last_line(text))

    def test_that_never_ended_failed(self) -> None:
        right, text = self.summary('inprogress')
        self.assertFalse(right)
        self.assertIn('ended as inprogress', text)
        self.assertIn('\nFatal Python error: Aborted\n\n  in close\n', text)
        self.assertEqual(10, text.count('in close'))


def last_line(text: str) -> str:
    return text.splitlines()[-1]
