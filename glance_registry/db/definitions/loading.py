"""Load the document of a definition file into the database."""

from collections.abc import Iterable, Mapping
import datetime
import enum
from typing import Any

import sqlalchemy as sa

from glance_registry.db import engine
from glance_registry.db import models
from glance_registry.db.definitions import files

NAMESPACES = models.metadef_namespaces
TYPES = models.metadef_resource_types
ASSOCIATIONS = models.metadef_namespace_resource_types
PROPERTIES = models.metadef_properties
OBJECTS = models.metadef_objects
TAGS = models.metadef_tags

#: Tables of the contents of a namespace.
CONTENTS = (PROPERTIES, OBJECTS, TAGS, ASSOCIATIONS)

#: Owner of a namespace whose file names none, as in upstream Glance.
DEFAULT_OWNER = 'admin'


class Mode(enum.Enum):
    """How a namespace is loaded that already exists."""

    SKIP = 'skip'
    #: Add missing definitions.
    MERGE = 'merge'
    #: Add missing definitions, and update existing ones.
    PREFER_NEW = 'prefer new'
    #: Delete the namespace, and create it again.
    OVERWRITE = 'overwrite'


def load(
    connection: sa.Connection, document: files.Document, mode: Mode
) -> str:
    """Load a namespace in the caller's transaction.

    :returns: what was done, as a past participle for a message
    """
    now = engine.now()
    name = document['namespace']
    # Changes of a namespace through the API lock its row, too.
    namespace_id = connection.scalar(
        sa.select(NAMESPACES.c.id)
        .where(NAMESPACES.c.namespace == name)
        .with_for_update()
    )
    if namespace_id is not None and mode is Mode.SKIP:
        return 'skipped, it exists'
    if namespace_id is not None and mode is Mode.OVERWRITE:
        _delete(connection, namespace_id)
    if namespace_id is None or mode is Mode.OVERWRITE:
        row = {**_row(document), 'created_at': now, 'updated_at': now}
        added = _insert(connection, NAMESPACES, row)
        _Contents(connection, added, now).add(document)
        return 'loaded' if namespace_id is None else 'replaced'
    contents = _Contents(connection, namespace_id, now)
    if mode is Mode.PREFER_NEW:
        connection.execute(
            NAMESPACES.update().where(NAMESPACES.c.id == namespace_id),
            {**_row(document), 'updated_at': now},
        )
        contents.update(document)
    contents.add(document)
    return 'updated' if mode is Mode.PREFER_NEW else 'merged'


def unload(connection: sa.Connection) -> int:
    """Delete the whole catalogue, including resource types.

    :returns: the number of deleted namespaces
    """
    for table in CONTENTS:
        connection.execute(table.delete())
    count = connection.execute(NAMESPACES.delete()).rowcount
    connection.execute(TYPES.delete())
    return count


def _insert(
    connection: sa.Connection, table: sa.Table, row: dict[str, Any]
) -> int:
    """Insert a row; return its id."""
    key = connection.execute(table.insert(), row).inserted_primary_key
    return int(key[0]) if key else 0


def _delete(connection: sa.Connection, namespace_id: int) -> None:
    for table in CONTENTS:
        connection.execute(
            table.delete().where(table.c.namespace_id == namespace_id)
        )
    connection.execute(
        NAMESPACES.delete().where(NAMESPACES.c.id == namespace_id)
    )


def _row(document: files.Document) -> dict[str, Any]:
    """Return the row of the namespace itself."""
    keys = ('display_name', 'description', 'visibility', 'protected')
    return {
        'namespace': document['namespace'],
        'owner': document.get('owner', DEFAULT_OWNER),
        **{key: document.get(key) for key in keys},
    }


class _Contents:
    """The contents of a namespace in the database."""

    def __init__(
        self,
        connection: sa.Connection,
        namespace_id: int,
        now: datetime.datetime,
    ) -> None:
        self._connection = connection
        self._namespace_id = namespace_id
        self._now = now

    def add(self, document: files.Document) -> None:
        """Insert the definitions of a document that do not exist."""
        for table, key, rows in self._tables(document):
            there = set(
                self._connection.scalars(self._of(table, table.c[key]))
            )
            times = {'created_at': self._now, 'updated_at': self._now}
            new = [
                {'namespace_id': self._namespace_id, **row, **times}
                for row in rows
                if row[key] not in there
            ]
            if new:
                self._connection.execute(table.insert(), new)

    def update(self, document: files.Document) -> None:
        """Update existing definitions to the values of a document."""
        for table, key, rows in self._tables(document):
            for row in rows:
                statement = table.update().where(
                    table.c.namespace_id == self._namespace_id,
                    table.c[key] == row[key],
                )
                values = {**row, 'updated_at': self._now}
                self._connection.execute(statement.values(values))

    def _of(
        self, table: sa.Table, column: sa.Column[Any]
    ) -> sa.Select[tuple[Any]]:
        return sa.select(column).where(
            table.c.namespace_id == self._namespace_id
        )

    def _tables(
        self, document: files.Document
    ) -> Iterable[tuple[sa.Table, str, list[dict[str, Any]]]]:
        """Return each table with its identifying column and its rows."""
        yield PROPERTIES, 'name', _properties(document)
        yield OBJECTS, 'name', _objects(document)
        yield (
            TAGS,
            'name',
            [{'name': tag['name']} for tag in document.get('tags', ())],
        )
        associations = document.get('resource_type_associations', ())
        yield (
            ASSOCIATIONS,
            'resource_type_id',
            [self._association(each) for each in associations],
        )

    def _association(self, association: Mapping[str, Any]) -> dict[str, Any]:
        return {
            'resource_type_id': self._type_id(association['name']),
            'prefix': association.get('prefix'),
            'properties_target': association.get('properties_target'),
        }

    def _type_id(self, name: str) -> int:
        """Return the id of a resource type; create it if it is missing."""
        type_id = self._connection.scalar(
            sa.select(TYPES.c.id).where(TYPES.c.name == name)
        )
        if type_id is not None:
            return int(type_id)
        row = {'name': name, 'protected': True}
        times = {'created_at': self._now, 'updated_at': self._now}
        return _insert(self._connection, TYPES, {**row, **times})


def _properties(document: files.Document) -> list[dict[str, Any]]:
    return [
        {'name': name, 'json_schema': schema}
        for name, schema in document.get('properties', {}).items()
    ]


def _objects(document: files.Document) -> list[dict[str, Any]]:
    return [
        {
            'name': each['name'],
            'description': each.get('description'),
            'required': ','.join(each['required'])
            if each.get('required')
            else None,
            'json_schema': each.get('properties', {}),
        }
        for each in document.get('objects', ())
    ]
