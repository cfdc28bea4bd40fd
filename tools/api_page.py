"""Write doc/reference/api.md from GET /v2/openapi.json."""

from collections.abc import Iterator, Mapping
import pathlib
from typing import Any

PAGE = (
    pathlib.Path(__file__).resolve().parent.parent
    / 'doc'
    / 'reference'
    / 'api.md'
)
HEAD = """\
# API

Made by `tools/reference` from the description that `GET /v2/openapi.json`
gives to programs. `{name}` in a path is a parameter. Every call may also
answer 400, 401, 431 and 503. [Troubleshooting](../troubleshooting.md) explains
what errors mean.
"""
_METHODS = ('get', 'head', 'post', 'put', 'patch', 'delete')
_COMMON = {'400', '401', '431', '503'}


def page() -> str:
    """The page as it has to be."""
    from glance.api.v2 import openapi
    from glance.api.v2 import operations
    from glance.api.v2 import schemas

    schema = schemas.ImageSchema(['raw'], ['bare'])
    document = openapi.document(sorted(operations.TABLE, key=_order), schema)
    return render(document)


def _order(line: tuple[str, str]) -> tuple[str, int]:
    method, path = line
    return path, _METHODS.index(method.lower())


def render(document: Mapping[str, Any]) -> str:
    lines = [HEAD]
    for title, paths in _groups(document['paths']).items():
        lines += [f'## {title}', '']
        for path, item in paths.items():
            for method in _METHODS:
                if method in item:
                    lines += _operation(document, method, path, item[method])
    return '\n'.join(lines).rstrip() + '\n'


def _groups(paths: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Paths by the first word behind /v2, in the order of the document."""
    found: dict[str, dict[str, Any]] = {}
    for path, item in paths.items():
        words = path.strip('/').split('/')
        name = words[1] if len(words) > 1 else 'versions'
        found.setdefault(name.removesuffix('.json'), {})[path] = item
    return found


def _operation(
    document: Mapping[str, Any],
    method: str,
    path: str,
    operation: Mapping[str, Any],
) -> Iterator[str]:
    yield f'### {method.upper()} {path}'
    yield ''
    yield operation.get('summary') or operation.get('description', '')
    yield ''
    for parameter in operation.get('parameters', ()):
        known = _resolve(document, parameter)
        if known['in'] == 'path':
            continue
        text = ' '.join(known.get('description', '').split())
        yield f'- `{known["name"]}` ({known["in"]}): {text}'
    bodies = operation.get('requestBody', {}).get('content', {})
    if bodies:
        yield f'- Body: {", ".join(f"`{kind}`" for kind in bodies)}'
    codes = [code for code in operation['responses'] if code not in _COMMON]
    yield f'- Answers: {", ".join(codes)}'
    yield ''


def _resolve(document: Mapping[str, Any], value: Any) -> Any:
    reference = value.get('$ref')
    if reference is None:
        return value
    for word in reference.removeprefix('#/').split('/'):
        document = document[word]
    return document
