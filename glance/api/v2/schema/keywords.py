"""JSON Schema with our implementation of some keywords."""

from collections.abc import Iterator
import re
import reprlib
from typing import Any

import jsonschema


def _pattern(
    _validator: Any, pattern: str, value: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """The keyword ``pattern`` as JSON Schema defines it.

    Python's ``$`` would also match before a line feed at the end.
    """
    if isinstance(value, str) and (
        value.endswith('\n') or not re.search(pattern, value)
    ):
        yield jsonschema.ValidationError(f'does not match {pattern}')


def _type(
    validator: Any, types: Any, value: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """The keyword ``type``; its message quotes only a part of the value.

    The library's message quotes the whole value, which may be megabytes.
    """
    types = [types] if isinstance(types, str) else types
    if not any(validator.is_type(value, each) for each in types):
        names = ', '.join(map(repr, types))
        yield jsonschema.ValidationError(
            f'{reprlib.repr(value)} is not of type {names}'
        )


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {'pattern': _pattern, 'type': _type}
)
