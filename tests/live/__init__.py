from tests import originals
from tests import watchdog

originals.keep()
watchdog.guard()
