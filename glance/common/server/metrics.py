"""Metrics of a daemon for Prometheus, on a port of their own.

Each worker writes its counters to a file of its own, which other workers
read (the multiprocess mode of prometheus-client). So any worker can report
the metrics of all, and the counters of a worker that has ended are kept.
Events are queued, and one green thread writes them once a second, because
the locks of the library are green and native threads may count events too.
"""

import atexit
from collections import deque
from collections.abc import Callable, Iterable, Iterator
import os
import shutil
import tempfile
import time
from typing import Any, NamedTuple

import eventlet
from eventlet import patcher
from eventlet import wsgi as eventlet_wsgi
from oslo_config import cfg

from glance.common import background
from glance.common import counters
from glance.common import errors
from glance.common import gauges
from glance.common import metrics_options
from glance.common import shutdown
from glance.common import startup
from glance.common import wsgi

# Opened in the main process, which must not wake an event loop.
_socket = patcher.original('socket')

FLUSH_SECONDS = 1.0
#: Maximum number of queued events; further ones are dropped. At most 10,000
#: events occur per second.
MAX_EVENTS = 100_000
#: Time-out of a client that requests the metrics.
CLIENT_SECONDS = 10
_DIRECTORY = 'PROMETHEUS_MULTIPROC_DIR'
_METHODS = frozenset(('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'))
#: The label of requests without a route: unknown paths, the health check.
NO_ROUTE = 'none'

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
_SLOW = (0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200)


class Event(NamedTuple):
    """The metric of an event.

    :ivar buckets: upper bounds of a histogram; empty for a counter
    """

    metric: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


#: The events that :func:`counters.note` accepts, by name.
EVENTS = {
    'request': Event(
        'glance_request_duration_seconds',
        'Seconds from a request to the beginning of its response.',
        ('method', 'route', 'code'),
        _QUICK,
    ),
    'error': Event(
        'glance_error_responses_total',
        'Responses with an error; limit_exceeded is a quota or a limit.',
        ('code',),
    ),
    'store_read': Event(
        'glance_store_read_bytes_total',
        'Bytes of images that were sent to clients.',
        ('store',),
    ),
    'store_written': Event(
        'glance_store_written_bytes_total',
        'Bytes of images that were written to a store.',
        ('store',),
    ),
    'transfer': Event(
        'glance_transfer_duration_seconds',
        'Seconds of uploads, downloads and other transfers of data.',
        ('kind', 'outcome'),
        _SLOW,
    ),
    'import_step': Event(
        'glance_import_step_duration_seconds',
        'Seconds of the steps of imports: open the source, prepare the '
        'plug-ins, write to the stores, finish at the registry.',
        ('method', 'step', 'outcome'),
        _SLOW,
    ),
    'cache_wrong_hash': Event(
        'glance_cache_wrong_hashes_total',
        'Images whose data in a store did not have their hash.',
    ),
    'lapse': Event(
        'glance_lease_lapses_total',
        'Uploads that were ended because their lease was not renewed.',
    ),
    'wire': Event(
        'glance_wire_call_duration_seconds',
        'Seconds of calls to glance-registry, waiting included.',
        ('operation', 'outcome'),
        _QUICK,
    ),
    'database_wait': Event(
        'glance_database_wait_seconds',
        'Seconds of operations that had to wait for a database connection.',
        ('kind', 'outcome'),
        _QUICK,
    ),
    'task': Event(
        'glance_tasks_total',
        'Tasks that have ended, by their type.',
        ('type', 'outcome'),
    ),
    'cache_lookup': Event(
        'glance_cache_lookups_total',
        'Downloads by what the image cache had: all (hit), a part, nothing.',
        ('result',),
    ),
    'cache_eviction': Event(
        'glance_cache_evictions_total',
        'Images that were removed from the image cache to make room.',
    ),
    'removal': Event(
        'glance_removals_total',
        'Removals of data: of deleted images that were kept (deleted), and '
        'of anything else that was still to be removed (leftover).',
        ('kind', 'outcome'),
    ),
    'verification': Event(
        'glance_verifications_total',
        'Images whose data was read again and compared.',
        ('outcome',),
    ),
    'notification': Event(
        'glance_notifications_total',
        'Notifications by what became of them: handed over, failed, dropped.',
        ('outcome',),
    ),
}


class Requests:
    """Measures each request to an application."""

    def __init__(self, app: wsgi.WSGIApp) -> None:
        self._app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        started = time.perf_counter()
        code = '500'

        def start(status: str, *rest: Any) -> Any:
            nonlocal code
            code = status[:3]
            return start_response(status, *rest)

        try:
            return self._app(environ, start)
        finally:
            method = environ['REQUEST_METHOD']
            counters.note(
                'request',
                method if method in _METHODS else 'other',
                environ.get(wsgi.ROUTE, NO_ROUTE),
                code,
                amount=time.perf_counter() - started,
            )


