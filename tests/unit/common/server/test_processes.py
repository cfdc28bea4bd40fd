"""Workers that do not respond, judged by the main process."""

import mmap
import os
import signal
from typing import Any
import unittest
from unittest import mock

from glance.common.server import processes

PID = 4711


class TestWatch(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 100.0
        self.limit = 10.0
        self.enterContext(
            mock.patch.object(processes, '_now', lambda: self.now)
        )
        self.kill = self.enterContext(mock.patch.object(os, 'kill'))
        with mock.patch.object(processes.forks, 'in_child'):
            self.supervisor: Any = processes.Supervisor(
                mock.Mock(
                    silence_seconds=lambda: self.limit, alive_seconds=None
                )
            )
        for held in (self.supervisor._alive, self.supervisor._alive_held):
            self.addCleanup(os.close, held)
        self.pulse = mmap.mmap(-1, 1)
        self.addCleanup(self.pulse.close)
        self.worker = processes._Worker(born=self.now, pulse=self.pulse)
        self.supervisor._workers[PID] = self.worker

    def watch(self, seconds: float, *, beats: bool) -> None:
        """Look as often as the main process does."""
        for _ in range(int(seconds)):
            self.now += 1
            if beats:
                processes.Lifeline(-1, 1, self.pulse).beat()
            self.supervisor._watch()

    def signals(self) -> list[int]:
        return [call.args[1] for call in self.kill.call_args_list]

    def test_worker_that_beats_lives(self) -> None:
        self.watch(300, beats=True)
        self.assertEqual([], self.signals())

    def test_silent_worker_tells_its_stacks_and_is_killed_once(self) -> None:
        self.watch(9, beats=False)
        self.assertEqual([], self.signals())
        self.watch(10, beats=False)
        self.assertEqual([signal.SIGUSR2, signal.SIGKILL], self.signals())
        self.assertFalse(self.worker.current)

    def test_silence_must_be_of_one_piece(self) -> None:
        for _ in range(5):
            self.watch(9, beats=False)
            self.watch(1, beats=True)
        self.assertEqual([], self.signals())

    def test_time_in_which_the_main_process_stood_is_not_counted(self) -> None:
        self.watch(3, beats=False)
        self.now += 3600
        self.watch(3, beats=False)
        self.assertEqual([], self.signals())

    def test_0_disables_it(self) -> None:
        self.limit = 0.0
        self.watch(3600, beats=False)
        self.assertEqual([], self.signals())
        self.assertEqual(3600.0, self.supervisor._patience())
