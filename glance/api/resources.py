"""The handlers of API v2, made once at the start."""

from collections.abc import Callable
import dataclasses

from oslo_config import cfg

from glance.api import import_parts
from glance.api import parts as shared
from glance.api.v2 import cache
from glance.api.v2 import discovery
from glance.api.v2 import image_actions
from glance.api.v2 import image_data
from glance.api.v2 import image_locations
from glance.api.v2 import image_members
from glance.api.v2 import image_stores
from glance.api.v2 import image_tags
from glance.api.v2 import image_update
from glance.api.v2 import images
from glance.api.v2 import metadefs
from glance.api.v2 import query
from glance.api.v2 import schemas
from glance.api.v2 import task_create
from glance.api.v2 import tasks
from glance.api.v2 import views
from glance.api.v2.schema import custom


@dataclasses.dataclass(frozen=True)
class Resources:
    """One object for each resource."""

    images: images.Images
    update: image_update.ImageUpdate
    data: image_data.ImageData
    tags: image_tags.ImageTags
    members: image_members.ImageMembers
    actions: image_actions.ImageActions
    locations: image_locations.ImageLocations
    stores: image_stores.ImageStores
    tasks: tasks.Tasks
    metadefs: metadefs.Table
    task_create: task_create.TaskCreate
    importing: import_parts.Importing
    schemas: schemas.Schemas
    discovery: discovery.Discovery
    image_cache: cache.Cache
    classic_cache: cache.ClassicCache


def make(
    conf: cfg.ConfigOpts,
    parts: shared.Parts,
    cases: shared.UseCases,
    schema: schemas.ImageSchema,
) -> Resources:
    """:raises errors.ConfigurationError: an option is invalid"""
    registry, policy = parts.registry, parts.policy
    entities = _entities(conf, parts, schema)
    imports = import_parts.make(conf, parts, cases)
    image = _images(conf, parts, cases, schema, entities)
    return Resources(
        images=image,
        update=_update(conf, parts, cases, schema, entities),
        data=_data(parts, cases),
        tags=image_tags.ImageTags(
            registry, policy, parts.quotas.tags, parts.notifier
        ),
        members=image_members.ImageMembers(
            registry,
            policy,
            parts.quotas.members,
            parts.notifier,
            parts.access,
        ),
        actions=image_actions.ImageActions(
            registry, policy, parts.notifier, parts.access
        ),
        locations=image_locations.ImageLocations(
            registry, policy, parts.store, cases.location_imports
        ),
        stores=image_stores.ImageStores(
            registry, policy, parts.store, parts.left
        ),
        tasks=tasks.Tasks(
            registry, policy, conf.limit_param_default, conf.api_limit_max
        ),
        metadefs=metadefs.table(
            conf, registry, policy, parts.notifier, _forget(parts)
        ),
        task_create=_task_create(conf, parts, cases, imports, image),
        importing=imports,
        schemas=schemas.Schemas(schema),
        discovery=_discovery(conf, parts),
        image_cache=cache.Cache(registry, policy, parts.cached),
        classic_cache=cache.ClassicCache(policy, parts.cached),
    )


def _entities(
    conf: cfg.ConfigOpts, parts: shared.Parts, schema: schemas.ImageSchema
) -> views.Entities:
    named_store = parts.store if parts.store.is_named else None
    return views.Entities(
        views.image_view(
            conf.show_image_direct_url,
            conf.show_multiple_locations,
            schema.nullable,
            named_store,
        ),
        parts.allows_of,
        named_store.ids if named_store else (),
    )


def _images(
    conf: cfg.ConfigOpts,
    parts: shared.Parts,
    cases: shared.UseCases,
    schema: schemas.ImageSchema,
    entities: views.Entities,
) -> images.Images:
    return images.Images(
        parts.registry,
        parts.policy,
        creations=cases.creations,
        deletions=cases.deletions,
        schema=schema,
        limits=parts.quotas,
        pages=query.Pages(conf.limit_param_default, conf.api_limit_max),
        entities=entities,
        public_endpoint=conf.public_endpoint,
        import_methods=import_parts.methods(conf),
    )


def _update(
    conf: cfg.ConfigOpts,
    parts: shared.Parts,
    cases: shared.UseCases,
    schema: schemas.ImageSchema,
    entities: views.Entities,
) -> image_update.ImageUpdate:
    return image_update.ImageUpdate(
        parts.registry,
        parts.policy,
        changing=cases.changes,
        schema=schema,
        limits=parts.quotas,
        entities=entities,
        has_locations=conf.show_multiple_locations,
    )


def _data(parts: shared.Parts, cases: shared.UseCases) -> image_data.ImageData:
    return image_data.ImageData(
        parts.registry,
        parts.policy,
        parts.store,
        uploads=cases.uploads,
        looked_up=cases.lookups,
        unified=parts.unified,
        notifier=parts.notifier,
        cached=parts.cached,
    )


def _task_create(
    conf: cfg.ConfigOpts,
    parts: shared.Parts,
    cases: shared.UseCases,
    imports: import_parts.Importing,
    image: images.Images,
) -> task_create.TaskCreate:
    return task_create.TaskCreate(
        parts.registry,
        parts.policy,
        creations=cases.creations,
        starts=imports.imports,
        new_image=image.new_image,
        default_store=parts.store.default_id,
        tasks=parts.tasks,
        public_endpoint=conf.public_endpoint,
    )


def _discovery(
    conf: cfg.ConfigOpts, parts: shared.Parts
) -> discovery.Discovery:
    features = discovery.features(
        conf.user_storage_quota,
        conf.metadefs.check_properties,
        import_parts.methods(conf),
    )
    return discovery.Discovery(parts.unified, features)


def image_schema(conf: cfg.ConfigOpts) -> schemas.ImageSchema:
    """The schema of an image, with the operator's custom properties."""
    return schemas.ImageSchema(
        conf.image_format.disk_formats,
        conf.image_format.container_formats,
        custom.load(conf.find_file(custom.FILE)),
        has_stores=bool(conf.enabled_backends),
    )


def _forget(parts: shared.Parts) -> Callable[[], None]:
    """The function to call after a change of metadata definitions."""
    if parts.catalogue is None:
        return lambda: None
    return parts.catalogue.forget
