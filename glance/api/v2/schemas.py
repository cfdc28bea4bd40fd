"""/v2/schemas: what documents look like; and the validation by them."""

from collections.abc import Iterator, Mapping, Sequence
import re
from typing import Any

import jsonschema
import webob

from glance.api.v2.schema import image as image_schema
from glance.api.v2.schema import member as member_schema
from glance.common import errors
from glance.common import wsgi

#: MySQL's text columns; beyond it some databases cut, some refuse.
MAX_VALUE_BYTES = 65_535
MAX_NAME_LENGTH = 255
MAX_INTEGER = 2**31 - 1
#: What there is a schema of.
NAMES = ('image', 'images', 'member', 'members')


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


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {'pattern': _pattern}
)


class ImageSchema:
    """Validates images and single members of them; compiled once."""

    def __init__(
        self, disk_formats: Sequence[str], container_formats: Sequence[str]
    ) -> None:
        self.properties = image_schema.properties(
            disk_formats, container_formats
        )
        self._validators = {
            name: _Validator(constraints)
            for name, constraints in self.properties.items()
        }

    def document(self) -> dict[str, Any]:
        return {
            'name': 'image',
            'properties': self.properties,
            'additionalProperties': {'type': 'string'},
            'links': image_schema.LINKS,
        }

    def check(self, values: Mapping[str, Any]) -> None:
        """:raises errors.BadRequest: a member breaks its constraints"""
        for name, value in values.items():
            self.check_one(name, value)

    def check_one(self, name: str, value: Any) -> None:
        """Check one member of an image by itself.

        :raises errors.BadRequest: it breaks its constraints
        """
        validator = self._validators.get(name)
        if validator is None:
            _check_custom(name, value)
            return
        try:
            problem = next(validator.iter_errors(value), None)
        except RecursionError as error:  # its message would quote the value
            raise errors.BadRequest(f'{name} is nested too deeply.') from error
        if problem is not None:
            raise errors.BadRequest(f'{name}: {problem.message}')
        if name in ('min_ram', 'min_disk') and not 0 <= value <= MAX_INTEGER:
            raise errors.BadRequest(
                f'{name} must be between 0 and {MAX_INTEGER}.'
            )
        check_text(value, name)

    def is_base(self, name: str) -> bool:
        """Whether the name is a member of every image."""
        return self.properties.get(name, {}).get('is_base', True) and (
            name in self.properties
        )


def _check_custom(name: str, value: Any) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise errors.BadRequest(
            f'A property name may have {MAX_NAME_LENGTH} characters.'
        )
    if not isinstance(value, str):
        raise errors.BadRequest(f'{name}: the value must be a string.')
    check_text(name, 'a property name')
    check_text(value, name)


def check_text(value: Any, what: str) -> None:
    """Refuse text that some database cannot hold.

    :raises errors.BadRequest: NUL, characters above U+FFFF, or too long
    """
    if isinstance(value, list):
        for item in value:
            check_text(item, what)
        return
    if not isinstance(value, str):
        return
    if value and (max(value) > '\uffff' or '\x00' in value):
        raise errors.BadRequest(
            f'{what}: NUL and 4-byte Unicode characters are not supported.'
        )
    if len(value.encode()) > MAX_VALUE_BYTES:
        raise errors.BadRequest(
            f'{what}: a text may have {MAX_VALUE_BYTES} bytes.'
        )


class Schemas:
    """/v2/schemas/{name}"""

    def __init__(self, image: ImageSchema) -> None:
        one_image = image.document()
        one_member = {
            'name': 'member',
            'properties': member_schema.PROPERTIES,
        }
        path = {'type': 'string'}
        described = [{'rel': 'describedby', 'href': '{schema}'}]
        self._documents: dict[str, Any] = {
            'image': one_image,
            'images': {
                'name': 'images',
                'properties': {
                    'images': {'type': 'array', 'items': one_image},
                    'first': path,
                    'next': path,
                    'schema': path,
                },
                'links': image_schema.LIST_LINKS,
            },
            'member': one_member,
            'members': {
                'name': 'members',
                'properties': {
                    'members': {'type': 'array', 'items': one_member},
                    'schema': path,
                },
                'links': described,
            },
        }

    def show(self, request: wsgi.Request, name: str) -> webob.Response:
        request.refuse_body()
        if name not in self._documents:
            raise errors.NotFound(f'There is no schema {name}.')
        return wsgi.json_response(self._documents[name])
