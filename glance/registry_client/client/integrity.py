"""Operations on the verification of images' data."""

from glance.common import context
from glance.common.contract import integrity
from glance.registry_client.client import calls


class Integrity(calls.Calls):
    def take_check(
        self,
        context: context.RequestContext,
        wanted: integrity.CheckTaking,
    ) -> integrity.CheckTaken:
        """Take the next image whose data is to be verified."""
        return self._call(context, integrity.TAKE_CHECK, wanted)

    def finish_check(
        self,
        context: context.RequestContext,
        image_id: str,
        check: integrity.Check,
    ) -> integrity.Checked:
        """Report the result of the verification of an image."""
        return self._call(
            context, integrity.FINISH_CHECK, check, image_id=image_id
        )
