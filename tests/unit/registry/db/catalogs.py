"""Databases of every age, filled as operators have them."""

import datetime
from typing import Any

import sqlalchemy as sa

from glance_registry.db import migration

#: the releases whose databases are taken over, by where they stood
AGES = (
    'liberty',
    'mitaka01',
    'mitaka02',
    'ocata01',
    'pike01',
    'pike_contract01',
    'queens_contract01',
    'rocky_contract02',
    'train_contract01',
    'ussuri_contract01',
    'wallaby_contract01',
    '2023_1_contract01',
    '2024_1_contract01',
)

Row = dict[str, Any]
Rows = dict[str, list[Row]]

EARLY = datetime.datetime(2015, 10, 15, 12, 0, 1)
LATE = datetime.datetime(2016, 2, 29, 23, 59, 59)

#: name of an image -> (is_public, its live members, deleted members), and
#: the visibility that says the same
IMAGES = {
    'public': (True, (), (), 'public'),
    'public with members': (True, ('m1',), (), 'public'),
    'private': (False, (), (), 'private'),
    'private with members': (False, ('m1', 'm2'), ('m3',), 'shared'),
    'private with former members': (False, (), ('m1',), 'private'),
    'deleted': (False, (), ('m1',), 'private'),
    'deleted public': (True, (), (), 'public'),
    'deleted with live members': (False, ('m1',), (), 'shared'),
    'pending_delete': (False, (), ('m1', 'm2'), 'private'),
    'restored': (False, (), (), 'private'),
    'nameless': (False, (), (), 'private'),
}

#: from a time when visibility had four values
LATER_IMAGES = {
    'private that kept its members': (('m1',), 'private'),
    'shared with nobody': ((), 'shared'),
    'community': ((), 'community'),
}

METADATA = (
    '{}',
    None,
    '{"store": "fast"}',
    '{"backend": "fast"}',
    '{"a": 1, "backend": "fäst", "b": {"backend": "backend"}}',
    '{"note": "\\"backend\\": is no key", "Backend": "kept"}',
)


def make(engine: sa.Engine, age: str) -> None:
    """Make an empty database as a release left it."""
    migration.upgrade(engine, age, lambda line: None)
    if age in ('ocata01', 'pike01'):
        with engine.begin() as connection:
            connection.execute(
                sa.text('UPDATE alembic_version SET version_num = :age'),
                {'age': age},
            )


def make_numbered(engine: sa.Engine, number: int, age: str) -> None:
    """Make a database of the days before alembic."""
    make(engine, age)
    with engine.begin() as connection:
        for statement in (
            'DROP TABLE alembic_version',
            'CREATE TABLE migrate_version (repository_id VARCHAR(250)'
            ' PRIMARY KEY, repository_path TEXT, version INTEGER)',
            "INSERT INTO migrate_version VALUES ('Glance Migrations',"
            f" 'nowhere', {number})",
        ):
            connection.exec_driver_sql(statement)


def tables(engine: sa.Engine) -> dict[str, sa.Table]:
    """What is in the database, but for the marks of migrations."""
    found = sa.MetaData()
    found.reflect(engine)
    return {
        name: table
        for name, table in found.tables.items()
        if not name.endswith('_version')
    }


def read(engine: sa.Engine) -> Rows:
    """All rows of all tables, in an order of their own."""
    with engine.connect() as connection:
        return {
            name: sorted(
                (
                    dict(row)
                    for row in connection.execute(sa.select(table)).mappings()
                ),
                key=lambda row: str(list(row.values())[:2]),
            )
            for name, table in tables(engine).items()
        }


def fill(engine: sa.Engine, four_bytes: bool | None = None) -> None:
    """Write rows of every sort, as far as the database has a place.

    :param four_bytes: whether there is text beyond the 3 bytes of MySQL's
        utf8; where the engine has it unless told
    """
    found = tables(engine)
    if four_bytes is None:
        four_bytes = engine.dialect.name != 'mysql'
    rows = _rows(four_bytes)
    if 'is_public' not in found['images'].c:
        rows = _modern(rows)
    with engine.begin() as connection:
        for name, each in rows.items():
            if name in found:
                known = set(found[name].c.keys())
                _insert(connection, found[name], each, known)


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    rows: list[Row],
    known: set[str],
) -> None:
    for row in rows:
        values = {key: row[key] for key in row if key in known}
        connection.execute(sa.insert(table).values(values))


def _times(deleted: bool = False) -> Row:
    return {
        'created_at': EARLY,
        'updated_at': LATE,
        'deleted_at': LATE if deleted else None,
        'deleted': deleted,
    }


def _rows(four_bytes: bool) -> Rows:
    text = 'grün € 🖼' if four_bytes else 'grün €'
    rows: Rows = {
        'images': [],
        'image_properties': [],
        'image_tags': [],
        'image_locations': [],
        'image_members': [],
    }
    for name, (is_public, live, former, _) in IMAGES.items():
        _add_image(rows, name, text)
        rows['images'][-1]['is_public'] = is_public
        _add_members(rows, live, deleted=False)
        _add_members(rows, former, deleted=True)
    return rows | _task_rows(text) | _metadef_rows(text) | _cache_rows()


