"""glance-api's view of the registry: one method per operation.

The network sits behind :class:`Transport`, so that tests plug the
registry's application in. Everything that goes wrong between the daemons
becomes :class:`errors.RegistryUnavailable`, a 503 for the client.
"""

from collections import deque
from collections.abc import Callable
import http.client
import logging
import socket
import ssl
import threading
import time
from typing import Any, cast, NamedTuple, Protocol
import urllib.parse

import orjson

from glance.common import context
from glance.common import contract
from glance.common import errors

LOG = logging.getLogger(__name__)

#: Larger answers are refused: a page of 1,000 images with 128 properties
#: each stays below it.
MAX_ANSWER_BYTES = 256 * 1024 * 1024
#: A kept connection is not used again after this long; the registry closes
#: idle ones after client_socket_timeout (900 s by default).
MAX_IDLE_SECONDS = 60.0
_TCP_ESTABLISHED = 1


class Answer(NamedTuple):
    status: int
    body: bytes


class Transport(Protocol):
    """Sends one request, returns the answer, keeps its connections."""

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Answer: ...


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__('localhost', timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class TCPConnection(http.client.HTTPConnection):
    """HTTP without Nagle's delay: a small body follows its head at once."""

    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class TLSConnection(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class HTTPTransport:
    """Pooled keep-alive connections to one registry.

    :param connect: makes an unconnected connection with its time-out set
    :param most: connections at a time; more requests wait for one
    :param wait_seconds: how long a request waits for a connection
    """

    def __init__(
        self,
        connect: Callable[[], http.client.HTTPConnection],
        most: int,
        wait_seconds: float,
    ) -> None:
        self._connect = connect
        self._wait_seconds = wait_seconds
        self._slots = threading.BoundedSemaphore(most)
        self._idle: deque[tuple[http.client.HTTPConnection, float]] = deque()

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> Answer:
        if not self._slots.acquire(timeout=self._wait_seconds):
            raise errors.RegistryUnavailable
        try:
            kept = self._take()
            if kept is not None:
                try:
                    return self._exchange(kept, method, path, headers, body)
                except _Unsent:
                    pass
                except (OSError, http.client.HTTPException) as error:
                    if not repeatable or isinstance(error, TimeoutError):
                        raise
            return self._exchange(self._connect(), method, path, headers, body)
        except (_Unsent, OSError, http.client.HTTPException) as error:
            LOG.error('%s %s at the registry: %r', method, path, error)
            raise errors.RegistryUnavailable from error
        finally:
            self._slots.release()

    def _take(self) -> http.client.HTTPConnection | None:
        """The connection used last, if it is still good."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < MAX_IDLE_SECONDS and _alive(
                connection.sock
            ):
                return connection
            connection.close()
        return None

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
    ) -> Answer:
        try:
            try:
                connection.request(method, path, body, headers)
            except ConnectionError as error:
                raise _Unsent from error
            response = connection.getresponse()
            content = response.read(MAX_ANSWER_BYTES)
            if not response.isclosed():
                raise http.client.HTTPException('the answer is too large')
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append((connection, time.monotonic()))
        return Answer(response.status, content)


class _Unsent(Exception):
    """The peer was gone before it could have read the request."""


def _alive(sock: socket.socket) -> bool:
    if sock.family == socket.AF_UNIX:
        return True  # a dead peer shows at the first send
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
    return state[0] == _TCP_ESTABLISHED


class RegistryClient:
    """One method per operation of :mod:`glance.common.contract`.

    :param send_identity_headers: the registry runs flavor ``trusted-auth``
    :param secret: the shared secret of that flavor
    :param service_token: gives this daemon's own token, renewed as needed;
        called with True to drop the one that was refused
    """

    def __init__(
        self,
        transport: Transport,
        *,
        send_identity_headers: bool = False,
        secret: str | None = None,
        service_token: Callable[[bool], str] | None = None,
    ) -> None:
        self._transport = transport
        self._send_identity_headers = send_identity_headers
        self._secret = secret
        self._service_token = service_token

    def get_image(
        self, asking: context.RequestContext, image_id: str
    ) -> contract.Image:
        document = self._call(asking, 'get_image', image_id=image_id)
        return cast(contract.Image, document)

    def list_images(
        self, asking: context.RequestContext, query: contract.ImageQuery
    ) -> list[contract.Image]:
        document = self._call(asking, 'list_images', query)
        return cast(contract.Images, document)['images']

    def create_image(
        self, asking: context.RequestContext, new: contract.NewImage
    ) -> contract.Image:
        document = self._call(asking, 'create_image', new)
        return cast(contract.Image, document)

    def update_image(
        self,
        asking: context.RequestContext,
        image_id: str,
        changes: contract.ImageChanges,
    ) -> contract.Image:
        document = self._call(
            asking, 'update_image', changes, image_id=image_id
        )
        return cast(contract.Image, document)

    def delete_image(
        self,
        asking: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> contract.Image:
        """Delete the image; the answer tells where its bytes are."""
        document = self._call(
            asking, 'delete_image', expected, image_id=image_id
        )
        return cast(contract.Image, document)

    def claim_upload(
        self,
        asking: context.RequestContext,
        image_id: str,
        claim: contract.Claim,
    ) -> contract.Claimed:
        document = self._call(asking, 'claim_upload', claim, image_id=image_id)
        return cast(contract.Claimed, document)

    def renew_transfers(
        self, asking: context.RequestContext, renewal: contract.Renewal
    ) -> list[str]:
        """Prolong claims; the ids of those that are lost."""
        document = self._call(asking, 'renew_transfers', renewal)
        return cast(contract.Renewed, document)['lost']

    def finish_upload(
        self,
        asking: context.RequestContext,
        image_id: str,
        stored: contract.Stored,
    ) -> contract.Image:
        document = self._call(
            asking, 'finish_upload', stored, image_id=image_id
        )
        return cast(contract.Image, document)

    def abandon_upload(
        self,
        asking: context.RequestContext,
        image_id: str,
        abandoned: contract.Abandoned,
    ) -> bool:
        """Give a claim back; True if the bytes belong to nobody now."""
        document = self._call(
            asking, 'abandon_upload', abandoned, image_id=image_id
        )
        return cast(contract.Unclaimed, document)['data_is_unused']

    def deactivate_image(
        self,
        asking: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> None:
        self._call(asking, 'deactivate_image', expected, image_id=image_id)

    def reactivate_image(
        self,
        asking: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> None:
        self._call(asking, 'reactivate_image', expected, image_id=image_id)

    def add_tag(
        self,
        asking: context.RequestContext,
        image_id: str,
        tag: str,
        quota: int,
    ) -> None:
        body: contract.NewTag = {'quota': quota}
        self._call(asking, 'add_tag', body, image_id=image_id, tag=tag)

    def delete_tag(
        self, asking: context.RequestContext, image_id: str, tag: str
    ) -> None:
        self._call(asking, 'delete_tag', image_id=image_id, tag=tag)

    def list_members(
        self, asking: context.RequestContext, image_id: str
    ) -> contract.Members:
        document = self._call(asking, 'list_members', image_id=image_id)
        return cast(contract.Members, document)

    def create_member(
        self,
        asking: context.RequestContext,
        image_id: str,
        new: contract.NewMember,
    ) -> contract.Member:
        document = self._call(asking, 'create_member', new, image_id=image_id)
        return cast(contract.Member, document)

    def update_member(
        self,
        asking: context.RequestContext,
        image_id: str,
        member: str,
        status: str,
    ) -> contract.Member:
        body: contract.MemberStatus = {'status': status}
        document = self._call(
            asking, 'update_member', body, image_id=image_id, member=member
        )
        return cast(contract.Member, document)

    def delete_member(
        self, asking: context.RequestContext, image_id: str, member: str
    ) -> None:
        self._call(asking, 'delete_member', image_id=image_id, member=member)

    def _call(
        self,
        asking: context.RequestContext,
        name: str,
        document: Any = None,
        **names: str,
    ) -> Any:
        operation = contract.OPERATIONS[name]
        path = operation.path.format_map(
            {
                key: urllib.parse.quote(value, safe='')
                for key, value in names.items()
            }
        )
        body = None if document is None else orjson.dumps(document)
        answer = self._send(asking, operation, path, body, renew=False)
        if answer.status == 401 and self._service_token is not None:
            # Nothing was done: our own token may have been revoked.
            answer = self._send(asking, operation, path, body, renew=True)
        return _result(operation, answer)

    def _send(
        self,
        asking: context.RequestContext,
        operation: contract.Operation,
        path: str,
        body: bytes | None,
        renew: bool,
    ) -> Answer:
        headers = context.to_headers(asking, self._send_identity_headers)
        if body is not None:
            headers['Content-Type'] = 'application/json'
        if self._secret:
            headers[context.SHARED_SECRET] = self._secret
        if self._service_token is not None:
            token = self._service_token(renew)
            headers['X-Service-Token'] = token
            # Without a user the daemon asks for itself.
            headers.setdefault('X-Auth-Token', token)
        return self._transport.send(
            operation.method, path, headers, body, operation.repeatable
        )


def _result(operation: contract.Operation, answer: Answer) -> Any:
    """The document of a success, the error of a failure.

    :raises errors.Error: what the registry said
    :raises errors.RegistryUnavailable: nothing that the registry would say
    """
    if answer.status == 401:
        raise errors.Unauthorized
    try:
        if answer.status < 300:
            return _document(operation, answer)
        error = orjson.loads(answer.body)['error']
        raised = errors.BY_CODE[error['code']](error['message'])
    except (ValueError, KeyError, TypeError) as trouble:
        LOG.error('The registry answered %s in a strange way', answer.status)
        raise errors.RegistryUnavailable from trouble
    if raised.status == 500:
        LOG.error('The registry failed: %s', raised)
        raise errors.RegistryUnavailable
    raise raised


def _document(operation: contract.Operation, answer: Answer) -> Any:
    """:raises ValueError: not what the contract says"""
    if operation.answer is None:
        if answer.status != 204:
            raise ValueError('an answer without a body is expected')
        return None
    document = orjson.loads(answer.body)
    if not isinstance(document, dict) or not (
        operation.answer.__required_keys__ <= document.keys()
    ):
        raise ValueError('another document is expected')
    return document


def tls_context(
    ca_file: str | None,
    cert_file: str | None,
    key_file: str | None,
    insecure: bool,
) -> ssl.SSLContext:
    """TLS as glance-api speaks it to the registry.

    :raises errors.ConfigurationError: a file cannot be used
    """
    try:
        tls = ssl.create_default_context(cafile=ca_file or None)
        if cert_file:
            tls.load_cert_chain(cert_file, key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise errors.ConfigurationError(
            'registry_client_ca_file, registry_client_cert_file or '
            f'registry_client_key_file cannot be used: {error}'
        ) from error
    if insecure:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return tls
