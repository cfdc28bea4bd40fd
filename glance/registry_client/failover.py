"""Several registries, of which one is enough."""

from collections.abc import Sequence

from glance.common import errors
from glance.registry_client import peers
from glance.registry_client import transport


class Failover:
    """Sends to the first registry that works.

    One in trouble is asked only when all others are too; it is back once
    its peer found out in the background. A request that is not repeatable
    goes to the next one only when nothing of it can have been done.

    :param registries: the preferred one first
    """

    def __init__(self, registries: Sequence[peers.Peer]) -> None:
        self._registries = registries

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> transport.Answer:
        trouble: errors.RegistryUnavailable | None = None
        answer: transport.Answer | None = None
        for peer in self._in_order():
            try:
                answer = peer.send(method, path, headers, body, repeatable)
            except transport.Unreached as error:
                trouble = error
                continue
            except errors.RegistryUnavailable as error:
                if not repeatable:
                    raise
                trouble = error
                continue
            if not repeatable or peers.trouble_of(answer) is None:
                return answer
        if answer is not None:
            return answer
        raise trouble or errors.RegistryUnavailable

    def _in_order(self) -> list[peers.Peer]:
        """Those that work, then the others, in the order preferred."""
        return sorted(self._registries, key=lambda it: it.reason is not None)
