"""Composition of glance-registry: database, resources, route table."""

from oslo_config import cfg

from glance.common import errors
from glance.common import login_options
from glance.common import middleware
from glance.common import wsgi
from glance_registry import operations
from glance_registry import sweeper
from glance_registry.db import engine


def registry(database: engine.Database, lease_seconds: int) -> wsgi.Router:
    """The registry as a WSGI application: the table of operations.

    :param lease_seconds: how long a claim holds without renewal
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
    if not conf.database.connection:
        raise errors.ConfigurationError(
            'connection in [database] must name the image database, for '
            'instance sqlite:////var/lib/glance/glance.sqlite'
        )
    database = engine.Database(conf.database.connection, conf.database)
    lease_seconds = conf.transfer_lease_seconds
    return sweeper.Sweeping(
        registry(database, lease_seconds), database, lease_seconds
    )


def check_login(conf: cfg.ConfigOpts) -> None:
    """Log an ERROR if the service user cannot be glance-api's."""
    if not (conf.paste_deploy.flavor or '').startswith('keystone'):
        return
    # Only here: a registry without Keystone need not hold what it brings.
    from glance.common import login

    login.check_roles(conf, login_options.required_roles(conf))
