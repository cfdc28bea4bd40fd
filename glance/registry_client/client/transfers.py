"""Operations on transfers."""

from glance.common import context
from glance.common import contract
from glance.common.contract import transfers
from glance.registry_client.client import calls


class Transfers(calls.Calls):
    def claim_upload(
        self,
        context: context.RequestContext,
        image_id: str,
        claim: contract.Claim,
    ) -> contract.Claimed:
        return self._call(
            context, transfers.CLAIM_UPLOAD, claim, image_id=image_id
        )

    def claim_stage(
        self,
        context: context.RequestContext,
        image_id: str,
        claim: contract.Claim,
    ) -> contract.Claimed:
        """Claim a queued image whose data is to be imported later."""
        return self._call(
            context, transfers.CLAIM_STAGE, claim, image_id=image_id
        )

    def finish_upload(
        self,
        context: context.RequestContext,
        image_id: str,
        stored: contract.Stored,
    ) -> contract.Image:
        return self._call(
            context, transfers.FINISH_UPLOAD, stored, image_id=image_id
        )

    def abandon_upload(
        self,
        context: context.RequestContext,
        image_id: str,
        abandoned: contract.Abandoned,
    ) -> contract.Unclaimed:
        return self._call(
            context, transfers.ABANDON_UPLOAD, abandoned, image_id=image_id
        )

    def claim_location(
        self,
        context: context.RequestContext,
        image_id: str,
        claim: contract.Claim,
    ) -> contract.Claimed:
        """Claim a queued image whose data is in a store already."""
        return self._call(
            context, transfers.CLAIM_LOCATION, claim, image_id=image_id
        )

    def finish_location(
        self,
        context: context.RequestContext,
        image_id: str,
        registered: contract.Registered,
    ) -> contract.Claimed:
        """Make the image active and, for ``then_hash``, claim its hashing."""
        return self._call(
            context, transfers.FINISH_LOCATION, registered, image_id=image_id
        )

    def finish_hash(
        self,
        context: context.RequestContext,
        image_id: str,
        hashed: contract.Hashed,
    ) -> None:
        self._call(context, transfers.FINISH_HASH, hashed, image_id=image_id)

    def renew_transfers(
        self, context: context.RequestContext, renewal: contract.Renewal
    ) -> contract.Renewed:
        """Renew claims; returns the ids of those that must end."""
        return self._call(context, transfers.RENEW_TRANSFERS, renewal)
