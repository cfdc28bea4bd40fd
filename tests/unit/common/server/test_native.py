"""Native threads: priorities, ends, failures."""

import os
import threading
from typing import Any
import unittest
from unittest import mock

from glance.common.server import native


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


class TestPriority(unittest.TestCase):
    def test_work_behind_requests_has_a_lower_priority(self) -> None:
        usual = nice()
        self.assertEqual(usual, native.run(nice))
        self.assertEqual(max(usual, native._BEHIND), native.run_behind(nice))
        self.assertEqual(usual, nice())

    def test_threads_that_it_starts_have_the_same(self) -> None:
        ended = threading.Event()
        seen = []

        def note() -> None:
            seen.append(nice())
            ended.set()

        native.run_behind(native.start, note)
        self.assertTrue(ended.wait(30))
        self.assertEqual([max(nice(), native._BEHIND)], seen)

    def test_thread_that_is_native_keeps_its_own(self) -> None:
        """Raising it again would need a privilege."""
        usual = nice()
        self.assertEqual(usual, native.run(native.run_behind, nice))

    def test_result_and_error_come_back(self) -> None:
        self.assertEqual(3, native.run_behind(max, 2, 3, key=abs))
        with self.assertRaises(ZeroDivisionError):
            native.run_behind(lambda: 1 // 0)


class _Killed(BaseException):
    """As eventlet kills a green thread."""


class TestRun(unittest.TestCase):
    def test_descriptor_is_open_until_the_thread_has_written(self) -> None:
        """Otherwise it could be another file's by then."""
        writes, goes_on, written = (threading.Event() for _ in range(3))
        self.addCleanup(goes_on.set)
        errors: list[OSError] = []
        real_write, real_wait = os.eventfd_write, native.hubs.trampoline
        waits = 0

        def write(fd: int, value: int) -> None:
            writes.set()
            goes_on.wait(30)
            try:
                real_write(fd, value)
            except OSError as error:
                errors.append(error)
            finally:
                written.set()

        def wait(fd: int, read: bool) -> Any:
            nonlocal waits
            waits += 1
            if waits == 1:
                self.assertTrue(writes.wait(30))
                raise _Killed
            goes_on.set()
            return real_wait(fd, read=read)

        with (
            mock.patch.object(os, 'eventfd_write', write),
            mock.patch.object(native.hubs, 'trampoline', wait),
        ):
            with self.assertRaises(_Killed):
                native.run(int)
            goes_on.set()
            self.assertTrue(written.wait(30))
        self.assertEqual([], errors)

    def test_no_descriptor_is_left_without_a_thread(self) -> None:
        made: list[int] = []
        eventfd = os.eventfd

        def make(value: int, flags: int) -> int:
            made.append(eventfd(value, flags))
            return made[-1]

        trouble = RuntimeError("can't start new thread")
        start = mock.Mock(start_new_thread=mock.Mock(side_effect=trouble))
        with (
            mock.patch.object(os, 'eventfd', make),
            mock.patch.object(native, '_thread', start),
            self.assertRaises(RuntimeError),
        ):
            native.run(int)
        (fd,) = made
        self.assertFalse(os.path.exists(f'/proc/self/fd/{fd}'))
