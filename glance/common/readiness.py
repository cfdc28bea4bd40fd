"""Peers that must respond before the daemon is reported as started."""

from collections.abc import Callable

from glance.common import errors

Probe = Callable[[], None]
_probes: dict[str, Probe] = {}


def register(name: str, probe: Probe) -> None:
    """Add a probe; it replaces an earlier one with the same name.

    The daemon is ready when all probes return.

    :param probe: raises one of the errors of :mod:`glance.common.errors`
        while its peer does not respond
    """
    _probes[name] = probe


def probes() -> list[Probe]:
    return list(_probes.values())


def missing(wanted: list[Probe]) -> str | None:
    """Why the daemon is not ready; None if it is."""
    for probe in wanted:
        try:
            probe()
        except errors.Error as error:
            return str(error)
    return None