def _modern(rows: Rows) -> Rows:
    """The same rows, from a time that knew visibility."""
    for image in rows['images']:
        del image['is_public']
        image['visibility'] = IMAGES[image['checksum']][3]
    for name, (members, visibility) in LATER_IMAGES.items():
        _add_image(rows, name, 'later')
        rows['images'][-1]['visibility'] = visibility
        _add_members(rows, members, deleted=False)
    return rows


def _add_image(rows: Rows, name: str, text: str) -> None:
    number = len(rows['images'])
    image_id = f'00000000-0000-4000-8000-{number:012}'
    deleted = name.startswith(('deleted', 'pending_delete'))
    rows['images'].append(
        {
            'id': image_id,
            'name': None if name == 'nameless' else f'{name} {text}',
            'size': 2**40 + number,
            'status': name.split()[0] if deleted else 'active',
            'disk_format': 'qcow2',
            'container_format': 'bare',
            # what the image is, for who reads this again
            'checksum': name,
            'owner': f'owner {number % 2}',
            'min_disk': 1,
            'min_ram': 2,
            'protected': number % 3 == 0,
            'virtual_size': None if number % 2 else 2**41,
            'os_hidden': number % 4 == 0,
            'os_hash_algo': 'sha512',
            'os_hash_value': 'f' * 128,
            **_times(deleted),
        }
    )
    if name == 'restored':
        rows['images'][-1]['deleted_at'] = LATE
    _add_parts(rows, image_id, deleted, text)


def _add_parts(rows: Rows, image_id: str, deleted: bool, text: str) -> None:
    part = {'image_id': image_id, **_times(deleted)}
    for name in ('os_distro', 'empty', 'long', 'schlüssel'):
        value = {'empty': None, 'long': text * 500}.get(name, text)
        rows['image_properties'].append({**part, 'name': name, 'value': value})
    rows['image_tags'].append({**part, 'value': text})
    rows['image_tags'].append({**part, 'value': 'gone', **_times(True)})
    for number, metadata in enumerate(METADATA):
        rows['image_locations'].append(
            {
                **part,
                'value': f'file:///images/{image_id}/{number}',
                'meta_data': metadata,
                'status': 'pending_delete' if deleted else 'active',
            }
        )


def _add_members(rows: Rows, names: tuple[str, ...], deleted: bool) -> None:
    for number, name in enumerate(names):
        rows['image_members'].append(
            {
                'image_id': rows['images'][-1]['id'],
                'member': name,
                'can_share': bool(number % 2),
                'status': ('pending', 'accepted', 'rejected')[number % 3],
                **_times(deleted),
            }
        )


def _task_rows(text: str) -> Rows:
    tasks = [
        {
            'id': f'task-{number}',
            'type': 'import',
            'status': 'success',
            'owner': 'owner 1',
            'expires_at': LATE,
            'image_id': 'an image',
            'request_id': 'req-1',
            'user_id': 'user-1',
            **_times(deleted=bool(number % 2)),
        }
        for number in range(3)
    ]
    info = {'input': '{"a": 1}', 'result': None, 'message': text}
    return {
        'tasks': tasks,
        'task_info': [{'task_id': task['id'], **info} for task in tasks],
    }


def _metadef_rows(text: str) -> Rows:
    times = {'created_at': EARLY, 'updated_at': None}
    part = {'namespace_id': 7, **times}
    return {
        'metadef_namespaces': [
            {
                'id': 7,
                'namespace': 'OS::Compute::Quota',
                'display_name': 'Quota',
                'description': text,
                'visibility': 'public',
                'protected': True,
                'owner': 'admin',
                **times,
            }
        ],
        'metadef_resource_types': [
            {'id': 1, 'name': 'OS::Nova::Instance', 'protected': True} | times,
            {'id': 2, 'name': 'OS::Nova::Flavor', 'protected': False} | times,
        ],
        'metadef_namespace_resource_types': [
            {
                'resource_type_id': 1,
                'namespace_id': 7,
                'properties_target': 'image',
                'prefix': 'hw_',
                **times,
            }
        ],
        'metadef_objects': [
            {
                'name': 'limits',
                'description': None,
                'required': 'a,b',
                'json_schema': '{"a": {}}',
                **part,
            }
        ],
        'metadef_properties': [
            {'name': 'cpu', 'json_schema': '{"type": "integer"}', **part}
        ],
        'metadef_tags': [{'name': 'tag', **part}],
    }


def _cache_rows() -> Rows:
    return {
        'node_reference': [
            {'node_reference_id': 3, 'node_reference_url': 'http://node:9292'}
        ],
        'cached_images': [
            {
                'id': 4,
                'image_id': '00000000-0000-4000-8000-000000000000',
                'last_accessed': EARLY,
                'last_modified': LATE,
                'size': 2**40,
                'hits': 12,
                'checksum': None,
                'node_reference_id': 3,
            }
        ],
    }
