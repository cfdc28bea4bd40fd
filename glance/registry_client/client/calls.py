"""Send an operation of the contract and check the answer."""

from collections.abc import Callable
import functools
import logging
from typing import Any, cast, TypeVar
import urllib.parse

import orjson

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.registry_client import peers
from glance.registry_client import transport

LOG = logging.getLogger(__name__)

#: The document of a success.
D = TypeVar('D')


class Calls:
    """Calls an operation; the base of the methods of each resource.

    :param send_identity_headers: the registry runs flavor ``trusted-auth``
    :param secret: the shared secret of that flavor
    :param service_token: gives this daemon's own token, renewed as needed;
        called with True to drop the one that was refused
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
        """Ask, as this daemon itself, whether the registry serves us.

        :raises errors.RegistryUnavailable: it does not, or is not there
        """
        service = context.RequestContext(is_admin=True, overwrite=False)
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
            # Nothing was done: our own token may have been revoked.
            answer = send(renew=True)
        if answer.status == 401 and operation is contract.CHECK_REGISTRY:
            raise errors.RegistryUnavailable
        if answer.status == 401:
            # Whose fault is it? If the registry refuses us too, this
            # raises; if not, another registry may have taken over.
            self.check_registry()
            answer = send(renew=False)
        return _result(operation, answer)

    def _send(
        self,
        caller: context.RequestContext,
        operation: contract.Operation[Any],
        path: str,
        body: bytes | None,
        renew: bool,
    ) -> transport.Answer:
        headers = context.to_headers(caller, self._send_identity_headers)
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


def _result(operation: contract.Operation[D], answer: transport.Answer) -> D:
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
        LOG.info('The registry answered %s in a strange way', answer.status)
        raise errors.RegistryUnavailable from trouble
    if isinstance(raised, errors.NotAService):
        raise errors.RegistryUnavailable
    if raised.status == 500 and not isinstance(raised, errors.DatabaseFault):
        LOG.error('The registry failed: %s', raised)
        raise errors.RegistryUnavailable
    raise raised


def _document(operation: contract.Operation[D], answer: transport.Answer) -> D:
    """:raises ValueError: not what the contract says"""
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
