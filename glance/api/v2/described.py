"""The parts of the description of a route; see openapi.py."""

from collections.abc import Mapping
from typing import Any, NamedTuple

#: Media type -> schema in the components; None for bytes of any kind.
Content = Mapping[str, str | None]
_NO_CONTENT: Content = {}


class Description(NamedTuple):
    """One route.

    :ivar answers: responses that are not errors
    :ivar errors: errors besides those that every call may return
    :ivar parameters: names in PARAMETERS, besides those of the path
    """

    summary: str
    answers: Mapping[int, Content]
    errors: tuple[int, ...] = ()
    body: Content = _NO_CONTENT
    body_is_required: bool = True
    parameters: tuple[str, ...] = ()


def json(name: str) -> Content:
    return {'application/json': name}


#: Route -> its description.
Table = dict[tuple[str, str], Description]


def in_path(name: str, description: str) -> dict[str, Any]:
    return {
        'name': name,
        'in': 'path',
        'required': True,
        'description': description,
        'schema': {'type': 'string', 'minLength': 1},
    }


def in_query(name: str, description: str, schema: Any) -> dict[str, Any]:
    return {
        'name': name,
        'in': 'query',
        'description': description,
        'schema': schema,
    }


def in_header(name: str, description: str, schema: Any) -> dict[str, Any]:
    return {**in_query(name, description, schema), 'in': 'header'}
