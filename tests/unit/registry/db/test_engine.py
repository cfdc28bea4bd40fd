"""The engine's doings that no statement shows."""

import importlib
import subprocess
import sys
from unittest import mock
from unittest import TestCase

import sqlalchemy as sa

from glance_registry.db import servers

_NEEDLESS = """
import sys
from unittest import mock
from glance_registry.db import engine
options = mock.Mock(max_pool_size=1, max_overflow=0, pool_timeout=1,
                    connection_recycle_time=3600)
engine.Database('mysql://nobody@127.0.0.1:1/glance', options)
assert 'pymysql' in sys.modules
assert 'cryptography' not in sys.modules
"""


class TestPyMysql(TestCase):
    def test_cryptography_stays_out(self) -> None:
        subprocess.run([sys.executable, '-c', _NEEDLESS], check=True)

    def test_cryptography_comes_when_a_password_needs_it(self) -> None:
        auth = importlib.import_module('pymysql._auth')
        auth._have_cryptography = False
        asked: list[bool] = []

        def connect(*_: object, **__: object) -> str:
            asked.append(auth._have_cryptography)
            # Of the library: raises RuntimeError without cryptography.
            auth.sha2_rsa_encrypt(b'password', b's' * 20, _PUBLIC_KEY)
            return 'connected'

        dialect = mock.Mock(spec=sa.Dialect, connect=connect)
        self.assertEqual('connected', servers._connect(dialect, None, (), {}))
        self.assertEqual([False, True], asked)

    def test_other_errors_pass(self) -> None:
        dialect = mock.Mock(connect=mock.Mock(side_effect=RuntimeError('no')))
        with self.assertRaisesRegex(RuntimeError, 'no'):
            servers._connect(dialect, None, (), {})
        dialect.connect.assert_called_once()


_PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0FiD52QBol0T2BX92rDi
QG2EClOCSo+yyPg+K169gG4RBPUAEuEVjyLP1OG68rckwNUuqfculEUcyXz2UTgI
uKRd+500iPaUEEim5n8yqQqq/UJYLmCkQ2ot/mS5XKPCh9C8tI3NpiXdlS4SEf+e
zXjbNUMEixJInsV9R0KPCDxrYo0rLroRgS9qJOXQ4VHKqHxpgsYe3NEfDFMd8DDn
CI/J2t2aF/udyU2NsW1Ksy8HAVAhuE9xSo2UH3pfCFPaWsO84pL/7A9EeYngbfmx
8BpXWKp0HaumKXozgq1hnCx6TjxqSXGvV0kJCnclno50JSPxPfuIDvEHi/XE8Jg/
BwIDAQAB
-----END PUBLIC KEY-----
"""
