"""What a detailed health check reports about the peers of a daemon.

The peers do not influence the status. If they did, a load balancer would
remove every glance-api while the registry is down, and users would get no
response at all.

A peer is a registry, the database, a store or the message bus. Code that
uses a peer notes whether this succeeded. A check of a peer, if there is one,
runs only when details are requested.
"""

from collections.abc import Callable
import datetime

from oslo_middleware.healthcheck import pluginbase

#: Name of :class:`State` among the entry points of oslo.middleware.
BACKEND = 'glance_state'

_sources: dict[str, Callable[[], list[str]]] = {}
_noted: dict[str, 'Condition'] = {}
#: Functions that return what is wrong with a peer; None if it works.
_checks: dict[str, Callable[[], str | None]] = {}


class Condition:
    """Whether a peer works, and since when this is known.

    :ivar reason: why it does not work; None if it works or was never used
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.reason: str | None = None
        self._since: datetime.datetime | None = None

    def note(self, reason: str | None) -> None:
        """Note the result of a use; None if it succeeded."""
        if self._since is None or (reason is None) != (self.reason is None):
            self._since = datetime.datetime.now(datetime.UTC)
        self.reason = reason

    def __str__(self) -> str:
        if self._since is None:
            return f'{self._name}: not used yet'
        moment = self._since.strftime('%Y-%m-%dT%H:%M:%SZ')
        return f'{self._name}: {self.reason or "works"}, since {moment}'


def note(name: str, reason: str | None) -> None:
    """Note the result of using a peer; None if it succeeded."""
    condition = _noted.get(name)
    if condition is None:
        condition = _noted[name] = Condition(name)
    condition.note(reason)


def noted(name: str) -> str | None:
    """What was wrong with a peer at its last use; None if nothing was."""
    return _noted[name].reason if name in _noted else None


def check(name: str, find_trouble: Callable[[], str | None]) -> None:
    """Call ``find_trouble()`` when details are requested.

    It replaces an earlier function with the same name.
    """
    _checks[name] = find_trouble


def register(name: str, source: Callable[[], list[str]]) -> None:
    """Report the lines of ``source()``; replaces one with the same name."""
    _sources[name] = source


def details() -> list[str]:
    for name, find_trouble in _checks.items():
        note(name, find_trouble())
    lines = [line for source in _sources.values() for line in source()]
    return lines + [str(_noted[name]) for name in sorted(_noted)]


class State(pluginbase.HealthcheckBaseExtension):
    """Health check backend that reports details; it is always available."""

    def healthcheck(self, server_port: int) -> pluginbase.HealthcheckResult:
        lines = details() if self.oslo_conf.healthcheck.detailed else []
        return pluginbase.HealthcheckResult(
            available=True, reason='; '.join(lines) or 'OK'
        )
