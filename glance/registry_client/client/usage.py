"""Operations on usage."""

from glance.common import context
from glance.common import contract
from glance.common.contract import usage
from glance.registry_client.client import calls


class Usage(calls.Calls):
    def get_usage(
        self, context: context.RequestContext, owner: str | None
    ) -> contract.Usage:
        query: contract.UsageQuery = {'owner': owner}
        return self._call(context, usage.GET_USAGE, query)
