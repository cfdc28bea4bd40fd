"""Convert request bodies to documents of the contract."""

from collections.abc import Callable, Iterable, Mapping
import json
from typing import Any

from glance.api.v2 import schemas
from glance.api.v2.schema import keywords
from glance.api.v2.schema import metadefs as schema
from glance.common import errors
from glance.common import wsgi
from glance.common.contract import metadefs

#: Maximum levels of lists and objects in a default value.
MAX_DEPTH = 20
_NESTED = {
    'resource_type_associations': schema.ASSOCIATION,
    'objects': schema.OBJECT,
    'tags': schema.TAG,
}
_VALIDATORS = {
    id(each): keywords.Validator(each)
    for each in (
        *(schema.NAMESPACE, schema.OBJECT, schema.PROPERTY, schema.TAG),
        *(schema.ASSOCIATION, schema.TAGS),
    )
}


def read(request: wsgi.Request, parse: Callable[[Any], Any]) -> Any:
    """Parse the body with a parser of this module.

    :raises errors.BadRequest: the body violates a rule, which is named
    :raises errors.Forbidden: it sets a member that only the service sets
    """
    return request.work(parse, request.document())


def namespace(document: Any) -> metadefs.NewNamespace:
    """A new namespace; its owner may be missing."""
    values = _checked(document, schema.NAMESPACE)
    for kind, each in _NESTED.items():
        for one in values.get(kind, ()):
            _refuse_read_only(one, each)
    return {
        'values': _values(values),
        'resource_type_associations': [
            _association(one)
            for one in values.get('resource_type_associations', ())
        ],
        'properties': [
            _property(name, definition)
            for name, definition in values.get('properties', {}).items()
        ],
        'objects': [_object(one) for one in values.get('objects', ())],
        'tags': _tags(values.get('tags', ())),
    }


def namespace_values(document: Any) -> metadefs.NamespaceValues:
    """The new values of a namespace; its definitions are ignored."""
    if isinstance(document, dict):
        contents = metadefs.KINDS
        document = {
            name: value
            for name, value in document.items()
            if name not in contents
        }
    return _values(_checked(document, schema.NAMESPACE))


def property_(document: Any) -> metadefs.Definition:
    """A single property; its definition contains the name."""
    values = _checked(document, schema.PROPERTY)
    return _property(values['name'], values)


def object_(document: Any) -> metadefs.Definition:
    return _object(_checked(document, schema.OBJECT))


def tag(document: Any) -> metadefs.Definition:
    (definition,) = _tags([_checked(document, schema.TAG)])
    return definition


def tags(document: Any) -> list[metadefs.Definition]:
    values = _checked(document, schema.TAGS)
    for one in values['tags']:
        _refuse_read_only(one, schema.TAG)
    return _tags(values['tags'])


def association(document: Any) -> metadefs.Definition:
    return _association(_checked(document, schema.ASSOCIATION))


def check_name(name: str, noun: str) -> None:
    """Refuse a new name that cannot be used in a URL.

    :param noun: the kind of the named object, for the message
    :raises errors.BadRequest: it is empty, too long or has a slash
    """
    schemas.check_text(name, noun)
    if len(name) > schema.MAX_NAME:
        raise errors.BadRequest(
            f'A name may have at most {schema.MAX_NAME} characters; that of '
            f'the {noun} has {len(name)}.'
        )
    if '/' in name:
        raise errors.BadRequest(
            f'The name of the {noun} must not have a slash, because it '
            'could not be addressed by its URL.'
        )
    schemas.check_path_name(name, noun)


def _checked(document: Any, of: schema.Schema) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise errors.BadRequest('The body must be a JSON object.')
    _refuse_read_only(document, of)
    try:
        problem = next(_VALIDATORS[id(of)].iter_errors(document), None)
    except RecursionError as error:  # its message would quote the value
        raise errors.BadRequest('The body is nested too deeply.') from error
    if problem is not None:
        place = '.'.join(map(str, problem.absolute_path))
        text = f'{place}: {problem.message}' if place else problem.message
        raise errors.BadRequest(text)
    checked: dict[str, Any] = document
    return checked


def _refuse_read_only(document: Any, of: schema.Schema) -> None:
    if isinstance(document, dict):
        for name in sorted(schema.read_only(of).intersection(document)):
            raise errors.Forbidden(f'{name} is read-only.')


def _values(document: Mapping[str, Any]) -> metadefs.NamespaceValues:
    check_name(document['namespace'], 'namespace')
    for name in ('display_name', 'description', 'owner'):
        schemas.check_text(document.get(name), name)
    return {
        'namespace': document['namespace'],
        'display_name': document.get('display_name'),
        'description': document.get('description'),
        'visibility': document.get('visibility', 'private'),
        'protected': document.get('protected', False),
        'owner': document.get('owner', ''),
    }


def _association(document: Mapping[str, Any]) -> metadefs.Definition:
    check_name(document['name'], 'resource type')
    association = {'name': document['name']}
    for name in ('prefix', 'properties_target'):
        schemas.check_text(document.get(name), name)
        association[name] = document.get(name)
    return association


def _property(name: str, definition: Mapping[str, Any]) -> metadefs.Definition:
    check_name(name, 'property')
    _check_default(name, definition)
    _check_size(definition, f'The definition of {name}')
    return {'name': name, 'definition': dict(definition)}


def _object(document: Mapping[str, Any]) -> metadefs.Definition:
    check_name(document['name'], 'object')
    required = document.get('required', [])
    for name in required:
        schemas.check_text(name, 'required')
        if not name or ',' in name:
            raise errors.BadRequest(
                'A name in "required" must not be empty and must not have a '
                'comma.'
            )
    schemas.check_text(','.join(required), 'required')
    schemas.check_text(document.get('description'), 'description')
    properties = document.get('properties', {})
    for name, definition in properties.items():
        _check_default(name, definition)
    _check_size(properties, 'The properties of an object')
    return {
        'name': document['name'],
        'description': document.get('description'),
        'required': required,
        'properties': properties,
    }


def _tags(
    documents: Iterable[Mapping[str, Any]],
) -> list[metadefs.Definition]:
    tags = [{'name': document['name']} for document in documents]
    for one in tags:
        check_name(one['name'], 'tag')
    return tags


def _check_default(name: str, definition: Mapping[str, Any]) -> None:
    if _depth(definition.get('default')) > MAX_DEPTH:
        raise errors.BadRequest(
            f'{name}: a default may have at most {MAX_DEPTH} levels.'
        )


def _depth(value: Any) -> int:
    """The number of levels of lists and objects.

    Counting stops when MAX_DEPTH is exceeded.
    """
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        deeper: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                deeper.extend(each.values())
            elif isinstance(each, list):
                deeper.extend(each)
        if not any(isinstance(each, (dict, list)) for each in level):
            break
        depth, level = depth + 1, deeper
    return depth


def _check_size(definition: Any, what: str) -> None:
    """Refuse a definition that some database cannot store."""
    if len(json.dumps(definition)) > schemas.MAX_VALUE_BYTES:
        raise errors.BadRequest(
            f'{what} may have at most {schemas.MAX_VALUE_BYTES} bytes.'
        )
