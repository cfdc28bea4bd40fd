"""Workers that die, stops, and reloads."""

import os
import signal
import threading

from tests.live import processes
from tests.live.server import cases
from tests.live.server import daemon


class TestLife(cases.Case):
    def test_killed_worker_is_replaced(self) -> None:
        running = self.daemon(workers=2).up()
        killed: set[int] = set()
        for _ in range(2):
            alive_now = daemon.eventually(
                lambda gone=killed: (
                    len(found := running.workers() - gone) == 2 and found
                )
            )
            killed |= alive_now
            for pid in alive_now:
                os.kill(pid, signal.SIGKILL)
        daemon.eventually(lambda: running.worker() not in killed)

    def test_worker_killed_while_it_logs_harms_no_other(self) -> None:
        running = self.daemon(workers=2).up()
        before = daemon.eventually(
            lambda: len(found := running.workers()) == 2 and found
        )
        with running.connect() as sock:
            sock.sendall(daemon.request('/die'))
            self.assertEqual(b'', daemon.read_all(sock))
        after = daemon.eventually(
            lambda: (
                len(found := running.workers()) == 2
                and found != before
                and found
            )
        )
        # Each answer is a line in the log of its worker.
        for pid in after:
            daemon.eventually(lambda pid=pid: running.worker() == pid)
        running.signal(signal.SIGTERM)
        self.assertEqual(0, running.wait())

    def test_worker_that_does_not_respond_is_replaced(self) -> None:
        running = self.daemon(
            workers=2, worker_response_timeout=10, graceful_shutdown_timeout=0
        ).up()
        before = daemon.eventually(
            lambda: len(found := running.workers()) == 2 and found
        )
        stopped = min(before)
        os.kill(stopped, signal.SIGSTOP)
        after = daemon.eventually(
            lambda: len(found := running.workers() - {stopped}) == 2 and found
        )
        self.assertLess(before - {stopped}, after)
        self.assertIn(f'Killed worker {stopped}', running.log())
        os.kill(min(after), signal.SIGSTOP)
        running.signal(signal.SIGTERM)
        running.wait()

    def test_stop_lets_requests_finish(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                with running.connect() as busy, running.connect() as idle:
                    idle.sendall(daemon.request('/hello'))
                    daemon.read_answer(idle)
                    busy.sendall(daemon.request('/slow?5'))
                    running.worker()
                    running.signal(signal.SIGTERM)
                    self.assertEqual(b'', idle.recv(1))
                    head, body = daemon.read_answer(busy)
                self.assertEqual(b'slept', body)
                self.assertIn(b'Connection: close', head)
                self.assertEqual(0, running.wait())

    def test_stop_does_not_wait_for_ever(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(
                    graceful_shutdown_timeout=1, workers=workers
                ).up()
                with running.connect() as busy:
                    busy.sendall(daemon.request('/slow?60'))
                    running.worker()
                    running.signal(signal.SIGTERM)
                    self.assertEqual(1, running.wait())

    def test_second_signal_ends_at_once(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                with running.connect() as busy:
                    busy.sendall(daemon.request('/slow?60'))
                    running.worker()
                    running.signal(signal.SIGTERM)
                    daemon.eventually(lambda d=running: not cases.connects(d))
                    running.signal(signal.SIGINT)
                    self.assertEqual(1, running.wait())

    def test_worker_does_not_outlive_the_main_process(self) -> None:
        running = self.daemon(workers=2).up()
        workers = daemon.eventually(
            lambda: len(found := running.workers()) == 2 and found
        )
        running.signal(signal.SIGKILL)
        running.wait()
        daemon.eventually(lambda: not any(map(cases.alive, workers)))

    def test_one_worker_is_the_main_process(self) -> None:
        for workers in (0, 1):
            running = self.daemon(workers=workers).up()
            self.assertEqual(running.process.pid, running.worker())
            self.assertEqual(set(), running.workers())


class TestReload(cases.Case):
    def test_new_configuration(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                with running.connect() as busy:
                    busy.sendall(daemon.request('/slow?1.5'))
                    running.worker()
                    running.configure(**running.options, greeting='salve')
                    running.signal(signal.SIGHUP)
                    daemon.eventually(
                        lambda d=running: d.get('/hello').startswith(b'salve')
                    )
                    self.assertEqual(b'slept', daemon.read_answer(busy)[1])

    def test_wrong_configuration_changes_nothing(self) -> None:
        for wrong in ({'backlog': 0}, {'greeting': 'wrong'}):
            for workers in (2, 1):
                with self.subTest(workers=workers, wrong=wrong):
                    running = self.daemon(workers=workers).up()
                    daemon.eventually(
                        lambda d=running, n=workers: (
                            len(d.workers()) == n - n % 2
                        )
                    )
                    before = running.workers() or {running.process.pid}
                    running.configure(**{**running.options, **wrong})
                    running.signal(signal.SIGHUP)
                    daemon.eventually(
                        lambda d=running: 'the old one stays' in d.log()
                    )
                    self.assertIn(running.worker(), before)
                    running.signal(signal.SIGTERM)
                    self.assertEqual(0, running.wait())

    def test_killed_while_the_new_configuration_is_tried(self) -> None:
        for workers in (2, 1):
            with self.subTest(workers=workers):
                running = self.daemon(workers=workers).up()
                running.configure(**{**running.options, 'greeting': 'killed'})
                running.signal(signal.SIGHUP)
                daemon.eventually(
                    lambda d=running: 'the old one stays' in d.log()
                )
                self.assertIn(b'hello', running.get('/hello'))
                running.signal(signal.SIGTERM)
                self.assertEqual(0, running.wait())

    def test_no_request_is_lost(self) -> None:
        running = self.daemon(workers=2).up()
        stop = threading.Event()
        failures: list[Exception] = []

        def ask() -> None:
            while not stop.is_set():
                try:
                    running.get('/hello')
                except (OSError, AssertionError) as error:
                    failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            before = running.worker()
            running.signal(signal.SIGHUP)
            daemon.eventually(lambda: not cases.alive(before))
        finally:
            stop.set()
            asking.join()
        self.assertEqual([], failures)

    def test_other_port(self) -> None:
        running = self.daemon().up()
        old, running.port = running.port, processes.free_port()
        running.configure(**{**running.options, 'bind_port': running.port})
        running.signal(signal.SIGHUP)
        daemon.eventually(running.connects)
        running.port = old
        daemon.eventually(lambda: not cases.connects(running))
