"""The replicator's client of the deprecated API v1.

The metadata of an image is in HTTP headers. API v1 knows neither tags nor the
status of members, its property names are in lower case, and every image that
is not public counts as shared. See :func:`documents.for_v1`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from keystoneauth1 import exceptions

from glance.cmd.replicator import documents
from glance.cmd.replicator import service
from glance.cmd.replicator.service import Data
from glance.cmd.replicator.service import Image

_META = 'x-image-meta-'
#: Without it, a change removes all properties that it does not contain.
_KEEP = {'x-glance-registry-purge-props': 'false'}
_PAGE = 200


class ServiceV1(service.Service):
    """See :class:`glance.cmd.replicator.service.Service`."""

    def images(self) -> Iterator[Image]:
        marker = ''
        while True:
            path = (
                f'/v1/images/detail?is_public=None&limit={_PAGE}'
                f'&sort_key=created_at&sort_dir=asc{marker}'
            )
            page = self._json('GET', path)['images']
            if not page:
                return
            yield from (documents.from_dump(each) for each in page)
            marker = f'&marker={page[-1]["id"]}'

    def require_answer(self) -> None:
        self._json('GET', '/v1/images?limit=1')

    def image(self, image_id: str) -> Image | None:
        try:
            answer = self._send('HEAD', f'/v1/images/{image_id}')
        except exceptions.NotFound:
            return None
        metadata = {
            name.lower().removeprefix(_META): _text(value)
            for name, value in answer.headers.items()
            if name.lower().startswith(_META)
        }
        if metadata.get('deleted') == 'True':
            return None
        return documents.from_dump({'is_public': '', **metadata})

    def create(self, values: Mapping[str, Any]) -> Image:
        answer = self._send('POST', '/v1/images', headers=_headers(values))
        return documents.from_dump(answer.json()['image'])

    def change(self, image_id: str, changes: Mapping[str, Any]) -> None:
        headers = {**_headers(changes), **_KEEP}
        self._send('PUT', f'/v1/images/{image_id}', headers=headers)

    def deactivate(self, image_id: str) -> None:
        raise exceptions.ClientException(
            'API v1 cannot deactivate an image; do it with API v2'
        )

    def data_path(self, image_id: str) -> str:
        return f'/v1/images/{image_id}'

    def upload(self, image_id: str, data: Data) -> None:
        headers = {'Content-Type': 'application/octet-stream', **_KEEP}
        path = self.data_path(image_id)
        if not len(data):  # in API v1, an empty body is no data
            headers[f'{_META}size'] = '0'
        self._send('PUT', path, headers=headers, data=data)

    def members(self, image_id: str) -> dict[str, str]:
        try:
            document = self._json('GET', f'/v1/images/{image_id}/members')
        except (exceptions.Forbidden, exceptions.NotFound):
            return {}
        members = [each['member_id'] for each in document['members']]
        return dict.fromkeys(members, documents.V1_MEMBER_STATUS)

    def add_member(self, image_id: str, member: str) -> None:
        self._send('PUT', f'/v1/images/{image_id}/members/{member}')

    def set_status(self, image_id: str, member: str, status: str) -> None:
        """Do nothing: API v1 does not know the status of a member."""


def _headers(values: Mapping[str, Any]) -> dict[str, str]:
    headers = {'Content-Type': 'application/octet-stream'}
    for name, value in values.items():
        if name == 'visibility':
            name, value = 'is_public', value == 'public'
        elif name not in documents.V1_NAMES:
            name = f'property-{name}'
        # API v1 expects raw UTF-8; the HTTP library encodes it as Latin-1.
        headers[f'{_META}{name}'] = str(value).encode().decode('latin-1')
    return headers


def _text(value: str) -> str:
    """A header's value; the HTTP library takes its bytes for Latin-1."""
    try:
        return value.encode('latin-1').decode()
    except UnicodeError:
        return value
