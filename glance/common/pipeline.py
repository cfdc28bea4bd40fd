"""Load the WSGI application that an operator's paste file describes.

Operators keep their paste files across upgrades, so these files name the
factories of the classic service. A table maps them to factories of this one.
"""

from collections.abc import Callable, Iterator
import configparser
import logging
import os
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg
from paste.deploy import loadwsgi

from glance.common import config
from glance.common import errors

LOG = logging.getLogger(__name__)

Filter = Callable[[WSGIApplication], WSGIApplication]

_HERE = 'glance.common.pipeline'
_FILTERS = 'glance.common.filters'
ABSENT = f'{_HERE}:absent_factory'
NOTHING = f'{_HERE}:nothing_factory'

#: Factory in an operator's file -> factory of this service.
CLASSIC = {
    'glance.api.middleware.cache:CacheFilter.factory': (
        'glance.api.caching:serving_factory'
    ),
    'glance.api.middleware.cache_manage:CacheManageFilter.factory': (
        'glance.api.caching:managing_factory'
    ),
    'glance.api.middleware.context:ContextMiddleware.factory': (
        'glance.common.middleware:classic_context_factory'
    ),
    'glance.api.middleware.context:UnauthenticatedContextMiddleware.factory': (
        'glance.common.middleware:unauthenticated_context_factory'
    ),
    'glance.api.middleware.gzip:GzipMiddleware.factory': ABSENT,
    'glance.api.middleware.version_negotiation:'
    'VersionNegotiationFilter.factory': (
        'glance.api.versions:negotiation_factory'
    ),
    'glance.api.v1.router:API.factory': 'glance.api.versions:app_factory',
    'glance.api.v2.router:API.factory': 'glance.api.app:app_factory',
    'glance.api.versions:create_resource': 'glance.api.versions:app_factory',
    'glance.api:pipeline_factory': f'{_HERE}:flavor_factory',
    'glance.api:root_app_factory': 'glance.api.app:root_factory',
    'glance.registry.api:API.factory': 'glance_registry.app:app_factory',
    'keystonemiddleware.auth_token:filter_factory': (
        'glance.common.authtoken:filter_factory'
    ),
    'oslo_middleware.cors:filter_factory': f'{_FILTERS}:cors_factory',
    'oslo_middleware.healthcheck:Healthcheck.app_factory': (
        f'{_FILTERS}:health_app_factory'
    ),
    'oslo_middleware.healthcheck:Healthcheck.factory': (
        f'{_FILTERS}:health_factory'
    ),
    'oslo_middleware.http_proxy_to_wsgi:HTTPProxyToWSGI.factory': (
        f'{_FILTERS}:proxy_factory'
    ),
    'oslo_middleware:CORS.factory': f'{_FILTERS}:cors_factory',
    'oslo_middleware:HTTPProxyToWSGI.factory': f'{_FILTERS}:proxy_factory',
    'oslo_middleware:Healthcheck.app_factory': (
        f'{_FILTERS}:health_app_factory'
    ),
    'oslo_middleware:Healthcheck.factory': f'{_FILTERS}:health_factory',
    'osprofiler.web:WsgiMiddleware.factory': f'{_FILTERS}:trace_factory',
}

#: Exceptions that the loader raises if a file is wrong.
UNUSABLE = (
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    configparser.Error,
)

_APPLICATION = 'paste.app_factory'
_SECTIONS = ('app', 'application', 'composite', 'composit', 'pipeline')
FACTORIES = (
    _APPLICATION,
    'paste.composite_factory',
    'paste.composit_factory',
    'paste.filter_factory',
)


def load_app(
    conf: cfg.ConfigOpts, app_name: str, packaged_paste_file: str
) -> WSGIApplication:
    """Build the application ``app_name`` of the configured flavor.

    Factories get the configuration as the global option
    ``oslo_config_config``, the key that keystonemiddleware uses.

    :param packaged_paste_file: the file to use when the operator has none
    :raises ConfigurationError: no such file, no such flavor, a broken file
    """
    path = find_paste_file(conf, app_name, packaged_paste_file)
    return _load(conf, app_name, path, lambda _parser: None)


def check_filters(
    conf: cfg.ConfigOpts, app_name: str, packaged_paste_file: str
) -> None:
    """Refuse what the filters of the configured flavor would refuse.

    The applications of the daemons are left out, because making them opens
    stores and databases. A paste file that is not on this machine is not
    judged.

    :raises ConfigurationError: no such flavor, or a filter refuses
    """
    configured = conf.paste_deploy.config_file
    if configured and not os.path.isfile(os.path.expanduser(configured)):
        return
    path = find_paste_file(conf, app_name, packaged_paste_file)
    _load(conf, app_name, path, _without_applications)


def _without_applications(parser: Any) -> None:
    """Replace all applications but the health check, which opens nothing."""
    for section in parser.sections():
        factory = parser.get(section, _APPLICATION, raw=True, fallback='')
        if factory and not factory.startswith(_FILTERS):
            parser.set(section, _APPLICATION, NOTHING)


