"""Convert headers to an image's members, and back.

A header's name is folded: lower case, with ``_`` for every ``-``, so a client
cannot send the property name ``HW-Bus``; :func:`fold` finds the property.
"""

from collections.abc import Mapping
import dataclasses
import re
from typing import Any
import urllib.parse

from glance.api.v1 import views
from glance.api.v2 import schemas
from glance.common import errors
from glance.common import wsgi

_META, _PROPERTY = 'HTTP_X_IMAGE_META_', 'PROPERTY_'
_COPY_FROM, _PURGE = 'X-Glance-Api-Copy-From', 'X-Glance-Registry-Purge-Props'
#: This client percent-encodes names and values since its release 2.11.1.
_ENCODING_CLIENT = 'python-glanceclient'
_TRUE = frozenset(('t', 'true', 'on', 'y', 'yes', '1'))
_NUMBERS = ('size', 'virtual_size', 'min_disk', 'min_ram')
_FLAGS = ('is_public', 'protected')
#: Fields that are validated by the schema of v2.
_CHECKED = (
    *('name', 'disk_format', 'container_format', 'owner', 'id', 'status'),
    *('checksum', 'min_disk', 'min_ram'),
)
#: The other fields are validated later, or have no effect.
_UNCHECKED = (
    *('size', 'virtual_size', 'location', 'store', 'copy_from', 'uri'),
    *('created_at', 'updated_at', 'deleted_at', 'deleted'),
)
_FORMATS, _PAIRED = ('disk_format', 'container_format'), ('ami', 'ari', 'aki')
_NOT_IN_NAMES = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NOT_IN_VALUES = re.compile('[\x00-\x1f\x7f]')


@dataclasses.dataclass(frozen=True)
class Given:
    """The description of an image in a request.

    :ivar fields: members by their name in v1; None for an empty value
    :ivar location: URL of existing data; '' if the header is empty
    """

    fields: dict[str, Any]
    properties: dict[str, str | None]
    location: str | None
    copy_from: str | None
    store: str | None

    def formats(self, known: Mapping[str, Any]) -> dict[str, str | None]:
        """Formats to set: with ami, ari and aki both formats must be equal.

        :param known: the current image
        :raises errors.BadRequest: the formats differ
        """
        disk, container = (
            self.fields.get(name, known.get(name)) for name in _FORMATS
        )
        if disk not in _PAIRED and container not in _PAIRED:
            return {}
        if disk and container and disk != container:
            raise errors.BadRequest(
                'disk_format and container_format must be the same if one of '
                f'them is {", ".join(_PAIRED)}.'
            )
        return dict.fromkeys(_FORMATS, disk or container)


def read(request: wsgi.Request, schema: schemas.ImageSchema) -> Given:
    """Read the image that the headers describe; validate each value.

    :raises errors.BadRequest: a header is unknown or its value invalid
    """
    agent = request.environ.get('HTTP_USER_AGENT', '')
    decode = urllib.parse.unquote if agent == _ENCODING_CLIENT else str
    fields: dict[str, Any] = {}
    properties: dict[str, str | None] = {}
    for key, raw in request.environ.items():
        if not key.startswith(_META):
            continue
        name = decode(_text(key.removeprefix(_META), 'a header'))
        name = name.lower().replace('-', '_')
        value = decode(_text(raw, name)).strip() or None
        schemas.check_text(value, name)
        if name.startswith(_PROPERTY.lower()):
            name = name.removeprefix(_PROPERTY.lower()).strip()
            _check_property(name, value, schema)
            properties[name] = value
        else:
            fields[name] = _field(name, value, schema)
    copied = request.headers.get(_COPY_FROM)
    return Given(
        fields=fields,
        properties=properties,
        location=fields['location'] or '' if 'location' in fields else None,
        copy_from=None if copied is None else decode(_text(copied, 'URL')),
        store=fields.pop('store', None),
    )


def purges(request: wsgi.Request) -> bool:
    """Whether properties that a PUT does not mention are removed."""
    wanted = is_true(request.headers.get(_PURGE, 'true'))
    return wanted and not request.has_body


def is_true(text: str | None) -> bool:
    """Read a flag; every text that does not mean true is false."""
    return (text or '').strip().lower() in _TRUE


def fold(name: str) -> str:
    """The name of a property as it appears in a header."""
    return _NOT_IN_NAMES.sub(_quoted, name).lower().replace('-', '_')


def _text(raw: str, what: str) -> str:
    try:
        return raw.encode('latin-1').decode()
    except UnicodeError as error:
        raise errors.BadRequest(f'{what} is not valid UTF-8.') from error


def _check_property(
    name: str, value: str | None, schema: schemas.ImageSchema
) -> None:
    if not name or schema.is_base(name):
        raise errors.BadRequest(
            f'A property cannot be named "{name}", because that is the name '
            'of a member of every image.'
        )
    schemas.check_text(name, 'a property name')
    # An empty header means null, which v2 allows for few properties.
    null = None if name in schema.nullable else ''
    schema.check_one(name, null if value is None else value)


def _field(name: str, value: Any, schema: schemas.ImageSchema) -> Any:
    """The value of a field; None if the header is empty."""
    if name in _FLAGS:
        return is_true(value)
    if name in _NUMBERS:
        value = _number(name, value)
    if name == 'checksum' and value:
        value = value.lower()
    if name in _CHECKED:
        return schema.check_one(name, value)
    if name not in _UNCHECKED:
        raise errors.BadRequest(f'x-image-meta-{name} is not known.')
    return value


def _number(name: str, value: str | None) -> int | None:
    if name == 'virtual_size' and value == 'None':
        return None
    # int() also accepts blanks, underscores and digits of other scripts.
    if value is None or not re.fullmatch('[0-9]{1,18}', value, re.ASCII):
        raise errors.BadRequest(
            f'x-image-meta-{name} must be a number of 1 to 18 digits.'
        )
    return int(value)


def shown(value: str | None) -> str:
    """A property's value as it is in a header, and as clients send it back."""
    return _NOT_IN_VALUES.sub(_quoted, value or '').strip()


def of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers that describe an image.

    Control characters are percent-encoded, because a line feed would begin
    another header. In names, all characters that are invalid in a header's
    name are percent-encoded too.

    :param document: made by :func:`views.document`
    """
    pairs = [(f'x-image-meta-{name}', document[name]) for name in views.FIELDS]
    for name, value in document['properties'].items():
        name = _NOT_IN_NAMES.sub(_quoted, name.lower())
        pairs.append((f'x-image-meta-property-{name}', value))
    return [(name, _native(it)) for name, it in pairs if it is not None]


def _native(value: Any) -> str:
    """Text in UTF-8, as a native string of WSGI."""
    text = str(value)
    if text.isascii() and text.isprintable():
        return text  # nearly every value, and much faster
    return _NOT_IN_VALUES.sub(_quoted, text).encode().decode('latin-1')


def _quoted(match: re.Match[str]) -> str:
    return ''.join(f'%{byte:02X}' for byte in match[0].encode())
