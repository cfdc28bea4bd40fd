"""``glance-manage db migrate_location``: move image data to another store.

glance-manage starts this program, because it needs the stores and the
configuration of glance-api, which glance-registry does not have.
"""

import collections
import importlib.metadata
import json
import signal
import socket
import sys
import threading
import uuid

from oslo_config import cfg
from oslo_log import log as oslo_log

from glance import registry_client
from glance.api import conf as api_conf
from glance.api import importing
from glance.api import parts
from glance.api import registry_access
from glance.api import storage
from glance.common import config
from glance.common import errors
from glance.common import pacing
from glance.common import progress
from glance.images import access
from glance.images import copies
from glance.images import key_manager
from glance.images import leftovers
from glance.images import limits
from glance.images import readings
from glance.images import staging
from glance.images import transfers
from glance.images import upload
from glance.images.importing import plugins
from glance.notifications import notifier as notifications
from glance.store import named
from glance.store import stores
from glance.tasks import image_import
from glance.tasks import moving
from glance.tasks import records
from glance.tasks import tokens

#: Exit code if an image could not be moved.
EXIT_FAILED = 1
#: What can come of an image; see moving.Result.
_OUTCOMES = ('moved', 'copied', 'present', 'failed')
FLAGS: list[cfg.Opt] = [
    cfg.StrOpt(
        'from',
        dest='old_store',
        required=True,
        help='The id of the store that has the data.',
    ),
    cfg.StrOpt(
        'to',
        dest='new_store',
        required=True,
        help='The id of the store that gets the data.',
    ),
    cfg.BoolOpt(
        'delete',
        default=False,
        help=(
            'Remove the data in the old store after the copy was read back '
            'and compared.'
        ),
    ),
    cfg.FloatOpt(
        'rate', min=0.001, help='Max MB per second; unset: no limit.'
    ),
    cfg.BoolOpt(
        'dry-run', default=False, help='Show the images, and change nothing.'
    ),
    cfg.BoolOpt(
        'quiet',
        default=False,
        help=f'{progress.QUIET.capitalize()}.',
    ),
    cfg.BoolOpt(
        'json', default=False, help='Write the result as one JSON object.'
    ),
    cfg.MultiStrOpt(
        'image_ids',
        positional=True,
        default=[],
        help='The images to move; none: all that have data in the old store.',
    ),
]


def main() -> int:
    """Run the program; return its exit code."""
    return config.run_main(_run)


def _run() -> int:
    conf = cfg.CONF
    api_conf.register(conf)
    conf.register_cli_opts(FLAGS)
    oslo_log.register_options(conf)
    conf.set_default('use_stderr', True)
    version = importlib.metadata.version('glance-split')
    config.load(
        conf,
        sys.argv[1:],
        'glance-api',
        version,
        description=__doc__.splitlines()[0],
    )
    storage.register(conf)
    registry, store = registry_access.client(conf), storage.from_conf(conf)
    old, new = chosen(conf, store)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        return Move(conf, registry, store, old, new, stopped).run()
    except pacing.Stopped:
        sys.stderr.write('Stopped; the next run continues.\n')
        return EXIT_FAILED
    except errors.Error as error:
        sys.stderr.write(f'ERROR: {error}\n')
        return config.EXIT_REFUSED


def chosen(
    conf: cfg.ConfigOpts, store: stores.Stores
) -> tuple[named.Named, named.Named]:
    """Return the old and the new store.

    :raises errors.ConfigurationError: they cannot be used
    """
    if not store.is_named:
        raise errors.ConfigurationError(
            'Data can be moved only between stores of [DEFAULT] '
            'enabled_backends, which is not set.'
        )
    for name in (conf.old_store, conf.new_store):
        if name not in store.ids:
            raise errors.ConfigurationError(
                f'There is no store {name}; enabled_backends has '
                f'{", ".join(store.ids)}.'
            )
    old, new = store.get(conf.old_store), store.get(conf.new_store)
    if old is new:
        raise errors.ConfigurationError(
            '--from and --to must be different stores.'
        )
    if old.is_same_place(new):
        raise errors.ConfigurationError(
            f'The stores {old.id} and {new.id} keep their data in the same '
            'place, so there is nothing to move.'
        )
    if new.is_read_only:
        raise errors.ConfigurationError(
            f'The store {new.id} is read-only; no data can be moved to it.'
        )
    return old, new


