"""Options of the stores, and of the servers that requests may go to."""

from oslo_config import cfg

from glance.api.conf import stores_gridfs
from glance.api.conf import stores_rbd
from glance.api.conf import stores_s3
from glance.api.conf import stores_sheepdog
from glance.api.conf import stores_swift

ENABLED: list[cfg.Opt] = [
    cfg.DictOpt(
        'enabled_backends',
        help=(
            'Stores as ID:TYPE with commas, for instance '
            'fast:file,cheap:file. Each one has its options in a section '
            'with its id as the name; [backend_defaults] has those that are '
            'the same in all. Types: as in stores of [glance_store]. If it '
            'is not set, there is a single store, that of [glance_store].'
        ),
    ),
]
LOST: list[cfg.Opt] = [
    cfg.ListOpt(
        'lost_stores',
        default=[],
        help=(
            'Ids of stores, or schemes of their URLs, that do not exist '
            'any more. Data of deleted images there counts as removed. Data '
            'in other stores that are not configured stays pending, and its '
            'removal is tried again, until a daemon has the store. Not in '
            'upstream Glance.'
        ),
    ),
]

_GENERAL: list[cfg.Opt] = [
    cfg.ListOpt(
        'stores',
        default=['file', 'http'],
        help=(
            'Types of stores to use, if enabled_backends is not set: file, '
            'gridfs, http, rbd, s3, sheepdog, swift.'
        ),
    ),
    cfg.StrOpt(
        'default_store',
        deprecated_group='DEFAULT',
        default='file',
        help='Scheme of the store to which new image data is written.',
    ),
    cfg.StrOpt(
        'default_backend',
        help=(
            'Id of the store to which new image data is written, one of '
            'enabled_backends. Ignored if that is not set.'
        ),
    ),
]

_HTTP: list[cfg.Opt] = [
    cfg.BoolOpt(
        'https_insecure',
        deprecated_group='DEFAULT',
        default=False,
        help=(
            'If true, the certificates of web servers with image data are '
            'not verified. (The default of upstream Glance is true.) '
            'Ignored if https_ca_certificates_file is set.'
        ),
    ),
    cfg.StrOpt(
        'https_ca_certificates_file',
        deprecated_group='DEFAULT',
        help=(
            'File of CA certificates that verify the certificates of web '
            'servers with image data; unset: those of the system.'
        ),
    ),
    cfg.DictOpt(
        'http_proxy_information',
        default={},
        help=(
            'Proxies through which web servers with image data are asked, '
            'as SCHEME:HOST:PORT with commas, for instance '
            'http:10.0.0.1:3128,https:10.0.0.1:3128. A scheme without a proxy '
            'is asked directly.'
        ),
    ),
]


_FILE: list[cfg.Opt] = [
    cfg.StrOpt(
        'filesystem_store_datadir',
        deprecated_group='DEFAULT',
        default='/var/lib/glance/images',
        help=(
            'Directory of the file store. The service creates it if it '
            'does not exist.'
        ),
    ),
    cfg.MultiStrOpt(
        'filesystem_store_datadirs',
        default=[],
        help=(
            'Directories of the file store, each as PATH or PATH:PRIORITY; '
            'repeat the option. New data goes to the directory with the '
            'highest priority that has room for it. It is used instead of '
            'filesystem_store_datadir, which must not be set then.'
        ),
    ),
    cfg.StrOpt(
        'filesystem_store_metadata_file',
        help=(
            'JSON file with an object, or a list of objects, that have the '
            'texts id and mountpoint. Such an object becomes the metadata of '
            'locations below its mountpoint, for services that read image '
            'files directly.'
        ),
    ),
    cfg.IntOpt(
        'filesystem_store_file_perm',
        deprecated_group='DEFAULT',
        default=0,
        min=0,
        help=(
            'Mode of image files in octal digits; 0 means 640. The owner '
            'must have the permission to read.'
        ),
    ),
    cfg.BoolOpt(
        'filesystem_thin_provisioning',
        default=False,
        help=(
            'Store runs of zeros as holes, which use no disk space. This '
            'costs CPU time, because each byte is compared.'
        ),
    ),
    cfg.BoolOpt(
        'filesystem_store_direct_io',
        default=True,
        help=(
            'Write image files without the page cache if the file system '
            'supports it and is local. False: uploads need up to 50 % more '
            'CPU time and wait for a flush at their end. Not in upstream '
            'Glance.'
        ),
    ),
    cfg.IntOpt(
        'filesystem_store_warm_percent',
        default=20,
        min=0,
        max=90,
        help=(
            'Percentage of the available memory (MemAvailable) that each '
            'worker may fill with image files while they are uploaded, so '
            'that their first download does not wait for the disk. A larger '
            'file is read only so far. 0: no file is read. Not used without '
            'filesystem_store_direct_io. Not in upstream Glance.'
        ),
    ),
]

#: Type of a store -> its options.
BY_KIND: dict[str, list[cfg.Opt]] = {
    'file': _FILE,
    'http': _HTTP,
    'gridfs': stores_gridfs.OPTS,
    'rbd': stores_rbd.OPTS,
    's3': stores_s3.OPTS,
    'sheepdog': stores_sheepdog.OPTS,
    'swift': stores_swift.OPTS,
}
STORE: list[cfg.Opt] = [
    *_GENERAL,
    *(option for group in BY_KIND.values() for option in group),
]

#: Further options of every section of enabled_backends.
NAMED: list[cfg.Opt] = [
    cfg.StrOpt(
        'store_description',
        help='Text for users, shown by GET /v2/info/stores.',
    ),
    cfg.IntOpt(
        'weight',
        default=0,
        help='Stores with a higher weight are read first.',
    ),
]


def reserved(name: str) -> list[cfg.Opt]:
    """Options of a directory that only the service itself uses."""
    return [
        cfg.StrOpt(
            'filesystem_store_datadir',
            default=f'/var/lib/glance/{name}',
            help=(
                'Directory of the service itself, used if enabled_backends '
                'is set. No store may have it.'
            ),
        )
    ]


_OF_HOSTS = (
    ' This applies to every server that a location or an import names, also '
    'after a redirect.'
)
FILTERING: list[cfg.Opt] = [
    cfg.ListOpt(
        'allowed_schemes',
        default=['http', 'https'],
        help='URL schemes to which requests are sent.' + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_schemes',
        default=[],
        help='URL schemes that may not; not used with allowed_schemes.',
    ),
    cfg.ListOpt(
        'allowed_hosts',
        default=[],
        help=(
            'The only hosts to which requests are sent, even if they are '
            'on this machine. Empty: all hosts except those with loopback, '
            'link-local and multicast addresses.'
        )
        + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_hosts',
        default=[],
        help='Hosts and addresses that may not; not used with allowed_hosts.',
    ),
    cfg.ListOpt(
        'allowed_ports',
        default=['80', '443'],
        help='Ports that may be asked, written in the URL or not.' + _OF_HOSTS,
    ),
    cfg.ListOpt(
        'disallowed_ports',
        default=[],
        help='Ports that may not; not used with allowed_ports.',
    ),
]
