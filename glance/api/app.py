"""Composition of glance-api: the URL table, Paste factories."""

from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg

from glance import registry_client
from glance.api import policy
from glance.api import resources
from glance.api import storage
from glance.api import wire
from glance.api.v2 import openapi
from glance.common import errors
from glance.common import wsgi
from glance.store import stores


def images_api(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
) -> wsgi.Router:
    """Images API v2 as a WSGI application.

    :param registry: where metadata is
    :param store: where bytes are
    """
    permission = policy.Policy(conf)
    made = resources.make(conf, registry, store, permission)
    return wsgi.Router(
        _table(made),
        wsgi.public_error,
        permission.identify_admin,
        wsgi.JsonLimits(conf.max_json_body_size, wsgi.MAX_JSON_VALUES),
    )


def _table(made: resources.Resources) -> list[wsgi.Route]:
    """Every URL of API v2."""
    one = '/v2/images/{image_id}'
    image, data, members = made.images, made.data, made.members
    table = (
        ('GET', one, image.show),
        ('GET', '/v2/images', image.index),
        ('POST', '/v2/images', image.create),
        ('PATCH', one, made.update.update),
        ('DELETE', one, image.delete),
        ('GET', f'{one}/file', data.get),
        ('PUT', f'{one}/file', data.put),
        ('PUT', f'{one}/tags/{{tag}}', made.tags.update),
        ('DELETE', f'{one}/tags/{{tag}}', made.tags.delete),
        ('GET', f'{one}/members', members.index),
        ('POST', f'{one}/members', members.create),
        ('GET', f'{one}/members/{{member}}', members.show),
        ('PUT', f'{one}/members/{{member}}', members.update),
        ('DELETE', f'{one}/members/{{member}}', members.delete),
        ('POST', f'{one}/actions/deactivate', made.actions.deactivate),
        ('POST', f'{one}/actions/reactivate', made.actions.reactivate),
        ('GET', f'{one}/locations', made.locations.index),
        ('POST', f'{one}/locations', made.locations.create),
        ('GET', '/v2/schemas/{name}', made.schemas.show),
        ('GET', '/v2/info/usage', made.discovery.usage),
        ('GET', '/v2/info/features', made.discovery.features),
    )
    found = [wsgi.Route(*line) for line in table]
    description = openapi.OpenAPI(
        [(route.method, route.path) for route in found], made.schema
    )
    return [*found, wsgi.Route('GET', openapi.PATH, description.show)]


#: Releases 27.0 to 28.1 shipped a paste file with this mount.
_MISSPELT = {'/healthchetck': '/healthcheck'}


def app_factory(options: wsgi.Options, **_local: str) -> wsgi.Router:
    """Paste factory of the application ``apiv2app``."""
    conf = wsgi.configuration(options)
    return images_api(conf, wire.client(conf), storage.from_conf(conf))


def root_factory(loader: Any, global_conf: Any, **mounts: str) -> wsgi.WSGIApp:
    """Paste composite factory: a map of URL prefixes to applications.

    The longest prefix that matches a path wins. The path is not changed,
    because every application here expects it whole.

    :param mounts: prefix -> name of the application in the paste file
    :raises errors.ConfigurationError: nothing is mounted at ``/``
    """
    if '/' not in mounts:
        raise errors.ConfigurationError(
            '[paste_deploy] config_file: a composite of the paste file has '
            'no application for "/"; add one.'
        )
    apps = {
        _MISSPELT.get(prefix, prefix).rstrip('/'): loader.get_app(
            name, global_conf=global_conf
        )
        for prefix, name in mounts.items()
    }
    prefixes = sorted(apps, key=len, reverse=True)

    def root(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = f'{environ.get("PATH_INFO", "")}/'
        found = next((p for p in prefixes if path.startswith(f'{p}/')), '')
        answer: Iterable[bytes] = apps[found](environ, start_response)
        return answer

    return root
