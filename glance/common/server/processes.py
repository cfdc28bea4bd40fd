"""The main process: fork workers, replace dead ones, stop and reload them.

Signals are blocked and fetched one by one, as from a queue, so they never
interrupt other work of this process. The main process serves no requests and
has no event loop. A worker is a function that it calls in a child process.
"""

from collections.abc import Callable
import dataclasses
import gc
import logging
import math
import mmap
import os
import signal
import time
from typing import NoReturn

from glance.common.server import forks

LOG = logging.getLogger(__name__)

#: The signal by which a worker reports that it accepts connections. It is a
#: queued signal: one from each worker arrives, with the worker's process id.
READY = forks.READY
SIGNALS = forks.SIGNALS

#: Interval at which a worker's event loop updates its pulse, and at which the
#: main process checks it.
PULSE_SECONDS = 1.0

#: A worker that lived shorter than this died young. Each further young death
#: in a row doubles the pause before the next worker starts, up to the longest
#: pause.
YOUNG_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0


@dataclasses.dataclass
class Lifeline:
    """A worker's connection to its main process.

    :ivar fd: becomes readable when the main process has ended
    :ivar pulse: one byte of shared memory; the worker changes it regularly
        while its event loop runs
    """

    fd: int
    main_pid: int
    pulse: mmap.mmap

    def beat(self) -> None:
        """Show the main process that the event loop runs."""
        self.pulse[0] = (self.pulse[0] + 1) % 256

    def ready(self) -> None:
        """Tell the main process that this worker accepts connections."""
        os.kill(self.main_pid, READY)


@dataclasses.dataclass
class Plan:
    """What the main process needs from the service.

    :ivar count: returns the wanted number of workers
    :ivar work: runs a worker in the child; returns its exit code
    :ivar reload: loads a new configuration; returns False if it is invalid
    :ivar grace_seconds: time limit for draining a worker; 0 for no limit
    :ivar silence_seconds: a worker whose event loop does not run for so long
        is killed; 0 for no limit
    :ivar release: closes the listening socket at shutdown
    :ivar alive: tells the service manager that the main process runs
    :ivar alive_seconds: interval between calls of ``alive``; None for never
    """

    count: Callable[[], int]
    work: Callable[[Lifeline], int]
    reload: Callable[[], bool]
    grace_seconds: Callable[[], float]
    silence_seconds: Callable[[], float]
    release: Callable[[], None]
    alive: Callable[[], None] = lambda: None
    alive_seconds: float | None = None


@dataclasses.dataclass
class _Worker:
    born: float
    pulse: mmap.mmap
    ready: bool = False
    outdated: bool = False
    deadline: float | None = None  # None until the worker is told to drain
    last_pulse: int = 0
    silent_seconds: float = 0.0
    was_dumped: bool = False
    was_killed: bool = False

    @property
    def current(self) -> bool:
        return not self.outdated and self.deadline is None


