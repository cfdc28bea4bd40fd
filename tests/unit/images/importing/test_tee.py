"""One reader, several stores."""

from collections.abc import Callable
import hashlib
import random
import tempfile
import threading
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.common import threads
from glance.images import streams
from glance.images.importing import tee
from glance.store import filesystem
from tests.unit.images.importing import targets

DATA = random.Random(5).randbytes(5 * targets.MIB + 17)
ID = targets.ID
SECONDS = 30


class TeeTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.stores = [targets.Store(name) for name in ('a', 'b', 'c')]
        self.confirmed = 0
        self.source = targets.Source(DATA)

    def confirm(self) -> None:
        self.confirmed += 1

    def write(
        self, all_must_succeed: bool = True, **options: Any
    ) -> list[tee.Outcome]:
        self.data = targets.measured(self.source)
        return tee.write_to_all(
            ID,
            self.data,
            targets.targets(*self.stores),
            all_must_succeed=all_must_succeed,
            confirm=options.pop('confirm', self.confirm),
            **options,
        )

    def assert_nothing_is_kept(self) -> None:
        self.assertEqual([{}, {}, {}], [each.kept for each in self.stores])


class TestSuccess(TeeTestCase):
    def test_every_store_gets_all_data_and_it_is_hashed_once(self) -> None:
        outcomes = self.write(size_bytes=len(DATA))
        self.assertEqual(
            [
                ('a', f'a://{ID}', None),
                ('b', f'b://{ID}', None),
                ('c', f'c://{ID}', None),
            ],
            outcomes,
        )
        for store in self.stores:
            self.assertEqual([DATA], list(store.kept.values()))
            self.assertEqual(len(DATA), store.size_bytes)
        self.assertEqual(
            hashlib.sha256(DATA).hexdigest(), self.data.hash_value
        )
        self.assertEqual(len(DATA), self.source.given)
        self.assertEqual(1, self.confirmed)

    def test_the_same_without_helpers_for_hashes(self) -> None:
        none = threading.BoundedSemaphore(1)
        none.acquire()
        with mock.patch.object(streams, '_helped', none):
            self.write()
        for store in self.stores:
            self.assertEqual([DATA], list(store.kept.values()))

    def test_no_data_is_data(self) -> None:
        self.source = targets.Source(b'')
        self.write()
        self.assertEqual([b''], list(self.stores[2].kept.values()))

    def test_each_store_writes_in_a_thread_of_its_own(self) -> None:
        meeting = threading.Barrier(3)
        for store in self.stores:
            store.before_piece = lambda _number: meeting.wait(SECONDS) and None
        self.write()
        self.assertEqual(
            3, len({tuple(store.threads) for store in self.stores})
        )

    def test_files(self) -> None:
        for names in (('x',), ('x', 'y', 'z')):
            directory = tempfile.TemporaryDirectory()
            self.addCleanup(directory.cleanup)
            stores = [
                filesystem.FilesystemStore(f'{directory.name}/{name}')
                for name in names
            ]
            outcomes = tee.write_to_all(
                ID,
                targets.measured(targets.Source(DATA)),
                [tee.Target('f', store) for store in stores],
                all_must_succeed=True,
                confirm=self.confirm,
                size_bytes=len(DATA),
            )
            for store, outcome in zip(stores, outcomes, strict=True):
                body = store.open(outcome.location or '', 0, None)
                self.assertEqual(DATA, b''.join(body))
                body.close()


class TestPace(TeeTestCase):
    def test_the_slowest_store_holds_the_others_back(self) -> None:
        go_on = threading.Event()
        fast = threading.Semaphore(0)
        slow, quick, _ = self.stores
        slow.before_piece = lambda _number: go_on.wait(SECONDS) and None
        quick.before_piece = lambda _number: fast.release()
        done: list[Any] = []
        thread = threading.Thread(target=lambda: done.append(self.write()))
        thread.start()
        for _ in range(tee.DEPTH):
            self.assertTrue(fast.acquire(timeout=SECONDS))
        # The slow store has taken no piece yet: no more is read than it
        # may be behind.
        self.assertLessEqual(
            self.source.given, (tee.DEPTH + 1) * streams.CHUNK_BYTES
        )
        go_on.set()
        thread.join(SECONDS)
        self.assertEqual([3], [len(each) for each in done])
        self.assertEqual([DATA], list(quick.kept.values()))
        self.assertEqual([DATA], list(slow.kept.values()))


