"""JSON Schema as we understand it."""

from collections.abc import Iterator
import re
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


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {'pattern': _pattern}
)
