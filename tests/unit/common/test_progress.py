"""A bar on a terminal, lines elsewhere, nothing if it is to be quiet."""

import contextlib
import io
import unittest
from unittest import mock

from glance.common import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestProgress(unittest.TestCase):
    def run_it(
        self, stream: io.StringIO, is_quiet: bool = False
    ) -> tuple[str, str]:
        """What came on the stream, and on the standard output."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            watched = progress.Progress(
                'images', 3, is_quiet=is_quiet, stream=stream
            )
            for number in range(3):
                watched.say(f'image {number}')
                watched.add()
            watched.close()
        return stream.getvalue(), out.getvalue()

    def test_a_bar_on_a_terminal(self) -> None:
        shown, out = self.run_it(Terminal())
        self.assertIn('0/3', shown)
        self.assertEqual('image 0\nimage 1\nimage 2\n', out)

    def test_lines_elsewhere(self) -> None:
        with mock.patch.object(progress, 'LINE_SECONDS', 0):
            shown, out = self.run_it(io.StringIO())
        self.assertEqual(
            '1 of 3 images\n2 of 3 images\n3 of 3 images\n', shown
        )
        self.assertEqual('image 0\nimage 1\nimage 2\n', out)

    def test_lines_do_not_come_all_the_time(self) -> None:
        self.assertEqual('', self.run_it(io.StringIO())[0])

    def test_quiet(self) -> None:
        for stream in (Terminal(), io.StringIO()):
            with mock.patch.object(progress, 'LINE_SECONDS', 0):
                shown, out = self.run_it(stream, is_quiet=True)
            self.assertEqual('', shown)
            self.assertIn('image 2', out)
