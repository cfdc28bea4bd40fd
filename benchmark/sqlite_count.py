"""glance-registry with a byte in a file for each statement of SQLite.

SQLite has neither a wire nor counters, so the driver is traced instead.
"""

import os
import runpy
import sqlite3
from typing import Any

_connect = sqlite3.dbapi2.connect


def _main() -> None:
    file = os.open(
        os.environ['SQLITE_COUNT'], os.O_WRONLY | os.O_APPEND | os.O_CREAT
    )

    def count(statement: str) -> None:
        # Settings of a new connection are no part of a call.
        if not statement.startswith('PRAGMA'):
            os.write(file, b'.')

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = _connect(*args, **kwargs)
        connection.set_trace_callback(count)
        return connection

    sqlite3.dbapi2.connect = connect  # type: ignore[assignment]
    runpy.run_module('glance_registry.cmd.registry', run_name='__main__')


if __name__ == '__main__':
    _main()
