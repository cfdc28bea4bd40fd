"""The main process: fork workers, replace dead ones, stop and reload them.

It waits for signals as a queue (they are blocked and fetched one by one), so
nothing ever interrupts it half way. It serves nothing itself and knows no
event loop; a worker is a function it calls in a child.
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

#: How a worker says that it accepts connections. A queued signal: one from
#: each worker arrives, with its process id.
READY = forks.READY
SIGNALS = forks.SIGNALS

#: How often a worker's event loop shows that it runs, and is looked at.
PULSE_SECONDS = 1.0

#: A worker that lived shorter than this died young, and each one that does
#: so in a row doubles the pause before the next, up to the longest pause.
YOUNG_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 30.0


@dataclasses.dataclass
class Lifeline:
    """What a worker holds of its main process.

    :ivar fd: becomes readable when the main process is gone
    :ivar pulse: one byte of shared memory, which changes while it lives
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

    :ivar count: how many workers there shall be
    :ivar work: a worker's life, in the child; returns its exit code
    :ivar reload: take a new configuration; False: it was refused
    :ivar grace_seconds: how long a worker may drain; 0: no limit
    :ivar silence_seconds: how long a worker may not respond; 0: no limit
    :ivar release: give up the listening socket, at the end
    """

    count: Callable[[], int]
    work: Callable[[Lifeline], int]
    reload: Callable[[], bool]
    grace_seconds: Callable[[], float]
    silence_seconds: Callable[[], float]
    release: Callable[[], None]


@dataclasses.dataclass
class _Worker:
    born: float
    pulse: mmap.mmap
    ready: bool = False
    outdated: bool = False
    deadline: float | None = None  # set once it was told to drain
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
        self._pid = os.getpid()
        self._alive, self._alive_held = os.pipe()
        # A child that held it would hide the end of the main process.
        forks.in_child(lambda: os.close(self._alive_held))

    def run(self) -> int:
        """Supervise until stopped; the exit code of the daemon."""
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._fill()
        while self._workers or not self._stopping:
            received = signal.sigtimedwait(SIGNALS, self._patience())
            if received is not None:
                self._handle(received)
            self._reap()
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
        """Seconds until something is due without any signal."""
        due = [
            w.deadline
            for w in self._workers.values()
            if w.deadline is not None
        ]
        if self._plan.silence_seconds():
            due.append(_now() + PULSE_SECONDS)
        if self._not_before and not self._stopping:
            due.append(self._not_before)
        return min(max(0.0, min(due, default=math.inf) - _now()), 3600.0)

    # Workers come.

    def _fill(self) -> None:
        if self._stopping or _now() < self._not_before:
            return
        self._not_before = 0.0
        current = [w for w in self._workers.values() if w.current]
        for _ in range(self._plan.count() - len(current)):
            self._spawn()

    def _spawn(self) -> None:
        settle()
        pulse = mmap.mmap(-1, 1)
        pid = forks.fork()
        if not pid:
            self._become_worker(pulse)
        self._workers[pid] = _Worker(born=_now(), pulse=pulse)

    def _become_worker(self, pulse: mmap.mmap) -> NoReturn:
        code = 1
        try:
            # The terminal and the service manager signal the whole group;
            # only the main process decides what that means.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            code = self._plan.work(Lifeline(self._alive, self._pid, pulse))
        except BaseException:
            LOG.exception('The worker failed and ends')
        finally:
            logging.shutdown()
            os._exit(code)

    def _mark_ready(self, pid: int) -> None:
        """Retire the outdated once the new serve: nobody finds a gap."""
        if pid in self._workers:
            self._workers[pid].ready = True
        fresh = [w for w in self._workers.values() if w.current and w.ready]
        if len(fresh) >= self._plan.count():
            for old, worker in self._workers.items():
                if worker.outdated:
                    self._retire(old, worker)

    # Workers go.

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
        """Kill workers whose event loop has stopped; others replace them.

        Only time in which this process ran counts: while the machine or the
        whole service was suspended, no worker could show anything.
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
        """Let it write its stacks to stderr; kill it the next time."""
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


def settle() -> None:
    """Never collect again what exists now.

    Pages that the collector does not touch stay shared with the workers, 28
    MiB of them under load; and it has 80,000 objects less to look at.
    """
    gc.collect()
    gc.freeze()


def _now() -> float:
    return time.monotonic()
