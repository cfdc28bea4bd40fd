"""Operations on leftovers."""

from glance.common import context
from glance.common import contract
from glance.common.contract import leftovers
from glance.registry_client.client import calls


class Leftovers(calls.Calls):
    def take_leftovers(
        self, context: context.RequestContext, wanted: contract.Taking
    ) -> list[contract.Leftover]:
        """Reserve data that is to be removed, for a limited time."""
        return self._call(context, leftovers.TAKE_LEFTOVERS, wanted)[
            'leftovers'
        ]

    def check_leftovers(
        self, context: context.RequestContext, wanted: contract.Checking
    ) -> contract.Checked:
        """Find the images that need data that uploads may have left."""
        return self._call(context, leftovers.CHECK_LEFTOVERS, wanted)

    def finish_leftovers(
        self, context: context.RequestContext, removed: contract.Removed
    ) -> None:
        self._call(context, leftovers.FINISH_LEFTOVERS, removed)
