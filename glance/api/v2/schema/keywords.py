"""JSON Schema as we understand it."""

from collections.abc import Iterator
import re
import reprlib
from typing import Any

import jsonschema


def _pattern(
    _validator: Any, pattern: str, value: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """The keyword as JSON Schema means it.

    Python's ``$`` also matches before a line feed at the end.
    """
    if isinstance(value, str) and (
        value.endswith('\n') or not re.search(pattern, value)
    ):
        yield jsonschema.ValidationError(f'does not match {pattern}')


def _type(
    validator: Any, types: Any, value: Any, _schema: Any
) -> Iterator[jsonschema.ValidationError]:
    """The keyword, with a message that quotes the begin of the value only.

    The library's own quotes all of it, which may be megabytes.
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
