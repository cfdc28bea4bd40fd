"""Make the documents of definition files from the database."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from glance_registry.db.definitions import files
from glance_registry.db.definitions import loading

_COLUMNS = (
    'namespace',
    'display_name',
    'description',
    'visibility',
    'protected',
    'owner',
)


def documents(connection: sa.Connection) -> Iterator[files.Document]:
    """Return each namespace with all its contents, in the order of names.

    Values that are not set are left out, so that loading the file again
    creates the same rows.
    """
    table = loading.NAMESPACES
    rows = connection.execute(sa.select(table)).mappings().all()
    for row in sorted(rows, key=lambda each: str(each['namespace'])):
        document = _set({key: row[key] for key in _COLUMNS})
        yield {**document, **_contents(connection, row['id'])}


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in values.items() if each is not None}


def _contents(connection: sa.Connection, namespace_id: int) -> dict[str, Any]:
    contents = {
        'resource_type_associations': [
            _set(
                {
                    'name': row['name'],
                    'prefix': row['prefix'],
                    'properties_target': row['properties_target'],
                }
            )
            for row in _associations(connection, namespace_id)
        ],
        'properties': {
            row['name']: row['json_schema']
            for row in _rows(connection, loading.PROPERTIES, namespace_id)
        },
        'objects': [
            _set(
                {
                    'name': row['name'],
                    'description': row['description'],
                    'required': _names(row['required']),
                    'properties': row['json_schema'],
                }
            )
            for row in _rows(connection, loading.OBJECTS, namespace_id)
        ],
        'tags': [
            {'name': row['name']}
            for row in _rows(connection, loading.TAGS, namespace_id)
        ],
    }
    return {key: each for key, each in contents.items() if each}


def _names(required: str | None) -> list[str] | None:
    return required.split(',') if required else None


def _rows(
    connection: sa.Connection, table: sa.Table, namespace_id: int
) -> list[Any]:
    statement = sa.select(table).where(table.c.namespace_id == namespace_id)
    rows = connection.execute(statement).mappings()
    return sorted(rows, key=lambda each: str(each['name']))


def _associations(connection: sa.Connection, namespace_id: int) -> list[Any]:
    associations = loading.ASSOCIATIONS
    statement = (
        sa.select(
            loading.TYPES.c.name,
            associations.c.prefix,
            associations.c.properties_target,
        )
        .join_from(associations, loading.TYPES)
        .where(associations.c.namespace_id == namespace_id)
    )
    rows = connection.execute(statement).mappings()
    return sorted(rows, key=lambda each: str(each['name']))
