"""Composition of glance-registry: database, resources, route table."""

from collections.abc import Callable, Iterable
from typing import Any

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.common import wsgi
from glance_registry import images
from glance_registry import members
from glance_registry import transfers
from glance_registry.db import engine


class Registry:
    """The WSGI application: who may ask, then the contract's table."""

    def __init__(
        self, database: engine.Database, lease_seconds: int = 60
    ) -> None:
        resources = (
            images.Images(database),
            members.Members(database),
            transfers.Transfers(database, lease_seconds),
        )
        self._sweeper = transfers.Sweeper(database, lease_seconds)
        self._router = wsgi.Router(
            [
                wsgi.Route(
                    operation.method,
                    operation.path,
                    _handler(resources, operation.name),
                )
                for operation in contract.OPERATIONS.values()
            ],
            wsgi.wire_error,
        )

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        self._sweeper.ensure_started()
        asking = environ['glance.context']
        if asking.is_service:
            asking.is_admin = asking.is_admin or (
                environ.get(_IS_ADMIN) == 'true'
            )
            return self._router(environ, start_response)
        refused = errors.Forbidden(
            'The registry serves glance-api only: send a service token '
            'with one of [keystone_authtoken] service_token_roles.'
        )
        response = wsgi.wire_error(wsgi.Request(environ), refused)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer


_IS_ADMIN = 'HTTP_' + context.IS_ADMIN.upper().replace('-', '_')


def _handler(resources: Iterable[Any], name: str) -> wsgi.Handler:
    found: wsgi.Handler
    for resource in resources:
        if hasattr(resource, name):
            found = getattr(resource, name)
            return found
    raise LookupError(f'no handler for the operation {name}')


def app_factory(options: wsgi.Options, **_local: str) -> Registry:
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
    return Registry(database, conf.transfer_lease_seconds)
