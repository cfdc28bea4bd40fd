"""Payloads of events of the catalogue of metadata definitions."""

from collections.abc import Mapping
from typing import Any

from glance.notifications import payloads

_NAMESPACE = (
    *('namespace', 'display_name', 'protected', 'visibility', 'owner'),
    *('description', 'created_at', 'updated_at'),
)
_KEYWORDS = (
    *('type', 'title', 'description', 'default', 'minimum', 'maximum'),
    *('enum', 'pattern', 'minLength', 'maxLength', 'confidential', 'items'),
    *('uniqueItems', 'minItems', 'maxItems', 'additionalItems'),
)
_TIMES = ('created_at', 'updated_at')

Payload = dict[str, Any]
Values = Mapping[str, Any]


def deletion(is_deleted: bool) -> Payload:
    return {
        'deleted': is_deleted,
        'deleted_at': payloads.now() if is_deleted else None,
    }


def namespace(values: Values, old: str | None = None) -> Payload:
    """:param old: its name before a change; None if it did not change"""
    return {
        **{name: values[name] for name in _NAMESPACE},
        'namespace_old': old or values['namespace'],
    }


def object_(values: Values) -> Payload:
    return {
        **{name: values[name] for name in ('description', 'required')},
        **{name: values.get(name) for name in _TIMES},
        'properties': [
            {'name': name, **_keywords(definition)}
            for name, definition in values['properties'].items()
        ],
    }


def property_(values: Values) -> Payload:
    return _keywords(values['definition'])


def tag(values: Values) -> Payload:
    return {name: values.get(name) for name in _TIMES}


def resource_type(values: Values) -> Payload:
    names = ('prefix', 'properties_target', *_TIMES)
    return {name: values.get(name) for name in names}


def _keywords(definition: Values) -> Payload:
    return {name: definition.get(name) for name in _KEYWORDS}


#: Kind in the contract -> first part of the event's name, payload function.
KINDS = {
    'resource_type_associations': ('metadef_resource_type', resource_type),
    'properties': ('metadef_property', property_),
    'objects': ('metadef_object', object_),
    'tags': ('metadef_tag', tag),
}


def definition(
    kind: str, namespace: str, found: Values, old: str | None = None
) -> Payload:
    """A definition of any kind.

    :param old: its name before a change; None if it did not change
    """
    _event, details = KINDS[kind]
    return {
        **details(found),
        'namespace': namespace,
        'name': found['name'],
        'name_old': old or found['name'],
    }
