"""Filters at the outer edge: for browsers, behind proxies, for probes.

Paste files name the filters of oslo.middleware. That library holds 3.4 MiB
in a daemon and looks at every request, so the usual case is done here, and
the library is loaded only where a configuration asks for more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
import os
import re
from typing import Any

from oslo_config import cfg
import webob

from glance.common import authority
from glance.common import errors
from glance.common import health
from glance.common import wsgi

#: Headers of a proxy that may be lists.
_FORWARDED = (
    'HTTP_X_FORWARDED_HOST',
    'HTTP_X_FORWARDED_PROTO',
    'HTTP_X_FORWARDED_FOR',
    'HTTP_X_FORWARDED_PREFIX',
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+;=:@%-]+)*")
Environ = dict[str, Any]
Filter = Callable[[wsgi.WSGIApp], wsgi.WSGIApp]

#: Group ``[cors]``.
CORS_OPTS: list[cfg.Opt] = [
    cfg.ListOpt(
        'allowed_origin',
        help='Origins whose pages may use the API from a browser, each '
        'PROTOCOL://HOST[:PORT], or * for all. Unset: none.',
    ),
    cfg.BoolOpt(
        'allow_credentials',
        default=True,
        help='Whether pages of the allowed origins may send credentials.',
    ),
    cfg.ListOpt(
        'expose_headers',
        default=['X-Image-Meta-Checksum', 'X-Auth-Token', 'X-Subject-Token']
        + ['X-Service-Token', 'X-OpenStack-Request-ID'],
        help='Response headers that pages of the allowed origins may read.',
    ),
    cfg.IntOpt(
        'max_age',
        default=3600,
        min=0,
        help=(
            'Seconds that a browser may cache the response to a preflight '
            'request.'
        ),
    ),
    cfg.ListOpt(
        'allow_methods',
        default=['GET', 'PUT', 'POST', 'DELETE', 'PATCH'],
        help='Methods that pages of the allowed origins may use.',
    ),
    cfg.ListOpt(
        'allow_headers',
        default=['Content-MD5', 'X-Image-Meta-Checksum', 'X-Storage-Token']
        + ['Accept-Encoding', 'X-Auth-Token', 'X-Identity-Status', 'X-Roles']
        + ['X-Service-Catalog', 'X-User-Id', 'X-Tenant-Id']
        + ['X-OpenStack-Request-ID'],
        help=(
            'Headers that pages of the allowed origins may send besides '
            'the simple headers of CORS.'
        ),
    ),
]
#: Group ``[oslo_middleware]``.
PROXY_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'enable_proxy_headers_parsing',
        default=False,
        help=(
            'Use the headers Forwarded and X-Forwarded-* to find the URL '
            'that clients use. Set it only behind a proxy that sets or '
            'removes these headers.'
        ),
    ),
]
#: Group ``[healthcheck]``; options of the paste section win.
HEALTH_OPTS: list[cfg.Opt] = [
    cfg.BoolOpt(
        'detailed',
        default=False,
        help=(
            'If true, the response contains stack traces and versions. It '
            'needs no token, so do not use it on a public network.'
        ),
    ),
    cfg.ListOpt(
        'backends',
        default=[],
        help=(
            'Backends that decide whether the service is healthy, named as '
            'in oslo.middleware: disable_by_file, disable_by_files_ports, '
            'enable_by_files.'
        ),
    ),
    cfg.StrOpt(
        'disable_by_file_path',
        help='File of disable_by_file: while it exists, the response is 503.',
    ),
    cfg.ListOpt(
        'disable_by_file_paths',
        default=[],
        help='Files of disable_by_files_ports, each PORT:PATH.',
    ),
    cfg.ListOpt(
        'enable_by_file_paths',
        default=[],
        help='Files of enable_by_files: one of them must exist.',
    ),
    cfg.ListOpt(
        'allowed_source_ranges',
        default=[],
        help='Networks from which requests are accepted. Empty: all networks.',
    ),
    cfg.BoolOpt(
        'ignore_proxied_requests',
        default=False,
        help=(
            'If true, requests that came through a proxy are not handled '
            'by the health check.'
        ),
    ),
]


def cors_factory(options: wsgi.Options, **local: str) -> Filter:
    """Paste factory of the filter ``cors``."""
    values = _values(options, 'cors', CORS_OPTS, local)
    if not values['allowed_origin']:
        return answer_options
    from oslo_middleware import cors

    conf = _private('cors', cors.OPTS, values)
    return lambda app: cors.CORS(answer_options(app), conf)


def answer_options(app: wsgi.WSGIApp) -> wsgi.WSGIApp:
    """OPTIONS is 200 on every path, and tells nothing."""

    def answer(
        environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if environ['REQUEST_METHOD'] != 'OPTIONS':
            return app(environ, start_response)
        start_response('200 OK', [('Content-Length', '0')])
        return [b'']

    return answer


def proxy_factory(options: wsgi.Options, **local: str) -> Filter:
    """Paste factory of the filter ``http_proxy_to_wsgi``."""
    group = 'oslo_middleware'
    values = _values(options, group, PROXY_OPTS, local)
    if not values['enable_proxy_headers_parsing']:
        return lambda app: app
    from oslo_middleware import http_proxy_to_wsgi

    conf = _private(group, http_proxy_to_wsgi.OPTS, values)

    def believe(app: wsgi.WSGIApp) -> wsgi.WSGIApp:
        checked = functools.partial(_check_forwarded, app)
        filtered = http_proxy_to_wsgi.HTTPProxyToWSGI(checked, conf)
        return functools.partial(_use_first, filtered)

    return believe


def _use_first(
    app: wsgi.WSGIApp, environ: Environ, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Of a list, which several proxies make, the first is the client's."""
    for name in _FORWARDED:
        if name in environ:
            environ[name] = environ[name].partition(',')[0].strip()
    return app(environ, start_response)


