"""tools/chaos: a daemon is started again, and what hangs is noticed."""

import os
import pathlib
import signal
import sys
import tempfile
import unittest

from tests.live import processes
from tools.chaos_load import findings
from tools.chaos_load import manager

#: A main process with one worker that it replaces, or not.
_DAEMON = """
import os, signal, sys, time
replaces = sys.argv[1] == 'replaces'
def fork():
    if not os.fork():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pause()
fork(); fork()
while True:
    os.wait()
    if replaces:
        fork()
"""
PATIENCE_SECONDS = 60
#: For a worker that nothing replaces.
SHORT_SECONDS = 0.2


class Daemons(unittest.TestCase):
    def setUp(self) -> None:
        self.findings = findings.Findings()

    def _unit(self, argument: str) -> manager.Unit:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.process = processes.Process(
            [sys.executable, '-c', _DAEMON, argument],
            pathlib.Path(directory.name) / 'log',
        )
        self.process.start()
        self.addCleanup(self.process.kill)
        unit = manager.Unit(self.process, 2, self.findings, PATIENCE_SECONDS)
        self._wait(unit, lambda: len(unit.processes()) == 3)
        return unit

    def _wait(self, unit: manager.Unit, ready: object) -> None:
        def is_ready() -> bool:
            unit.tick()
            return bool(ready())

        processes.wait_until(is_ready, PATIENCE_SECONDS, 'the unit')

    def test_killed_main_process_is_started_again(self) -> None:
        unit = self._unit('replaces')
        before = unit.processes()
        os.kill(self.process.pid, signal.SIGKILL)
        self._wait(
            unit, lambda: unit.restarts == 1 and len(unit.processes()) == 3
        )
        self.assertFalse({*before} & {*unit.processes()})
        self.assertEqual([], self.findings.all())

    def test_replaced_worker_is_no_finding(self) -> None:
        unit = self._unit('replaces')
        _, (_, worker), _ = unit.processes()
        os.kill(worker, signal.SIGKILL)
        self._wait(
            unit,
            lambda: (
                worker not in [pid for _, pid in unit.processes()]
                and len(unit.processes()) == 3
            ),
        )
        self.assertEqual([], self.findings.all())

    def test_worker_that_is_not_replaced_is_hung(self) -> None:
        unit = self._unit('stays')
        unit._patience_seconds = SHORT_SECONDS
        _, (_, worker), _ = unit.processes()
        os.kill(worker, signal.SIGKILL)
        self._wait(unit, lambda: unit.restarts == 1)
        self.assertEqual(1, self.findings.count('hung'))

    def test_main_process_that_ends_by_itself_is_hung(self) -> None:
        unit = self._unit('replaces')
        os.kill(self.process.pid, signal.SIGTERM)
        self._wait(unit, lambda: unit.restarts == 1)
        self.assertEqual(1, self.findings.count('hung'))
