"""Changes of an image's members, and who may change which member."""

from collections.abc import Iterable
from typing import Any

from glance.common import contract
from glance.common import errors
from glance.images import permission

#: Properties with this prefix are written only by the service.
RESERVED_PREFIX = 'os_glance'
#: Names that nobody may write, for compatibility with API v1.
RESERVED = frozenset(('location', 'deleted', 'deleted_at'))
FORMATS = ('disk_format', 'container_format')
FORMATS_OPEN = ('queued', 'importing')


def is_reserved(name: str) -> bool:
    """Whether only the service may write the name."""
    return name in RESERVED or name.startswith(RESERVED_PREFIX)


def require_create(
    names: Iterable[str], allows: permission.Allows | None
) -> None:
    """:raises errors.Forbidden: the caller may not add one of these names"""
    if allows is None:
        return
    for name in names:
        if not allows('create', name):
            raise errors.Forbidden(
                f'You are not permitted to add the property {name}.'
            )


class Draft:
    """Changes of an image as it was read, applied in order.

    :param allows: what the caller may do to custom properties; the caller
        does not see those that it may not read; None: everything is allowed
    """

    def __init__(
        self, image: contract.Image, allows: permission.Allows | None
    ) -> None:
        self._image = image
        self._allows = allows or _everything
        self._values: dict[str, Any] = {}
        self.properties = dict(image['properties'])

    def change_base(self, name: str, value: Any) -> None:
        """:raises errors.Forbidden: a format of an image that has data"""
        status = self._image['status']
        if name in FORMATS and status not in FORMATS_OPEN:
            raise errors.Forbidden(
                f'{name} cannot be changed once the image has data.'
            )
        self._values[name] = value

    def has(self, name: str) -> bool:
        """Whether the image has the property and the caller may read it."""
        return name in self.properties and self._allows('read', name)

    def put(self, name: str, value: str | None, verb: str = 'add') -> None:
        """Add or replace a property; None is also a value.

        :raises errors.Forbidden: the caller may not do this
        """
        self._require('update' if self.has(name) else 'create', name, verb)
        self.properties[name] = value

    def remove(self, name: str) -> None:
        """Remove a property that the image has and the caller may read.

        :raises errors.Forbidden: the caller may not remove it
        """
        self._require('delete', name, 'remove')
        del self.properties[name]

    def changes(self) -> contract.ImageChanges:
        """Return the difference to the image as it was read."""
        values = dict(self._values)
        result: contract.ImageChanges = {
            'row_version': self._image['row_version'],
            'values': values,
            'properties': _difference(
                self._image['properties'], self.properties
            ),
        }
        nulls = [
            name
            for name, value in result['properties'].items()
            if value is None and name in self.properties
        ]
        if nulls:
            result['nulls'] = nulls
        if 'tags' in values:
            result['tags'] = sorted(set(values.pop('tags')))
        return result

    def _require(self, action: str, name: str, verb: str) -> None:
        if not self._allows(action, name):
            raise errors.Forbidden(
                f'You are not permitted to {verb} the property {name}.'
            )


def removed(changes: contract.ImageChanges) -> set[str]:
    """Names of the custom properties that the changes remove."""
    nulls = changes.get('nulls', ())
    return {
        name
        for name, value in changes['properties'].items()
        if value is None and name not in nulls
    }


def applied(
    image: contract.Image,
    changes: contract.ImageChanges,
    updated: contract.Updated,
) -> contract.Image:
    """Return the updated image; no other request changed it meanwhile."""
    gone = removed(changes)
    properties = image['properties'] | changes['properties']
    document: Any = {
        **image,
        **changes['values'],
        **updated,
        'properties': {
            name: value
            for name, value in properties.items()
            if name not in gone
        },
        'tags': changes.get('tags', image['tags']),
        'locations': changes.get('locations', image['locations']),
    }
    result: contract.Image = document
    return result


def refuse_reserved(names: Iterable[str]) -> None:
    """:raises errors.Forbidden: one of the names is reserved"""
    for name in names:
        if is_reserved(name):
            raise errors.Forbidden(f'{name} is reserved.')


def _everything(_action: str, _name: str) -> bool:
    return True


def _difference(
    before: dict[str, str | None], after: dict[str, str | None]
) -> dict[str, str | None]:
    changed = {
        name: value
        for name, value in after.items()
        if name not in before or before[name] != value
    }
    return changed | {name: None for name in before if name not in after}


def changed(
    image: contract.Image, changes: contract.ImageChanges
) -> dict[str, str]:
    """Custom properties with a new value, without removed ones."""
    return {
        name: value
        for name, value in changes['properties'].items()
        if value is not None and image['properties'].get(name) != value
    }
