"""Composition of glance-registry: database, resources, route table."""

import functools

from oslo_config import cfg

from glance.common import errors
from glance.common import gauges
from glance.common import health
from glance.common import login_options
from glance.common import middleware
from glance.common import readiness
from glance.common import tracing
from glance.common import wsgi
from glance_registry import operations
from glance_registry import sweeper
from glance_registry.db import engine
from glance_registry.db import images
from glance_registry.db import servers
from glance_registry.db import totals


def registry(database: engine.Database, lease_seconds: int) -> wsgi.Router:
    """Return the WSGI application that routes requests to operations.

    :param lease_seconds: time after which a claim without renewal expires
    """
    table = [
        operations.route(line, database, lease_seconds)
        for line in operations.TABLE
    ]
    return wsgi.Router(table, wsgi.wire_error, middleware.require_service)


def app_factory(options: wsgi.Options, **_local: str) -> wsgi.WSGIApp:
    """Paste factory of the application ``registryapp``.

    :raises errors.ConfigurationError: no database is configured
    """
    conf = wsgi.configuration(options)
    check_connection(conf)
    database = engine.Database(conf.database.connection, conf.database)
    if tracing.is_on(conf) and conf.profiler.trace_sqlalchemy:
        database.trace()
    readiness.register('database', lambda: database.read(images.ping))
    health.check('database', functools.partial(_trouble, database))
    counted = totals.Totals(
        database,
        conf.metrics.by_project,
        conf.metrics.images_interval_seconds,
    )
    gauges.register('images', counted.gauges)
    lease_seconds = conf.transfer_lease_seconds
    return sweeper.Sweeping(
        registry(database, lease_seconds), database, lease_seconds
    )


def check_connection(conf: cfg.ConfigOpts) -> None:
    """:raises errors.ConfigurationError: no usable database is configured"""
    if not conf.database.connection:
        raise errors.ConfigurationError(
            'connection in [database] must name the image database, for '
            'instance sqlite:////var/lib/glance/glance.sqlite'
        )
    servers.check_url(conf.database.connection)


def _trouble(database: engine.Database) -> str | None:
    """Return why the database cannot be used; None if it can be used."""
    try:
        database.read(images.ping)
    except errors.DatabaseUnavailable as error:
        return str(error)
    return None


def check_login(conf: cfg.ConfigOpts) -> None:
    """Log an ERROR if the service user has none of the required roles."""
    if not (conf.paste_deploy.flavor or '').startswith('keystone'):
        return
    # Imported only here, so that a registry without Keystone does not load
    # its libraries.
    from glance.common import login

    login.check_roles(conf, login_options.required_roles(conf))
