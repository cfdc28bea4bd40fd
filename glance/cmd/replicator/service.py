"""The replicator's client of an image service: API v2 over HTTP."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from keystoneauth1 import exceptions
from keystoneauth1 import noauth
from keystoneauth1 import session as keystone_session
from keystoneauth1 import token_endpoint

Image = dict[str, Any]

#: Seconds without any data after which a request fails.
TIMEOUT_SECONDS = 600
_PAGE = 200
_PATCH = 'application/openstack-images-v2.1-json-patch'

#: Exceptions of a failed request; those of requests are OSErrors.
FAILURES = (exceptions.ClientException, OSError)


class Data(Protocol):
    """The data of an image: can be iterated once; has a size in bytes."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __len__(self) -> int: ...


class Service:
    """One image service.

    :param url: URL of the service, without a version
    :param token: None if the service needs no login
    """

    def __init__(
        self, url: str, token: str | None, verify: bool | str = True
    ) -> None:
        self.url = url
        auth = token_endpoint.Token(url, token) if token else None
        self._session = keystone_session.Session(
            auth=auth or noauth.NoAuth(endpoint=url),
            verify=verify,
            timeout=TIMEOUT_SECONDS,
            additional_user_agent=[('glance-replicator', '2')],
        )

    def images(self) -> Iterator[Image]:
        """All images that are visible with the token, also hidden ones."""
        for hidden in ('false', 'true'):
            path = (
                f'/v2/images?limit={_PAGE}&visibility=all&member_status=all'
                f'&os_hidden={hidden}&sort_key=created_at&sort_key=id'
                '&sort_dir=asc&sort_dir=asc'
            )
            while path:
                page = self._json('GET', path)
                yield from page['images']
                path = page.get('next', '')

    def require_answer(self) -> None:
        """Fail if the service does not respond or refuses the token."""
        self._json('GET', '/v2/images?limit=1')

    def image(self, image_id: str) -> Image | None:
        """The image; None if none is visible with the token."""
        try:
            return self._json('GET', f'/v2/images/{image_id}')
        except exceptions.NotFound:
            return None

    def create(self, values: Mapping[str, Any]) -> Image:
        return self._json('POST', '/v2/images', values)

    def change(self, image_id: str, changes: Mapping[str, Any]) -> None:
        """Add or replace members of the document."""
        operations = [
            {'op': 'add', 'path': f'/{_pointer(name)}', 'value': value}
            for name, value in changes.items()
        ]
        path, kind = f'/v2/images/{image_id}', {'Content-Type': _PATCH}
        self._send('PATCH', path, json=operations, headers=kind)

    def deactivate(self, image_id: str) -> None:
        self._send('POST', f'/v2/images/{image_id}/actions/deactivate')

    def data_path(self, image_id: str) -> str:
        return f'/v2/images/{image_id}/file'

    def download(
        self, image_id: str, chunk_bytes: int, first_byte: int = 0
    ) -> tuple[int, Iterable[bytes]]:
        """Download data.

        :returns: the position of the first byte, which is 0 if the service
            ignored ``first_byte``; and the data
        """
        headers = {'Accept-Encoding': 'identity'}
        if first_byte:
            headers['Range'] = f'bytes={first_byte}-'
        path = self.data_path(image_id)
        answer = self._send('GET', path, headers=headers, stream=True)
        first_byte = first_byte if answer.status_code == 206 else 0
        return first_byte, answer.iter_content(chunk_bytes)

    def data(self, image_id: str, chunk_bytes: int) -> Iterable[bytes]:
        """All data of an image."""
        return self.download(image_id, chunk_bytes)[1]

    def upload(self, image_id: str, data: Data) -> None:
        path = self.data_path(image_id)
        kind = {'Content-Type': 'application/octet-stream'}
        self._send('PUT', path, headers=kind, data=data)

    def members(self, image_id: str) -> dict[str, str]:
        """Member -> status; empty if the image is not shared."""
        try:
            document = self._json('GET', f'/v2/images/{image_id}/members')
        except (exceptions.Forbidden, exceptions.NotFound):
            return {}
        return {
            each['member_id']: each['status'] for each in document['members']
        }

    def add_member(self, image_id: str, member: str) -> None:
        body = {'member': member}
        self._json('POST', f'/v2/images/{image_id}/members', body)

    def set_status(self, image_id: str, member: str, status: str) -> None:
        path = f'/v2/images/{image_id}/members/{member}'
        self._json('PUT', path, {'status': status})

    def _json(
        self, method: str, path: str, body: Any = None
    ) -> dict[str, Any]:
        extra = {} if body is None else {'json': body}
        document: dict[str, Any] = self._send(method, path, **extra).json()
        return document

    def _send(self, method: str, path: str, **extra: Any) -> Any:
        url = f'{self.url}{path}'
        return self._session.request(
            url, method, redirect=False, log=False, **extra
        )


def _pointer(name: str) -> str:
    return name.replace('~', '~0').replace('/', '~1')
