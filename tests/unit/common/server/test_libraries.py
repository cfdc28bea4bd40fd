"""A library gets the unpatched standard library; the process keeps its own."""

import subprocess
import sys
from types import ModuleType
from typing import Any
import unittest
from unittest import mock

from glance.common.server import libraries

_PROGRAM = """
from glance.common import server
server.patch()
import selectors, socket, ssl, sys, threading, time
from glance.common import threads
before = [selectors, socket, ssl, threading, time]
pool = threads.library('pymongo.pool_shared')
assert pool.socket.socket is not socket.socket
assert pool.socket.socket.__module__ == 'socket', pool.socket.socket
lock = threads.library('pymongo.lock')
assert lock.threading is not threading
support = threads.library('pymongo.ssl_support')
names = ('selectors', 'socket', 'ssl', 'threading', 'time')
assert [sys.modules[name] for name in names] == before
assert 'eventlet' in socket.socket.__module__
assert threads.library('pymongo.lock') is lock
try:
    threads.library('no_such_library')
except ImportError as error:
    assert error.name == 'no_such_library'
print('done')
"""


class TestLibraries(unittest.TestCase):
    def test_a_library_has_native_sockets_and_threads(self) -> None:
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', _PROGRAM],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual('done\n', done.stdout, done.stderr)

    def test_no_module_is_missing_while_they_are_restored(self) -> None:
        """Another thread that imports one meanwhile would load it again."""
        missing: list[str] = []

        class Modules(dict[str, Any]):
            def pop(self, name: str, *default: Any) -> Any:
                missing.append(name)
                return super().pop(name, *default)

        ours, patched, absent = (ModuleType(name) for name in 'abc')
        modules = Modules(a=patched, c=absent)
        with mock.patch.object(libraries, 'sys', mock.Mock(modules=modules)):
            libraries._restore({'a': ours, 'c': None})
        self.assertEqual({'a': ours}, modules)
        self.assertEqual(['c'], missing)
