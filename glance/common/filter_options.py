"""Options of the filters of oslo.middleware.

They are the library's options, with the defaults of the image service and
with help texts that describe their effect in this service.
"""

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware.healthcheck import opts as health_opts

_HELP = {
    'allowed_origin': (
        'Origins whose pages may use the API from a browser, each '
        'PROTOCOL://HOST[:PORT], or * for all. Unset: none.'
    ),
    'allow_credentials': (
        'Whether pages of the allowed origins may send credentials.'
    ),
    'expose_headers': (
        'Response headers that pages of the allowed origins may read.'
    ),
    'max_age': (
        'Seconds that a browser may cache the response to a preflight request.'
    ),
    'allow_methods': 'Methods that pages of the allowed origins may use.',
    'allow_headers': (
        'Headers that pages of the allowed origins may send besides the '
        'simple headers of CORS.'
    ),
    'enable_proxy_headers_parsing': (
        'Use the headers Forwarded and X-Forwarded-* to find the URL that '
        'clients use. Set it only behind a proxy that sets or removes these '
        'headers.'
    ),
    'detailed': (
        'If true, the response contains the state of the peers, stack traces '
        'and versions. It needs no token, so do not use it on a public '
        'network.'
    ),
    'backends': (
        'Backends that decide whether the service is healthy, named as in '
        'oslo.middleware: disable_by_file, disable_by_files_ports, '
        'enable_by_files.'
    ),
    'disable_by_file_path': (
        'File of disable_by_file: while it exists, the response is 503.'
    ),
    'disable_by_file_paths': (
        'Files of disable_by_files_ports, each PORT:PATH.'
    ),
    'enable_by_file_paths': (
        'Files of enable_by_files: while one is missing, the response is 503.'
    ),
    'allowed_source_ranges': (
        'Networks whose requests are answered by the health check. Empty: '
        'all networks.'
    ),
    'ignore_proxied_requests': (
        'If true, requests that came through a proxy are not handled by the '
        'health check.'
    ),
}

cors.set_defaults(
    expose_headers=[
        *('X-Image-Meta-Checksum', 'X-Auth-Token', 'X-Subject-Token'),
        *('X-Service-Token', 'X-OpenStack-Request-ID'),
    ],
    allow_methods=['GET', 'PUT', 'POST', 'DELETE', 'PATCH'],
    allow_headers=[
        *('Content-MD5', 'X-Image-Meta-Checksum', 'X-Storage-Token'),
        *('Accept-Encoding', 'X-Auth-Token', 'X-Identity-Status', 'X-Roles'),
        *('X-Service-Catalog', 'X-User-Id', 'X-Tenant-Id'),
        'X-OpenStack-Request-ID',
    ],
)


def _explained(*opts: cfg.Opt) -> list[cfg.Opt]:
    """Replace the help of the options.

    The library's own objects are changed, because oslo.config refuses a
    second option with the same name and another help.
    """
    for opt in opts:
        opt.help = _HELP.get(opt.dest, opt.help)
    return list(opts)


#: Group ``[cors]``.
CORS = _explained(*cors.OPTS)
#: Group ``[oslo_middleware]``.
PROXY = _explained(*http_proxy_to_wsgi.OPTS)
#: Group ``[healthcheck]``; options of the paste section win.
HEALTH = _explained(
    *health_opts.HEALTHCHECK_OPTS,
    *health_opts.DISABLE_BY_FILE_OPTS,
    *health_opts.DISABLE_BY_FILES_OPTS,
    *health_opts.ENABLE_BY_FILES_OPTS,
)
