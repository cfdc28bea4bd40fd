"""Stores against real servers: ``tools/test --stores``.

To add a store: its server as a class in ``tests/stores/servers`` and a line
in ``tests/live/servers.py``; its tests in ``tests/stores/test_NAME.py`` with
classes of :mod:`tests.stores.contract` and :mod:`tests.stores.service`; what
it needs in ``tools/stores.sh``.
"""

from tests import originals
from tests import watchdog

originals.keep()
watchdog.guard()
