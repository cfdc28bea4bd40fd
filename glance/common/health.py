"""What a detailed health check tells of the peers of a daemon.

It does not decide the status: a load balancer that took every glance-api
out because the registry is away would leave users without any answer.
"""

from collections.abc import Callable

_sources: dict[str, Callable[[], list[str]]] = {}


def register(name: str, source: Callable[[], list[str]]) -> None:
    """Have the lines of ``source()`` told; it replaces one of that name."""
    _sources[name] = source


def details() -> list[str]:
    return [line for source in _sources.values() for line in source()]
