"""Durations of tests that stestr is told before it has measured any."""

import pathlib
import re
import tempfile
import unittest

from tools import durations

LINE = re.compile(r'[1-9][0-9]* tests(\.[\w-]+)+')


class TestDurations(unittest.TestCase):
    def test_file(self) -> None:
        lines = durations.FILE.read_text().splitlines()
        self.assertEqual([], [x for x in lines if not LINE.fullmatch(x)])
        groups = [durations.group(line.split()[1]) for line in lines]
        self.assertEqual(len(set(groups)), len(groups))

    def test_stream_says_what_the_text_says(self) -> None:
        text = '7 tests.live.test_a.A.test_b\n3 tests.live.test_a.B.test_b\n'
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, 'run.subunit')
            path.write_bytes(durations.stream(text))
            self.assertEqual(
                {
                    'tests.live.test_a.A': (7, 'tests.live.test_a.A.test_b'),
                    'tests.live.test_a.B': (3, 'tests.live.test_a.B.test_b'),
                },
                durations.groups(path),
            )

    def test_group_of_a_story_is_its_file(self) -> None:
        story = 'tests.functional.test_gabbits.images-show_a_word_more'
        self.assertEqual(
            'tests.functional.test_gabbits.images-show', durations.group(story)
        )
