"""Options of the group ``[metrics]``."""

from oslo_config import cfg

GROUP = 'metrics'
OPTS: list[cfg.Opt] = [
    cfg.HostAddressOpt(
        'host',
        default='127.0.0.1',
        help=(
            'Address on which the metrics of the daemon are served. They need '
            'no token, so use an address that only the monitoring reaches. A '
            'change needs a restart. Not in upstream Glance.'
        ),
    ),
    cfg.PortOpt(
        'port',
        help=(
            'Port on which the metrics of the daemon are served, as '
            'Prometheus reads them, with every path. Unset: no metrics are '
            'collected. The option has no effect under another WSGI server. A '
            'change needs a restart. Not in upstream Glance.'
        ),
    ),
]
BY_PROJECT: list[cfg.Opt] = [
    cfg.BoolOpt(
        'by_project',
        default=False,
        help=(
            'Whether the numbers of images and of their bytes are given for '
            'each project, in the label tenant_id. Not in upstream Glance.'
        ),
    ),
    cfg.IntOpt(
        'images_interval_seconds',
        default=60,
        min=1,
        help=(
            'For how long a process gives the same numbers of images before '
            'it counts them again. Counting reads an index of all images: 20 '
            'ms for 100,000 of them. Not in upstream Glance.'
        ),
    ),
]