class TestFailingStores(TeeTestCase):
    def test_thread_that_cannot_be_started_ends_the_others(self) -> None:
        begun, ended = threading.Event(), threading.Event()
        start = threads.start

        def start_one(work: Callable[[], None]) -> None:
            if begun.is_set():
                raise RuntimeError("can't start new thread")
            begun.set()

            def noted() -> None:
                try:
                    work()
                finally:
                    ended.set()

            start(noted)

        with (
            mock.patch.object(threads, 'start', start_one),
            self.assertRaises(RuntimeError),
        ):
            tee._Tee(
                ID, targets.targets(*self.stores), True, self.confirm, None
            ).run(targets.measured(self.source), lambda: None)
        self.assertTrue(ended.wait(5))
        self.assert_nothing_is_kept()

    def test_a_failed_store_drops_out(self) -> None:
        self.stores[1].fail_after = 2
        first, second, third = self.write(all_must_succeed=False)
        self.assertEqual((None, 'b is full'), (second[1], str(second.error)))
        self.assertEqual({}, self.stores[1].kept)
        for outcome, store in (
            (first, self.stores[0]),
            (third, self.stores[2]),
        ):
            self.assertIsNone(outcome.error)
            self.assertEqual({outcome.location: DATA}, store.kept)

    def test_a_store_that_must_succeed_ends_all(self) -> None:
        self.stores[1].fail_after = 2
        outcomes = self.write()
        self.assertEqual([None] * 3, [each.location for each in outcomes])
        self.assertEqual(
            [None, 'b is full', None],
            [each.error and str(each.error) for each in outcomes],
        )
        self.assert_nothing_is_kept()
        self.assertLess(self.source.given, len(DATA))
        self.assertEqual(0, self.confirmed)

    def test_a_store_that_fails_at_its_end_ends_all(self) -> None:
        self.stores[2].fail_at_name = True
        outcomes = self.write()
        self.assertEqual([None] * 3, [each.location for each in outcomes])
        self.assertIsInstance(outcomes[2].error, errors.StoreUnavailable)
        self.assert_nothing_is_kept()

    def test_all_stores_fail(self) -> None:
        for all_must_succeed in (True, False):
            self.source = targets.Source(DATA)
            for store in self.stores:
                store.fail_after = 0
            outcomes = self.write(all_must_succeed)
            self.assertEqual(3, len([it for it in outcomes if it.error]))
            self.assert_nothing_is_kept()
            self.assertLess(self.source.given, len(DATA))

    def test_a_store_that_stops_early_has_failed(self) -> None:
        self.stores[0].stops_after = 1
        for all_must_succeed in (True, False):
            self.source = targets.Source(DATA)
            outcomes = self.write(all_must_succeed)
            self.assertIsNone(outcomes[0].location)
            self.assertIsInstance(outcomes[0].error, errors.StoreUnavailable)
            self.assertEqual({}, self.stores[0].kept)
            self.assertEqual(
                0 if all_must_succeed else 1, len(self.stores[1].kept)
            )

    def test_unexpected_errors_are_outcomes_too(self) -> None:
        def fail(_number: int) -> None:
            raise KeyError('a driver with a defect')

        self.stores[0].before_piece = fail
        with self.assertLogs('glance.images.importing.tee') as logs:
            outcomes = self.write(all_must_succeed=False)
        self.assertIsInstance(outcomes[0].error, KeyError)
        self.assertIn('in store a: ', logs.output[0])
        self.assertIn('Traceback', logs.output[0])
        self.assertEqual([0, 1, 1], [len(each.kept) for each in self.stores])

    def test_data_that_cannot_be_removed_is_logged(self) -> None:
        self.stores[2].fail_at_name = True

        def fail(_url: str) -> None:
            raise errors.StoreUnavailable

        self.stores[0].delete = fail  # type: ignore[method-assign]
        with self.assertLogs('glance.images.importing.tee') as logs:
            self.write()
        self.assertIn(ID, ''.join(logs.output))
        self.assertEqual({}, self.stores[1].kept)


class TestFailingSources(TeeTestCase):
    def test_a_source_that_fails_leaves_nothing(self) -> None:
        for all_must_succeed in (True, False):
            self.source = targets.Source(DATA, errors.BadRequest('truncated'))
            with self.assertRaisesRegex(errors.BadRequest, 'truncated'):
                self.write(all_must_succeed)
            self.assert_nothing_is_kept()

    def test_too_much_data_leaves_nothing(self) -> None:
        self.data = targets.measured(self.source, cap=targets.MIB)
        with self.assertRaises(errors.LimitExceeded):
            tee.write_to_all(
                ID,
                self.data,
                targets.targets(*self.stores),
                all_must_succeed=False,
                confirm=self.confirm,
            )
        self.assert_nothing_is_kept()

    def test_data_that_is_refused_at_its_end_leaves_nothing(self) -> None:
        self.data = targets.measured(self.source)
        self.data.expect({'checksum': 'another'}, None, None)
        with self.assertRaisesRegex(errors.BadRequest, 'checksum'):
            tee.write_to_all(
                ID,
                self.data,
                targets.targets(*self.stores),
                all_must_succeed=False,
                confirm=self.confirm,
            )
        self.assert_nothing_is_kept()
        self.assertEqual(0, self.confirmed)

    def test_a_lost_claim_leaves_nothing(self) -> None:
        def refuse() -> None:
            raise errors.Conflict('the claim was lost')

        for options in ({'confirm': refuse}, {'watch': refuse}):
            self.source = targets.Source(DATA)
            with self.assertRaisesRegex(errors.Conflict, 'claim'):
                self.write(all_must_succeed=False, **options)
            self.assert_nothing_is_kept()

    def test_a_source_that_is_not_native_is_refused(self) -> None:
        with (
            mock.patch.object(self.source, 'go_native', lambda: False),
            self.assertRaises(TypeError),
        ):
            self.write()
