"""Operations on locations."""

from glance.common import context
from glance.common import contract
from glance.common.contract import locations
from glance.registry_client.client import calls


class Locations(calls.Calls):
    def finish_location_removal(
        self,
        context: context.RequestContext,
        image_id: str,
        ids: list[int],
        restore: bool,
        removal_id: str | None = None,
    ) -> None:
        """Report the end of the removal of pending locations.

        :param removal_id: the record of the removal, if it ends with this
        """
        body: contract.LocationRemovalEnd = {'ids': ids, 'restore': restore}
        if removal_id is not None:
            body['removal_id'] = removal_id
        self._call(
            context, locations.FINISH_LOCATION_REMOVAL, body, image_id=image_id
        )
