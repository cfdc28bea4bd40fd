"""Operations on the catalogue of metadata definitions."""

from typing import Any

import sqlalchemy as sa

from glance.common import errors
from glance.common.contract import metadefs
from glance_registry.db import engine
from glance_registry.db.metadefs import constraints
from glance_registry.db.metadefs import definitions
from glance_registry.db.metadefs import kinds
from glance_registry.db.metadefs import namespaces
from glance_registry.db.metadefs import resource_types
from glance_registry.operations import line


def _kind(call: line.Call) -> kinds.Kind:
    name = call.document['kind']
    if name not in namespaces.KINDS:
        raise errors.BadRequest(f'{name} is no kind of definitions.')
    return namespaces.KINDS[name]


def _add(db: sa.Connection, call: line.Call) -> metadefs.Definitions:
    kind, new = _kind(call), call.document
    name = new['namespace']
    row = namespaces.lock(db, call.context, name)
    if new['replace'] and new['definitions']:
        definitions.remove(db, kind, row.id, None)
    added = definitions.insert(
        db, kind, name, row.id, new['definitions'], engine.now()
    )
    return {'definitions': added}


def _update(db: sa.Connection, call: line.Call) -> metadefs.Changed:
    kind, change = _kind(call), call.document
    name = change['namespace']
    row = namespaces.lock(db, call.context, name)
    changed = definitions.update(db, kind, name, row.id, change)
    return {'definition': changed}


def _delete(db: sa.Connection, call: line.Call) -> None:
    kind, namespace = _kind(call), call.document['namespace']
    row = namespaces.lock(db, call.context, namespace, to_delete=True)
    name = call.document['name']
    definitions.delete(db, kind, namespace, row.id, name)


def _list(db: sa.Connection, call: line.Call) -> metadefs.Namespaces:
    page = namespaces.get_page(db, call.context, call.document)
    return {'namespaces': page}


def _types(db: sa.Connection, _call: Any) -> metadefs.ResourceTypes:
    return {'resource_types': resource_types.get_all(db)}


_PAGE = ('limit', 'marker', 'sort_key', 'sort_dir')
TABLE = (
    line.Line(
        'list_namespaces',
        line.READ,
        (*_PAGE, 'visibility', 'resource_types'),
        _list,
    ),
    line.Line(
        'create_namespace',
        line.WRITE,
        ('values', *metadefs.KINDS),
        lambda db, call: namespaces.create(db, call.document),
        201,
    ),
    line.Line(
        'get_namespace',
        line.READ,
        ('namespace', 'kinds'),
        lambda db, call: namespaces.get(db, call.context, call.document),
    ),
    line.Line(
        'update_namespace',
        line.WRITE,
        ('namespace', 'values'),
        lambda db, call: namespaces.update(
            db,
            call.context,
            call.document['namespace'],
            call.document['values'],
        ),
    ),
    line.Line(
        'delete_namespace',
        line.WRITE,
        ('namespace',),
        lambda db, call: namespaces.delete(
            db, call.context, call.document['namespace']
        ),
    ),
    line.Line(
        'add_definitions',
        line.WRITE,
        ('namespace', 'kind', 'definitions', 'replace'),
        _add,
        201,
    ),
    line.Line(
        'update_definition',
        line.WRITE,
        ('namespace', 'kind', 'name', 'definition'),
        _update,
    ),
    line.Line(
        'delete_definitions',
        line.WRITE,
        ('namespace', 'kind', 'name'),
        _delete,
    ),
    line.Line('list_resource_types', line.READ, (), _types),
    line.Line(
        'list_constraints',
        line.READ,
        ('resource_type',),
        lambda db, call: {
            'constraints': constraints.get_all(
                db, call.document['resource_type']
            )
        },
    ),
)
