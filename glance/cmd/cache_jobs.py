"""glance-cache-prefetcher, -pruner and -cleaner: one pass over a cache.

glance-api does this work itself. The programs exist because crontabs of
older releases call them.
"""

from collections.abc import Callable
import importlib.metadata
import logging
import sys

from oslo_config import cfg

from glance.api import caching
from glance.api import conf as api_conf
from glance.api import registry_access
from glance.api import storage
from glance.cache import filler
from glance.cache import images
from glance.cache import upkeep
from glance.common import config
from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)

_READ = ('glance-api', 'glance-cache')
_WAIT_SECONDS = 0.05
_COMMON = (
    'glance-api does this by itself, so that no crontab needs it. It reads '
    'glance.conf, glance-api.conf and glance-cache.conf, each from the first '
    'of ~/.glance, ~, /etc/glance and /etc that has it, unless --config-file '
    'names others. Run it as the user of glance-api. Exit codes: 0 done; 1 '
    'image_cache_dir is not set or cannot be used. Example: {} '
    '--config-file /etc/glance/glance-api.conf'
)


def prefetch() -> int:
    """Run glance-cache-prefetcher."""
    return _main(
        'glance-cache-prefetcher',
        'glance-cache-prefetcher fetches all queued images into the image '
        'cache of this host, unless another process fetches them now. '
        'Images that cannot be fetched are logged.',
        _prefetch,
    )


def prune() -> int:
    """Run glance-cache-pruner."""
    return _main(
        'glance-cache-pruner',
        'glance-cache-pruner removes the least recently used images from the '
        'image cache of this host until it is not larger than '
        'image_cache_max_size. Images that are being read stay.',
        _prune,
    )


def clean() -> int:
    """Run glance-cache-cleaner."""
    return _main(
        'glance-cache-cleaner',
        'glance-cache-cleaner removes data with a wrong hash from the image '
        'cache of this host, and images that were cached only in part and '
        'not used for image_cache_stall_time seconds.',
        _clean,
    )


def _main(
    name: str, description: str, work: Callable[[cfg.ConfigOpts], None]
) -> int:
    def run() -> int:
        conf = cfg.CONF
        api_conf.register(conf)
        config.load(
            conf,
            sys.argv[1:],
            name,
            importlib.metadata.version('glance-split'),
            default_config_files=_found(config.find_files),
            default_config_dirs=_found(_directories),
            description=description,
            epilog=_COMMON.format(name),
        )
        if not conf.image_cache_dir:
            raise errors.ConfigurationError(
                f'image_cache_dir in [DEFAULT] must be set for {name}.'
            )
        work(conf)
        return 0

    return config.run_main(run)


def _found(find: Callable[[str], list[str]]) -> list[str]:
    """The files or directories of both programs, without duplicates."""
    return list(dict.fromkeys(path for name in _READ for path in find(name)))


def _directories(prog: str) -> list[str]:
    directories: list[str] = cfg.find_config_dirs(config.PROJECT, prog)
    return directories


def _prefetch(conf: cfg.ConfigOpts) -> None:
    cache = caching.make(
        conf, registry_access.client(conf), storage.from_conf(conf)
    )
    assert cache is not None  # noqa: S101 - image_cache_dir is set
    left = cache.prefetcher.run()
    while filler.Filler.running:  # the last one may still rename its file
        threads.pause(_WAIT_SECONDS)
    if left:
        LOG.warning('%s images could not be fetched and stay queued', left)


def _prune(conf: cfg.ConfigOpts) -> None:
    pruned = caching.cached_images(conf).room.prune()
    LOG.info('Removed %s images (%s bytes) from the image cache', *pruned)


def _clean(conf: cfg.ConfigOpts) -> None:
    removed = _upkeep(conf, caching.cached_images(conf)).clean()
    LOG.info('Removed %s files from the image cache', removed)


def _upkeep(
    conf: cfg.ConfigOpts, cached: images.CachedImages
) -> upkeep.Upkeep:
    return upkeep.Upkeep(cached, conf.image_cache_stall_time)
