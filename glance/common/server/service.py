"""One daemon's service: check, listen, run workers, reload.

:func:`serve` is what a daemon's main calls, after :func:`server.patch` and
after its configuration is loaded.
"""

from collections.abc import Callable
import faulthandler
import logging
import os
import resource
import signal
from typing import Any
from wsgiref.types import WSGIApplication

import eventlet
from oslo_config import cfg

from glance.common import config
from glance.common import errors
from glance.common import readiness
from glance.common import shutdown
from glance.common import startup
from glance.common.server import forks
from glance.common.server import listening
from glance.common.server import metrics
from glance.common.server import processes
from glance.common.server import systemd
from glance.common.server import worker

LOG = logging.getLogger(__name__)

#: A new configuration is refused if its test takes longer.
PROBE_SECONDS = 60

LoadApp = Callable[[], WSGIApplication]


def serve(
    conf: cfg.ConfigOpts,
    load_app: LoadApp,
    name: str,
    before_workers: Callable[[], None] = lambda: None,
) -> int:
    """Serve until told to stop; return the exit code of the daemon.

    The application is loaded once before the port is opened, so that a
    wrong configuration fails at once and the workers share the memory of
    the imported modules. Each worker then loads its own application.

    :param before_workers: called once, after all checks have passed and
        before requests are served
    """
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    _allow_files()
    service = _Service(conf, load_app, name)
    service.check()
    # From here on signals are expected: block them, because their default
    # action would end the process.
    signal.pthread_sigmask(signal.SIG_BLOCK, processes.SIGNALS)
    service.listen()
    before_workers()
    if service.worker_count() == 1:
        return service.run_alone()
    plan = processes.Plan(
        count=service.worker_count,
        work=service.work,
        reload=service.reload,
        grace_seconds=lambda: conf.graceful_shutdown_timeout,
        silence_seconds=lambda: conf.worker_response_timeout,
        release=service.stop,
        alive=systemd.beat,
        alive_seconds=systemd.watchdog_seconds(),
    )
    return processes.Supervisor(plan).run()


def _allow_files() -> None:
    """Raise the limit of open descriptors to its maximum.

    A slow download uses two descriptors.
    """
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))


class _Service:
    """One daemon: its configuration, its application, its socket."""

    def __init__(
        self, conf: cfg.ConfigOpts, load_app: LoadApp, name: str
    ) -> None:
        self._conf = conf
        self._load_app = load_app
        self._name = name
        self._socket: Any = None
        self._address: Any = None
        self._metrics = metrics.Port(conf)

    def worker_count(self) -> int:
        configured: int | None = self._conf.workers
        if configured is None:
            configured = min(os.cpu_count() or 1, 8)
        return max(configured, 1)

    def check(self) -> None:
        """Fail now if the start of a worker would fail."""
        listening.tls_context(self._conf)
        self._load_app()
        config.check(self._conf)

    def listen(self) -> None:
        """Open the configured address, if it is not open already."""
        address = listening.address(self._conf)
        if address == self._address:
            listening.apply_options(self._socket, self._conf)
            return
        opened = None
        if self._socket is None:
            opened = systemd.passed_socket(self._conf)
        if opened is None:
            opened = listening.listen(self._conf)
            systemd.keep(opened)
        self.release()
        self._socket, self._address = opened, address
        self._metrics.open()
        LOG.info('%s listens on %s', self._name, address)
        if self._conf.cert_file:
            LOG.info(
                'TLS: files are encrypted by %s',
                'the kernel, or else by OpenSSL'
                if listening.kernel_has_tls(self._conf)
                else 'OpenSSL: no kernel_tls, or no module tls',
            )

    def release(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def stop(self) -> None:
        """Stop accepting connections, because the service shuts down."""
        systemd.notify('STOPPING=1')
        self.release()

    def reload(self) -> bool:
        """Reload the configuration files.

        :returns: False if the new configuration is invalid; the old one
            then stays in use
        """
        LOG.info('Reloading the configuration')
        if not self._probe():
            LOG.error(
                'The new configuration is wrong; the old one stays in force'
            )
            return False
        self._conf.reload_config_files()
        try:
            config.start_logging(self._conf)
        except errors.ConfigurationError as error:
            LOG.error('%s Logging continues as before.', error)
        try:
            self.listen()
        except errors.ConfigurationError as error:
            LOG.error('%s; the old address stays in use', error)
        return True

    def _probe(self) -> bool:
        """Test the new configuration in a child that then ends.

        A failed test can leave a partly loaded configuration or a partly
        built application behind, but only in the child.
        """
        pid = forks.fork()
        if not pid:
            code = 1
            try:
                signal.pthread_sigmask(
                    signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT}
                )
                signal.alarm(PROBE_SECONDS)
                if self._conf.reload_config_files():
                    self.check()
                    code = 0
            except BaseException as error:
                is_known = isinstance(error, Exception) and (
                    config.exit_code(error) != config.EXIT_UNEXPECTED
                )
                LOG.error('Reload: %s', error, exc_info=not is_known)
            finally:
                logging.shutdown()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status) == 0

    def _own_app(self) -> WSGIApplication:
        """Load the application that only this process serves."""
        startup.forget()
        return self._metrics.measured(self._load_app())

    def work(self, lifeline: processes.Lifeline) -> int:
        """Run a worker in a forked child; return its exit code."""
        shutdown.forget()  # drop the actions of the main process
        served = worker.Worker(self._conf, self._socket, self._own_app())
        served.on_signals({signal.SIGTERM: served.drain})
        eventlet.spawn(served.drain_without, lifeline.fd)
        eventlet.spawn(_beat, lifeline)
        startup.run()
        lifeline.ready()
        eventlet.spawn(systemd.report_readiness, readiness.probes())
        return _until_the_end(served)

    def run_alone(self) -> int:
        """Serve in this process, with the same signals as the main process.

        A separate main process would need as much memory again (60 MiB), and
        the service manager already supervises this one.
        """
        served = worker.Worker(self._conf, self._socket, self._own_app())
        startup.run()
        processes.freeze_memory()
        eventlet.spawn(systemd.report_readiness, readiness.probes())
        if watchdog := systemd.watchdog_seconds():
            eventlet.spawn(systemd.beat_forever, watchdog)

        def stop() -> None:
            if served.draining:
                os._exit(1)
            systemd.notify('STOPPING=1')
            served.drain()

        def reload() -> None:
            if not served.draining and self.reload():
                if self.worker_count() > 1:
                    LOG.warning(
                        'workers: a change from one process to several '
                        'takes effect after a restart'
                    )
                served.renew(self._conf, self._socket, self._own_app())
                startup.run()

        actions: worker.Actions = {
            signal.SIGTERM: stop,
            signal.SIGINT: stop,
            signal.SIGHUP: reload,
        }
        served.on_signals(actions)
        return _until_the_end(served)


def _beat(lifeline: processes.Lifeline) -> None:
    while True:
        lifeline.beat()
        eventlet.sleep(processes.PULSE_SECONDS)


def _until_the_end(served: worker.Worker) -> int:
    code = served.run()
    shutdown.run()
    return code
