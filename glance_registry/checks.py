"""What makes glance-registry refuse a configuration.

``glance-manage config check`` calls it through the entry point of the group
``glance.value_checks``.
"""

from collections.abc import Iterator
import pathlib

from oslo_config import cfg

from glance.common import pipeline
from glance.common import refusals
from glance_registry import app

_PASTE_FILE = pathlib.Path(__file__).with_name('glance-registry-paste.ini')


def of_registry(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield the reasons for which glance-registry would refuse its values."""
    return refusals.find(
        conf, (refusals.require_key_pair, app.check_connection, _filters)
    )


def _filters(conf: cfg.ConfigOpts) -> None:
    pipeline.check_filters(conf, 'glance-registry', str(_PASTE_FILE))