def _check_forwarded(
    app: wsgi.WSGIApp, environ: Environ, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Refuse what is no address: it comes back in links."""
    host = environ.get('HTTP_HOST', '').strip('"')
    scheme = environ['wsgi.url_scheme'].strip('"').lower()
    prefix = environ['SCRIPT_NAME'].rstrip('/')
    if host:
        environ['HTTP_HOST'] = host
    environ['wsgi.url_scheme'], environ['SCRIPT_NAME'] = scheme, prefix
    if (
        (host and not authority.is_valid(host))
        or scheme not in ('http', 'https')
        or not _PREFIX.fullmatch(prefix)
    ):
        error = errors.BadRequest(
            'The header Forwarded or X-Forwarded-* is malformed: it needs a '
            'valid host, the protocol http or https, and a path that begins '
            'with /.'
        )
        refused = wsgi.public_error(wsgi.Request(environ), error)
        app = refused
    return app(environ, start_response)


def health_factory(options: wsgi.Options, **local: str) -> Filter:
    """Paste factory of the filter ``healthcheck``."""
    root = local.get('path', '/healthcheck')
    health = health_app_factory(options, **local)

    def health_filter(app: wsgi.WSGIApp) -> wsgi.WSGIApp:
        def choose(
            environ: Environ, start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            path: str = environ.get('PATH_INFO', '')
            asked = path == root or path.startswith(f'{root}/')
            return (health if asked else app)(environ, start_response)

        return choose

    return health_filter


def health_app_factory(options: wsgi.Options, **local: str) -> wsgi.WSGIApp:
    """Paste factory of the application ``healthcheck``."""
    values = _values(options, 'healthcheck', HEALTH_OPTS, local)
    asks_more = (
        values['detailed']
        or values['allowed_source_ranges']
        or values['ignore_proxied_requests']
        or set(values['backends']) - {'disable_by_file'}
    )
    if asks_more:
        return _library_health(values)
    return Health(values['disable_by_file_path'] if values['backends'] else '')


def _library_health(values: Mapping[str, Any]) -> wsgi.WSGIApp:
    from oslo_middleware import exceptions
    from oslo_middleware import healthcheck
    from oslo_middleware.healthcheck import opts
    from stevedore import extension

    known = [
        *opts.HEALTHCHECK_OPTS,
        *opts.DISABLE_BY_FILE_OPTS,
        *opts.DISABLE_BY_FILES_OPTS,
        *opts.ENABLE_BY_FILES_OPTS,
    ]
    conf = _private('healthcheck', known, values)
    try:
        app = healthcheck.Healthcheck(None, conf)
    except (ValueError, exceptions.ConfigInvalid) as error:
        raise errors.ConfigurationError(f'[healthcheck]: {error}') from error
    if values['detailed']:
        app._backends.extensions.append(
            extension.Extension(
                'peers',
                None,  # type: ignore[arg-type]  # it has no entry point
                _Peers,  # type: ignore[arg-type]
                _Peers(),  # type: ignore[arg-type]
            )
        )
    found: wsgi.WSGIApp = app
    return found


class _Peers:
    """A backend of the library that tells of peers and decides nothing."""

    def healthcheck(self, _port: int) -> Any:
        from oslo_middleware.healthcheck import pluginbase

        lines = '; '.join(health.details()) or 'OK'
        return pluginbase.HealthcheckResult(available=True, reason=lines)


class Health:
    """Says that the daemon serves, unless a file says that it shall not.

    :param disabled_by: the file; empty: there is none
    """

    def __init__(self, disabled_by: str | None) -> None:
        self._disabled_by = disabled_by

    def __call__(
        self, environ: Environ, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        disabled = bool(self._disabled_by) and os.path.exists(
            str(self._disabled_by)
        )
        response = self._answer(
            request, 'DISABLED BY FILE' if disabled else 'OK'
        )
        response.status_int = 503 if disabled else response.status_int
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _answer(self, request: webob.Request, reason: str) -> webob.Response:
        if request.method == 'HEAD':
            return webob.Response(status=204, content_type='text/plain')
        kinds = ('text/plain', 'application/json')
        offers = request.accept.acceptable_offers(kinds)
        if offers and offers[0][0] == 'application/json':
            return wsgi.json_response({'reasons': [reason], 'detailed': False})
        return webob.Response(
            text=reason, content_type='text/plain', charset='UTF-8'
        )


def _values(
    options: wsgi.Options,
    group: str,
    known: Sequence[cfg.Opt],
    local: Mapping[str, str],
) -> dict[str, Any]:
    """Options of a group, read as typed; those of the paste section win.

    :raises errors.ConfigurationError: a value is wrong
    """
    conf = wsgi.configuration(options)
    conf.register_opts(known, group=group)
    configured = {option.dest: conf[group][option.dest] for option in known}
    conf = _private(group, known, {**configured, **local})
    return {option.dest: conf[group][option.dest] for option in known}


def _private(
    group: str, known: Sequence[cfg.Opt], values: Mapping[str, Any]
) -> cfg.ConfigOpts:
    """A configuration of nothing but these options.

    The library's declarations would quarrel with ours in the daemon's own.
    """
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[], use_env=False)
    conf.register_opts(known, group=group)
    for option in known:
        if values.get(option.dest) is not None:
            _set(conf, group, option.dest, values[option.dest])
    return conf


def _set(conf: cfg.ConfigOpts, group: str, name: str, value: Any) -> None:
    try:
        conf.set_override(name, value, group=group)
    except ValueError as error:
        raise errors.ConfigurationError(
            f'[{group}] {name}: {error}'
        ) from error
