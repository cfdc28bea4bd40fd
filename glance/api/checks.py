"""What makes programs with the options of glance-api refuse to start.

The daemons meet these checks one by one while they build their parts.
``glance-manage config check`` calls them all, through the entry points of the
group ``glance.value_checks``.
"""

from collections.abc import Iterator
import pathlib

from oslo_config import cfg

from glance import api
from glance.api import caching
from glance.api import importing
from glance.api import parts
from glance.api import registry_access
from glance.api import storage
from glance.common import errors
from glance.common import pacing
from glance.common import pipeline
from glance.common import refusals

_PASTE_FILE = pathlib.Path(api.__file__).with_name('glance-api-paste.ini')


def of_api(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield the reasons for which glance-api would refuse its values."""
    return refusals.find(
        conf,
        (
            refusals.require_key_pair,
            registry_access.check,
            storage.check,
            parts.staged,
            parts.check_notifier,
            _limits,
            caching.check,
            _plugins,
            importing.download_proxies,
            _filters,
        ),
    )


def of_scrubber(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield the reasons for which glance-scrubber would refuse its values."""
    return refusals.find(
        conf,
        (registry_access.check, storage.check, parts.staged, verify_window),
    )


def of_cache(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield the reasons for which the programs of the cache would refuse.

    A site without a cache has their file, too, and does not run them.
    """
    if not conf.image_cache_dir:
        return iter(())
    return refusals.find(conf, (registry_access.check, storage.check))


def verify_window(conf: cfg.ConfigOpts) -> pacing.Window | None:
    """The part of the day in which images are verified; None for all of it.

    :raises errors.ConfigurationError: verify_window is wrong
    """
    if not conf.verify_window:
        return None
    try:
        return pacing.window(conf.verify_window)
    except ValueError as error:
        raise errors.ConfigurationError(
            f'verify_window (--window) in [DEFAULT]: {error}'
        ) from error


def _plugins(conf: cfg.ConfigOpts) -> None:
    importing.chain(conf, parts.format_rules(conf))


def _filters(conf: cfg.ConfigOpts) -> None:
    pipeline.check_filters(conf, 'glance-api', str(_PASTE_FILE))


def _limits(conf: cfg.ConfigOpts) -> None:
    """Declare the options of oslo.limit that are checked, and check them."""
    if not conf.use_keystone_limits:
        return
    names = ('auth_type', 'timeout', *parts.LIMIT_ENDPOINT)
    conf.register_opts([cfg.StrOpt(name) for name in names], 'oslo_limit')
    parts.check_limits(conf)
