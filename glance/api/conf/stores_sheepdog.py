"""Options of stores in a Sheepdog cluster."""

from oslo_config import cfg

OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'sheepdog_store_address',
        deprecated_group='DEFAULT',
        default='127.0.0.1',
        help=(
            'Host name or address of a sheep daemon of the cluster. Locations '
            'contain it, and those with another address are not read.'
        ),
    ),
    cfg.PortOpt(
        'sheepdog_store_port',
        deprecated_group='DEFAULT',
        default=7000,
        help='Port of the sheep daemon. Locations contain it.',
    ),
    cfg.IntOpt(
        'sheepdog_store_chunk_size',
        deprecated_group='DEFAULT',
        default=64,
        min=1,
        help=(
            'MiB of an upload that are sent at once, as objects of usually 4 '
            'MiB, each over a connection of its own. At most 8 objects are '
            'sent at once.'
        ),
    ),
]
