"""One registry as a peer: whether it serves us, and why not.

Trouble is told in the log at once and then once a minute, and in the detail
of the health check. A registry in trouble is asked in the background until
it serves again, so no user's request has to try it.
"""

from collections.abc import Callable
import json
import logging
import threading
import time

from glance.common import contract
from glance.common import errors
from glance.common import repeated
from glance.common import startup
from glance.registry_client import transport

LOG = logging.getLogger(__name__)

#: How often a registry in trouble is asked.
CHECK_SECONDS = 5.0
#: What the filter ``authtoken`` of a registry says when Keystone fails it.
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
    """The registry does not accept this daemon; nothing was done."""


class Peer:
    """A transport to one registry that knows whether the registry works.

    :param name: its URL
    :param wire: its connections
    :ivar reason: why it does not serve us; None: it does, or nobody asked
    """

    def __init__(self, name: str, wire: transport.Transport) -> None:
        self._name = name
        self._wire = wire
        self.reason: str | None = None
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
            self._fails(f'{error.__cause__ or error}')
            raise
        if _refuses(answer, path):
            self._fails(_REFUSED.format(answer.status))
            raise Refused
        reason = trouble_of(answer) or _strangeness(answer)
        if reason is not None:
            self._fails(reason)
        elif answer.status != 401:  # which may be the user's fault
            self._works()
        return answer

    def watch(self, check: Callable[[], None]) -> None:
        """Ask now, and again as long as the registry does not serve us.

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
        except errors.NotFound:
            pass  # one of an older version, which works
        except errors.RegistryUnavailable as error:
            # Perhaps no request was sent: there is no token of our own.
            if self.reason is None:
                self._fails(f'{error.__cause__ or error}')
        except errors.Error as error:
            LOG.debug('The check of the registry %s: %s', self._name, error)

    def __str__(self) -> str:
        return f'registry {self._name}: {self.reason or "works"}'

    def _fails(self, reason: str) -> None:
        self.reason = reason
        if self._repeated.is_due():
            self._is_told = True
            LOG.error(
                'The registry %s does not serve glance-api: %s%s',
                self._name,
                reason,
                self._repeated.untold(),
            )

    def _works(self) -> None:
        self.reason = None
        if self._is_told:
            self._is_told = False
            LOG.info('The registry %s serves glance-api again', self._name)


def trouble_of(answer: transport.Answer) -> str | None:
    """Why another registry should be asked; None: it is a real answer."""
    if answer.status < 500:
        return None
    if _KEYSTONE_TROUBLE in answer.body:
        return _KEYSTONE
    if _code(answer) == errors.DatabaseUnavailable.code:
        return _DATABASE
    return None


def _strangeness(answer: transport.Answer) -> str | None:
    """What is wrong with an answer that no registry gives."""
    if answer.status < 500 or _code(answer) is not None:
        return None
    return f'something in its place answers {answer.status}'


def _refuses(answer: transport.Answer, path: str) -> bool:
    if answer.status == 401:
        return path == contract.OPERATIONS['check_registry'].path
    return answer.status == 403 and _code(answer) == errors.NotAService.code


def _code(answer: transport.Answer) -> str | None:
    try:
        code: str = json.loads(answer.body)['error']['code']
    except (ValueError, KeyError, TypeError):
        return None
    return code
