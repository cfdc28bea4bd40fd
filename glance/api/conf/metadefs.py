"""Options of the catalogue of metadata definitions."""

from oslo_config import cfg

GROUP = 'metadefs'
OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'check_properties',
        default='off',
        choices=['off', 'warn', 'refuse'],
        help=(
            'Whether new values of properties of images are compared with '
            'the definitions of namespaces that are associated with '
            'OS::Glance::Image and that the caller sees. warn: a value that '
            'no definition allows is logged. refuse: it is answered with '
            '400. Changes of definitions by another process count after at '
            'most 30 seconds.'
        ),
    ),
]
