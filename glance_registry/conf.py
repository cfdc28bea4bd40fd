"""Options that only glance-registry has; and its share of the common ones."""

from oslo_config import cfg
from oslo_db import options as db_options

from glance.common import config
from glance.common import edge
from glance.common import login_options
from glance.common import middleware

DEFAULT_PORT = 9191

_TRANSFERS: list[cfg.Opt] = [
    cfg.IntOpt(
        'transfer_lease_seconds',
        default=60,
        min=3,
        help=(
            'Ours: seconds without a renewal of its lease after which an '
            'upload counts as broken (for instance because its glance-api '
            'died) and its image is queued again. A running upload renews '
            'its lease three times in this period.'
        ),
    ),
]


#: Defaults of ours for a worker: so many write at a time, half as many read.
#: The library's 5 kept and 50 more that are closed after one call were 47 %
#: of the CPU at 32 clients. And as one process computes one answer at a
#: time, more at once only cost: at two workers 12 took 6.7 to 8 ms of CPU a
#: mixed call where 4 took 5.3 to 6. Who waits longer than ``pool_timeout``
#: gets a 503 with Retry-After.
POOL_DEFAULTS = {'max_pool_size': 4, 'max_overflow': 0, 'pool_timeout': 10}


def register(conf: cfg.ConfigOpts) -> None:
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)
    for name, value in POOL_DEFAULTS.items():
        conf.set_default(name, value, group='database')


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """For oslo-config-generator and for :func:`register`."""
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
        ('healthcheck', edge.HEALTH_OPTS),
        ('database', list(db_options.database_opts)),
        (login_options.GROUP, login_options.REGISTRY_OPTS),
    ]
