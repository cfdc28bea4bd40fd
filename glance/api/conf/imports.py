"""Options of staging and import."""

from oslo_config import cfg
from oslo_config import types

METHODS = ('glance-direct', 'web-download', 'copy-image', 'glance-download')

OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'enabled_import_methods',
        default=['glance-direct', 'web-download', 'copy-image'],
        item_type=types.String(choices=METHODS),
        bounds=True,
        help=(
            'Methods of import that clients may use, in brackets: '
            '[glance-direct,web-download]. [] turns import off.'
        ),
    ),
    cfg.StrOpt(
        'node_staging_uri',
        default='file:///tmp/staging/',
        help=(
            'Directory for staged data, as a file:// URL. All workers of the '
            'host use it. It is created when it is first needed. With '
            'enabled_backends, filesystem_store_datadir in '
            '[os_glance_staging_store] is used instead.'
        ),
    ),
    cfg.BoolOpt(
        'enable_image_import',
        default=True,
        deprecated_for_removal=True,
        deprecated_reason='enabled_import_methods = [] turns import off.',
        help='If false, there are no import methods.',
    ),
]

PLUGINS: list[cfg.Opt] = [
    cfg.ListOpt(
        'image_import_plugins',
        default=[],
        bounds=True,
        help=(
            'Plug-ins that change imported data, in order, in brackets: '
            'no_op, image_decompression, image_conversion, '
            'inject_image_metadata, and those that are installed under the '
            'entry point group glance.image_import.plugins. They are not '
            'used for copy-image.'
        ),
    ),
]

INJECTION: list[cfg.Opt] = [
    cfg.ListOpt(
        'ignore_user_roles',
        default=['admin'],
        help='inject_image_metadata does nothing for users with such a role.',
    ),
    cfg.DictOpt(
        'inject',
        default={},
        help=(
            'Properties that inject_image_metadata sets: NAME:VALUE with '
            'commas. They override those of the image.'
        ),
    ),
]

CONVERSION: list[cfg.Opt] = [
    cfg.StrOpt(
        'output_format',
        default='raw',
        choices=['qcow2', 'raw', 'vmdk'],
        help='Format to which image_conversion converts disks.',
    ),
]

DECOMPRESSION: list[cfg.Opt] = [
    cfg.IntOpt(
        'max_ratio',
        default=1000,
        min=1,
        help=(
            'Bytes to which image_decompression may unpack one byte, on '
            'average. Data that unpacks to more is refused. Not in upstream '
            'Glance.'
        ),
    ),
]

REMOTE: list[cfg.Opt] = [
    cfg.ListOpt(
        'extra_properties',
        default=['hw_', 'trait:', 'os_distro', 'os_secure_boot', 'os_type'],
        bounds=True,
        help=(
            'Beginnings of names of properties that glance-download copies '
            'from the image of the other region.'
        ),
    ),
]
