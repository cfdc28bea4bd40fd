"""Convert the image of a v1 request to a new record or to changes."""

from collections.abc import Callable
import dataclasses
from typing import Any

from glance.api.v1 import headers
from glance.api.v1 import views
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import permission
from glance.images import properties
from glance.tasks import filling

#: Members that are stored as the client sends them.
_PLAIN = (
    *('name', 'disk_format', 'container_format', 'min_disk', 'min_ram'),
    *('protected', 'virtual_size'),
)


def new_values(
    given: headers.Given, context: context.RequestContext
) -> dict[str, Any]:
    """The members of a new image."""
    fields = given.fields
    values = {
        name: fields[name]
        for name in (*_PLAIN, 'id')
        if fields.get(name) is not None and name != 'virtual_size'
    }
    values |= given.formats({})
    if fields.get('is_public'):
        values['visibility'] = 'public'
    if 'owner' in fields and context.is_admin:
        values['owner'] = fields['owner']
    return values


def expected(given: headers.Given, source: filling.Source) -> dict[str, Any]:
    """The expected size and hash of a new image's data."""
    values = {
        name: given.fields[name]
        for name in ('size', 'checksum', 'virtual_size')
        if given.fields.get(name) is not None
    }
    if not source.is_empty and values.get('size') == 0:
        del values['size']  # 0 is only the size that images without data show
    return values


@dataclasses.dataclass(frozen=True)
class Update:
    """:ivar purges: whether properties that it does not mention are removed
    :ivar probe: gets the size from the server of the data to copy"""

    given: headers.Given
    purges: bool
    source: filling.Source
    is_admin: bool
    probe: Callable[[], dict[str, Any]]

    def check(self, image: contract.Image) -> None:
        """Refuse changes that v1 cannot make to this image."""
        if image['status'] in views.GONE:
            raise errors.Forbidden('The image is deleted.')
        if self.source.kind is not None and image['status'] != 'queued':
            is_body = self.source.kind == 'body'
            error = errors.Conflict if is_body else errors.BadRequest
            raise error(
                f'The image is {image["status"]}; data can be given only '
                'while it is queued.'
            )
        document = views.document(image, None)
        fixed = ['id', 'status']
        if image['status'] != 'queued':
            fixed += ['size', 'checksum']
        for name in fixed:
            wanted = self.given.fields.get(name)
            if wanted is not None and wanted != document[name]:
                raise errors.Forbidden(f'{name} cannot be changed.')

    def edit(
        self, image: contract.Image, allows: permission.Allows | None
    ) -> contract.ImageChanges:
        """See :class:`glance.images.changes.Change`."""
        draft = properties.Draft(image, allows)
        document = views.document(image, None)
        for name, value in self._wanted(image).items():
            if value != document.get(name, image.get(name)):
                draft.change_base(name, value)
        self._change_properties(draft)
        changes = draft.changes()
        if self.source.kind == 'copy' and not image['size']:
            changes['values'] |= self.probe()
        return changes

    def _wanted(self, image: contract.Image) -> dict[str, Any]:
        fields = self.given.fields
        values = {name: fields[name] for name in _PLAIN if name in fields}
        values |= self.given.formats(image)
        for name in ('size', 'checksum'):
            if fields.get(name) is not None:
                values[name] = fields[name]
        if 'owner' in fields and self.is_admin:
            values['owner'] = fields['owner']
        is_public = image['visibility'] == 'public'
        if fields.get('is_public', is_public) != is_public:
            # In v1, not public means private, shared or community.
            values['visibility'] = 'shared' if is_public else 'public'
        return values

    def _change_properties(self, draft: properties.Draft) -> None:
        before = dict(draft.properties)
        known: dict[str, list[str]] = {}
        for name in before:
            known.setdefault(headers.fold(name), []).append(name)
        for new_name, value in self.given.properties.items():
            names = known.pop(headers.fold(new_name), [])
            readable = (before[name] for name in names if draft.has(name))
            if (value or '') in map(headers.shown, readable):
                continue  # unchanged, as far as a header can show the value
            if len(names) > 1:
                raise errors.Conflict(
                    f'API v1 cannot tell {" and ".join(names)} apart.'
                )
            name = names[0] if names else new_name
            properties.refuse_reserved((name,))
            draft.put(name, value)
        for name in sum(known.values(), []) if self.purges else ():
            is_kept = before[name] is None or properties.is_reserved(name)
            if draft.has(name) and not is_kept:
                draft.remove(name)
