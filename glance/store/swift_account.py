"""Requests to the object storage of one project; for native threads only."""

from collections.abc import Callable, Iterator, Mapping
import json
import ssl
from typing import Any, Protocol, TypeVar
import urllib.parse

from glance.common import errors
from glance.store import keystone
from glance.store import servers

T = TypeVar('T')


class Login(Protocol):
    """See :class:`glance.store.keystone.Login`."""

    def access(self, stale: str | None = None) -> keystone.Access: ...


class Account:
    """The containers and objects of the project that logs in."""

    def __init__(self, login: Login, tls: ssl.SSLContext) -> None:
        self._login = login
        self._tls = tls
        self._servers: dict[str, servers.Server] = {}

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        query: str = '',
        body: bytes = b'',
    ) -> servers.Answer:
        """Send a request whose body is small; retry if the server is busy.

        :param path: CONTAINER or CONTAINER/OBJECT
        :raises servers.Unreachable: there is no response
        """

        def attempt(stale: str | None = None) -> tuple[str, servers.Answer]:
            server, place, sent = self._request(path, headers, stale)
            answer = server.ask(method, place + query, sent, body)
            return sent['X-Auth-Token'], answer

        return self._repeated(attempt, lambda it: it.status)

    def open(
        self, path: str, headers: Mapping[str, str], query: str = ''
    ) -> servers.Response:
        """Request the data of an object; the caller closes the response."""

        def attempt(stale: str | None = None) -> tuple[str, servers.Response]:
            server, place, sent = self._request(path, headers, stale)
            return sent['X-Auth-Token'], server.open(
                'GET', place + query, sent
            )

        def status(response: servers.Response) -> int:
            if response.status == 401 or servers.is_busy(response.status):
                response.close()
            return response.status

        return self._repeated(attempt, status)

    def _repeated(
        self,
        attempt: Callable[..., tuple[str, T]],
        status_of: Callable[[T], int],
    ) -> T:
        """Retry if the server is busy, or rejects the token."""
        token, result = servers.again(
            attempt, lambda it: servers.is_busy(status_of(it[1]))
        )
        if status_of(result) == 401:
            return attempt(token)[1]
        return result

    def start(
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> servers.Sending:
        """Start a request whose body the caller sends."""
        server, place, sent = self._request(path, headers, None)
        return server.start(method, place, sent)

    def require_login(self) -> None:
        """Check that the token is accepted, as an upload cannot be resent."""
        require(self.ask('HEAD', ''), 'HEAD of the account', 200, 204)

    def _request(
        self, path: str, headers: Mapping[str, str] | None, stale: str | None
    ) -> tuple[servers.Server, str, dict[str, str]]:
        access = self._login.access(stale)
        parts = urllib.parse.urlsplit(access.url)
        origin = f'{parts.scheme}://{parts.netloc}'
        if origin not in self._servers:
            self._servers[origin] = servers.Server(origin, self._tls)
        place = parts.path.rstrip('/')
        if path:
            place += f'/{servers.quoted(path)}'
        sent = {**(headers or {}), 'X-Auth-Token': access.token}
        return self._servers[origin], place or '/', sent

    def listed(self, container: str, prefix: str) -> Iterator[str]:
        """Yield the names of the objects whose names have the prefix."""
        for each in self.documents(container, prefix):
            yield each['name']

    def documents(
        self, container: str, prefix: str
    ) -> Iterator[dict[str, Any]]:
        """Yield what the list of a container tells of its objects."""
        marker = ''
        while True:
            query = urllib.parse.urlencode(
                {'format': 'json', 'prefix': prefix, 'marker': marker}
            )
            answer = self.ask('GET', container, None, f'?{query}')
            if answer.status == 404:
                return
            require(answer, 'list of a container', 200, 204)
            documents = _list(answer.body)
            if not documents:
                return
            yield from documents
            marker = documents[-1]['name']


def _list(body: bytes) -> list[Any]:
    try:
        entries = json.loads(body or b'[]')
    except ValueError as error:
        raise servers.Unreachable('the list is not JSON') from error
    return entries if isinstance(entries, list) else []


def require(answer: servers.Answer, doing: str, *fine: int) -> servers.Answer:
    """:raises errors.Error: the response reports a failure"""
    if answer.status in fine:
        return answer
    raise refused(answer.status, doing)


def refused(status: int, doing: str) -> errors.Error:
    return servers.translated(status, '', doing)