class Move:
    """One run of the command."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        registry: registry_client.RegistryClient,
        store: stores.Stores,
        old: named.Named,
        new: named.Named,
        stopped: threading.Event,
    ) -> None:
        self._conf = conf
        self._registry = registry
        self._store = store
        self._old, self._new = old, new
        self._stopped = stopped
        rate = conf.rate and conf.rate * 1_000_000
        self._pace = pacing.Pace(rate, None, stopped)
        self._bar: progress.Progress | None = None
        self._left = leftovers.Leftovers(registry, store, socket.gethostname())

    def run(self) -> int:
        """Move the images; return the exit code."""
        self._require_working()
        mover = self._mover()
        mover.require_working()
        planned = list(mover.plan(self._conf.image_ids))
        total = sum(each.copy_bytes for each in planned)
        self._sum_up(
            {'images': len(planned), 'bytes': total},
            f'{len(planned)} images in {self._old.id}; {total} bytes to copy '
            f'to {self._new.id}',
            is_result=self._conf.dry_run,
        )
        if self._conf.dry_run:
            if not self._conf.json and not self._conf.quiet:
                for each in planned:
                    print(f'{each.image_id}: {each.copy_bytes} bytes to copy')
            return 0
        counts: collections.Counter[str] = collections.Counter()
        self._bar = progress.Progress('B', total, is_quiet=self._conf.quiet)
        try:
            for each in planned:
                self._pace.take(0)
                result = mover.move(each.image_id)
                counts[result.outcome] += 1
                self._tell(result)
        finally:
            self._bar.close()
            self._left.forget_removed()
        self._sum_up(
            {name: counts[name] for name in _OUTCOMES},
            f'{counts["moved"]} moved, {counts["copied"]} copied, '
            f'{counts["present"]} had nothing to do, '
            f'{counts["failed"]} failed',
        )
        return EXIT_FAILED if counts['failed'] else 0

    def _sum_up(
        self, document: dict[str, int], text: str, is_result: bool = True
    ) -> None:
        """Print a summary, as a text or, if it is the result, as JSON."""
        if self._conf.json:
            if is_result:
                print(json.dumps(document))
        elif not self._conf.quiet:
            print(text)

    def _require_working(self) -> None:
        """:raises errors.Error: a store does not work"""
        for each in (self._old, self._new):
            if each.trouble is not None:
                raise errors.StoreUnavailable(
                    f'The store {each.id} is down: {each.trouble}'
                )

    def _tell(self, result: moving.Result) -> None:
        detail = f': {result.detail}' if result.detail else ''
        text = f'{result.image_id}: {result.outcome}{detail}'
        if self._conf.json:
            if result.outcome == 'failed':
                sys.stderr.write(f'{text}\n')
        elif self._bar is not None and (
            not self._conf.quiet or result.outcome == 'failed'
        ):
            self._bar.say(text)

    def _observe(self, size_bytes: int) -> None:
        """:raises errors.Unavailable: the program is to end"""
        try:
            self._pace.take(size_bytes)
        except pacing.Stopped as error:
            raise errors.Unavailable(
                'glance-manage was stopped; its next run continues.'
            ) from error
        if self._bar is not None:
            self._bar.add(size_bytes)

    def _mover(self) -> moving.Mover:
        conf, node = self._conf, socket.gethostname()
        running = transfers.Transfers(self._registry, node=node)
        tasks = records.Records(
            conf.task.task_time_to_live, notifications.NoNotifier()
        )
        return moving.Mover(
            self._registry,
            self._store,
            old=self._old,
            new=self._new,
            deletes=conf.delete,
            importer=self._importer(running, tasks),
            copies=copies.Copies(self._registry, self._store, self._left),
            reader=readings.Reader(
                self._store, self._pace, conf.hashing_algorithm
            ),
            running=running,
            tasks=tasks,
            node=node,
            holder=str(uuid.uuid4()),
            stopped=self._stopped,
        )

    def _importer(
        self, running: transfers.Transfers, tasks: records.Records
    ) -> image_import.Importer:
        """The importer of glance-api, without the limits of users."""
        conf, nobody = self._conf, notifications.NoNotifier()
        unlimited = limits.NoLimits()
        directory = storage.read(conf).staging or '/nonexistent'
        return image_import.Importer(
            self._registry,
            self._store,
            uploads=upload.Uploads(
                self._registry,
                running=running,
                left=self._left,
                keys=key_manager.Keys(conf),
                unified=unlimited,
                notifier=nobody,
                options=upload.Options(
                    rules=parts.format_rules(conf),
                    size_cap_bytes=sys.maxsize,
                    hash_name=conf.hashing_algorithm,
                ),
            ),
            running=running,
            left=self._left,
            staged=staging.Directory(directory),
            client=importing.download_client(conf),
            notifier=nobody,
            tasks=tasks,
            limits_of=unlimited.limits_of,
            chain=plugins.Chain(()),
            secrets=tokens.Tokens(),
            access=access.of(self._registry, self._store),
            options=image_import.Options(importing.download_limits(conf)),
            observe=self._observe,
        )


if __name__ == '__main__':
    sys.exit(main())
