"""Options of the cache of image data."""

from oslo_config import cfg

GIB = 1024**3
OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        'image_cache_dir',
        help=(
            'Directory of the image cache, on a disk of this host. The '
            'service creates it if it does not exist. Unset: there is no '
            'cache, and requests to /v2/cache get 404. A cache of upstream '
            'Glance in the directory is used after its hashes were checked.'
        ),
    ),
    cfg.BoolOpt(
        'image_cache_enabled',
        default=False,
        help=(
            'Serve downloads through the image cache, as with the filter '
            '"cache" in the paste file (flavors *+caching and '
            '*+cachemanagement). Needs image_cache_dir. Not in upstream '
            'Glance.'
        ),
    ),
    cfg.StrOpt(
        'image_cache_driver',
        default='centralized_db',
        choices=['centralized_db', 'sqlite', 'xattr'],
        ignore_case=True,
        help=(
            'centralized_db: tell glance-registry which images this host '
            'has, so that GET /v2/cache/nodes/{image_id} works, and remove '
            'images that were deleted on other hosts. sqlite, xattr: do '
            'not. In all cases the facts are in image_cache_sqlite_db.'
        ),
    ),
    cfg.StrOpt(
        'image_cache_sqlite_db',
        default='cache.db',
        help=(
            'SQLite file with the facts about cached images, relative to '
            'image_cache_dir. If it is lost, it is made again from the '
            'files.'
        ),
    ),
    cfg.IntOpt(
        'image_cache_max_size',
        default=10 * GIB,
        min=0,
        help=(
            'Maximum size of the image cache in bytes. Before more is '
            'written, the least recently used images are removed, except '
            'those that are being read. Larger images are not cached.'
        ),
    ),
    cfg.IntOpt(
        'image_cache_stall_time',
        default=86400,
        min=0,
        help=(
            'Age in seconds at which cleaning removes images that were '
            'cached only in part and are not read. Data with a wrong hash '
            'is removed at this age without cleaning.'
        ),
    ),
    cfg.FloatOpt(
        'cache_prefetcher_interval',
        default=300,
        min=1,
        help=(
            'Seconds between two looks for queued images. An image that is '
            'queued by a request to this service is fetched at once.'
        ),
    ),
    cfg.StrOpt(
        'worker_self_reference_url',
        help=(
            'URL of glance-api on this very host, at which the other hosts '
            'reach it. They hand imports of data that was staged here to it, '
            'unless the hosts share the directory for staged data; unset: '
            'public_endpoint. GET /v2/cache/nodes/{image_id} shows it; '
            'unset: http://HOSTNAME:bind_port.'
        ),
    ),
]
