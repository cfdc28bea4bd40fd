"""/v2/schemas: the JSON Schemas of documents, and validation by them."""

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

#: Size of MySQL's text columns. Some databases cut longer values, others
#: refuse them.
MAX_VALUE_BYTES = 65_535
MAX_NAME_LENGTH = 255
MAX_INTEGER = 2**31 - 1
#: Members that images have only if there are several stores. With one store
#: the schema does not contain them, because python-glanceclient 3.0 to 4.1
#: makes an option of each member and already has an option --stores. Newer
#: clients expect them if there are several stores (image-create-via-import
#: --stores).
OF_SEVERAL_STORES = frozenset(('stores',))
#: Names of the schemas.
NAMES = ('image', 'images', 'member', 'members', 'task', 'tasks')


class ImageSchema:
    """Validates images and single members; the schema is compiled once."""

    def __init__(
        self,
        disk_formats: Sequence[str],
        container_formats: Sequence[str],
        custom: custom_schema.Custom = custom_schema.USUAL,
        *,
        has_stores: bool = False,
    ) -> None:
        """:param has_stores: clients know stores by their ids"""
        self._base = image_schema.properties(disk_formats, container_formats)
        self._required = custom.required
        self.properties = self._base | {
            name: {**constraints, 'is_base': False}
            for name, constraints in custom.properties.items()
        }
        #: The members that the schema shows; others are validated too.
        self.shown = {
            name: constraints
            for name, constraints in self.properties.items()
            if has_stores or name not in OF_SEVERAL_STORES
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
        """Check the values of a new image; return them as they are stored.

        :raises errors.BadRequest: a member violates its constraints, or a
            required one is missing
        """
        checked = {
            name: self.check_one(name, value) for name, value in values.items()
        }
        for name in self._required:
            if name not in values:
                raise errors.BadRequest(f'{name} is required.')
        return checked

    def require_properties(self, names: Set[str]) -> None:
        """Check the custom properties that an image has after a change.

        :raises errors.BadRequest: a required property is missing
        """
        for name in self._required:
            if name not in names and name not in self._base:
                raise errors.BadRequest(f'{name} is required.')

    def check_one(self, name: str, value: Any) -> Any:
        """Check one member of an image; return the value as it is stored.

        An integer may be sent as ``1.0`` or ``2e3``. It is shown as 1 or
        2000, because some clients cannot read other forms of an integer.

        :raises errors.BadRequest: the value violates its constraints
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
    """Refuse text that some database cannot store.

    :raises errors.BadRequest: NUL, characters above U+FFFF, or too long
    """
    if isinstance(value, list):
        for item in value:
            check_text(item, what)
        return
    if not isinstance(value, str):
        return
    # Check the length first: a search in megabytes would block the event
    # loop.
    if len(value) > MAX_VALUE_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
        raise errors.BadRequest(
            f'{what}: a text may have at most {MAX_VALUE_BYTES} bytes.'
        )
    if value and (max(value) > '\uffff' or '\x00' in value):
        raise errors.BadRequest(
            f'{what}: NUL and 4-byte Unicode characters are not supported.'
        )


def check_path_name(name: str, what: str) -> None:
    """Refuse a new name that cannot be used at the end of a URL.

    Clients and proxies resolve the parts ``.`` and ``..`` of a path, even if
    they are encoded, and ignore slashes at its end.

    :raises errors.BadRequest: the name has such a part
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
