"""Composition of glance-api: the URL table, Paste factories."""

from collections.abc import Callable, Iterable
from typing import Any

from oslo_config import cfg

from glance import registry_client
from glance.api import older
from glance.api import parts
from glance.api import policy
from glance.api import registry_access
from glance.api import resources
from glance.api import storage
from glance.api.v2 import cache
from glance.api.v2 import openapi
from glance.api.v2 import schemas
from glance.common import errors
from glance.common import wsgi
from glance.store import stores


def images_api(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
) -> wsgi.Router:
    """The Images API as a WSGI application.

    :param registry: the client of the registry, which has the metadata
    :param store: the stores, which have the data
    """
    permission = policy.Policy(conf)
    made_of = parts.make(conf, registry, store, permission)
    cases = parts.use_cases(conf, made_of)
    schema = resources.image_schema(conf)
    made = resources.make(conf, made_of, cases, schema)
    table = _table(made, schema)
    for version in older.VERSIONS:
        if conf[version.OPTION]:
            starts = made.importing.imports
            table += version.routes(conf, made_of, cases, starts, schema)
    return wsgi.Router(
        table,
        wsgi.public_error,
        permission.identify_admin,
        wsgi.JsonLimits(conf.max_json_body_size, wsgi.MAX_JSON_VALUES),
    )


def _table(
    made: resources.Resources, schema: schemas.ImageSchema
) -> list[wsgi.Route]:
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
        ('PUT', f'{one}/stage', made.importing.images.stage),
        ('POST', f'{one}/import', made.importing.images.create),
        ('GET', '/v2/info/import', made.importing.discovery.show),
        ('GET', f'{one}/tasks', made.tasks.of_image),
        ('GET', '/v2/tasks', made.tasks.index),
        ('POST', '/v2/tasks', made.task_create.create),
        ('GET', '/v2/tasks/{task_id}', made.tasks.show),
        ('DELETE', '/v2/tasks/{task_id}', made.tasks.delete),
        ('GET', '/v2/schemas/{name}', made.schemas.show),
        ('DELETE', '/v2/stores/{store}/{image_id}', made.stores.delete),
        ('GET', '/v2/info/stores', made.stores.index),
        ('GET', '/v2/info/stores/detail', made.stores.detail),
        ('GET', '/v2/info/usage', made.discovery.usage),
        ('GET', '/v2/info/features', made.discovery.features),
    )
    routes = [wsgi.Route(*line) for line in table]
    routes += [wsgi.Route(*line) for line in made.metadefs]
    routes += cache.routes(made.image_cache, made.classic_cache)
    description = openapi.OpenAPI(
        [(route.method, route.path) for route in routes], schema
    )
    return [*routes, wsgi.Route('GET', openapi.PATH, description.show)]


#: Releases 27.0 to 28.1 shipped a paste file with this misspelt mount.
_MISSPELT = {'/healthchetck': '/healthcheck'}


def app_factory(options: wsgi.Options, **_local: str) -> wsgi.Router:
    """Paste factory of the application ``apiv2app``."""
    conf = wsgi.configuration(options)
    return images_api(
        conf, registry_access.client(conf), storage.from_conf(conf)
    )


def root_factory(loader: Any, global_conf: Any, **mounts: str) -> wsgi.WSGIApp:
    """Paste composite factory: a map of URL prefixes to applications.

    The longest prefix that matches a path wins. The path is not changed,
    because every application here expects the full path.

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
    if '/v2' in apps:  # one application serves all versions
        apps |= {f'/{it.NAME}': apps['/v2'] for it in older.VERSIONS}
    prefixes = sorted(apps, key=len, reverse=True)

    def root(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = f'{environ.get("PATH_INFO", "")}/'
        mount = next((p for p in prefixes if path.startswith(f'{p}/')), '')
        answer: Iterable[bytes] = apps[mount](environ, start_response)
        return answer

    return root