class Recorder:
    """Queues events, and writes them to the files of this process."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, tuple[str, ...], float]] = deque(
            maxlen=MAX_EVENTS
        )
        self._metrics: dict[str, Any] = {}
        self._add: dict[tuple[str, tuple[str, ...]], Callable[..., Any]] = {}

    def take(self, name: str, labels: tuple[str, ...], amount: float) -> None:
        self._waiting.append((name, labels, amount))

    def flush(self) -> None:
        while self._waiting:
            name, labels, amount = self._waiting.popleft()
            add = self._add.get((name, labels))
            if add is None:
                add = self._add[name, labels] = self._adder(name, labels)
            add(amount)

    def _adder(self, name: str, labels: tuple[str, ...]) -> Any:
        metric = self._metrics.get(name)
        if metric is None:
            metric = self._metrics[name] = _metric(EVENTS[name])
        child = metric.labels(*labels) if labels else metric
        return child.observe if EVENTS[name].buckets else child.inc


def _metric(event: Event) -> Any:
    import prometheus_client

    if not event.buckets:
        return prometheus_client.Counter(
            event.metric, event.help, event.labels, registry=None
        )
    return prometheus_client.Histogram(
        event.metric,
        event.help,
        event.labels,
        registry=None,
        buckets=event.buckets,
    )


class Collector:
    """Collects the counters of all processes of the daemon, and gauges."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterator[Any]:
        from prometheus_client import core
        from prometheus_client import multiprocess

        self._recorder.flush()
        every: Any = multiprocess.MultiProcessCollector  # it has no types
        yield from every(None).collect()
        for gauge in gauges.present():
            family = core.GaugeMetricFamily(
                gauge.name, gauge.help, labels=gauge.labels
            )
            for labels, value in gauge.rows:
                family.add_metric(labels, value)
            yield family


class Port:
    """The metrics of a daemon; does nothing unless a port is configured."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        conf.register_opts(metrics_options.OPTS, metrics_options.GROUP)
        self._host = conf.metrics.host
        self._port = conf.metrics.port
        self._listening: Any = None
        self._recorder: Recorder | None = None

    def open(self) -> None:
        """Listen, and make the directory that all workers share.

        :raises errors.ConfigurationError: the port cannot be opened
        """
        if self._port is None or self._listening is not None:
            return
        self._listening = self._listen()
        _make_directory()

    def measured(self, app: wsgi.WSGIApp) -> wsgi.WSGIApp:
        """Wrap the application of a worker to count its requests."""
        if self._listening is None:
            return app
        startup.register(self._start)
        return Requests(app)

    def _listen(self) -> Any:
        try:
            family, kind, protocol, _, address = _socket.getaddrinfo(
                self._host, self._port, type=_socket.SOCK_STREAM
            )[0]
            sock = _socket.socket(family, kind, protocol)
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen()
        except OSError as error:
            raise _cannot_listen(self._host, self._port, error) from error
        sock.setblocking(False)
        return sock

    def _start(self) -> None:
        """Start collecting and serving metrics, once per process."""
        if self._recorder is not None:
            return
        self._recorder = Recorder()
        for name, event in EVENTS.items():
            if not event.labels:  # show 0 before the first event
                self._recorder.take(name, (), 0.0)
        counters.connect(self._recorder.take)
        background.register('metrics', self._recorder.flush, FLUSH_SECONDS)
        shutdown.register(self._recorder.flush)
        eventlet.spawn(self._serve, self._recorder)

    def _serve(self, recorder: Recorder) -> None:
        import prometheus_client

        registry = prometheus_client.CollectorRegistry()
        registry.register(Collector(recorder))
        eventlet_wsgi.server(
            eventlet.greenio.GreenSocket(self._listening),
            prometheus_client.make_wsgi_app(registry),
            log_output=False,
            debug=False,
            keepalive=False,
            socket_timeout=CLIENT_SECONDS,
        )


def serve_threads(conf: cfg.ConfigOpts) -> None:
    """Collect and serve metrics in a single process with native threads.

    :raises errors.ConfigurationError: the port cannot be opened
    """
    conf.register_opts(metrics_options.OPTS, metrics_options.GROUP)
    if conf.metrics.port is None:
        return
    _make_directory()
    import prometheus_client

    recorder = Recorder()
    counters.connect(recorder.take)
    registry = prometheus_client.CollectorRegistry()
    registry.register(Collector(recorder))
    try:
        prometheus_client.start_http_server(
            conf.metrics.port, conf.metrics.host, registry
        )
    except OSError as error:
        raise _cannot_listen(
            conf.metrics.host, conf.metrics.port, error
        ) from error


def _make_directory() -> None:
    """Make the directory for the counters of all processes."""
    if _DIRECTORY not in os.environ:
        directory = tempfile.mkdtemp(prefix='glance-metrics-')
        # The library reads the variable when it is imported.
        os.environ[_DIRECTORY] = directory
        atexit.register(_remove, directory, os.getpid())


def _cannot_listen(
    host: str, port: int, error: OSError
) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f'[metrics] host {host}, port {port}: cannot listen there: '
        f'{error.strerror or error}'
    )


def _remove(directory: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)
