"""A small model of the state that the service should have.

The random tests compare the service with this model, which uses neither SQL
nor HTTP.
"""

import dataclasses
import hashlib
from typing import Any, NamedTuple

TAG_QUOTA = 2
PROPERTY_QUOTA = 2
MEMBER_QUOTA = 2
SIZE_CAP = 3000
PAGE = 3


class Caller(NamedTuple):
    name: str
    project: str
    is_admin: bool = False
    is_member: bool = True


CALLERS = {
    caller.name: caller
    for caller in (
        Caller('admin', 'p-admin', is_admin=True),
        Caller('alice', 'p1'),
        Caller('bob', 'p2'),
        Caller('carol', 'p3'),
        Caller('rita', 'p1', is_member=False),
    )
}


@dataclasses.dataclass
class Image:
    id: str
    owner: str | None
    visibility: str = 'shared'
    name: str | None = None
    disk_format: str | None = None
    container_format: str | None = None
    min_ram: int = 0
    protected: bool = False
    os_hidden: bool = False
    tags: frozenset[str] = frozenset()
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    members: dict[str, str] = dataclasses.field(default_factory=dict)
    status: str = 'queued'
    data: bytes | None = None
    #: True if the last upload may have left a reason of its failure.
    has_failed: bool = False

    def sees(self, caller: Caller) -> bool:
        """Return whether the image is visible by id to the caller.

        A private image without an owner is visible only to admins.
        """
        return (
            caller.is_admin
            or (self.owner is None and self.visibility == 'shared')
            or self.owner == caller.project
            or self.visibility in ('public', 'community')
            or (self.visibility == 'shared' and caller.project in self.members)
        )

    def owned(self, caller: Caller) -> bool:
        """Return whether the caller may change the image."""
        return caller.is_admin or (
            caller.is_member and self.owner == caller.project
        )

    def refusal(self, caller: Caller) -> int | None:
        """Return the status of a change by the caller; None if it may."""
        if not self.sees(caller):
            return 404
        return None if self.owned(caller) else 403

    def listed(self, caller: Caller, visibility: str | None) -> bool:
        """Return whether a list with this visibility has the image.

        This ignores ``os_hidden``.
        """
        if visibility in ('public', 'private', 'shared', 'community'):
            if self.visibility != visibility:
                return False
        elif (
            visibility is None
            and self.visibility == 'community'
            and (self.owner is None or self.owner != caller.project)
        ):
            return False
        if caller.is_admin or self.visibility in ('public', 'community'):
            return True
        if self.owner is not None and self.owner == caller.project:
            return True
        return (
            self.visibility == 'shared'
            and self.members.get(caller.project) == 'accepted'
        )

    def _virtual_size(self) -> int | None:
        """Return the virtual size; None if the format is not raw and bare."""
        kind = self.disk_format, self.container_format
        return (
            len(self.data)
            if self.data is not None and kind == ('raw', 'bare')
            else None
        )

    def document(self) -> dict[str, Any]:
        """Return the image's document without the times."""
        data = self.data
        return {
            **self.properties,
            **{
                name: getattr(self, name)
                for name in (
                    *('id', 'owner', 'visibility', 'name', 'disk_format'),
                    *('container_format', 'min_ram', 'protected'),
                    *('os_hidden', 'status'),
                )
            },
            'min_disk': 0,
            'tags': sorted(self.tags),
            'size': None if data is None else len(data),
            'virtual_size': self._virtual_size(),
            'checksum': None if data is None else _md5(data),
            'os_hash_algo': None if data is None else 'sha512',
            'os_hash_value': None if data is None else _sha512(data),
            'self': f'/v2/images/{self.id}',
            'file': f'/v2/images/{self.id}/file',
            'schema': '/v2/schemas/image',
        }


BASE = (
    *('name', 'visibility', 'protected', 'os_hidden', 'min_ram', 'tags'),
    *('owner', 'disk_format', 'container_format'),
)
FORMATS = ('disk_format', 'container_format')


def patched(image: Image, operations: list[dict[str, Any]]) -> Image | None:
    """Return the image after a patch; None if the patch is refused."""
    image = dataclasses.replace(image, properties=dict(image.properties))
    for operation in operations:
        op, name = operation['op'], operation['path'].removeprefix('/')
        if name in BASE:
            if op == 'remove' or (
                name in FORMATS and image.status != 'queued'
            ):
                return None
            value = operation['value']
            setattr(image, name, frozenset(value) if name == 'tags' else value)
        elif op == 'add':
            image.properties[name] = operation['value']
        elif name not in image.properties:
            return None
        elif op == 'remove':
            del image.properties[name]
        else:
            image.properties[name] = operation['value']
    return image


def is_good(
    image: Image, before: Image | None, caller: Caller, tag_count: int
) -> bool:
    """Return whether the caller may change the image to this state."""
    had = set() if before is None else set(before.properties)
    names = set(image.properties)
    published = image.visibility == 'public' and (
        before is None or before.visibility != 'public'
    )
    given_away = image.owner != (
        caller.project if before is None else before.owner
    )
    return (
        tag_count <= TAG_QUOTA
        and (len(names) <= PROPERTY_QUOTA or names <= had)
        and (caller.is_admin or not (published or given_away))
    )


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha512(data: bytes) -> str:
    return hashlib.sha512(data).hexdigest()
