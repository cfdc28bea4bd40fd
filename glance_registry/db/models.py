"""The tables, as they are at the newest revision.

Queries use these tables; only ``migrations`` creates the schema, and a test
compares the two. Tables, columns and indexes have the names of upstream
Glance, so that an existing database can be used in place. Our additional
tables are at the end; ``images.row_version`` is an additional column. Such
columns are nullable or have a server default, so that a row written by older
code stays valid. The names of our indexes begin with ``split_``.

Times are naive UTC in whole seconds. Texts are compared byte for byte, see
:mod:`exact`; only a unique index compares texts by the collation of its
column.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import schema

from glance_registry.db import engine
from glance_registry.db import exact

metadata = sa.MetaData()

#: Big integers. SQLite generates row numbers only for an INTEGER key.
Big = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')

#: Dialects whose collations may treat different texts as equal.
MYSQL = ('mysql', 'mariadb')
VISIBILITIES = ('private', 'public', 'shared', 'community')


def _bool(name: str, **kwargs: Any) -> sa.Column[bool]:
    kwargs.setdefault('nullable', False)
    return sa.Column(name, sa.Boolean(create_constraint=True), **kwargs)


def _times() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column(
            'created_at', sa.DateTime(), nullable=False, default=engine.now
        ),
        sa.Column('updated_at', sa.DateTime(), default=engine.now),
    )


def _soft_delete() -> tuple[sa.Column[Any], ...]:
    return (
        *_times(),
        sa.Column('deleted_at', sa.DateTime()),
        _bool('deleted', default=False),
    )


def _image_id(**kwargs: Any) -> sa.Column[str]:
    key = sa.ForeignKey('images.id')
    return sa.Column('image_id', exact.Name(36), key, nullable=False, **kwargs)


def _table(name: str, *args: schema.SchemaItem) -> sa.Table:
    return sa.Table(
        name, metadata, *args, mysql_engine='InnoDB', mysql_charset='utf8'
    )


images = _table(
    'images',
    sa.Column('id', exact.Name(36), primary_key=True),
    sa.Column('name', exact.Name(255)),
    sa.Column('size', Big),
    sa.Column('status', exact.Name(30), nullable=False),
    *_soft_delete(),
    sa.Column('disk_format', exact.Name(20)),
    sa.Column('container_format', exact.Name(20)),
    sa.Column('checksum', exact.Name(32)),
    sa.Column('owner', exact.Name(255)),
    sa.Column('min_disk', sa.Integer(), nullable=False, default=0),
    sa.Column('min_ram', sa.Integer(), nullable=False, default=0),
    _bool('protected', default=False, server_default=sa.false()),
    sa.Column('virtual_size', Big),
    sa.Column(
        'visibility',
        sa.Enum(*VISIBILITIES, name='image_visibility'),
        nullable=False,
        server_default='shared',
    ),
    _bool('os_hidden', default=False, server_default=sa.false()),
    sa.Column('os_hash_algo', exact.Name(64)),
    sa.Column('os_hash_value', exact.Name(128)),
    # Increases with every change; ETag and If-Match use it.
    sa.Column('row_version', Big, nullable=False, server_default='1'),
    sa.Index('checksum_image_idx', 'checksum'),
    sa.Index('visibility_image_idx', 'visibility'),
    sa.Index('ix_images_deleted', 'deleted'),
    sa.Index('owner_image_idx', 'owner'),
    sa.Index('created_at_image_idx', 'created_at'),
    sa.Index('updated_at_image_idx', 'updated_at'),
    sa.Index('os_hidden_image_idx', 'os_hidden'),
    sa.Index('os_hash_value_image_idx', 'os_hash_value'),
)

# A page of a list is read from these indexes alone. For each frequent sort
# key there is one index for the images of a project, and one for the images
# of one visibility.
for _by in (('owner', 'visibility'), ('visibility',)):
    for _key in ('created_at', 'name', 'size'):
        _columns = [*_by, 'deleted', 'os_hidden', _key]
        _columns += ['created_at', 'id', 'status']
        sa.Index(
            f'split_images_{_by[0]}_{_key}',
            *(images.c[name] for name in dict.fromkeys(_columns)),
        )
sa.Index('split_images_name', images.c.name, images.c.created_at, images.c.id)

image_properties = _table(
    'image_properties',
    sa.Column('id', sa.Integer(), primary_key=True),
    _image_id(),
    sa.Column('name', exact.Name(255), nullable=False),
    sa.Column('value', exact.Value()),
    *_soft_delete(),
    sa.UniqueConstraint(
        'image_id', 'name', name='ix_image_properties_image_id_name'
    ),
    sa.Index('ix_image_properties_image_id', 'image_id'),
    sa.Index('ix_image_properties_deleted', 'deleted'),
)

#: Number of characters of a property's value that are indexed; see
#: ``value_prefix``.
PREFIX = 64


def value_prefix(value: Any) -> sa.Function[str]:
    """Return the indexed prefix of a property's value, for PostgreSQL.

    PostgreSQL has no prefix indexes. There, a query uses the index
    ``split_image_properties_value`` only if it also compares the prefixes of
    both sides.
    """
    return sa.func.left(value, sa.literal_column(str(PREFIX)), type_=sa.Text)


def _on_postgresql(*args: Any, dialect: sa.Dialect, **kwargs: Any) -> bool:
    return dialect.name == 'postgresql'


def _elsewhere(*args: Any, dialect: sa.Dialect, **kwargs: Any) -> bool:
    return dialect.name != 'postgresql'


sa.Index(
    'split_image_properties_value',
    image_properties.c.name,
    image_properties.c.value,
    image_properties.c.image_id,
    mysql_length={'value': PREFIX},
    mariadb_length={'value': PREFIX},
).ddl_if(callable_=_elsewhere)
sa.Index(
    'split_image_properties_value',
    image_properties.c.name,
    value_prefix(image_properties.c.value),
    image_properties.c.image_id,
).ddl_if(callable_=_on_postgresql)

image_tags = _table(
    'image_tags',
    sa.Column('id', sa.Integer(), primary_key=True),
    _image_id(),
    sa.Column('value', exact.Name(255), nullable=False),
    *_soft_delete(),
    sa.Index('ix_image_tags_image_id', 'image_id'),
    sa.Index('ix_image_tags_image_id_tag_value', 'image_id', 'value'),
    sa.Index('split_image_tags_value', 'value', 'deleted', 'image_id'),
)

image_locations = _table(
    'image_locations',
    sa.Column('id', sa.Integer(), primary_key=True),
    _image_id(),
    sa.Column('value', exact.Value(), nullable=False),
    *_soft_delete(),
    sa.Column('meta_data', engine.Json(), default=dict),
    sa.Column(
        'status',
        exact.Name(30),
        nullable=False,
        default='active',
        server_default='active',
    ),
    sa.Index('ix_image_locations_image_id', 'image_id'),
    sa.Index('ix_image_locations_deleted', 'deleted'),
)

image_members = _table(
    'image_members',
    sa.Column('id', sa.Integer(), primary_key=True),
    _image_id(),
    sa.Column('member', exact.Name(255), nullable=False),
    _bool('can_share', default=False),
    *_soft_delete(),
    sa.Column(
        'status',
        exact.Name(20),
        nullable=False,
        default='pending',
        server_default='pending',
    ),
    sa.UniqueConstraint(
        'image_id',
        'member',
        'deleted_at',
        name='image_members_image_id_member_deleted_at_key',
    ),
    sa.Index('ix_image_members_deleted', 'deleted'),
    sa.Index('ix_image_members_image_id', 'image_id'),
    sa.Index('ix_image_members_image_id_member', 'image_id', 'member'),
    sa.Index(
        'split_image_members_member',
        'member',
        'status',
        'deleted',
        'image_id',
    ),
)

tasks = _table(
    'tasks',
    sa.Column('id', exact.Name(36), primary_key=True),
    sa.Column('type', exact.Name(30), nullable=False),
    sa.Column('status', exact.Name(30), nullable=False),
    sa.Column('owner', exact.Name(255), nullable=False),
    sa.Column('expires_at', sa.DateTime()),
    *_soft_delete(),
    sa.Column('image_id', exact.Name(36)),
    sa.Column('request_id', exact.Name(64)),
    sa.Column('user_id', exact.Name(64)),
    sa.Index('ix_tasks_type', 'type'),
    sa.Index('ix_tasks_status', 'status'),
    sa.Index('ix_tasks_owner', 'owner'),
    sa.Index('ix_tasks_deleted', 'deleted'),
    sa.Index('ix_tasks_updated_at', 'updated_at'),
    sa.Index('ix_tasks_image_id', 'image_id'),
)

task_info = _table(
    'task_info',
    sa.Column(
        'task_id', exact.Name(36), sa.ForeignKey('tasks.id'), primary_key=True
    ),
    sa.Column('input', engine.Json()),
    sa.Column('result', engine.Json()),
    sa.Column('message', sa.Text()),
)

metadef_namespaces = _table(
    'metadef_namespaces',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('namespace', exact.Name(80), nullable=False),
    sa.Column('display_name', exact.Name(80)),
    sa.Column('description', sa.Text()),
    sa.Column('visibility', exact.Name(32)),
    _bool('protected', nullable=True),
    sa.Column('owner', exact.Name(255), nullable=False),
    *_times(),
    sa.UniqueConstraint('namespace', name='uq_metadef_namespaces_namespace'),
    sa.Index('ix_metadef_namespaces_owner', 'owner'),
)

metadef_resource_types = _table(
    'metadef_resource_types',
    sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('name', exact.Name(80), nullable=False),
    _bool('protected', default=False),
    *_times(),
    sa.UniqueConstraint('name', name='uq_metadef_resource_types_name'),
)

metadef_namespace_resource_types = _table(
    'metadef_namespace_resource_types',
    sa.Column(
        'resource_type_id',
        sa.Integer(),
        sa.ForeignKey('metadef_resource_types.id'),
        primary_key=True,
    ),
    sa.Column(
        'namespace_id',
        sa.Integer(),
        sa.ForeignKey('metadef_namespaces.id'),
        primary_key=True,
    ),
    sa.Column('properties_target', exact.Name(80)),
    sa.Column('prefix', exact.Name(80)),
    *_times(),
    sa.Index('ix_metadef_ns_res_types_namespace_id', 'namespace_id'),
)


def _namespace_id() -> sa.Column[int]:
    key = sa.ForeignKey('metadef_namespaces.id')
    return sa.Column('namespace_id', sa.Integer(), key, nullable=False)


metadef_objects = _table(
    'metadef_objects',
    sa.Column('id', sa.Integer(), primary_key=True),
    _namespace_id(),
    sa.Column('name', exact.Name(80), nullable=False),
    sa.Column('description', sa.Text()),
    # Names separated by commas.
    sa.Column('required', sa.Text()),
    sa.Column('json_schema', engine.Json(), nullable=False, default=dict),
    *_times(),
    sa.UniqueConstraint(
        'namespace_id', 'name', name='uq_metadef_objects_namespace_id_name'
    ),
    sa.Index('ix_metadef_objects_name', 'name'),
)

metadef_properties = _table(
    'metadef_properties',
    sa.Column('id', sa.Integer(), primary_key=True),
    _namespace_id(),
    sa.Column('name', exact.Name(80), nullable=False),
    sa.Column('json_schema', engine.Json(), nullable=False, default=dict),
    *_times(),
    sa.UniqueConstraint(
        'namespace_id', 'name', name='uq_metadef_properties_namespace_id_name'
    ),
    sa.Index('ix_metadef_properties_name', 'name'),
)

metadef_tags = _table(
    'metadef_tags',
    sa.Column('id', sa.Integer(), primary_key=True),
    _namespace_id(),
    sa.Column('name', exact.Name(80), nullable=False),
    *_times(),
    sa.UniqueConstraint(
        'namespace_id', 'name', name='uq_metadef_tags_namespace_id_name'
    ),
    sa.Index('ix_metadef_tags_name', 'name'),
)

node_reference = _table(
    'node_reference',
    sa.Column('node_reference_id', Big, primary_key=True),
    sa.Column('node_reference_url', exact.Name(255), nullable=False),
    sa.UniqueConstraint(
        'node_reference_url', name='uq_node_reference_node_reference_url'
    ),
)

cached_images = _table(
    'cached_images',
    sa.Column('id', Big, primary_key=True),
    sa.Column('image_id', exact.Name(36), nullable=False),
    sa.Column('last_accessed', sa.DateTime(), nullable=False),
    sa.Column('last_modified', sa.DateTime(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('hits', sa.Integer(), nullable=False),
    sa.Column('checksum', exact.Name(32)),
    sa.Column(
        'node_reference_id',
        Big,
        sa.ForeignKey('node_reference.node_reference_id'),
        nullable=False,
    ),
    sa.UniqueConstraint(
        'image_id',
        'node_reference_id',
        name='ix_cached_images_image_id_node_reference_id',
    ),
)

# Leases of running transfers: which node works on which image, and when the
# lease expires if it is not renewed.
image_transfers = _table(
    'image_transfers',
    sa.Column('id', exact.Name(36), primary_key=True),
    _image_id(),
    # upload, stage, import, hash, verify
    sa.Column('kind', exact.Name(20), nullable=False),
    sa.Column('node', exact.Name(255), nullable=False),
    sa.Column(
        'bytes_done', Big, nullable=False, default=0, server_default='0'
    ),
    sa.Column('bytes_expected', Big),
    sa.Column('started_at', sa.DateTime(), nullable=False),
    sa.Column('beat_at', sa.DateTime(), nullable=False),
    sa.Column('expires_at', sa.DateTime(), nullable=False),
    # Identity of the destination store; null if glance-api does not know it.
    sa.Column('store', sa.String(255)),
    sa.Column('renewals', Big, nullable=False, default=0, server_default='0'),
    # The worker, for transfers that another worker can continue; null if
    # no worker holds it.
    sa.Column('holder', sa.String(36)),
    # JSON: the data that another worker needs to continue.
    sa.Column('work', engine.Json()),
    sa.UniqueConstraint(
        'image_id', 'kind', name='split_image_transfers_image_id_kind'
    ),
    sa.Index('split_image_transfers_expires_at', 'expires_at'),
)

# Data that is to be removed from a store: the data of deleted images and of
# removed locations, and data that a failed upload may have left.
image_leftovers = _table(
    'image_leftovers',
    sa.Column('id', sa.String(36), primary_key=True),
    # No foreign key, so that an image can be purged before its leftovers.
    sa.Column('image_id', sa.String(36), nullable=False),
    # JSON; null: all data that an upload left under the id of the image.
    sa.Column('location_ids', engine.Json()),
    sa.Column('node', sa.String(255), nullable=False),
    sa.Column('store', sa.String(255)),
    sa.Column('holder', sa.String(36), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False, server_default='0'),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=False),
    sa.Index('split_image_leftovers_due_at', 'due_at'),
    sa.Index('split_image_leftovers_image_id', 'image_id'),
)

# Every transaction that uses storage under a quota first writes the row of
# the owner; the owner '' stands for images without an owner.
storage_owners = _table(
    'storage_owners',
    sa.Column('owner', exact.Name(255), primary_key=True),
    sa.Column('changes', Big, nullable=False, default=0, server_default='0'),
)
