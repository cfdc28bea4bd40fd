"""Registries as peers: which of them work, and why others do not.

A failure is logged at once and then once a minute, and reported in the
details of the health check. A failed registry is checked in the background
until it works again, so that no user's request has to try it.
"""

from collections.abc import Callable, Sequence
import logging
import threading
import time

from glance.common import contract
from glance.common import errors
from glance.common import health
from glance.common import repeated
from glance.common import startup
from glance.registry_client import transport

LOG = logging.getLogger(__name__)

#: Interval of the checks of a failed registry.
CHECK_SECONDS = 5.0
#: Text in the response of a registry's filter ``authtoken`` if Keystone
#: fails.
_KEYSTONE_TROUBLE = errors.KeystoneUnavailable.text.encode()
_REFUSED = (
    'it refuses glance-api itself (HTTP {}): compare trusted_auth_secret, or '
    '[keystone_authtoken] of both daemons and the roles of its user with '
    'service_token_roles of the registry'
)
_KEYSTONE = (
    'it cannot check tokens at Keystone: see its log, and auth_url, username '
    'and password in its [keystone_authtoken]'
)
_DATABASE = 'it does not reach its database'


class Refused(transport.Unreached):
    """The registry does not accept this daemon and changed nothing."""


class Peer:
    """A transport to one registry that knows whether the registry works.

    :param name: its URL
    :param wire: its connections
    :ivar reason: why it does not work; None if it works or was not used yet
    """

    def __init__(self, name: str, wire: transport.Transport) -> None:
        self._name = name
        self._wire = wire
        self._condition = health.Condition(f'registry {name}')
        self._repeated = repeated.Repeated()
        self._is_told = False

    def send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes | None,
        repeatable: bool,
    ) -> transport.Answer:
        """:raises Refused: the registry does not accept this daemon"""
        try:
            answer = self._wire.send(method, path, headers, body, repeatable)
        except errors.RegistryUnavailable as error:
            self._fails(_reason_of(error))
            raise
        if _refuses(answer, path):
            self._fails(_REFUSED.format(answer.status))
            raise Refused
        reason = _trouble_of(answer) or _strangeness(answer)
        if reason is not None:
            self._fails(reason)
        elif answer.status != 401:  # 401 may be the user's fault
            self._works()
        return answer

    def watch(self, check: Callable[[], None]) -> None:
        """Check the registry now, and again until it works.

        :param check: sends this peer a request of this daemon's own
        """
        threading.Thread(
            target=self._watch, args=(check,), daemon=True
        ).start()

    def _watch(self, check: Callable[[], None]) -> None:
        ours = startup.application()
        self.check(check)
        while True:
            time.sleep(CHECK_SECONDS)
            if startup.application() != ours:
                return
            if self.reason is not None:
                self.check(check)

    def check(self, check: Callable[[], None]) -> None:
        try:
            check()
        except errors.RegistryOutdated:
            pass  # it works, but it does not have this operation
        except errors.RegistryUnavailable as error:
            # Perhaps no request was sent, because we got no token.
            if self.reason is None:
                self._fails(_reason_of(error))
        except errors.Error as error:
            LOG.debug('The check of the registry %s: %s', self._name, error)

    @property
    def reason(self) -> str | None:
        return self._condition.reason

    def __str__(self) -> str:
        return str(self._condition)

    def _fails(self, reason: str) -> None:
        self._condition.note(reason)
        if self._repeated.is_due():
            self._is_told = True
            LOG.error(
                'The registry %s does not serve glance-api: %s%s',
                self._name,
                reason,
                self._repeated.untold(),
            )

    def _works(self) -> None:
        self._condition.note(None)
        if self._is_told:
            self._is_told = False
            LOG.info('The registry %s serves glance-api again', self._name)


class Failover:
    """Sends to the first registry that works.

    A failed registry is used only if all others have failed too, or after a
    check in the background succeeded. A request that is not repeatable is
    sent to the next registry only if the first one cannot have processed it.

    :param registries: the preferred one first
    """

    def __init__(self, registries: Sequence[Peer]) -> None:
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
            if not repeatable or _trouble_of(answer) is None:
                return answer
        if answer is not None:
            return answer
        raise trouble or errors.RegistryUnavailable

    def _in_order(self) -> list[Peer]:
        """The working registries, then the others, each by preference."""
        return sorted(self._registries, key=lambda it: it.reason is not None)


def _trouble_of(answer: transport.Answer) -> str | None:
    """Why another registry should be tried; None if the response is valid."""
    if answer.status < 500:
        return None
    if _KEYSTONE_TROUBLE in answer.body:
        return _KEYSTONE
    if answer.code == errors.DatabaseUnavailable.code:
        return _DATABASE
    return None


def _reason_of(error: errors.RegistryUnavailable) -> str:
    return str(error.__cause__ or error)


def _strangeness(answer: transport.Answer) -> str | None:
    """Describe an error response that cannot come from a registry.

    None if it can come from one.
    """
    if answer.status < 500 or answer.code is not None:
        return None
    return f'something in its place answers {answer.status}'


def _refuses(answer: transport.Answer, path: str) -> bool:
    if answer.status == 401:
        return path == contract.OPERATIONS['check_registry'].path
    return answer.status == 403 and answer.code == errors.NotAService.code