class Supervisor:
    """Keeps the planned number of workers alive until told to stop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._workers: dict[int, _Worker] = {}
        self._stopping = False
        self._young_deaths = 0
        self._not_before = 0.0
        self._exit_code = 0
        self._watched = _now()
        self._shown = 0.0
        self._pid = os.getpid()
        self._alive, self._alive_held = os.pipe()
        # If a child kept it open, no worker would notice that the main
        # process has ended.
        forks.in_child(lambda: os.close(self._alive_held))

    def run(self) -> int:
        """Supervise until stopped; return the exit code of the daemon."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._fill()
        while self._workers or not self._stopping:
            received = signal.sigtimedwait(SIGNALS, self._patience())
            if received is not None:
                self._handle(received)
            self._reap()
            self._show_life()
            self._watch()
            self._cut_late()
            self._fill()
        return self._exit_code

    def _handle(self, received: signal.struct_siginfo) -> None:
        number = received.si_signo
        if number == READY:
            self._mark_ready(received.si_pid)
        elif number == signal.SIGHUP:
            self._reload()
        elif number in (signal.SIGTERM, signal.SIGINT):
            self._stop()

    def _patience(self) -> float:
        """Seconds to wait for a signal before the next timed action."""
        due = [
            w.deadline
            for w in self._workers.values()
            if w.deadline is not None
        ]
        if self._plan.silence_seconds():
            due.append(_now() + PULSE_SECONDS)
        if self._plan.alive_seconds is not None:
            due.append(self._shown + self._plan.alive_seconds)
        if self._not_before and not self._stopping:
            due.append(self._not_before)
        return min(max(0.0, min(due, default=math.inf) - _now()), 3600.0)

    def _show_life(self) -> None:
        every = self._plan.alive_seconds
        if every and _now() >= self._shown + every:
            self._shown = _now()
            self._plan.alive()

    # Start of workers.

    def _fill(self) -> None:
        if self._stopping or _now() < self._not_before:
            return
        self._not_before = 0.0
        current = [w for w in self._workers.values() if w.current]
        for _ in range(self._plan.count() - len(current)):
            self._spawn()

    def _spawn(self) -> None:
        freeze_memory()
        pulse = mmap.mmap(-1, 1)
        pid = forks.fork()
        if not pid:
            self._become_worker(pulse)
        self._workers[pid] = _Worker(born=_now(), pulse=pulse)

    def _become_worker(self, pulse: mmap.mmap) -> NoReturn:
        code = 1
        try:
            # The terminal and the service manager signal the whole process
            # group; only the main process reacts to these signals.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            code = self._plan.work(Lifeline(self._alive, self._pid, pulse))
        except BaseException:
            LOG.exception('The worker failed and ends')
        finally:
            logging.shutdown()
            os._exit(code)

    def _mark_ready(self, pid: int) -> None:
        """Retire outdated workers once enough new ones accept connections.

        At any time some workers accept connections.
        """
        if pid in self._workers:
            self._workers[pid].ready = True
        fresh = [w for w in self._workers.values() if w.current and w.ready]
        if len(fresh) >= self._plan.count():
            for old, worker in self._workers.items():
                if worker.outdated:
                    self._retire(old, worker)

    # End of workers.

    def _retire(self, pid: int, worker: _Worker) -> None:
        if worker.deadline is None:
            grace = self._plan.grace_seconds() or math.inf
            worker.deadline = _now() + grace
            os.kill(pid, signal.SIGTERM)

    def _reap(self) -> None:
        for pid in list(self._workers):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self._bury(pid, os.waitstatus_to_exitcode(status))

    def _watch(self) -> None:
        """Kill workers whose event loop has stopped; new ones replace them.

        Only time in which this process ran is counted: while the machine or
        the whole service was suspended, no worker could update its pulse.
        """
        now = _now()
        passed = min(now - self._watched, 2 * PULSE_SECONDS)
        self._watched = now
        limit = self._plan.silence_seconds()
        for pid, worker in self._workers.items():
            pulse = worker.pulse[0]
            if pulse != worker.last_pulse:
                worker.last_pulse, worker.silent_seconds = pulse, 0.0
                worker.was_dumped = False
                continue
            worker.silent_seconds += passed
            if limit and worker.silent_seconds >= limit:
                self._end_silent(pid, worker)

    def _end_silent(self, pid: int, worker: _Worker) -> None:
        """Let the worker dump its stacks to stderr; kill it the next time."""
        if not worker.was_dumped:
            worker.was_dumped = True
            os.kill(pid, signal.SIGUSR2)
        elif not worker.was_killed:
            worker.was_killed = True
            LOG.error(
                'Killed worker %s, because it had not responded for %d s '
                '(worker_response_timeout); a new one replaces it',
                pid,
                worker.silent_seconds,
            )
            os.kill(pid, signal.SIGKILL)
            worker.deadline = math.inf

    def _bury(self, pid: int, code: int) -> None:
        worker = self._workers.pop(pid)
        worker.pulse.close()
        if worker.deadline is not None:
            if code and self._stopping:
                self._exit_code = 1
            LOG.info('Worker %s has ended (%s)', pid, code)
            return
        LOG.error('Worker %s died (%s)', pid, code)
        if worker.outdated:
            return
        young = _now() - worker.born < YOUNG_SECONDS
        self._young_deaths = self._young_deaths + 1 if young else 0
        if self._young_deaths > 1:
            pause = min(2.0 ** (self._young_deaths - 2), LONGEST_PAUSE_SECONDS)
            LOG.error(
                'Workers die soon after their start; the next one starts '
                'in %s s',
                pause,
            )
            self._not_before = _now() + pause

    def _cut_late(self) -> None:
        for pid, worker in self._workers.items():
            if worker.deadline is not None and worker.deadline <= _now():
                LOG.error(
                    'Killed worker %s, because it did not finish in time', pid
                )
                os.kill(pid, signal.SIGKILL)
                worker.deadline = math.inf

    def _stop(self) -> None:
        if self._stopping:
            LOG.warning(
                'Received a second signal to stop: aborting running requests'
            )
            for worker in self._workers.values():
                worker.deadline = 0.0
            return
        LOG.info('Stopping after the running requests have finished')
        self._stopping = True
        self._plan.release()
        for pid, worker in self._workers.items():
            self._retire(pid, worker)

    def _reload(self) -> None:
        if self._stopping or not self._plan.reload():
            return
        for worker in self._workers.values():
            worker.outdated = True


def freeze_memory() -> None:
    """Exclude all existing objects from later garbage collections.

    Memory pages that the collector does not touch stay shared with the
    workers (28 MiB under load), and it has 80,000 objects less to check.
    """
    gc.collect()
    gc.freeze()


def _now() -> float:
    return time.monotonic()
