"""Options of glance-registry: its own ones, and those that it shares."""

from oslo_config import cfg
from oslo_db import options as db_options

from glance.common import config
from glance.common import filter_options
from glance.common import login_options
from glance.common import metrics_options
from glance.common import middleware

DEFAULT_PORT = 9191

_TRANSFERS: list[cfg.Opt] = [
    cfg.IntOpt(
        'transfer_lease_seconds',
        default=60,
        min=3,
        help=(
            'Seconds without a renewal of its lease after which an upload '
            'counts as broken (for instance because its glance-api died) and '
            'its image is queued again. A running upload renews its lease '
            'three times in this period. Not in upstream Glance.'
        ),
    ),
]

#: Options that only glance-manage reads.
_MANAGE: list[cfg.Opt] = [
    cfg.StrOpt(
        'metadata_source_path',
        sample_default='/etc/glance/metadefs/',
        help=(
            'Directory with files of metadata definitions, for "db '
            'load_metadefs" and "db export_metadefs". Unset: '
            '/etc/glance/metadefs; if that does not exist, definitions are '
            'loaded from share/glance/metadefs below the prefix of the '
            'installation.'
        ),
    ),
]


#: Our defaults for a worker: max_pool_size is the max number of concurrent
#: writes, and half of it that of reads. The library's defaults keep 5
#: connections, and close up to 50 further ones after one call; this used 47 %
#: of the CPU at 32 clients. A process computes one response at a time, so
#: more connections only add costs: with two workers, 12 connections used 6.7
#: to 8 ms of CPU per mixed call, and 4 connections 5.3 to 6 ms. A request
#: that waits longer than ``pool_timeout`` gets a 503 with Retry-After.
POOL_DEFAULTS = {'max_pool_size': 4, 'max_overflow': 0, 'pool_timeout': 10}


def register(conf: cfg.ConfigOpts) -> None:
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)
    for name, value in POOL_DEFAULTS.items():
        conf.set_default(name, value, group='database')


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """Return options for oslo-config-generator and :func:`register`."""
    return [
        (
            None,
            [
                *config.server_opts(DEFAULT_PORT),
                *middleware.OPTS,
                *_TRANSFERS,
            ],
        ),
        ('paste_deploy', config.paste_deploy_opts()),
        ('healthcheck', filter_options.HEALTH),
        ('database', list(db_options.database_opts)),
        (
            metrics_options.GROUP,
            [*metrics_options.OPTS, *metrics_options.BY_PROJECT],
        ),
        (login_options.GROUP, login_options.REGISTRY_OPTS),
    ]


def register_manage(conf: cfg.ConfigOpts) -> None:
    """Register the options that glance-manage reads."""
    for group, opts in list_manage_opts():
        conf.register_opts(opts, group=group)


def list_manage_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """Return options for oslo-config-generator and :func:`register_manage`."""
    return [
        (None, _MANAGE),
        ('database', list(db_options.database_opts)),
    ]
