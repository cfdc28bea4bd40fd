"""Metrics whose values are read when the metrics are requested."""

from collections.abc import Callable, Iterable, Sequence
import logging
from typing import NamedTuple

from glance.common import errors

LOG = logging.getLogger(__name__)


class Gauge(NamedTuple):
    """:ivar rows: pairs of label values and the number for them"""

    name: str
    help: str
    labels: Sequence[str]
    rows: Iterable[tuple[Sequence[str], float]]


Source = Callable[[], Iterable[Gauge]]
_sources: dict[str, Source] = {}


def register(name: str, source: Source) -> None:
    """Add a source; it replaces an earlier one with the same name."""
    _sources[name] = source


def present() -> list[Gauge]:
    """Read all gauges; those of a source that fails are left out."""
    gauges: list[Gauge] = []
    for name, source in _sources.items():
        try:
            gauges += source()
        except errors.Error as error:
            LOG.warning('There are no metrics of %s: %s', name, error)
    return gauges
