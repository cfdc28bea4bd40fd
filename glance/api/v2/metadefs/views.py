"""Convert documents of the contract to public JSON.

Null values are left out, and so are kinds of which a namespace has no
definitions.
"""

from collections.abc import Iterable, Mapping
import json
from typing import Any
import urllib.parse

from glance.common.contract import metadefs

Document = dict[str, Any]
NAMESPACES = '/v2/metadefs/namespaces'
_TIMES = ('created_at', 'updated_at')
_NUMBERS = (
    *('minimum', 'maximum', 'minLength', 'maxLength'),
    *('minItems', 'maxItems'),
)
#: Characters besides letters and digits that are not quoted in a path.
_PLAIN = ":@!$&'()*+,;=~"


def namespace(stored: metadefs.Namespace) -> Document:
    """A namespace with the kinds of definitions that were read.

    :func:`prefixed` adds prefixes to the names of its properties.
    """
    values: Mapping[str, Any] = stored
    names = ('namespace', 'display_name', 'description', 'visibility')
    document = _present(values, *names, 'protected', 'owner', *_TIMES)
    document['self'] = path(stored['namespace'])
    document['schema'] = '/v2/schemas/metadefs/namespace'
    contents: Document = {
        'resource_type_associations': [
            association(one) for one in values['resource_type_associations']
        ],
        'properties': properties(values.get('properties', ())),
        'objects': [
            object_(stored['namespace'], one)
            for one in values.get('objects', ())
        ],
        'tags': [{'name': one['name']} for one in values.get('tags', ())],
    }
    return document | {kind: each for kind, each in contents.items() if each}


def prefixed(document: Document, prefix: str) -> Document:
    """A namespace with the prefix added to the names of its properties."""

    def named(definitions: Document) -> Document:
        return {f'{prefix}{name}': one for name, one in definitions.items()}

    document = dict(document)
    if 'properties' in document:
        document['properties'] = named(document['properties'])
    if 'objects' in document:
        document['objects'] = [
            {
                **one,
                'required': [f'{prefix}{name}' for name in one['required']],
                'properties': named(one['properties']),
            }
            for one in document['objects']
        ]
    return document


def association(stored: Mapping[str, Any]) -> Document:
    return _present(stored, 'name', 'prefix', 'properties_target', *_TIMES)


def object_(
    namespace: str,
    stored: Mapping[str, Any],
    sent: Iterable[str] = ('required', 'properties'),
) -> Document:
    """:param sent: members that are shown even if they are empty"""
    document = _present(stored, 'name', 'description', *_TIMES)
    if stored['required'] or 'required' in sent:
        document['required'] = stored['required']
    if stored['properties'] or 'properties' in sent:
        document['properties'] = {
            name: property_(definition)
            for name, definition in stored['properties'].items()
        }
    document['self'] = path(namespace, 'objects', stored['name'])
    document['schema'] = '/v2/schemas/metadefs/object'
    return document


def properties(stored: Iterable[Mapping[str, Any]]) -> Document:
    """Properties by name."""
    return {one['name']: property_(one['definition']) for one in stored}


def named_property(stored: Mapping[str, Any]) -> Document:
    return {**property_(stored['definition']), 'name': stored['name']}


def property_(definition: Mapping[str, Any]) -> Document:
    """A definition in the form that the classic service shows.

    A default is a string, bounds are integers, values of an enumeration are
    strings. The stored definition is the one that the client sent.
    """
    shown = {
        name: value for name, value in definition.items() if value is not None
    }
    if 'default' in shown:
        shown['default'] = _text(shown['default'])
    for name in _NUMBERS:
        if isinstance(shown.get(name), float):
            shown[name] = int(shown[name])
    if isinstance(shown.get('enum'), list):
        shown['enum'] = [str(value) for value in shown['enum']]
    return shown


def _text(value: Any) -> str:
    """A default as a string; lists and objects as JSON."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def tag(stored: Mapping[str, Any]) -> Document:
    return _present(stored, 'name', *_TIMES)


def path(*names: str) -> str:
    """The path of a document, by namespace, kind and name."""
    quoted = (urllib.parse.quote(name, safe=_PLAIN) for name in names)
    return '/'.join((NAMESPACES, *quoted))


def _present(stored: Mapping[str, Any], *names: str) -> Document:
    return {name: stored[name] for name in names if stored[name] is not None}
