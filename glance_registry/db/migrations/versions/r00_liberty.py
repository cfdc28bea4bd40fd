"""All tables of Liberty, the first revision of every database.

The artifact tables were an experiment that Pike removed. No code reads them,
so they have only their names, their foreign keys and a few columns.
"""

from typing import Any

import sqlalchemy as sa

from glance_registry.db.migrations import steps

revision = 'liberty'
down_revision = None
branch_labels = None
depends_on = None


def _bool(name: str, **kwargs: Any) -> sa.Column[bool]:
    kwargs.setdefault('nullable', False)
    return sa.Column(name, sa.Boolean(create_constraint=True), **kwargs)


def _times() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column('created_at', sa.DateTime(), nullable=False),
        sa.Column('updated_at', sa.DateTime()),
    )


def _soft_delete() -> tuple[sa.Column[Any], ...]:
    return (
        *_times(),
        sa.Column('deleted_at', sa.DateTime()),
        _bool('deleted'),
    )


def _key(name: str, length: int, target: str) -> sa.Column[str]:
    key = sa.ForeignKey(target)
    return sa.Column(name, sa.String(length), key, nullable=False)


def _number_key(name: str, target: str) -> sa.Column[int]:
    key = sa.ForeignKey(target)
    return sa.Column(name, sa.Integer(), key, nullable=False)


def _images() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    steps.create_table(
        'images',
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column('name', sa.String(255)),
        sa.Column('size', big),
        sa.Column('status', sa.String(30), nullable=False),
        _bool('is_public'),
        *_soft_delete(),
        sa.Column('disk_format', sa.String(20)),
        sa.Column('container_format', sa.String(20)),
        sa.Column('checksum', sa.String(32)),
        sa.Column('owner', sa.String(255)),
        sa.Column('min_disk', sa.Integer(), nullable=False),
        sa.Column('min_ram', sa.Integer(), nullable=False),
        _bool('protected', server_default=sa.false()),
        sa.Column('virtual_size', big),
    )
    steps.create_index('checksum_image_idx', 'images', 'checksum')
    steps.create_index('ix_images_is_public', 'images', 'is_public')
    steps.create_index('ix_images_deleted', 'images', 'deleted')
    steps.create_index('owner_image_idx', 'images', 'owner')


def _image_properties() -> None:
    name = 'image_properties'
    steps.create_table(
        name,
        sa.Column('id', sa.Integer(), primary_key=True),
        _key('image_id', 36, 'images.id'),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('value', sa.Text()),
        *_soft_delete(),
        sa.UniqueConstraint(
            'image_id', 'name', name='ix_image_properties_image_id_name'
        ),
    )
    steps.create_index('ix_image_properties_image_id', name, 'image_id')
    steps.create_index('ix_image_properties_deleted', name, 'deleted')


def _image_tags() -> None:
    name = 'image_tags'
    steps.create_table(
        name,
        sa.Column('id', sa.Integer(), primary_key=True),
        _key('image_id', 36, 'images.id'),
        sa.Column('value', sa.String(255), nullable=False),
        *_soft_delete(),
    )
    steps.create_index('ix_image_tags_image_id', name, 'image_id')
    steps.create_index(
        'ix_image_tags_image_id_tag_value', name, 'image_id', 'value'
    )


def _image_locations() -> None:
    name = 'image_locations'
    steps.create_table(
        name,
        sa.Column('id', sa.Integer(), primary_key=True),
        _key('image_id', 36, 'images.id'),
        sa.Column('value', sa.Text(), nullable=False),
        *_soft_delete(),
        sa.Column('meta_data', sa.Text()),
        sa.Column(
            'status', sa.String(30), nullable=False, server_default='active'
        ),
    )
    steps.create_index('ix_image_locations_image_id', name, 'image_id')
    steps.create_index('ix_image_locations_deleted', name, 'deleted')


def _image_members() -> None:
    name = 'image_members'
    steps.create_table(
        name,
        sa.Column('id', sa.Integer(), primary_key=True),
        _key('image_id', 36, 'images.id'),
        sa.Column('member', sa.String(255), nullable=False),
        _bool('can_share'),
        *_soft_delete(),
        sa.Column(
            'status', sa.String(20), nullable=False, server_default='pending'
        ),
        sa.UniqueConstraint(
            'image_id',
            'member',
            'deleted_at',
            name='image_members_image_id_member_deleted_at_key',
        ),
    )
    steps.create_index('ix_image_members_deleted', name, 'deleted')
    steps.create_index('ix_image_members_image_id', name, 'image_id')
    steps.create_index(
        'ix_image_members_image_id_member', name, 'image_id', 'member'
    )


