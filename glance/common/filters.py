"""Filters of libraries: CORS, headers of proxies, health check, tracing.

Paste files name the library's factories; ``pipeline`` replaces them by the
factories of this module. These read the daemon's own configuration, check its
values at the start, and omit a filter that the configuration disables.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
import logging
import re
from typing import Any

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import exceptions
from oslo_middleware import healthcheck
from oslo_middleware import http_proxy_to_wsgi
import webob
import webob.exc

from glance.common import authority
from glance.common import errors
from glance.common import filter_options
from glance.common import health
from glance.common import startup
from glance.common import tracing
from glance.common import wsgi

LOG = logging.getLogger(__name__)

#: Headers of a proxy whose value may be a list.
_FORWARDED = (
    'HTTP_X_FORWARDED_HOST',
    'HTTP_X_FORWARDED_PROTO',
    'HTTP_X_FORWARDED_FOR',
    'HTTP_X_FORWARDED_PREFIX',
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+;=:@%-]+)*")
Environ = dict[str, Any]
Filter = Callable[[wsgi.WSGIApp], wsgi.WSGIApp]


def cors_factory(options: wsgi.Options, **local: str) -> Filter:
    """Paste factory of the filter ``cors``."""
    conf = _section(options, 'cors', filter_options.CORS, local)
    if not conf.cors.allowed_origin:
        return answer_options
    return lambda app: cors.CORS(answer_options(app), conf)


def answer_options(app: wsgi.WSGIApp) -> wsgi.WSGIApp:
    """Respond to OPTIONS on every path with an empty 200."""

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
    conf = _section(options, 'oslo_middleware', filter_options.PROXY, local)
    if not conf.oslo_middleware.enable_proxy_headers_parsing:
        return lambda app: app
    return lambda app: ProxyHeaders(app, conf)


class ProxyHeaders(http_proxy_to_wsgi.HTTPProxyToWSGI):
    """The library's filter; accepts lists of proxies, refuses invalid URLs."""

    def process_request(self, req: webob.Request) -> webob.Response | None:
        for name in _FORWARDED:
            if name in req.environ:  # The first item describes the client.
                first = req.environ[name].partition(',')[0]
                req.environ[name] = first.strip()
        super().process_request(req)
        return _refuse_malformed(req.environ)


def _refuse_malformed(environ: Environ) -> webob.Response | None:
    """Refuse an invalid URL, because links in responses contain it.

    :returns: the response to an invalid URL; None if it is valid
    """
    host = environ.get('HTTP_HOST', '').strip('"')
    scheme = environ['wsgi.url_scheme'].strip('"').lower()
    prefix = environ['SCRIPT_NAME'].rstrip('/')
    if host:
        environ['HTTP_HOST'] = host
    environ['wsgi.url_scheme'], environ['SCRIPT_NAME'] = scheme, prefix
    if (
        (not host or authority.is_valid(host))
        and scheme in ('http', 'https')
        and _PREFIX.fullmatch(prefix)
    ):
        return None
    error = errors.BadRequest(
        'The header Forwarded or X-Forwarded-* is malformed: it needs a '
        'valid host, the protocol http or https, and a path that begins '
        'with /.'
    )
    return wsgi.public_error(wsgi.Request(environ), error)


def health_factory(options: wsgi.Options, **local: str) -> Filter:
    """Paste factory of the filter ``healthcheck``."""
    root = local.get('path', '/healthcheck')
    conf = _health_section(options, local)

    def health_filter(app: wsgi.WSGIApp) -> wsgi.WSGIApp:
        checked = _health_app(app, conf)

        def choose(
            environ: Environ, start_response: Callable[..., Any]
        ) -> Iterable[bytes]:
            path: str = environ.get('PATH_INFO', '')
            is_check = path == root or path.startswith(f'{root}/')
            return (checked if is_check else app)(environ, start_response)

        return choose

    return health_filter


def health_app_factory(options: wsgi.Options, **local: str) -> wsgi.WSGIApp:
    """Paste factory of the application ``healthcheck``."""
    conf = _health_section(options, local)
    return _health_app(webob.exc.HTTPNotFound(), conf)


class HealthCheck(healthcheck.Healthcheck):
    """The library's health check; HTML only if it is detailed."""

    def process_request(self, req: webob.Request) -> webob.Response | None:
        if not self.oslo_conf.healthcheck.detailed:
            json = req.accept.acceptable_offers(
                ['text/plain', 'application/json']
            )
            req.accept = json[0][0] if json else 'text/plain'
        response: webob.Response | None = super().process_request(req)
        return response

    @staticmethod
    def _get_greenstacks() -> list[str]:
        """Stacks of green threads, for the detailed response.

        The library looks for them among all objects of the process. If one of
        these is a weak proxy of an object that is gone, the search fails.
        """
        try:
            stacks: list[str] = healthcheck.Healthcheck._get_greenstacks()
        except ReferenceError:
            return []
        return stacks


def _health_section(
    options: wsgi.Options, local: Mapping[str, str]
) -> cfg.ConfigOpts:
    conf = _section(options, 'healthcheck', filter_options.HEALTH, local)
    backends = conf.healthcheck.backends
    if conf.healthcheck.detailed or not backends:
        backends = [*backends, health.BACKEND]
        conf.set_override('backends', backends, group='healthcheck')
    return conf


def _health_app(app: wsgi.WSGIApp, conf: cfg.ConfigOpts) -> wsgi.WSGIApp:
    """:param app: gets the requests that are not for the health check"""
    try:
        checked: wsgi.WSGIApp = HealthCheck(app, conf)
    except (ValueError, exceptions.ConfigInvalid) as error:
        raise errors.ConfigurationError(f'[healthcheck]: {error}') from error
    return checked


def _section(
    options: wsgi.Options,
    group: str,
    known: Sequence[cfg.Opt],
    local: Mapping[str, str],
) -> cfg.ConfigOpts:
    """Make a configuration for one section of the paste file.

    It has the options of the group; values of the section win. The daemon's
    configuration is not changed, because a paste file may have several
    sections for one group.

    :raises errors.ConfigurationError: a value is wrong
    """
    conf = wsgi.configuration(options)
    conf.register_opts(known, group=group)
    section = cfg.ConfigOpts()
    section([], default_config_files=[], default_config_dirs=[], use_env=False)
    section.register_opts(known, group=group)
    for option in known:
        value = local.get(option.dest, conf[group][option.dest])
        try:
            section.set_override(option.dest, value, group=group)
        except ValueError as error:
            raise errors.ConfigurationError(
                f'[{group}] {option.dest}: {error}'
            ) from error
    return section


def trace_factory(options: wsgi.Options, **_local: str) -> Filter:
    """Paste factory of the filter ``osprofiler``.

    Keys and switches in the paste file are ignored, as upstream's are.
    """
    conf = wsgi.configuration(options)
    if not tracing.is_on(conf):
        return lambda app: app
    # Imported only here, because it is optional.
    from osprofiler import web

    keys = [key.strip() for key in conf.profiler.hmac_keys.split(',')]
    if tracing.KNOWN_KEY in keys:
        LOG.warning(
            '[profiler] hmac_keys has the default %s, so anybody can have '
            'requests traced; set a secret',
            tracing.KNOWN_KEY,
        )
    startup.register(functools.partial(tracing.begin, conf))
    make: Filter = web.WsgiMiddleware.factory(None)
    return make
