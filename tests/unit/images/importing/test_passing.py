"""Data through plug-ins, with and without a file."""

import pathlib
import tempfile
from typing import Any
import unittest

from glance.common import errors
from glance.images.importing import passing
from glance.images.importing import plugins
from tests.unit.images.importing import targets
from tests.unit.images.importing.test_sources import read

DATA = bytes(range(256)) * 10_000


class Reversing:
    """A plug-in that needs a file, and leaves a scratch file."""

    needs_file = True

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def wrap(self, _job: plugins.Job, data: Any) -> Any:
        return data

    def change(self, job: plugins.Job, path: pathlib.Path) -> None:
        path.with_name(f'{path.name}.converted').write_bytes(b'scratch')
        if self._error is not None:
            raise self._error
        path.write_bytes(path.read_bytes()[::-1])
        job.set(disk_format='raw')


class TestPassing(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.scratch = self.directory / 'scratch'
        image: Any = {'id': targets.ID, 'disk_format': 'qcow2'}
        self.job = plugins.Job(image, (), 2**40)

    def passed(
        self, *given: plugins.Plugin, data: Any = None
    ) -> tuple[bytes, int | None]:
        chain = plugins.Chain(given)
        source = targets.Source(DATA) if data is None else data
        try:
            with passing.through(
                chain, self.job, source, self.scratch
            ) as found:
                return read(found), passing.size_of(found)
        finally:
            self.assertEqual([], list(self.directory.iterdir()))

    def test_data_that_streams(self) -> None:
        self.assertEqual((DATA, len(DATA)), self.passed())
        self.assertEqual((DATA, len(DATA)), self.passed(plugins.NoOp()))

    def test_a_file(self) -> None:
        self.assertEqual((DATA[::-1], len(DATA)), self.passed(Reversing()))
        self.assertEqual({'disk_format': 'raw'}, self.job.values)

    def test_nothing_stays_after_an_error(self) -> None:
        refusal = errors.BadRequest('no')
        with self.assertRaises(errors.BadRequest):
            self.passed(Reversing(refusal))
        with self.assertRaises(errors.BadRequest):
            self.passed(Reversing(), data=targets.Source(DATA, refusal))

    def test_a_directory_is_made_and_its_lack_is_an_operators_fault(
        self,
    ) -> None:
        self.scratch = self.directory / 'new' / 'scratch'
        with passing.through(
            plugins.Chain([Reversing()]),
            self.job,
            targets.Source(DATA),
            self.scratch,
        ) as found:
            self.assertEqual(DATA[::-1], read(found))
        self.scratch.parent.rmdir()
        self.scratch.parent.write_bytes(b'no directory')
        with (
            self.assertLogs(passing.LOG),
            self.assertRaises(errors.StoreUnavailable),
            passing.through(
                plugins.Chain([Reversing()]),
                self.job,
                targets.Source(DATA),
                self.scratch,
            ),
        ):
            self.fail('not reached')


class TestAnnounced(unittest.TestCase):
    def read(self, expected: int | None, cap: int = 2**40) -> bytes:
        return read(
            passing.Announced(
                targets.Source(DATA), expected, cap, lambda: None
            )
        )

    def test_as_announced(self) -> None:
        for expected in (None, len(DATA)):
            self.assertEqual(DATA, self.read(expected))

    def test_another_size_than_announced(self) -> None:
        for expected, text in (
            (len(DATA) - 1, 'has more'),
            (len(DATA) + 1, f'has {len(DATA)}'),
        ):
            with self.assertRaisesRegex(errors.BadRequest, text):
                self.read(expected)

    def test_more_than_the_cap(self) -> None:
        with self.assertRaises(errors.LimitExceeded):
            self.read(None, 10)
