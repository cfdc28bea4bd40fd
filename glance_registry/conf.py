"""Options that only glance-registry has; and its share of the common ones."""

from oslo_config import cfg
from oslo_db import options as db_options

from glance.common import config
from glance.common import middleware

DEFAULT_PORT = 9191


def register(conf: cfg.ConfigOpts) -> None:
    for group, opts in list_opts():
        conf.register_opts(opts, group=group)


def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
    """For oslo-config-generator and for :func:`register`."""
    return [
        (None, [*config.server_opts(DEFAULT_PORT), *middleware.OPTS]),
        ('paste_deploy', config.paste_deploy_opts()),
        ('database', list(db_options.database_opts)),
    ]
