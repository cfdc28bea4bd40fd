"""Options of downloads, and of plug-ins on uploads."""

from oslo_config import cfg

#: Options next to image_import_plugins.
UPLOADS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'plugins_on_upload',
        default=False,
        help=(
            'Run the plug-ins also on data that clients upload with PUT '
            '.../file. Not in upstream Glance.'
        ),
    ),
]

DOWNLOADS: list[cfg.Opt] = [
    cfg.StrOpt(
        'http_proxy',
        help=(
            'URL of the proxy for http:// URLs that are imported, such as '
            'http://proxy.example.org:3128. The environment variables of this '
            'name are not read. Not in upstream Glance.'
        ),
    ),
    cfg.StrOpt(
        'https_proxy',
        help=(
            'URL of the proxy for https:// URLs that are imported. Not in '
            'upstream Glance.'
        ),
    ),
    cfg.ListOpt(
        'no_proxy',
        default=[],
        help=(
            'Hosts that are asked without a proxy: names, domains, addresses '
            'and networks, each also with a port; * is every host. Not in '
            'upstream Glance.'
        ),
    ),
    cfg.IntOpt(
        'tries',
        default=5,
        min=1,
        max=100,
        help=(
            'Tries in a row that may bring no data before a download fails. '
            'The pauses between them grow from 1 to 30 seconds. Not in '
            'upstream Glance.'
        ),
    ),
    cfg.IntOpt(
        'min_bytes_per_second',
        default=16 * 1024,
        min=0,
        help=(
            'A download that is slower on average, after its first minute, '
            'fails. Not in upstream Glance.'
        ),
    ),
    cfg.FloatOpt(
        'timeout',
        default=60.0,
        min=0.1,
        help=(
            'Seconds in which a web server has to send the head of its '
            'response, or the next 64 KiB; then the download is tried again. '
            'Not in upstream Glance.'
        ),
    ),
]
