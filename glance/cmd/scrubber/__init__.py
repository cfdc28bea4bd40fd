"""glance-scrubber: remove the data of deleted images, verify the rest."""

from collections.abc import Callable, Iterator
import contextlib
import importlib.metadata
import logging
import signal
import socket
import sys
import threading

from oslo_config import cfg
from oslo_log import log as oslo_log

from glance import registry_client
from glance.api import checks as checks_of_values
from glance.api import conf as api_conf
from glance.api import known_settings
from glance.api import parts
from glance.api import registry_access
from glance.api import storage
from glance.api.conf import scrubber as options
from glance.cmd.scrubber import checks
from glance.common import config
from glance.common import errors
from glance.common import pacing
from glance.common import settings
from glance.common.server import metrics
from glance.images import integrity
from glance.images import leftovers
from glance.images import scrubbing
from glance.images import staging
from glance.images import transfers
from glance.store import stores

LOG = logging.getLogger(__name__)

NAME = 'glance-scrubber'
#: Exit code if work is left: data that was not removed or is not correct.
EXIT_LEFT = 2
DESCRIPTION = (
    'glance-scrubber removes the data of images that were deleted with '
    'delayed_delete, scrub_time seconds after their deletion, and data that '
    'processes left that died. It asks glance-registry for the work with the '
    'service user of [keystone_authtoken], and needs the same stores as '
    'glance-api. With --verify it compares the data of all images with their '
    'hashes and repairs copies; with --orphans it finds data without images '
    'and images without data. Several may run. Exit codes: 0 nothing is left '
    'to remove, no data is bad; 1 it could not work; 2 data stays or is bad, '
    'see the output and the log. Examples: glance-scrubber; glance-scrubber '
    '--daemon; glance-scrubber --restore IMAGE_ID; glance-scrubber --verify '
    '--rate 50 --window 01:00-05:00; glance-scrubber --orphans --delete'
)


def main() -> int:
    """Run the program; return its exit code."""
    return config.run_main(_run)


def _run() -> int:
    conf = cfg.CONF
    api_conf.register(conf)
    conf.register_opts(options.OPTS)
    conf.register_cli_opts(options.FLAGS)
    version = importlib.metadata.version('glance-split')
    oslo_log.register_options(conf)
    # The standard output is for scripts, so the log goes to stderr.
    conf.set_default('use_stderr', True)
    config.load(conf, sys.argv[1:], NAME, version, description=DESCRIPTION)
    _require_one_task(conf)
    storage.register(conf)
    declared = [(None, [*options.OPTS, *options.FLAGS])]
    checker = settings.Checker(
        conf, known_settings.TABLE, [*api_conf.list_opts(), *declared]
    )
    checker.report()
    checker.refuse()
    registry, store = registry_access.client(conf), storage.from_conf(conf)
    output = checks.Output(conf.json, conf.quiet)
    if conf.orphans:
        return _answer(
            lambda: checks.find_orphans(
                registry,
                store,
                grace_seconds=conf.orphan_grace_time,
                delete=conf.delete,
                even_if_most=conf.even_if_most,
                output=output,
            )
        )
    stopped = _stopped_by_signals(conf)
    verifier = _verifier(conf, registry, store, stopped)
    if conf.verify and not conf.daemon:
        return _answer(lambda: checks.verify(verifier, output))
    scrubber = _scrubber(conf, registry, store)
    if conf.restore:
        return _restore(scrubber, conf.restore)
    if not conf.daemon:
        return _pass(scrubber)
    metrics.serve_threads(conf)
    if conf.verify:
        with _beside(conf, verifier, stopped):
            return _run_daemon(scrubber, conf.wakeup_time, stopped)
    return _run_daemon(scrubber, conf.wakeup_time, stopped)


def _require_one_task(conf: cfg.ConfigOpts) -> None:
    """:raises errors.ConfigurationError: flags that cannot be combined"""
    if conf.restore and conf.daemon:
        raise errors.ConfigurationError(
            '--restore and --daemon exclude each other.'
        )
    if conf.orphans and (conf.daemon or conf.verify or conf.restore):
        raise errors.ConfigurationError(
            '--orphans cannot be used with --daemon, --verify or --restore.'
        )
    if conf.delete and not conf.orphans:
        raise errors.ConfigurationError('--delete needs --orphans.')
    if conf.even_if_most and not conf.delete:
        raise errors.ConfigurationError('--even-if-most needs --delete.')
    if conf.restore and conf.verify:
        raise errors.ConfigurationError(
            '--restore and --verify exclude each other.'
        )


def _scrubber(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
) -> scrubbing.Scrubber:
    node = socket.gethostname()
    return scrubbing.Scrubber(
        registry,
        store,
        leftovers.Leftovers(registry, store, node),
        node=node,
        keep_seconds=conf.scrub_time,
        pool_size=conf.scrub_pool_size,
        staged=staging.Sweeping(registry, parts.staged(conf)),
    )


def _verifier(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    stopped: threading.Event,
) -> integrity.Verifier:
    """:raises errors.ConfigurationError: verify_window is wrong"""
    window = checks_of_values.verify_window(conf)
    node = socket.gethostname()
    return integrity.Verifier(
        registry,
        store,
        running=transfers.Transfers(registry, node=node),
        node=node,
        pace=pacing.Pace(conf.verify_rate * 1_000_000, window, stopped),
        hash_name=conf.hashing_algorithm,
    )


def _answer(work: Callable[[], bool]) -> int:
    """Run the work; return the exit code.

    :param work: returns whether everything succeeded
    """
    try:
        return 0 if work() else EXIT_LEFT
    except errors.Error as error:
        sys.stderr.write(f'ERROR: {error}\n')
        return config.EXIT_REFUSED
    except pacing.Stopped:
        sys.stderr.write('Stopped before the end.\n')
        return config.EXIT_REFUSED


def _restore(scrubber: scrubbing.Scrubber, image_id: str) -> int:
    try:
        scrubber.restore(image_id)
    except errors.Error as error:
        sys.stderr.write(f'ERROR: {error}\n')
        return config.EXIT_REFUSED
    print(f'Image {image_id} is restored.')
    return 0


def _pass(scrubber: scrubbing.Scrubber) -> int:
    try:
        outcome = scrubber.run()
    except errors.Error as error:
        sys.stderr.write(f'ERROR: {error}\n')
        return config.EXIT_REFUSED
    LOG.info(
        'The data of %s deleted images was removed; that of %s could not be',
        *outcome,
    )
    return EXIT_LEFT if outcome.failed else 0


def _stopped_by_signals(conf: cfg.ConfigOpts) -> threading.Event:
    """An event that SIGTERM and SIGINT set, if the work runs until then."""
    stopped = threading.Event()
    if conf.daemon or conf.verify:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
    return stopped


@contextlib.contextmanager
def _beside(
    conf: cfg.ConfigOpts,
    verifier: integrity.Verifier,
    stopped: threading.Event,
) -> Iterator[None]:
    """Verify images in a thread while the body of ``with`` runs."""
    thread = threading.Thread(
        target=checks.verify_always,
        args=(
            verifier,
            conf.verify_interval,
            lambda: stopped.wait(conf.wakeup_time),
        ),
    )
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _run_daemon(
    scrubber: scrubbing.Scrubber,
    pause_seconds: float,
    stopped: threading.Event,
) -> int:
    """Make passes until stopped; a running pass is not interrupted."""
    while not stopped.is_set():
        _pass(scrubber)
        stopped.wait(pause_seconds)
    return 0


if __name__ == '__main__':
    sys.exit(main())
