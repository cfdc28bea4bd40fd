"""Stories and streams with both daemons under gunicorn."""

from typing import Any
import unittest

from tests.live.wsgi_servers import cases
from tests.live.wsgi_servers import service


def load_tests(
    loader: unittest.TestLoader, _tests: Any, _pattern: Any
) -> unittest.TestSuite:
    return service.load(loader, __name__, 'gunicorn', cases.CLASSES)
