"""End a process of tests whose test waits for ever.

A wait in a native library cannot be broken off. So the process ends, after
the stack of each thread is on standard error, and the test counts as failed;
the other process of the run goes on.
"""

import faulthandler
import os
from typing import Any
import unittest

#: More than ten times what the longest test takes on a busy machine, unless an
#: option makes it longer.
SECONDS = float(os.environ.get('GLANCE_TEST_SECONDS', 900))

_run = unittest.TestCase.run


def guard() -> None:
    """Limit the time of each test that runs from now on."""
    unittest.TestCase.run = _guarded  # type: ignore[method-assign]


def _guarded(
    case: unittest.TestCase, result: unittest.TestResult | None = None
) -> Any:
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        return _run(case, result)
    finally:
        faulthandler.cancel_dump_traceback_later()
