"""Send an operation of the contract and check the response."""

from collections.abc import Callable
import functools
import logging
import re
import time
from typing import Any, cast, TypeVar
import urllib.parse

import orjson

from glance.common import context
from glance.common import contract
from glance.common import counters
from glance.common import errors
from glance.common import tracing
from glance.registry_client import peers
from glance.registry_client import transport

LOG = logging.getLogger(__name__)

#: Text that every router treats as one path segment, not a dot segment.
_PLAIN = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}')

#: The document of a success.
D = TypeVar('D')


class Calls:
    """Calls an operation; the base of the methods of each resource.

    :param send_identity_headers: the registry runs flavor ``trusted-auth``
    :param secret: the shared secret of that flavor
    :param service_token: returns this daemon's own token, renewed as needed;
        called with True to replace a token that was refused
    """

    def __init__(
        self,
        wire: transport.Transport,
        *,
        send_identity_headers: bool = False,
        secret: str | None = None,
        service_token: Callable[[bool], str] | None = None,
    ) -> None:
        self._transport = wire
        self._send_identity_headers = send_identity_headers
        self._secret = secret
        self._service_token = service_token

    def check_registry(self) -> None:
        """Check, in this daemon's own name, that the registry accepts it.

        :raises errors.RegistryUnavailable: it does not accept this daemon,
            or does not respond
        """
        service = context.of_service()
        self._call(service, contract.CHECK_REGISTRY)

    def _call(
        self,
        context: context.RequestContext,
        operation: contract.Operation[D],
        document: Any = None,
        **names: str,
    ) -> D:
        path = operation.path.format_map(
            {
                key: urllib.parse.quote(value, safe='')
                for key, value in names.items()
            }
        )
        body = None if document is None else orjson.dumps(document)
        send = functools.partial(self._send, context, operation, path, body)
        try:
            answer = send(renew=False)
        except peers.Refused:
            if self._service_token is None:
                raise
            # The registry did nothing. Our token may have been revoked.
            answer = send(renew=True)
        if answer.status == 401 and operation is contract.CHECK_REGISTRY:
            raise errors.RegistryUnavailable
        if answer.status == 401:
            # Either the user's token or ours is invalid. If the registry
            # refuses ours too, this raises. If not, send the request again,
            # because another registry may have taken over.
            self.check_registry()
            answer = send(renew=False)
        is_routed = all(_PLAIN.fullmatch(value) for value in names.values())
        return _result(operation, answer, is_routed)

    def headers_for_peer(
        self, caller: context.RequestContext
    ) -> dict[str, str]:
        """Headers that identify caller and daemon to another glance-api."""
        headers = context.to_headers(caller, True)
        headers.pop(context.IS_ADMIN, None)
        if caller.auth_token:
            headers['X-Auth-Token'] = caller.auth_token
        if self._secret:
            headers[context.SHARED_SECRET] = self._secret
        if self._service_token is not None:
            headers['X-Service-Token'] = self._service_token(False)
        return headers

    def _send(
        self,
        caller: context.RequestContext,
        operation: contract.Operation[Any],
        path: str,
        body: bytes | None,
        renew: bool,
    ) -> transport.Answer:
        headers = context.to_headers(caller, self._send_identity_headers)
        headers |= tracing.headers()
        if body is not None:
            headers['Content-Type'] = 'application/json'
        if self._secret:
            headers[context.SHARED_SECRET] = self._secret
        if self._service_token is not None:
            token = self._service_token(renew)
            headers['X-Service-Token'] = token
            # Without a user's token the daemon itself is the caller.
            headers.setdefault('X-Auth-Token', token)
        started = time.perf_counter()
        outcome = 'failed'
        try:
            answer = self._transport.send(
                operation.method, path, headers, body, operation.repeatable
            )
            outcome = str(answer.status)
        finally:
            counters.note(
                'wire',
                operation.name,
                outcome,
                amount=time.perf_counter() - started,
            )
        return answer


def _result(
    operation: contract.Operation[D], answer: transport.Answer, is_routed: bool
) -> D:
    """Return the document of a success; raise the error of a failure.

    :param is_routed: whether every registry that has the operation has a
        route for the path; for ids with a slash, for instance, there is none

    :raises errors.Error: the error that the registry sent
    :raises errors.RegistryUnavailable: the response is malformed
    :raises errors.RegistryOutdated: it does not have the operation
    """
    if answer.status == 401:
        raise errors.Unauthorized
    try:
        if answer.status < 300:
            return _document(operation, answer)
        error = orjson.loads(answer.body)['error']
        raised = errors.BY_CODE[error['code']](error['message'])
    except (ValueError, KeyError, TypeError) as trouble:
        LOG.info(
            'The registry sent a malformed response with the status %s',
            answer.status,
        )
        raise errors.RegistryUnavailable from trouble
    if is_routed and _is_unknown(raised):
        LOG.warning(
            'The registry does not know the operation %s: it is of an older '
            'release, upgrade it',
            operation.name,
        )
        raise errors.RegistryOutdated
    if isinstance(raised, errors.NotAService):
        raise errors.RegistryUnavailable
    if raised.status == 500 and not isinstance(raised, errors.DatabaseFault):
        LOG.error('The registry failed: %s', raised)
        raise errors.RegistryUnavailable
    raise raised


def _is_unknown(error: errors.Error) -> bool:
    """Whether the registry has no route for the path or the method.

    An operation that finds nothing has another message: it names what it
    did not find.
    """
    if isinstance(error, errors.NotFound):
        return str(error) == errors.NotFound.text
    return isinstance(error, errors.MethodNotAllowed)


def _document(operation: contract.Operation[D], answer: transport.Answer) -> D:
    """:raises ValueError: the response does not follow the contract"""
    if operation.answer is None:
        if answer.status != 204:
            raise ValueError('an answer without a body is expected')
        return cast(D, None)
    document = orjson.loads(answer.body)
    if not isinstance(document, dict) or not (
        vars(operation.answer)['__required_keys__'] <= document.keys()
    ):
        raise ValueError('another document is expected')
    return cast(D, document)
