"""One method per operation of the contract between the daemons."""

from collections.abc import Callable
import functools
import logging
from typing import Any, cast
import urllib.parse

import orjson

from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.registry_client import peers
from glance.registry_client import transport

LOG = logging.getLogger(__name__)


class RegistryClient:
    """One method per operation of :mod:`glance.common.contract`.

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
        self._call(service, 'check_registry')

    def get_image(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Image:
        document = self._call(context, 'get_image', image_id=image_id)
        return cast(contract.Image, document)

    def list_images(
        self, context: context.RequestContext, query: contract.ImageQuery
    ) -> list[contract.Image]:
        document = self._call(context, 'list_images', query)
        return cast(contract.Images, document)['images']

    def create_image(
        self, context: context.RequestContext, new: contract.NewImage
    ) -> contract.Image:
        document = self._call(context, 'create_image', new)
        return cast(contract.Image, document)

    def update_image(
        self,
        context: context.RequestContext,
        image_id: str,
        changes: contract.ImageChanges,
    ) -> contract.Updated:
        document = self._call(
            context, 'update_image', changes, image_id=image_id
        )
        return cast(contract.Updated, document)

    def delete_image(
        self,
        context: context.RequestContext,
        image_id: str,
        wanted: contract.Deletion,
    ) -> contract.Image:
        """Delete the image; the answer tells where its bytes are."""
        document = self._call(
            context, 'delete_image', wanted, image_id=image_id
        )
        return cast(contract.Image, document)

    def settle_deletion(
        self,
        context: context.RequestContext,
        image_id: str,
        end: contract.DeletionEnd,
    ) -> None:
        """The data that was held is gone, or the image is back."""
        self._call(context, 'settle_deletion', end, image_id=image_id)

    def settle_locations(
        self,
        context: context.RequestContext,
        image_id: str,
        ids: list[int],
        restore: bool,
        removal_id: str | None = None,
    ) -> None:
        """The data of removed locations is gone, or they are back.

        :param removal_id: the record of the removal, if it ends with this
        """
        body: contract.Settled = {'ids': ids, 'restore': restore}
        if removal_id is not None:
            body['removal_id'] = removal_id
        self._call(context, 'settle_locations', body, image_id=image_id)

    def take_leftovers(
        self, context: context.RequestContext, wanted: contract.Taking
    ) -> list[contract.Leftover]:
        """Take data that is to be removed, for some time."""
        document = self._call(context, 'take_leftovers', wanted)
        return cast(contract.Taken, document)['leftovers']

    def check_leftovers(
        self, context: context.RequestContext, wanted: contract.Checking
    ) -> contract.Checked:
        """Who needs data that uploads may have left."""
        document = self._call(context, 'check_leftovers', wanted)
        return cast(contract.Checked, document)

    def settle_leftovers(
        self, context: context.RequestContext, removed: contract.Removed
    ) -> None:
        self._call(context, 'settle_leftovers', removed)

    def claim_upload(
        self,
        context: context.RequestContext,
        image_id: str,
        claim: contract.Claim,
    ) -> contract.Claimed:
        document = self._call(
            context, 'claim_upload', claim, image_id=image_id
        )
        return cast(contract.Claimed, document)

    def renew_transfers(
        self, context: context.RequestContext, renewal: contract.Renewal
    ) -> contract.Renewed:
        """Prolong claims; the ids of those that should end."""
        document = self._call(context, 'renew_transfers', renewal)
        return cast(contract.Renewed, document)

    def get_usage(
        self, context: context.RequestContext, owner: str | None
    ) -> contract.Usage:
        query: contract.UsageQuery = {'owner': owner}
        return cast(contract.Usage, self._call(context, 'get_usage', query))

    def finish_upload(
        self,
        context: context.RequestContext,
        image_id: str,
        stored: contract.Stored,
    ) -> contract.Image:
        document = self._call(
            context, 'finish_upload', stored, image_id=image_id
        )
        return cast(contract.Image, document)

    def abandon_upload(
        self,
        context: context.RequestContext,
        image_id: str,
        abandoned: contract.Abandoned,
    ) -> bool:
        """Give a claim back; True if the bytes belong to nobody now."""
        document = self._call(
            context, 'abandon_upload', abandoned, image_id=image_id
        )
        return cast(contract.Unclaimed, document)['data_is_unused']

    def claim_location(
        self,
        context: context.RequestContext,
        image_id: str,
        claim: contract.Claim,
    ) -> contract.Claimed:
        """Claim a queued image whose data lies in a store already."""
        document = self._call(
            context, 'claim_location', claim, image_id=image_id
        )
        return cast(contract.Claimed, document)

    def finish_location(
        self,
        context: context.RequestContext,
        image_id: str,
        registered: contract.Registered,
    ) -> contract.Claimed:
        """Make the image active; ``then_hash`` is claimed with that."""
        document = self._call(
            context, 'finish_location', registered, image_id=image_id
        )
        return cast(contract.Claimed, document)

    def finish_hash(
        self,
        context: context.RequestContext,
        image_id: str,
        hashed: contract.Hashed,
    ) -> None:
        self._call(context, 'finish_hash', hashed, image_id=image_id)

    def deactivate_image(
        self,
        context: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> None:
        self._call(context, 'deactivate_image', expected, image_id=image_id)

    def reactivate_image(
        self,
        context: context.RequestContext,
        image_id: str,
        expected: contract.Expected,
    ) -> None:
        self._call(context, 'reactivate_image', expected, image_id=image_id)

    def add_tag(
        self,
        context: context.RequestContext,
        image_id: str,
        tag: str,
        quota: int,
    ) -> None:
        body: contract.NewTag = {'quota': quota}
        self._call(context, 'add_tag', body, image_id=image_id, tag=tag)

    def delete_tag(
        self, context: context.RequestContext, image_id: str, tag: str
    ) -> None:
        self._call(context, 'delete_tag', image_id=image_id, tag=tag)

    def list_members(
        self, context: context.RequestContext, image_id: str
    ) -> contract.Members:
        document = self._call(context, 'list_members', image_id=image_id)
        return cast(contract.Members, document)

    def create_member(
        self,
        context: context.RequestContext,
        image_id: str,
        new: contract.NewMember,
    ) -> contract.Member:
        document = self._call(context, 'create_member', new, image_id=image_id)
        return cast(contract.Member, document)

    def update_member(
        self,
        context: context.RequestContext,
        image_id: str,
        member: str,
        status: str,
    ) -> contract.Member:
        body: contract.MemberStatus = {'status': status}
        document = self._call(
            context, 'update_member', body, image_id=image_id, member=member
        )
        return cast(contract.Member, document)

    def delete_member(
        self, context: context.RequestContext, image_id: str, member: str
    ) -> None:
        self._call(context, 'delete_member', image_id=image_id, member=member)

    def _call(
        self,
        context: context.RequestContext,
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
        send = functools.partial(self._send, context, operation, path, body)
        try:
            answer = send(renew=False)
        except peers.Refused:
            if self._service_token is None:
                raise
            # Nothing was done: our own token may have been revoked.
            answer = send(renew=True)
        if answer.status == 401 and name == 'check_registry':
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


def _result(
    operation: contract.Operation[Any], answer: transport.Answer
) -> Any:
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


def _document(
    operation: contract.Operation[Any], answer: transport.Answer
) -> Any:
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
