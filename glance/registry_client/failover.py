"""Several registries, of which one is enough."""

from collections.abc import Mapping
import json
import logging
import time

from glance.common import errors
from glance.registry_client import transport

LOG = logging.getLogger(__name__)

#: How long a registry that failed is asked only when the others fail too;
#: then one request tries it again.
ASIDE_SECONDS = 5.0


class Failover:
    """Sends to the first registry that works.

    A request that is not repeatable goes to the next one only when nothing
    of it can have been done.

    :param registries: by name, the preferred one first
    """

    def __init__(self, registries: Mapping[str, transport.Transport]) -> None:
        self._registries = registries
        self._aside_until = dict.fromkeys(registries, 0.0)

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
        for name in self._in_order():
            try:
                answer = self._registries[name].send(
                    method, path, headers, body, repeatable
                )
            except errors.RegistryUnavailable as error:
                self._put_aside(name, str(error))
                if not repeatable and not isinstance(
                    error, transport.Unreached
                ):
                    raise
                trouble = error
                continue
            if not _is_without_database(answer):
                self._aside_until[name] = 0.0
                return answer
            self._put_aside(name, 'it does not reach its database')
            if not repeatable:
                return answer
        if answer is not None:
            return answer
        raise trouble or errors.RegistryUnavailable

    def _in_order(self) -> list[str]:
        """Those that work, then those put aside, in the order preferred."""
        now = time.monotonic()
        aside = {
            name for name, until in self._aside_until.items() if until > now
        }
        for name, until in self._aside_until.items():
            if until and name not in aside:
                # Tried by this request; the others wait for what it finds.
                self._aside_until[name] = now + ASIDE_SECONDS
        return sorted(self._registries, key=aside.__contains__)

    def _put_aside(self, name: str, reason: str) -> None:
        if not self._aside_until[name]:
            LOG.warning('The registry %s is put aside: %s', name, reason)
        self._aside_until[name] = time.monotonic() + ASIDE_SECONDS


def _is_without_database(answer: transport.Answer) -> bool:
    if answer.status != errors.DatabaseUnavailable.status:
        return False
    try:
        code = json.loads(answer.body)['error']['code']
    except (ValueError, KeyError, TypeError):
        return False
    return bool(code == errors.DatabaseUnavailable.code)
