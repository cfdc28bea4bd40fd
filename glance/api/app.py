"""Composition of glance-api: collaborators, the URL table, Paste factories."""

from collections.abc import Callable, Iterable
import socket
from typing import Any

from oslo_config import cfg

from glance import registry_client
from glance.api import policy
from glance.api import wire
from glance.api.v2 import image_actions
from glance.api.v2 import image_data
from glance.api.v2 import image_members
from glance.api.v2 import image_tags
from glance.api.v2 import images
from glance.api.v2 import protections
from glance.api.v2 import schemas
from glance.api.v2.schema import custom
from glance.common import errors
from glance.common import wsgi
from glance.images import upload
from glance.store import base as store_base
from glance.store import filesystem


def images_api(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: store_base.Store,
) -> wsgi.Router:
    """Images API v2 as a WSGI application.

    :param registry: where metadata is
    :param store: where bytes are
    """
    permission = policy.Policy(conf)
    return wsgi.Router(
        _table(conf, registry, store, permission),
        wsgi.public_error,
        permission.identify_admin,
    )


def _table(
    conf: cfg.ConfigOpts,
    registry: registry_client.RegistryClient,
    store: store_base.Store,
    permission: policy.Policy,
) -> list[wsgi.Route]:
    """Every URL of API v2."""
    schema = schemas.ImageSchema(
        conf.image_format.disk_formats,
        conf.image_format.container_formats,
        custom.load(conf.find_file(custom.FILE)),
    )
    limits = images.Limits(
        page_default=conf.limit_param_default,
        page_max=conf.api_limit_max,
        properties=conf.image_property_quota,
        tags=conf.image_tag_quota,
        members=conf.image_member_quota,
    )
    data_limits = image_data.DataLimits(
        conf.image_size_cap, conf.hashing_algorithm
    )
    uploads = upload.Uploads(registry, store, socket.gethostname())
    image = images.Images(
        registry,
        permission,
        store,
        schema,
        limits,
        protections.from_configuration(conf, permission),
    )
    data = image_data.ImageData(
        registry, permission, store, uploads, data_limits
    )
    tags = image_tags.ImageTags(registry, permission, limits.tags)
    members = image_members.ImageMembers(registry, permission, limits.members)
    actions = image_actions.ImageActions(registry, permission)
    described = schemas.Schemas(schema)
    one = '/v2/images/{image_id}'
    table = (
        ('GET', one, image.show),
        ('GET', '/v2/images', image.index),
        ('POST', '/v2/images', image.create),
        ('PATCH', one, image.update),
        ('DELETE', one, image.delete),
        ('GET', f'{one}/file', data.get),
        ('PUT', f'{one}/file', data.put),
        ('PUT', f'{one}/tags/{{tag}}', tags.update),
        ('DELETE', f'{one}/tags/{{tag}}', tags.delete),
        ('GET', f'{one}/members', members.index),
        ('POST', f'{one}/members', members.create),
        ('GET', f'{one}/members/{{member}}', members.show),
        ('PUT', f'{one}/members/{{member}}', members.update),
        ('DELETE', f'{one}/members/{{member}}', members.delete),
        ('POST', f'{one}/actions/deactivate', actions.deactivate),
        ('POST', f'{one}/actions/reactivate', actions.reactivate),
        ('GET', '/v2/schemas/{name}', described.show),
    )
    return [wsgi.Route(*line) for line in table]


def app_factory(options: wsgi.Options, **_local: str) -> wsgi.Router:
    """Paste factory of the application ``apiv2app``."""
    conf = wsgi.configuration(options)
    return images_api(conf, wire.client(conf), _store(conf))


def root_factory(
    loader: Any, global_conf: Any, **local_conf: str
) -> wsgi.WSGIApp:
    """Paste composite factory: ``/`` to the versions, ``/v2`` to the API."""
    versions = loader.get_app(local_conf['/'], global_conf=global_conf)
    api = loader.get_app(local_conf['/v2'], global_conf=global_conf)

    def root(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        below = environ.get('PATH_INFO', '').startswith('/v2/')
        answer: Iterable[bytes] = (api if below else versions)(
            environ, start_response
        )
        return answer

    return root


def _store(conf: cfg.ConfigOpts) -> store_base.Store:
    options = conf.glance_store
    try:
        mode = int(str(options.filesystem_store_file_perm), 8)
    except ValueError as error:
        raise errors.ConfigurationError(
            'filesystem_store_file_perm must be octal digits.'
        ) from error
    return filesystem.FilesystemStore(
        options.filesystem_store_datadir, mode or filesystem.DEFAULT_MODE
    )
