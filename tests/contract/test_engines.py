"""The registry works on MariaDB and PostgreSQL as it does on SQLite.

Test suites that other modules run on SQLite are run on these servers here:
the leases and all stories in YAML.
"""

import types
from typing import Any
import unittest

from tests.functional import test_gabbits
from tests.functional import test_transfers

KINDS = ('mysql', 'postgresql')


class MysqlTransfers(test_transfers.TransfersTestCase):
    kind = 'mysql'


class MysqlConditions(test_transfers.ConditionsTestCase):
    kind = 'mysql'


class PostgresqlTransfers(test_transfers.TransfersTestCase):
    kind = 'postgresql'


class PostgresqlConditions(test_transfers.ConditionsTestCase):
    kind = 'postgresql'


def _fixtures(kind: str) -> types.SimpleNamespace:
    """Return the fixtures of the stories for another kind of database."""
    return types.SimpleNamespace(
        **{
            fixture.__name__: type(
                fixture.__name__, (fixture,), {'kind': kind}
            )
            for fixture in test_gabbits.FIXTURES
        }
    )


def load_tests(
    loader: unittest.TestLoader, tests: unittest.TestSuite, _pattern: Any
) -> unittest.TestSuite:
    for kind in KINDS:
        name = f'{__name__}.{kind.capitalize()}Stories'
        tests.addTest(test_gabbits.stories(loader, name, _fixtures(kind)))
    return tests