def _tasks() -> None:
    steps.create_table(
        'tasks',
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column('type', sa.String(30), nullable=False),
        sa.Column('status', sa.String(30), nullable=False),
        sa.Column('owner', sa.String(255), nullable=False),
        sa.Column('expires_at', sa.DateTime()),
        *_soft_delete(),
    )
    for column in ('type', 'status', 'owner', 'deleted', 'updated_at'):
        steps.create_index(f'ix_tasks_{column}', 'tasks', column)
    steps.create_table(
        'task_info',
        sa.Column(
            'task_id',
            sa.String(36),
            sa.ForeignKey('tasks.id'),
            primary_key=True,
        ),
        sa.Column('input', sa.Text()),
        sa.Column('result', sa.Text()),
        sa.Column('message', sa.Text()),
    )


def _namespaces() -> None:
    name = 'metadef_namespaces'
    steps.create_table(
        name,
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column('namespace', sa.String(80), nullable=False),
        sa.Column('display_name', sa.String(80)),
        sa.Column('description', sa.Text()),
        sa.Column('visibility', sa.String(32)),
        _bool('protected', nullable=True),
        sa.Column('owner', sa.String(255), nullable=False),
        *_times(),
        sa.UniqueConstraint(
            'namespace', name='uq_metadef_namespaces_namespace'
        ),
    )
    steps.create_index('ix_metadef_namespaces_owner', name, 'owner')


def _resource_types() -> None:
    steps.create_table(
        'metadef_resource_types',
        sa.Column('id', sa.Integer(), primary_key=True),
        sa.Column('name', sa.String(80), nullable=False),
        _bool('protected'),
        *_times(),
        sa.UniqueConstraint('name', name='uq_metadef_resource_types_name'),
    )
    name = 'metadef_namespace_resource_types'
    steps.create_table(
        name,
        _number_key('resource_type_id', 'metadef_resource_types.id'),
        _number_key('namespace_id', 'metadef_namespaces.id'),
        sa.Column('properties_target', sa.String(80)),
        sa.Column('prefix', sa.String(80)),
        *_times(),
        sa.PrimaryKeyConstraint('resource_type_id', 'namespace_id'),
    )
    steps.create_index(
        'ix_metadef_ns_res_types_namespace_id', name, 'namespace_id'
    )


def _namespace_parts() -> None:
    columns: dict[str, tuple[sa.Column[Any], ...]] = {
        'metadef_objects': (
            sa.Column('description', sa.Text()),
            sa.Column('required', sa.Text()),
            sa.Column('json_schema', sa.Text(), nullable=False),
        ),
        'metadef_properties': (
            sa.Column('json_schema', sa.Text(), nullable=False),
        ),
        'metadef_tags': (),
    }
    for name, own in columns.items():
        steps.create_table(
            name,
            sa.Column('id', sa.Integer(), primary_key=True),
            _number_key('namespace_id', 'metadef_namespaces.id'),
            sa.Column('name', sa.String(80), nullable=False),
            *own,
            *_times(),
            sa.UniqueConstraint(
                'namespace_id', 'name', name=f'uq_{name}_namespace_id_name'
            ),
        )
        steps.create_index(f'ix_{name}_name', name, 'name')


def _artifacts() -> None:
    steps.create_table(
        'artifacts',
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column('name', sa.String(255), nullable=False),
        sa.Column('owner', sa.String(255), nullable=False),
        *_times(),
    )
    ties = {
        'artifact_tags': 'artifacts.id',
        'artifact_dependencies': 'artifacts.id',
        'artifact_blobs': 'artifacts.id',
        'artifact_properties': 'artifacts.id',
        'artifact_blob_locations': 'artifact_blobs.id',
    }
    for name, target in ties.items():
        column = 'blob_id' if 'blobs' in target else 'artifact_id'
        steps.create_table(
            name,
            sa.Column('id', sa.String(36), primary_key=True),
            _key(column, 36, target),
            sa.Column('value', sa.Text()),
            *_times(),
        )


def upgrade() -> None:
    _images()
    _image_properties()
    _image_tags()
    _image_locations()
    _image_members()
    _tasks()
    _namespaces()
    _resource_types()
    _namespace_parts()
    _artifacts()
