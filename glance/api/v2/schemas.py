"""/v2/schemas: what documents look like; and the validation by them."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import webob

from glance.api.v2.schema import custom as custom_schema
from glance.api.v2.schema import image as image_schema
from glance.api.v2.schema import keywords
from glance.api.v2.schema import member as member_schema
from glance.api.v2.schema import task as task_schema
from glance.common import errors
from glance.common import wsgi

#: MySQL's text columns; beyond it some databases cut, some refuse.
MAX_VALUE_BYTES = 65_535
MAX_NAME_LENGTH = 255
MAX_INTEGER = 2**31 - 1
#: Members that no image has while there is one store. The schema does not
#: name them: python-glanceclient 3.0 to 4.1 makes an option of each member,
#: and --stores is an option of its own already.
OF_SEVERAL_STORES = frozenset(('stores',))
#: What there is a schema of.
NAMES = ('image', 'images', 'member', 'members', 'task', 'tasks')


class ImageSchema:
    """Validates images and single members of them; compiled once."""

    def __init__(
        self,
        disk_formats: Sequence[str],
        container_formats: Sequence[str],
        custom: custom_schema.Custom = custom_schema.USUAL,
    ) -> None:
        self._base = image_schema.properties(disk_formats, container_formats)
        self._required = custom.required
        self.properties = self._base | {
            name: {**constraints, 'is_base': False}
            for name, constraints in custom.properties.items()
        }
        #: What the schema says; the rest is validated all the same.
        self.shown = {
            name: constraints
            for name, constraints in self.properties.items()
            if name not in OF_SEVERAL_STORES
        }
        self._validators = {
            name: keywords.Validator(constraints)
            for name, constraints in self.properties.items()
        }
        #: Custom properties that may be null.
        self.nullable = frozenset(
            name
            for name, constraints in custom.properties.items()
            if 'null' in constraints.get('type', ())
        )

    def document(self) -> dict[str, Any]:
        document = {
            'name': 'image',
            'properties': self.shown,
            'additionalProperties': {'type': 'string'},
            'links': image_schema.LINKS,
        }
        if self._required:
            document['required'] = self._required
        return document

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Check what a new image is given; the values as they are kept.

        :raises errors.BadRequest: a member breaks its constraints, or one
            that is required is missing
        """
        checked = {
            name: self.check_one(name, value) for name, value in values.items()
        }
        for name in self._required:
            if name not in values:
                raise errors.BadRequest(f'{name} is required.')
        return checked

    def require_properties(self, names: Set[str]) -> None:
        """Check the custom properties that a change would leave.

        :raises errors.BadRequest: one that is required is missing
        """
        for name in self._required:
            if name not in names and name not in self._base:
                raise errors.BadRequest(f'{name} is required.')

    def check_one(self, name: str, value: Any) -> Any:
        """Check one member of an image by itself; the value as it is kept.

        A whole number may come as ``1.0`` or ``2e3``; it goes out as 1 and
        2000, because some clients read nothing else into an integer.

        :raises errors.BadRequest: it breaks its constraints
        """
        validator = self._validators.get(name)
        if validator is None:
            _check_custom(name, value)
            return value
        try:
            problem = next(validator.iter_errors(value), None)
        except RecursionError as error:  # its message would quote the value
            raise errors.BadRequest(f'{name} is nested too deeply.') from error
        if problem is not None:
            raise errors.BadRequest(f'{name}: {problem.message}')
        if name in ('min_ram', 'min_disk'):
            if not 0 <= value <= MAX_INTEGER:
                raise errors.BadRequest(
                    f'{name} must be between 0 and {MAX_INTEGER}.'
                )
            return int(value)
        if name in self._base:
            check_text(value, name)
        elif value is not None or name not in self.nullable:
            _check_custom(name, value)
        return value

    def is_base(self, name: str) -> bool:
        """Whether the name is a member of every image."""
        return name in self._base


def _check_custom(name: str, value: Any) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise errors.BadRequest(
            f'The name of a property may have at most {MAX_NAME_LENGTH} '
            'characters.'
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
    # In this order: a search in megabytes would stop the event loop.
    if len(value) > MAX_VALUE_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
        raise errors.BadRequest(
            f'{what}: a text may have at most {MAX_VALUE_BYTES} bytes.'
        )
    if value and (max(value) > '\uffff' or '\x00' in value):
        raise errors.BadRequest(
            f'{what}: NUL and 4-byte Unicode characters are not supported.'
        )


def check_path_name(name: str, what: str) -> None:
    """Refuse a new name that could not be addressed at the end of a URL.

    Clients and proxies resolve the parts ``.`` and ``..`` of a path, also
    when they are encoded, and take slashes at its end for nothing.

    :raises errors.BadRequest: it has such a part
    """
    parts = name.split('/')
    edges = (parts[0], parts[-1])
    if '' in edges or {'.', '..'}.intersection(parts) or name[-1] == '\n':
        raise errors.BadRequest(
            f'A {what} must not be empty, must not begin or end with a '
            'slash, must not end with a line feed, and must not have a part '
            '"." or ".." between slashes, because it could not be removed '
            'by its URL.'
        )


class Schemas:
    """/v2/schemas/{name}"""

    def __init__(self, image: ImageSchema) -> None:
        one_image = image.document()
        one_member = {
            'name': 'member',
            'properties': member_schema.PROPERTIES,
        }
        one_task = {'name': 'task', 'properties': task_schema.PROPERTIES}
        listed_task = {'name': 'task', 'properties': task_schema.LISTED}
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
            'task': one_task,
            'tasks': {
                'name': 'tasks',
                'properties': {
                    'tasks': {'type': 'array', 'items': listed_task},
                    'schema': path,
                },
                'links': described,
            },
        }

    def show(self, request: wsgi.Request, name: str) -> webob.Response:
        request.refuse_body()
        if name not in self._documents:
            raise errors.NotFound(f'The schema {name} does not exist.')
        return wsgi.json_response(self._documents[name])
