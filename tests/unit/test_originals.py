"""The tests of a process use the threads of Python, not green ones."""

import http
import sys
import unittest
import urllib

import eventlet.wsgi  # noqa: F401 - it replaces attributes of packages

from tests import originals


class TestOriginals(unittest.TestCase):
    def test_packages_have_their_own_modules(self) -> None:
        """Also after modules of other tests have imported the server."""
        for package, name, module in originals._ORIGINALS:
            path = f'{package.__name__}.{name}'
            self.assertIs(sys.modules[path], module, path)
            self.assertIs(getattr(package, name), module, path)
        self.assertEqual(
            {http, urllib}, {it[0] for it in originals._ORIGINALS}
        )