def nothing_factory(
    _global_conf: dict[str, Any], **_local: str
) -> WSGIApplication:
    """Make an application that is never called; see check_filters."""

    def nothing(
        _environ: dict[str, Any], _start_response: Callable[..., Any]
    ) -> list[bytes]:
        return []

    return nothing


def _load(
    conf: cfg.ConfigOpts,
    app_name: str,
    path: str,
    adapt: Callable[[Any], None],
) -> WSGIApplication:
    """:param adapt: changes the paste file, as parsed, before it is used"""
    flavor = conf.paste_deploy.flavor
    name = f'{app_name}-{flavor}' if flavor else app_name
    options = {'oslo_config_config': conf}
    try:
        loader = loadwsgi.ConfigLoader(path)
        _translate(loader.parser)
        adapt(loader.parser)
        _require(loader.parser, path, app_name, name)
        app: WSGIApplication = loader.get_app(name, global_conf=options)
    except UNUSABLE as error:
        LOG.debug('%s cannot be used', path, exc_info=True)
        raise errors.ConfigurationError(
            f'[paste_deploy] config_file: {path} cannot be used: {error}'
        ) from error
    return app


def find_paste_file(
    conf: cfg.ConfigOpts, app_name: str, packaged_paste_file: str
) -> str:
    """Find the paste file.

    It is the configured file, or else one next to the configuration files,
    or else the packaged one.
    """
    configured = conf.paste_deploy.config_file
    if configured:
        return _configured_file(conf, os.path.expanduser(configured))
    for candidate in _derived_names(conf, app_name):
        if os.path.exists(candidate):
            return candidate
    name = f'{app_name}-paste.ini'
    path: str | None = conf.find_file(name)
    installed = os.path.join(config.INSTALLED_DIRECTORY, name)
    if path is None and os.path.exists(installed):
        path = installed
    return path or packaged_paste_file


def _configured_file(conf: cfg.ConfigOpts, configured: str) -> str:
    path: str | None = configured
    if not os.path.isabs(configured):
        path = conf.find_file(configured) or os.path.join(
            config.INSTALLED_DIRECTORY, configured
        )
    if not path or not os.path.isfile(path):
        raise errors.ConfigurationError(
            f'[paste_deploy] config_file: {configured} does not exist'
        )
    return os.path.abspath(path)


def _derived_names(conf: cfg.ConfigOpts, app_name: str) -> Iterator[str]:
    """Names derived from the configuration files, the daemon's own first.

    Other files (glance-image-import.conf) only extend the main one, so names
    derived from them come last.
    """
    files = [os.path.abspath(path) for path in conf.config_file or ()]
    own = f'{app_name}.conf'
    for path in sorted(files, key=lambda path: os.path.basename(path) != own):
        if path.endswith('.conf'):
            yield path.removesuffix('.conf') + '-paste.ini'


def _translate(parser: Any) -> None:
    """Replace the names of classic factories by ours."""
    for section in parser.sections():
        for option in FACTORIES:
            classic = parser.get(section, option, raw=True, fallback='')
            ours = CLASSIC.get(classic, classic)
            if ours == ABSENT:
                parser.set(section, 'absent', section.partition(':')[2])
            if ours != classic:
                parser.set(section, option, ours)


def _require(parser: Any, path: str, app_name: str, name: str) -> None:
    titles = [section.partition(':') for section in parser.sections()]
    names = {title.strip() for kind, _, title in titles if kind in _SECTIONS}
    if name in names:
        return
    prefix = f'{app_name}-'
    known = sorted(n.removeprefix(prefix) for n in names if prefix in n)
    raise errors.ConfigurationError(
        f'[paste_deploy] flavor: {path} has no application "{name}"; its '
        f'flavors are: {", ".join(known) or "none"}'
    )


def flavor_factory(
    loader: Any, global_conf: dict[str, Any], **pipelines: str
) -> WSGIApplication:
    """Build the pipeline of the configured flavor.

    Files of release 27 and newer have one such composite, with one option
    per flavor; the option ``default`` is used when no flavor is set.
    """
    conf: cfg.ConfigOpts = global_conf['oslo_config_config']
    flavor = conf.paste_deploy.flavor or 'default'
    if flavor not in pipelines:
        raise errors.ConfigurationError(
            f'[paste_deploy] flavor: there is no pipeline "{flavor}"; the '
            f'pipelines are: {", ".join(sorted(pipelines))}'
        )
    *filters, last = pipelines[flavor].split()
    app: WSGIApplication = loader.get_app(last, global_conf=global_conf)
    for name in reversed(filters):
        app = loader.get_filter(name, global_conf=global_conf)(app)
    return app


def absent_factory(
    global_conf: dict[str, Any], absent: str, **local_conf: str
) -> Filter:
    """Replace a filter that this service does not have; it does nothing."""
    LOG.warning(
        'The filter "%s" of the paste file has no effect in this service',
        absent,
    )
    return lambda app: app
