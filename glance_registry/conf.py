"""Options that only glance-registry has; and its share of the common ones."""

from oslo_config import cfg
from oslo_db import options as db_options

from glance.common import config
from glance.common import edge
from glance.common import middleware

DEFAULT_PORT = 9191

_TRANSFERS: list[cfg.Opt] = [
    cfg.IntOpt(
        'transfer_lease_seconds',
        default=60,
        min=3,
        help='Ours: how long an upload may give no sign of life before its '
        'image is queued again, as when a glance-api dies. Running ones '
        'give one every third of it.',
    ),
]


#: Connections that a worker keeps. With the library's 5, a worker that
#: serves 32 clients opens and closes one per call, which is 47 % of its CPU
#: (doc/performance.md).
POOL_SIZE = 16


def register(conf: cfg.ConfigOpts) -> None:
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)
    conf.set_default('max_pool_size', POOL_SIZE, group='database')


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
    ]
